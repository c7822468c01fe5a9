# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server between a client and a simulated computer, which gives hostile answers to some requests."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.engine.bad_server import ByteServer, Request

_COMMAND_ID = re.compile(rb'CommandId="([^"]*)"')


@dataclass(frozen=True)
class Reply:
    """An answer of the computer: its status and its body."""

    status: int
    body: bytes


class Call(Request):
    """A request that is answered with any octets, or as the computer answers it.

    Attributes:
        number: How many requests for this operation came before.
        command_id: The command that it is about, or an empty text.
    """

    def __init__(self, upstream: tuple[str, int], *request: Any) -> None:
        super().__init__(*request)
        self._upstream = upstream
        command = _COMMAND_ID.search(self.body)
        self.command_id = command[1].decode() if command else ""
        self.number = 0

    def end(self) -> None:
        """Close the connection."""
        self.connection.shutdown(socket.SHUT_RDWR)

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
        headers = dict(line.decode("latin-1").split(": ", 1) for line in self.head.split(b"\r\n")[1:] if b": " in line)
        connection = http.client.HTTPConnection(*self._upstream)
        connection.request("POST", "/wsman", self.body, headers)
        response = connection.getresponse()
        reply = Reply(response.status, response.read())
        connection.close()
        return reply

    def forward(self) -> None:
        """Answer as the computer does."""
        reply = self.forwarded()
        self.answer(reply.body, f"{reply.status} Forwarded")


class HostileServer(ByteServer):
    """Counts requests, and has `behave` answer those that it is for.

    Args:
        upstream: Address and port of the simulated computer.
        action: The operation whose requests `behave` answers; ``*`` for all.
        behave: Answers one request.
        times: How many requests it answers; None for all.
    """

    def __init__(
        self, upstream: tuple[str, int], action: str, behave: Callable[[Call], None], times: int | None = None
    ) -> None:
        super().__init__()
        self._upstream = upstream
        self._action, self._behave, self._times = action, behave, times
        self.requests: list[str] = []
        self._lock = threading.Lock()

    def _handle(self, connection: socket.socket, head: bytes, body: bytes) -> None:
        call = Call(self._upstream, connection, head, body, self._closing)
        with self._lock:
            call.number = self.requests.count(call.action)
            self.requests.append(call.action)
        is_meant = self._action in ("*", call.action)
        if is_meant and (self._times is None or call.number < self._times):
            self._behave(call)
        else:
            call.forward()
