# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection between the two ends of a pair of sockets: what it sends, and what it takes for an answer."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import answers as under_test
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.connection import Connection
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.tls import Contexts
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.way import Way
from tests.simulator.certificates import CertificateAuthority
from tests.unit.builders import endpoint
from tests.waiting import PATIENCE, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """Both ends.

    Attributes:
        ours: The connection.
        theirs: The server's ends, one for each time that the connection was opened.
        answers: What each of them gives at once; further ones give nothing.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, uri: str, way: Way) -> None:
        self.ours = Connection(endpoint(uri=uri), way, Contexts(None))
        self.ours.give_up_at = time.monotonic() + PATIENCE
        self.theirs: list[socket.socket] = []
        self.answers: list[bytes] = []
        monkeypatch.setattr(self.ours, "_dial", self._dial)

    def _dial(self, *_place: Any) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(self.answers.pop(0) if self.answers else b"")
        self.theirs.append(theirs)
        return ours

    def answered(self, *answers: bytes) -> under_test.Answer:
        self.answers = list(answers)
        return self.ours.exchange(b"hello", {"Content-Type": "text/plain"})


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    made = Wire(monkeypatch, "http://srv01:5985/wsman", Way())
    yield made
    made.ours.close()
    for end in made.theirs:
        end.close()


def test_a_request_is_one_piece(wire: Wire) -> None:
    assert wire.answered(OK).body == b"ok"
    head, body = wire.theirs[0].recv(65536).split(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert (first, body) == ("POST /wsman HTTP/1.1", b"hello")
    assert {"Host: srv01:5985", "Content-Length: 5", "Content-Type: text/plain"} <= set(headers)


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("http://srv01:80/wsman", "srv01"),
        ("http://[fe80::1%lo]:5985/wsman", "[fe80::1]:5985"),
        ("http://[::1]:80/wsman", "[::1]"),
    ],
)
def test_the_name_of_the_host(monkeypatch: pytest.MonkeyPatch, uri: str, host: str) -> None:
    made = Wire(monkeypatch, uri, Way())
    made.answered(OK)
    assert f"\r\nHost: {host}\r\n".encode() in made.theirs[0].recv(65536)
    made.ours.close()
    made.theirs[0].close()


def test_a_proxy_gets_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Wire(monkeypatch, "http://srv01:5985/wsman", Way("http://proxy:3128"))
    made.answered(OK)
    assert made.theirs[0].recv(65536).startswith(b"POST http://srv01:5985/wsman HTTP/1.1\r\nHost: srv01:5985\r\n")
    made.ours.close()
    made.theirs[0].close()


def test_a_connection_is_used_again_until_the_server_ends_it(wire: Wire) -> None:
    wire.answered(OK)
    wire.theirs[0].sendall(OK[:-2])
    wire.theirs[0].close()
    # What came unasked is no answer to the next request.
    assert wire.answered(OK.replace(b"ok", b"no")).body == b"no"
    assert (len(wire.theirs), wire.ours.number) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_answers(wire: Wire, answer: bytes, body: bytes) -> None:
    assert wire.answered(answer).body == body


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", http.client.IncompleteRead),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", http.client.IncompleteRead),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", http.client.IncompleteRead),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", TransportError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", http.client.BadStatusLine),
        (b"", http.client.RemoteDisconnected),
    ],
)
def test_no_answers(wire: Wire, monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: type[Exception]) -> None:
    dial = wire._dial

    def dial_and_end(*place: Any) -> socket.socket:
        ours = dial(*place)
        wire.theirs[-1].shutdown(socket.SHUT_WR)
        return ours

    monkeypatch.setattr(wire.ours, "_dial", dial_and_end)
    with pytest.raises(kind):
        wire.answered(answer)
    assert not wire.ours.is_open()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 200,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 300,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    ],
)
def test_an_answer_is_never_longer_than_it_may_be(wire: Wire, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(under_test, "MAX_ANSWER_BYTES", 100)
    monkeypatch.setattr(under_test, "_MAX_READ_BYTES", 250)
    with pytest.raises(TransportError, match="the answer is longer than 100 bytes"):
        wire.answered(answer)
    assert not wire.ours.is_open()


def test_no_request_begins_when_its_time_is_over(wire: Wire) -> None:
    wire.ours.give_up_at = time.monotonic()
    with pytest.raises(TimeoutError):
        wire.answered()
    assert wire.theirs[0].recv(1) == b""


def test_a_header_cannot_end_its_line(wire: Wire) -> None:
    with pytest.raises(ValueError, match="line end"):
        wire.ours.exchange(b"", {"Authorization": "a\r\nHost: b"})
    assert wire.theirs[0].recv(1) == b""


def test_a_proxy_is_not_asked_when_another_thread_has_ended_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Wire(monkeypatch, "https://srv01:5986/wsman", Way("http://proxy:3128"))

    def dial(*place: Any) -> socket.socket:
        made.ours.close()
        return made._dial(*place)

    monkeypatch.setattr(made.ours, "_dial", dial)
    made.answers = [b"HTTP/1.1 503 Busy\r\n\r\n"]
    with pytest.raises(OSError, match="the conversation was ended"):
        made.ours.open()
    made.theirs[0].close()


def test_what_waits_fails_when_another_thread_ends_it(wire: Wire) -> None:
    failed: list[Exception] = []

    def wait() -> None:
        try:
            wire.answered()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: wire.theirs and wire.theirs[0].recv(65536))
    wire.ours.close()
    waiting.join(PATIENCE)
    assert isinstance(failed[0], OSError)
    with pytest.raises(ConnectionAbortedError):
        wire.answered(OK)


@pytest.mark.parametrize("look", [Connection.is_open, lambda ours: ours.certificate])
def test_a_connection_is_not_closed_while_it_is_looked_at(look: Callable[[Connection], Any]) -> None:
    """Its number could belong to another file by then."""
    ours = Connection(endpoint(uri="https://srv01:5986/wsman"), Way(), Contexts(None))
    looked_at = LookedAt(ours)
    ours.socket = looked_at
    look(ours)
    looked_at.closing.join(PATIENCE)
    assert looked_at.is_closed == [False, True]


class LookedAt:
    """A socket that another thread closes as soon as it is used.

    Attributes:
        closing: The other thread.
        is_closed: Whether it was closed by the end of its use, and whether it is now.
    """

    def __init__(self, ours: Connection) -> None:
        self.closing = threading.Thread(target=ours.close)
        self._closed = threading.Event()
        self._seen: list[bool] = []

    @property
    def is_closed(self) -> list[bool]:
        return [*self._seen, self._closed.is_set()]

    def settimeout(self, _seconds: float) -> None:
        pass

    def recv(self, _size: int) -> bytes:
        self.closing.start()
        self._seen.append(self._closed.wait(0.5))
        raise BlockingIOError

    def getpeercert(self, _binary: bool) -> bytes:
        with contextlib.suppress(BlockingIOError):
            self.recv(1)
        return b""

    def close(self) -> None:
        self._closed.set()


class ProxyWithTls:
    """A connection to a server with TLS through a proxy with TLS, and the other end of it.

    Attributes:
        ours: The connection.
        theirs: The proxy's end.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, authority: CertificateAuthority) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        names = ["proxy.example.com", "srv01.example.com"]
        self.context.load_cert_chain(authority.issue_server("both", names).chain_file)
        at = endpoint(uri="https://srv01.example.com:5986/wsman")
        self.ours = Connection(at, Way("https://proxy.example.com:3129"), Contexts(str(authority.ca_file)))
        self.ours.give_up_at = time.monotonic() + PATIENCE
        end, theirs = socket.socketpair()
        theirs.settimeout(PATIENCE)
        monkeypatch.setattr(self.ours, "_dial", lambda *_place: end)
        self.theirs = self.context.wrap_socket(theirs, server_side=True, do_handshake_on_connect=False)
        self._from_client, self._to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server = self.context.wrap_bio(self._from_client, self._to_client, server_side=True)

    def make_tunnel(self) -> None:
        self.theirs.do_handshake()
        assert self.theirs.recv(65536).startswith(b"CONNECT srv01.example.com:5986 ")
        self.theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    def answer(self, answer: bytes) -> None:
        """Do the server's part in the tunnel: the handshake, and an answer to a request."""
        for step in (self._server.do_handshake, self._server.read, lambda: self._server.write(answer)):
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    self.theirs.sendall(self._to_client.read())
                    self._from_client.write(self.theirs.recv(65536))
                else:
                    self.theirs.sendall(self._to_client.read())
                    break


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ProxyWithTls]:
    made = ProxyWithTls(monkeypatch, CertificateAuthority(tmp_path))
    yield made
    made.ours.close()
    made.theirs.close()


@contextlib.contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(PATIENCE)


def test_a_server_behind_a_proxys_tls(proxied: ProxyWithTls) -> None:
    def serve() -> None:
        proxied.make_tunnel()
        proxied.answer(OK)

    with beside(serve):
        assert proxied.ours.exchange(b"hello", {}).body == b"ok"
    assert proxied.ours.is_open()
    proxied.theirs.close()
    assert not proxied.ours.is_open()


def test_the_handshake_with_a_server_behind_a_proxys_tls_ends_in_time(proxied: ProxyWithTls) -> None:
    """The server's part trickles in."""

    def trickle() -> None:
        proxied.make_tunnel()
        assert proxied.theirs.recv(65536)
        proxied.ours.give_up_at = time.monotonic()
        proxied.theirs.sendall(b"\x16")  # of a record of the handshake
        proxied.theirs.settimeout(1)
        with contextlib.suppress(OSError):
            proxied.theirs.recv(1)
        proxied.theirs.close()

    with beside(trickle), pytest.raises(OSError, match="the time for the request is over"):
        proxied.ours.open()
