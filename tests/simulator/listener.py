# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small TCP server in a thread, for what is not a WinRM endpoint: recording servers and proxies."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import socket
import ssl
from types import TracebackType
from typing import TypeVar

from .loop_thread import LoopThread

_Self = TypeVar("_Self", bound="Listener")

#: Longest head of an HTTP message.
_LIMIT = 1 << 20


class Listener(abc.ABC):
    """Listens on a loopback address while its context lasts.

    Attributes:
        address: it listens on.
        port: likewise; 0 until it listens, unless it was given.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.port = port
        self._tls = tls
        self._loop_thread = LoopThread()
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://{self.address}:{self.port}"

    @property
    def connections(self) -> int:
        """TCP connections so far, those included that failed to agree on TLS."""
        return self._loop_thread.call(lambda: self._connections)

    def __enter__(self: _Self) -> _Self:
        self._socket = socket.create_server((self.address, self.port), backlog=128)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._loop_thread.start()
        self._loop_thread.call(lambda: self._spawn(self._accept(self._listening)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop_thread.stop()
        self._listening.close()

    @property
    def _listening(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("it does not listen")
        return self._socket

    def _spawn(self, coroutine: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(coroutine)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            accepted, _address = await loop.sock_accept(listening)
            self._connections += 1
            self._spawn(self._converse(accepted))

    async def _converse(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LIMIT)
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), accepted, ssl=self._tls
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                await self.serve(reader, writer)
            finally:
                writer.close()

    @abc.abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until this returns or the client goes."""
