# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server between a client and a simulated computer, which gives hostile answers to some requests."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from types import TracebackType

_MESSAGE_ID = re.compile(rb"MessageID[^>]*>([^<]*)<")
_ACTION = re.compile(rb"Action[^>]*>[^<]*/(\w+)<")
_COMMAND_ID = re.compile(rb'CommandId="([^"]*)"')


@dataclass(frozen=True)
class Reply:
    """An answer of the computer: its status and its body."""

    status: int
    body: bytes


class Call:
    """One request, and the connection to answer it on.

    Attributes:
        action: The operation, such as ``Enumerate``.
        number: How many requests for this operation came before.
        command_id: The command that it is about, or an empty text.
    """

    def __init__(self, connection: socket.socket, head: bytes, body: bytes, upstream: tuple[str, int]) -> None:
        self._connection = connection
        self._upstream = upstream
        self._head, self._body = head, body
        found, action, command = _MESSAGE_ID.search(body), _ACTION.search(body), _COMMAND_ID.search(body)
        self.message_id = found[1] if found else b""
        self.command_id = command[1].decode() if command else ""
        self.action = action[1].decode() if action else ""
        self.number = 0

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._connection.sendall(octets)

    def end(self) -> None:
        """Close the connection."""
        self._connection.shutdown(socket.SHUT_RDWR)

    def answer(
        self,
        body: bytes,
        status: str = "200 OK",
        content_type: str = "application/soap+xml;charset=UTF-8",
        head: str = "",
    ) -> None:
        """Answer with a body that is framed as HTTP wants it."""
        lines = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
        self.send(lines.encode() + body)

    def forwarded(self) -> Reply:
        """Return what the computer answers."""
        headers = dict(line.decode("latin-1").split(": ", 1) for line in self._head.split(b"\r\n")[1:] if b": " in line)
        connection = http.client.HTTPConnection(*self._upstream)
        connection.request("POST", "/wsman", self._body, headers)
        response = connection.getresponse()
        reply = Reply(response.status, response.read())
        connection.close()
        return reply

    def forward(self) -> None:
        """Answer as the computer does."""
        reply = self.forwarded()
        self.answer(reply.body, f"{reply.status} Forwarded")


class HostileServer:
    """Listens on loopback while it is a context manager, counts requests, and has `behave` answer those it is for.

    Args:
        upstream: Address and port of the simulated computer.
        action: The operation whose requests `behave` answers; ``*`` for all.
        behave: Answers one request.
        times: How many requests it answers; None for all.
    """

    def __init__(
        self, upstream: tuple[str, int], action: str, behave: Callable[[Call], None], times: int | None = None
    ) -> None:
        self._upstream = upstream
        self._action, self._behave, self._times = action, behave, times
        self.requests: list[str] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            try:
                while head := b"".join(_lines(stream)):
                    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                    body = stream.read(int(length[1]) if length else 0)
                    self._answer(Call(connection, head, body, self._upstream))
            except OSError:
                return  # the client closed the connection

    def _answer(self, call: Call) -> None:
        with self._lock:
            call.number = self.requests.count(call.action)
            self.requests.append(call.action)
        is_meant = self._action in ("*", call.action)
        if is_meant and (self._times is None or call.number < self._times):
            self._behave(call)
        else:
            call.forward()


def _lines(stream: BufferedReader) -> Iterator[bytes]:
    """The lines up to an empty one, or to the end of the stream."""
    while (line := stream.readline()) not in (b"", b"\r\n"):
        yield line
