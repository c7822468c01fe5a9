# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that does to every request whatever a test can think of, byte by byte."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from io import BufferedReader
from types import TracebackType
from typing import Self

ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
    ' xmlns:ps="http://schemas.microsoft.com/powershell"'
    ' xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header>'
    "<a:RelatesTo>{message_id}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
)
_MESSAGE_ID = re.compile(rb"MessageID[^>]*>([^<]*)<")
_ACTION = re.compile(rb"Action[^>]*>[^<]*/(\w+)<")


class Request:
    """One request, and the connection to answer it on.

    Attributes:
        action: such as ``Enumerate``.
        closing: set when the test is over.
    """

    def __init__(self, connection: socket.socket, head: bytes, body: bytes, closing: threading.Event) -> None:
        self.connection = connection
        self.head, self.body = head, body
        self.closing = closing
        found, action = _MESSAGE_ID.search(body), _ACTION.search(body)
        self.message_id = found[1].decode() if found else ""
        self.action = action[1].decode() if action else ""

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self.connection.sendall(octets)


class Call(Request):
    """A request that is answered with envelopes."""

    def answer(self, body: str, status: str = "200 OK") -> None:
        """Answer with a whole envelope that belongs to the request."""
        octets = ENVELOPE.format(message_id=self.message_id, body=body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(octets)}\r\n\r\n"
        self.send(head.encode() + octets)


def _lines(stream: BufferedReader) -> Iterator[bytes]:
    """The lines up to an empty one, or to the end of the stream."""
    while (line := stream.readline()) not in (b"", b"\r\n"):
        yield line


class ByteServer:
    """Listens on loopback while it is a context manager; what it answers, byte by byte, `_handle` decides."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._closing = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            tls = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            try:
                tls.do_handshake()
            except ssl.SSLError:
                # An alert is on its way. Closed with something unread, the connection would be reset before it arrives.
                with socket.socket(fileno=tls.detach()) as refused:
                    while refused.recv(4096):
                        pass
                return
            connection = tls
        with connection, connection.makefile("rb") as stream:
            try:
                while head := b"".join(_lines(stream)):
                    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                    body = stream.read(int(length[1]) if length else 0)
                    self._handle(connection, head, body)
            except OSError:
                return  # the client had enough

    def _handle(self, connection: socket.socket, head: bytes, body: bytes) -> None:
        raise NotImplementedError


class BadServer(ByteServer):
    """Gives each request to `behave`."""

    def __init__(self, behave: Callable[[Call], None], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._behave = behave

    def _handle(self, connection: socket.socket, head: bytes, body: bytes) -> None:
        self._behave(Call(connection, head, body, self._closing))


class ChattyServer(BadServer):
    """Behaves as soon as the first bytes of a connection are there, whatever they are."""

    def _converse(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                self._handle(connection, b"", b"")
            except OSError:
                return  # the client had enough
