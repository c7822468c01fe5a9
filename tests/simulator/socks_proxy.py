# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SOCKS5 proxy for tests (RFC 1928 and 1929), as ``ssh -D`` and bastions offer it."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from dataclasses import dataclass

from .listener import Listener
from .proxy import copy

_NO_LOGON, _PASSWORD, _NONE_OF_THEM = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_CONNECT = 1
#: Replies: succeeded, host unreachable, connection refused, command not supported, address type not supported.
_DONE, _UNREACHABLE, _REFUSED, _NO_SUCH_COMMAND, _NO_SUCH_ADDRESS = 0, 4, 5, 7, 8


@dataclass(frozen=True)
class SocksRequest:
    """One request to the proxy.

    Attributes:
        target: ``host:port`` as sent: a name if the client left it to the proxy to resolve it.
        reply: 0 if it was carried out, or else the number of the failure (RFC 1928, 6).
    """

    target: str
    reply: int


class SocksProxy(Listener):
    """Opens connections for clients, and passes on what both sides send."""

    def __init__(
        self,
        user: str | None = None,
        password: str = "",
        routes: dict[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        """Prepare a proxy.

        Args:
            user: whom to let in, with ``password``; everybody by default.
            routes: host names -> addresses, for names that no resolver knows.
        """
        super().__init__(address)
        self._credentials = None if user is None else (user.encode(), password.encode())
        self._routes = routes or {}
        self._requests: list[SocksRequest] = []
        self._users: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens; it resolves the names."""
        return f"socks5h://{self.address}:{self.port}"

    @property
    def requests(self) -> list[SocksRequest]:
        """The requests so far."""
        return self._loop_thread.call(lambda: list(self._requests))

    @property
    def users(self) -> list[str]:
        """The users that logged on or tried to."""
        return self._loop_thread.call(lambda: list(self._users))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        _version, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        method = _NO_LOGON if self._credentials is None else _PASSWORD
        if method not in offered:
            writer.write(bytes([5, _NONE_OF_THEM]))
            return
        writer.write(bytes([5, method]))
        if method == _PASSWORD and not await self._lets_in(reader, writer):
            return
        _version, command, _reserved, kind = await reader.readexactly(4)
        host = await _host(kind, reader)
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        reply = _NO_SUCH_COMMAND if command != _CONNECT else _NO_SUCH_ADDRESS if host is None else _DONE
        upstream = None
        if reply == _DONE:
            try:
                upstream = await asyncio.open_connection(self._routes.get(host or "", host), port)
            except ConnectionRefusedError:
                reply = _REFUSED
            except OSError:
                reply = _UNREACHABLE
        self._requests.append(SocksRequest(f"{host}:{port}", reply))
        writer.write(bytes([5, reply, 0, _IPV4]) + bytes(6))
        if upstream is not None:
            await asyncio.gather(copy(reader, upstream[1]), copy(upstream[0], writer))

    async def _lets_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readexactly(1)
        name = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        self._users.append(name.decode())
        is_right = (name, password) == self._credentials
        writer.write(bytes([1, 0 if is_right else 1]))
        return is_right


async def _host(kind: int, reader: asyncio.StreamReader) -> str | None:
    if kind == _NAME:
        return (await reader.readexactly((await reader.readexactly(1))[0])).decode("ascii")
    if kind in (_IPV4, _IPV6):
        return str(ipaddress.ip_address(await reader.readexactly(4 if kind == _IPV4 else 16)))
    return None
