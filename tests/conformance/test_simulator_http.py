# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP: accounts, encodings, the request log, and misbehaviour on purpose."""

from __future__ import annotations

import base64
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conformance.conftest import ADMIN, ALICE
from tests.conformance.raw_client import NS, SHELL, RawClient, Reply
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, User

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
    response = requests.post(computer.uri, data=body, headers=headers, timeout=10)
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
        requests.post(computer.https_uri, verify=True, timeout=10)
    assert requests.post(computer.https_uri, verify=str(fleet.ca_file), timeout=10).status_code == 401
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(computer.https_uri.replace("https", "http"), timeout=10)


def test_identify(computer: SimulatedComputer) -> None:
    """Identify needs no account with its header; it then hides the operating system."""
    anonymous = requests.post(computer.uri, IDENTIFY, headers={"WSMANIDENTIFY": "unauthenticated"}, timeout=10)
    assert anonymous.status_code == 200
    assert "OS: 0.0.0 SP: 0.0 Stack: 3.0" in anonymous.text
    assert requests.post(computer.uri, IDENTIFY, timeout=10).status_code == 401
    known = RawClient(computer, ADMIN).post(IDENTIFY)
    assert known.status == 200
    assert b"Microsoft Corporation" in known.content
    assert b"OS: 0.0.0" not in known.content
    body = RawClient(computer, ADMIN).envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)
    other = requests.post(computer.uri, body, headers={"WSMANIDENTIFY": "unauthenticated"}, timeout=10)
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
    assert client.http.get(computer.uri, timeout=10).status_code == 405
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
        return f"{reply.status} {reply.fault or reply.content.decode()[:20]} {reply.subcode or ''}".strip()
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
        ("body", {"body": "<x/>", "content_type": "text/xml"}, "200 <x/>", False),
        ("garbage", {"content_type": "text/plain"}, "200 This is no XML & was", False),
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


@pytest.mark.parametrize("action", ["delay", "hang"])
def test_delay_and_hang(fleet: SimulatedFleet, computer: SimulatedComputer, action: Any) -> None:
    """A delay lasts on the fleet's clock; a hang lasts until the client gives up, and holds nothing up."""
    computer.inject(Injection(action=action, seconds=600.0))
    client = RawClient(computer, ADMIN)
    replies: list[Reply | Exception] = []

    def ask() -> None:
        try:
            replies.append(client.post(client.envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL), timeout=1))
        except requests.exceptions.ReadTimeout as error:
            replies.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not fleet.requests_of(operation="Enumerate"):
        time.sleep(0.01)
    assert RawClient(computer, ADMIN).enumerate().status == 200
    assert replies == []
    fleet.clock.advance(600)
    thread.join()
    assert isinstance(replies[0], requests.exceptions.ReadTimeout if action == "hang" else Reply)


def test_client_that_goes_away_ends_its_receive(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A Receive whose client is gone waits no longer, so the silence of the client begins."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.post(client.envelope("Receive", "<rsp:Receive/>", session.shell_id, timeout="PT900S"), timeout=0.2)
    client.http.close()
    deadline = time.monotonic() + 5
    while fleet.requests[-1].ended is None and time.monotonic() < deadline:
        time.sleep(0.01)
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
