# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP: accounts, encodings, the request log, and misbehaviour on purpose."""

from __future__ import annotations

import base64
import http.client
import select
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

from .. import Injection, SimulatedComputer, SimulatedFleet, User
from ..waiting import PATIENCE, until
from .conftest import ADMIN, ALICE
from .raw_client import NS, SHELL, RawClient

pytestmark = pytest.mark.timing

IDENTIFY = f'<s:Envelope xmlns:s="{NS["s"]}"><s:Header/><s:Body><i:Identify xmlns:i="{{}}"/></s:Body></s:Envelope>'
IDENTIFY = IDENTIFY.format("http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd")
ANSWERED = "the answer is fine"

# Accounts


def authorize(login: str, password: str, encoding: str = "utf-8") -> dict[str, str]:
    """An Authorization header."""
    token = base64.b64encode(f"{login}:{password}".encode(encoding)).decode()
    return {"Authorization": f"Basic {token}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (authorize("admin", "pässword"), 200),
        (authorize("admin", "pässword", "latin-1"), 200),
        (authorize("SRV01\\ADMIN", "pässword"), 200),
        (authorize("admin@example.test", "pässword"), 200),
        (authorize("admin", "Pässword"), 401),
        (authorize("admin", ""), 401),
        (authorize("alice", "pässword"), 401),
        (authorize("nobody", "pässword"), 401),
        ({"Authorization": "Basic %%%"}, 401),
        ({"Authorization": "Bearer abc"}, 401),
        ({}, 401),
    ],
)
def test_basic(fleet: SimulatedFleet, computer: SimulatedComputer, headers: dict[str, str], status: int) -> None:
    """Name and password must be right; both character sets of clients are understood."""
    body = RawClient(computer, ADMIN).envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)
    response = requests.post(computer.uri, data=body, headers=headers, timeout=PATIENCE)
    assert response.status_code == status
    (logged,) = fleet.requests
    assert logged.status == status
    assert "pässword" not in repr(logged)
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
        assert (logged.operation, logged.user) == ("Unauthenticated", None)
    else:
        assert (logged.operation, logged.user) == ("Enumerate", "admin")
        assert logged.headers["Authorization"] == "Basic"


def test_unencrypted_can_be_refused(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Without AllowUnencrypted Basic works over HTTPS only, and HTTP does not offer it."""
    computer.allow_unencrypted = False
    reply = RawClient(computer, ADMIN).enumerate()
    assert (reply.status, reply.headers.get("WWW-Authenticate")) == (401, None)
    client = RawClient(computer, ADMIN)
    client.http.verify = str(fleet.ca_file)
    body = client.envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)
    assert client.post(body, url=computer.https_uri).status == 200


def test_certificate_is_for_the_computer(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """The certificate holds for the address, and is not trusted without the fleet's CA."""
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(computer.https_uri, verify=True, timeout=PATIENCE)
    assert requests.post(computer.https_uri, verify=str(fleet.ca_file), timeout=PATIENCE).status_code == 401
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(computer.https_uri.replace("https", "http"), timeout=PATIENCE)


def test_identify(computer: SimulatedComputer) -> None:
    """Identify needs no account with its header; it then hides the operating system."""
    anonymous = requests.post(computer.uri, IDENTIFY, headers={"WSMANIDENTIFY": "unauthenticated"}, timeout=PATIENCE)
    assert anonymous.status_code == 200
    assert "OS: 0.0.0 SP: 0.0 Stack: 3.0" in anonymous.text
    assert requests.post(computer.uri, IDENTIFY, timeout=PATIENCE).status_code == 401
    known = RawClient(computer, ADMIN).post(IDENTIFY)
    assert known.status == 200
    assert b"Microsoft Corporation" in known.content
    assert b"OS: 0.0.0" not in known.content
    body = RawClient(computer, ADMIN).envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)
    other = requests.post(computer.uri, body, headers={"WSMANIDENTIFY": "unauthenticated"}, timeout=PATIENCE)
    assert other.status_code == 401


# Requests


@pytest.mark.parametrize(
    "body",
    [
        "<s:Envelope",
        "no XML",
        "<Envelope/>",
        f'<s:Envelope xmlns:s="{NS["s"]}"/>',
        f'<!DOCTYPE x [<!ENTITY a "b">]>{IDENTIFY}',
        b"\xff\xfe\x00",
    ],
)
def test_malformed_request(computer: SimulatedComputer, body: str | bytes) -> None:
    """What is no envelope, or brings a document type, is a bad request."""
    assert RawClient(computer, ADMIN).post(body).status == 400


def test_other_ways_to_ask(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Prefixes, a query and UTF-16 make no difference; another path, method or encryption does."""
    client = RawClient(computer, ADMIN)
    body = client.envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)
    assert client.post(body, url=computer.uri + "?PSVersion=7.4.0").status == 200
    assert client.post(body.replace("wsman:", "q:").replace("xmlns:wsman", "xmlns:q")).status == 200
    utf16 = {"Content-Type": "application/soap+xml;charset=UTF-16"}
    assert client.post(body.encode("utf-16"), headers=utf16).status == 200
    assert client.post(body, url=computer.uri + "x").status == 404
    assert client.http.get(computer.uri, timeout=PATIENCE).status_code == 405
    encrypted = {"Content-Type": 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted"'}
    assert client.post(body, headers=encrypted).status == 400
    assert client.post(b"").status == 200
    assert client.send("Explode").fault == 0x80338074
    operations = ["Enumerate"] * 3 + ["Unknown"] * 3 + ["Handshake", "Unknown"]
    assert [request.operation for request in fleet.requests] == operations


def test_answer_relates_to_the_request(computer: SimulatedComputer) -> None:
    """RelatesTo repeats the MessageID letter for letter, in faults too; every answer has an id of its own."""
    client = RawClient(computer, ADMIN)
    ids = set()
    for operation in ("Enumerate", "Get", "Get"):
        message_id = f"uuid:{uuid.uuid4()}"
        reply = client.send(operation, "<wsen:Enumerate/>", "x", resource=SHELL, message_id=message_id)
        assert reply.text("wsa:RelatesTo") == message_id
        ids.add(reply.text("wsa:MessageID"))
    assert len(ids) == 3


def test_request_log(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """The log tells who asked what about which shell on which connection, and what came of it."""
    client = RawClient(computer, ALICE)
    shell_id = client.create().text("rsp:ShellId") or ""
    command_id, _reply = client.command(shell_id, "hello")
    client.get(str(uuid.uuid4()))
    RawClient(fleet["srv02"], ADMIN).enumerate_commands(shell_id)
    created, commanded, failed, listed = fleet.requests
    assert [item.operation for item in fleet.requests] == ["Create", "Command", "Get", "Enumerate"]
    assert (created.computer, created.user, created.client_session_id) == ("srv01", "alice", client.session_id)
    assert (commanded.shell_id, commanded.command_id, commanded.status) == (shell_id, command_id, 200)
    assert (failed.status, failed.fault_code) == (500, 0x8033805B)
    assert (listed.computer, listed.resource_uri, listed.shell_id) == ("srv02", SHELL + "/Command", shell_id)
    assert created.connection == commanded.connection == failed.connection != listed.connection
    assert created.ended is not None
    assert created.started <= created.ended <= commanded.started
    assert created.body.startswith("<s:Envelope")
    assert fleet.requests_of("srv01", "Command") == [commanded]
    assert fleet.requests_of("srv01") == [created, commanded, failed]
    fleet.clear_requests()
    assert fleet.requests == []


# Misbehaviour


def outcome(client: RawClient, shell_id: str) -> str:
    """What a client sees of a Reconnect that would succeed."""
    envelope = client.envelope("Reconnect", "", shell_id)
    try:
        reply = client.post(envelope)
    except requests.exceptions.RequestException as error:
        return _cause(error)
    if reply.status != 200 or not reply.root.tag.endswith("Envelope"):
        if reply.subcode:
            return f"{reply.status} {reply.fault or 'no code'} {reply.subcode}"
        return f"{reply.status} {reply.content.decode()[:20]}".strip()
    return ANSWERED if (reply.text("wsa:RelatesTo") or "nothing") in envelope else "unrelated"


def _cause(error: BaseException) -> str:
    text = repr(error)
    return next((word for word in ("ConnectionReset", "IncompleteRead", "RemoteDisconnected") if word in text), text)


@pytest.mark.parametrize(
    ("action", "details", "seen", "carried_out"),
    [
        ("reset", {}, "ConnectionReset", False),
        ("status", {"status": 503, "body": "busy"}, "503 busy", False),
        ("status", {"status": 301, "headers": {"Location": "http://127.0.0.1:1/"}}, "301", False),
        ("fault", {"fault_code": 0x803381CD}, f"500 {0x803381CD} InternalError", False),
        ("fault", {"fault_code": 5, "subcode": "w:Odd"}, "500 5 Odd", False),
        ("fault", {"fault_code": 0x12345}, f"500 {0x12345} InternalError", False),
        ("fault", {"fault_code": 0x803380F7}, f"500 {0x803380F7} InternalError", False),
        ("fault", {"fault_code": 0}, "500 no code InternalError", False),
        ("body", {"body": "<x/>", "content_type": "text/xml"}, "200 <x/>", False),
        ("garbage", {"content_type": "text/plain"}, "200 This is not XML & wa", False),
        ("truncate", {}, "IncompleteRead", True),
        ("close_without_answer", {}, "RemoteDisconnected", True),
        ("wrong_relates_to", {}, "unrelated", True),
        ("delay", {}, ANSWERED, True),
    ],
)
def test_injection(
    computer: SimulatedComputer, action: Any, details: dict[str, Any], seen: str, carried_out: bool
) -> None:
    """Each misbehaviour is what it says, once, and only some carry the request out."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", client_session_id=client.session_id)
    computer.inject(Injection("Reconnect", action=action, **details))
    assert outcome(client, session.shell_id)[: len(seen)] == seen
    assert session.state == ("Connected" if carried_out else "Disconnected")
    assert outcome(client, session.shell_id) == ANSWERED


def test_injection_selects(computer: SimulatedComputer) -> None:
    """An injection is for an operation, a shell, a number of requests, after some others."""
    client = RawClient(computer, ADMIN)
    session, other = (computer.add_session(name) for name in "ab")
    computer.inject(Injection("Get", times=2, after=1, fault_code=5, shell_id=session.shell_id.lower()))

    def get(shell_id: str) -> int | None:
        return client.get(shell_id).fault

    assert [get(other.shell_id), get(session.shell_id), get(other.shell_id)] == [None, None, None]
    assert client.enumerate().status == 200
    assert [get(session.shell_id) for _turn in range(3)] == [5, 5, None]
    computer.inject(Injection("*", times=None, action="status", status=418))
    assert [client.enumerate().status, client.get(session.shell_id).status] == [418, 418]
    with pytest.raises(ValueError, match="explode"):
        Injection(action="explode")  # type: ignore[arg-type]


def ask(computer: SimulatedComputer, body: str) -> http.client.HTTPConnection:
    """Send a request without waiting for the answer."""
    connection = http.client.HTTPConnection(computer.address, computer.port, timeout=PATIENCE)
    headers = {"Content-Type": "application/soap+xml;charset=UTF-8", **authorize(ADMIN.name, ADMIN.password)}
    connection.request("POST", f"/{computer.application_name}", body.encode(), headers)
    return connection


def is_answered(connection: http.client.HTTPConnection) -> bool:
    """Whether there is something to read."""
    return bool(select.select([connection.sock], [], [], 0)[0])


@pytest.mark.parametrize("action", ["delay", "hang", "withhold"])
def test_requests_that_wait(fleet: SimulatedFleet, computer: SimulatedComputer, action: Any) -> None:
    """A delay lasts on the fleet's clock, the others until the client gives up; none holds anything up."""
    seconds = 600.0 if action == "delay" else 0.0
    injection = Injection(action=action, seconds=seconds)
    computer.inject(injection)
    client = RawClient(computer, ADMIN)
    connection = ask(computer, client.envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL))
    until(lambda: injection.waiting == 1, "the waiting request")
    assert client.enumerate().status == 200
    assert not is_answered(connection)
    fleet.clock.advance(600)
    if action == "delay":
        assert connection.getresponse().status == 200
    else:
        assert client.enumerate().status == 200
        assert not is_answered(connection)
        connection.close()
    until(lambda: injection.waiting == 0, "the end of the request")


def test_client_that_goes_away_ends_its_receive(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A Receive whose client is gone waits no longer, so the silence of the client begins."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    connection = ask(computer, client.envelope("Receive", "<rsp:Receive/>", session.shell_id, timeout="PT900S"))
    until(lambda: fleet.requests_of(operation="Receive"), "the Receive")
    connection.close()
    until(lambda: fleet.requests[-1].ended is not None, "the end of the Receive")
    fleet.clock.advance(61)
    assert session.state == "Disconnected"


def test_loopback_only() -> None:
    """A simulated computer never listens where others could reach it."""
    with pytest.raises(ValueError, match="not a loopback address"):
        SimulatedFleet.build([{"name": "srv01", "address": "192.0.2.1"}], [User("a", "b")])


def test_private_files(fleet: SimulatedFleet) -> None:
    """Keys are for this user only, and gone when the fleet has stopped."""
    directory = Path(str(fleet.ca_file)).parent
    fleet.make_client_certificate(ADMIN)
    secret = [path for path in directory.iterdir() if path.suffix == ".pfx" or "PRIVATE KEY" in path.read_text()]
    assert len(secret) >= 3
    assert not [path for path in secret if path.stat().st_mode & 0o077]
    fleet.stop()
    assert not directory.exists()
