# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that misbehave: one error record for the computer, the others go on, and nothing outlasts its time."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.bad_server import BadServer, Call, ChattyServer
from tests.integration.engine.controller import Controller, Result, error_ids, names
from tests.simulator import Injection, SimulatedFleet

# With its libraries Kerberos looks for a ticket before it asks the server, and there is none.
HAS_KERBEROS = all(importlib.util.find_spec(name) for name in ("gssapi", "krb5"))

pytestmark = pytest.mark.timing

# Seconds for a request that is not answered in time anyway; all others have the default of three minutes.
HURRY = 0.5
TIMEOUT = "WinRMOperationTimeout"
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><lolz>&i;</lolz>"
)
EXTERNAL_ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
HALF_ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><n:Enum'

INJECTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "reset": ({"action": "reset"}, "WinRMHttpError"),
    "closed without an answer": ({"action": "close_without_answer"}, "WinRMHttpError"),
    "closed in the middle of an answer": ({"action": "truncate"}, "WinRMHttpError"),
    "hang": ({"action": "hang"}, TIMEOUT),
    "400": ({"action": "status", "status": 400}, "-2144108175"),
    "401": ({"action": "status", "status": 401}, "AccessDenied"),
    "403": ({"action": "status", "status": 403}, "AccessDenied"),
    "404": ({"action": "status", "status": 404}, "URLNotAvailable"),
    "500 without XML": ({"action": "status", "status": 500, "body": "Internal Server Error"}, "WinRMHttpError"),
    "500 without anything": ({"action": "status", "status": 500}, "WinRMHttpError"),
    "500 with entities": ({"action": "status", "status": 500, "body": BILLION_LAUGHS}, "WinRMHttpError"),
    "503": ({"action": "status", "status": 503}, "CannotConnectWinRMService"),
    "204": ({"action": "status", "status": 204}, "WinRMHttpError"),
    "301": ({"action": "status", "status": 301}, "RedirectInformationRequired"),
    "307": ({"action": "status", "status": 307}, "RedirectInformationRequired"),
    "307 to nowhere": (
        {"action": "status", "status": 307, "headers": {"Location": "http://[::1"}},
        "RedirectInformationRequired",
    ),
    "no XML": ({"action": "garbage"}, "ImproperResponse"),
    "HTML": (
        {"action": "body", "body": "<html><body>Welcome</body></html>", "content_type": "text/html"},
        "ImproperResponse",
    ),
    "nothing": ({"action": "body"}, "ImproperResponse"),
    "half an envelope": ({"action": "body", "body": HALF_ENVELOPE}, "ImproperResponse"),
    "billion laughs": ({"action": "body", "body": BILLION_LAUGHS}, "ImproperResponse"),
    "external entity": ({"action": "body", "body": EXTERNAL_ENTITY}, "ImproperResponse"),
    "wrong RelatesTo": ({"action": "wrong_relates_to"}, "ImproperResponse"),
    "a fault without a name": ({"action": "fault", "fault_code": 0x803381C4}, "-2144108092"),
}


def hurry(controller: Controller, operation: str = "") -> None:
    """Have little time for each request of an operation to srv02, or for each: it is not answered in time anyway."""

    class Hurried(HttpConversation):
        def __init__(self, endpoint: Endpoint) -> None:
            super().__init__(endpoint)
            self.is_bad = endpoint.computer_name == "srv02"

        def send(self, message: bytes) -> str:
            if self.is_bad and f"{operation}</wsa:Action>".encode() in message:
                self.time_limit = min(self.time_limit, HURRY)
            return super().send(message)

    controller.surroundings["world"] = World(Hurried)


def connect_both(fleet: SimulatedFleet, controller: Controller) -> Result:
    """Connect to the sessions of a good computer and of srv02."""
    fleet["srv01"].add_session("good")
    return controller.connect("srv02", "srv01")


def assert_only_the_bad_one_failed(result: Result, error_id: str) -> None:
    assert error_ids(result) == [error_id]
    (error,) = result["errors"]
    assert error["computer_name"] == "srv02"
    assert names(result) == ["good"]
    assert (result["changed"], result["failed"]) == (True, True)


@pytest.mark.parametrize(("injection", "prefix"), INJECTIONS.values(), ids=INJECTIONS)
def test_listing_on_a_bad_server(
    fleet: SimulatedFleet,
    controller: Controller,
    injection: dict[str, Any],
    prefix: str,
) -> None:
    fleet["srv02"].add_session("bad")
    injected = Injection(times=None, **injection)
    fleet["srv02"].inject(injected)
    if prefix == TIMEOUT:
        hurry(controller)
    result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, f"{prefix},RemotePSSessionQueryFailed")
    assert result["errors"][0]["target"] == fleet["srv02"].uri


# Whose requests are carried out all the same: see test_requests for what becomes of a connect then.
CARRIED_OUT = {"closed without an answer", "closed in the middle of an answer", "wrong RelatesTo"}


@pytest.mark.parametrize("name", [name for name in INJECTIONS if name not in CARRIED_OUT])
def test_connecting_on_a_bad_server(fleet: SimulatedFleet, controller: Controller, name: str) -> None:
    injection, prefix = INJECTIONS[name]
    fleet["srv02"].add_session("bad")
    injected = Injection("Connect", times=None, **injection)
    fleet["srv02"].inject(injected)
    if prefix == TIMEOUT:
        hurry(controller, "Connect")
    result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, f"{prefix},PSSessionConnectFailed")


def test_an_endless_pager(fleet: SimulatedFleet, controller: Controller) -> None:
    fleet["srv02"].add_session("bad")
    fleet["srv02"].configure({"endless_pull": True, "page_size": 1})
    result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, "ImproperResponse,RemotePSSessionQueryFailed")
    assert len(fleet.requests_of("srv02")) < 20


def test_an_entry_without_shell_id_costs_an_error_and_the_rest_is_used(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    fleet["srv02"].add_session("usable")
    fleet["srv02"].shell_without_id = True
    result = connect_both(fleet, controller)
    assert error_ids(result) == ["ImproperResponse,RemotePSSessionQueryFailed"]
    assert names(result) == ["good", "usable"]


def test_a_wrong_password(fleet: SimulatedFleet, controller: Controller) -> None:
    controller.inventory["srv02"] = {"password": "wrong"}
    result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, "AccessDenied,RemotePSSessionQueryFailed")
    assert len(fleet.requests_of("srv02")) == 1, "an account is locked by too many failures"


@pytest.mark.parametrize(
    ("inventory", "prefix"),
    [
        ({"port": 1}, "CannotConnect"),
        ({"address": "nowhere.invalid"}, "ComputerNotFound"),
        ({"address": "not an address:at:all"}, ""),
        ({"address": "a" * 64 + ".example"}, "ComputerNotFound"),
        ({"address": "[::x"}, ""),
        ({"port": 5986}, "WinRMHttpError"),
        ({"username": None}, "ExplicitCredentialsRequired"),
        ({"message_encryption": "auto"}, "InvalidAuthentication"),
        ({"message_encryption": "always", "use_ssl": True}, "InvalidAuthentication"),
        ({"authentication": "digest", "message_encryption": "auto"}, "InvalidAuthentication"),
        ({"authentication": "certificate"}, "InvalidAuthentication"),
        ({"authentication": "certificate", "use_ssl": True}, "InvalidAuthentication"),
        ({"authentication": "digest", "transport": "winrm"}, "InvalidAuthentication"),
        # This server lets in by Basic alone.
        ({"authentication": "negotiate", "message_encryption": "auto"}, "InvalidAuthentication"),
        ({"authentication": "kerberos"}, "AuthenticationFailed" if HAS_KERBEROS else "InvalidAuthentication"),
        ({"ca_cert": "/nowhere.pem", "use_ssl": True}, "12175"),
    ],
    ids=str,
)
def test_a_computer_that_cannot_be_reached(
    fleet: SimulatedFleet, controller: Controller, inventory: dict[str, Any], prefix: str
) -> None:
    controller.inventory["srv02"] = inventory
    result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, ",".join(filter(None, (prefix, "RemotePSSessionQueryFailed"))))


# Byte by byte


def shell(shell_id: str = "1A2B3C4D-0000-0000-0000-123456789ABC", more: str = "") -> str:
    return (
        f"<rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId><rsp:Name>bad</rsp:Name>"
        "<rsp:ResourceUri>http://schemas.microsoft.com/powershell/Microsoft.PowerShell</rsp:ResourceUri>"
        f"<rsp:State>Disconnected</rsp:State>{more}</rsp:Shell>"
    )


def listing(items: str, context: str = "", end: str = "<w:EndOfSequence/>") -> str:
    return (
        f"<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext>"
        f"<w:Items>{items}</w:Items>{end}</n:EnumerateResponse>"
    )


def drip(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not call.closing.wait(0.02):
        call.send(b" ")


def drip_header(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    while not call.closing.wait(0.02):
        call.send(b"x")


def flood(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n")
    for _each in range(64):
        call.send(b" " * (1 << 20))


def no_http(call: Call) -> None:
    call.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    call.connection.close()


def bad_compression(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")


def bad_chunks(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n")


def endless_and_always_new(call: Call) -> None:
    count = f"{time.monotonic_ns():012X}"[-12:]
    body = listing(shell(f"1A2B3C4D-0000-0000-0000-{count}"), "context", end="")
    call.answer(body.replace("EnumerateResponse", "PullResponse") if call.action == "Pull" else body)


def nested(call: Call) -> None:
    call.answer(listing(shell(more="<x>" * 5000 + "</x>" * 5000), "context", end=""))


LISTINGS: dict[str, tuple[Callable[[Call], None], str]] = {
    "drip": (drip, TIMEOUT),
    "one shell for ever": (lambda call: call.answer(listing(shell(), "context", end="")), "ImproperResponse"),
    "drip in the header": (drip_header, TIMEOUT),
    "flood": (flood, "ImproperResponse"),
    "no HTTP": (no_http, "WinRMHttpError"),
    "bad compression": (bad_compression, "ImproperResponse"),
    "bad chunks": (bad_chunks, "WinRMHttpError"),
    "no body": (lambda call: call.answer(""), "ImproperResponse"),
    "two bodies": (lambda call: call.answer(listing("") * 2), "ImproperResponse"),
    "nested too deep": (nested, "ImproperResponse"),
    "an id that is no GUID": (lambda call: call.answer(listing(shell("'; DROP TABLE"))), "ImproperResponse"),
}


@pytest.mark.parametrize(("behave", "prefix"), LISTINGS.values(), ids=LISTINGS)
def test_a_strange_listing(
    fleet: SimulatedFleet,
    controller: Controller,
    behave: Callable[[Call], None],
    prefix: str,
) -> None:
    with BadServer(behave) as server:
        controller.inventory["srv02"] = {"address": "127.0.0.1", "port": server.port}
        if prefix == TIMEOUT:
            hurry(controller)
        result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, f"{prefix},RemotePSSessionQueryFailed")


@pytest.mark.parametrize(
    ("drop", "through_proxy"),
    [(b"HTTP/1.1 200 OK\r\nX-Slow: ", True), (b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", False)],
    ids=["a proxy answers CONNECT by drops", "a TLS handshake by drops"],
)
def test_the_time_of_a_request_is_over_before_its_connection_is_there(
    fleet: SimulatedFleet, controller: Controller, drop: bytes, through_proxy: bool
) -> None:
    """Each drop comes in time, so that only the deadline of the whole request ends it."""

    def behave(call: Call) -> None:
        call.send(drop)
        while not call.closing.wait(0.02):
            call.send(b"x")

    with (BadServer if through_proxy else ChattyServer)(behave) as server:
        place = {"address": fleet["srv02"].address} if through_proxy else {"address": "127.0.0.1", "port": server.port}
        proxy = {"proxy": f"http://127.0.0.1:{server.port}"} if through_proxy else {}
        controller.inventory["srv02"] = {**place, **proxy, "use_ssl": True, "verify_certificate": False}
        hurry(controller)
        result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, "WinRMOperationTimeout,RemotePSSessionQueryFailed")


def test_a_web_page_as_an_answer_to_the_log_on(fleet: SimulatedFleet, controller: Controller) -> None:
    """The libraries that log on do not expect it. Whatever they raise is an error of that computer alone."""
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Welcome</html>"
    with BadServer(lambda call: call.send(page)) as server:
        controller.inventory["srv02"] = {
            "address": "127.0.0.1",
            "port": server.port,
            "authentication": "negotiate",
            "message_encryption": "auto",
        }
        result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, "ImproperResponse,RemotePSSessionQueryFailed")
    assert "without completing a log-on" in result["errors"][0]["message"]


def test_a_listing_that_never_ends(controller: Controller) -> None:
    """Its pages always bring something new, so only the time limit of the listing ends it."""
    with BadServer(endless_and_always_new) as server:
        controller.inventory["srv02"] = {"address": "127.0.0.1", "port": server.port}
        result = controller.connect("srv02", session_option={"open_timeout": 0.5})
    assert error_ids(result) == ["WinRMOperationTimeout,RemotePSSessionQueryFailed"]


def test_a_shell_that_is_listed_twice_is_one_session(controller: Controller) -> None:
    with BadServer(lambda call: call.answer(listing(shell() + shell().replace("1A2B3C4D", "1a2b3c4d")))) as server:
        controller.inventory["srv02"] = {"address": "127.0.0.1", "port": server.port}
        result = controller.get("srv02")
    assert (names(result), result["errors"]) == (["bad"], [])


CONNECTS = {
    "no data": "<rsp:ConnectResponse/>",
    "not Base64": "<rsp:ConnectResponse><ps:connectResponseXml>äöü</ps:connectResponseXml></rsp:ConnectResponse>",
    "no PSRP": "<rsp:ConnectResponse><ps:connectResponseXml>AAAA</ps:connectResponseXml></rsp:ConnectResponse>",
    "another operation": "<rsp:ReceiveResponse/>",
    "empty": "",
}


@pytest.mark.parametrize("body", CONNECTS.values(), ids=CONNECTS)
def test_a_strange_answer_to_connect(fleet: SimulatedFleet, controller: Controller, body: str) -> None:
    with BadServer(lambda call: call.answer(body if call.action == "Connect" else listing(shell()))) as server:
        controller.inventory["srv02"] = {"address": "127.0.0.1", "port": server.port}
        result = connect_both(fleet, controller)
    assert_only_the_bad_one_failed(result, "ImproperResponse,PSSessionConnectFailed")


@pytest.mark.parametrize("text", ["P9999999999D", f"P{'9' * 400}D", "-PT5S", "soon", ""])
@pytest.mark.parametrize("element", ["IdleTimeOut", "ShellInactivity", "MaxIdleTimeOut"])
def test_strange_durations_are_only_strange(controller: Controller, element: str, text: str) -> None:
    durations = {"IdleTimeOut": "P9999999999DT1S", "ShellInactivity": "PT1S", "MaxIdleTimeOut": "PT1S", element: text}
    more = "".join(f"<rsp:{name}>{value}</rsp:{name}>" for name, value in durations.items())
    with BadServer(lambda call: call.answer(listing(shell(more=more)))) as server:
        controller.inventory["srv02"] = {"address": "127.0.0.1", "port": server.port}
        result = controller.get("srv02")
    assert (names(result), result["errors"]) == (["bad"], [])
