# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP proxy for tests."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from .listener import Listener

_AWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_WHO = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
)


@dataclass(frozen=True)
class ProxyRequest:
    """One request to the proxy.

    Attributes:
        method: ``CONNECT`` for a tunnel, or else of the request that was forwarded.
        target: as sent: ``host:port`` for a tunnel, or else a URL.
        status: 200 if it was carried out, 407 without the right credentials, 502 if no server answers there.
    """

    method: str
    target: str
    status: int


class ForwardProxy(Listener):
    """Forwards requests with a full URL, and opens tunnels for CONNECT.

    As authentication belongs to connections, each of its connections to a server serves one client connection.
    """

    def __init__(
        self,
        user: str | None = None,
        password: str = "",
        routes: dict[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        """Prepare a proxy.

        Args:
            user: whom to let in, with ``password``, by Basic; everybody by default.
            routes: host names -> addresses, for names that no resolver knows.
        """
        super().__init__(address)
        self._credentials = None if user is None else (user, password)
        self._routes = routes or {}
        self._requests: list[ProxyRequest] = []
        self._authorizations: list[tuple[str, str]] = []

    @property
    def requests(self) -> list[ProxyRequest]:
        """The requests so far."""
        return self._loop_thread.call(lambda: list(self._requests))

    @property
    def authorizations(self) -> list[tuple[str, str]]:
        """Scheme and user of the credentials it was sent; passwords are not kept."""
        return self._loop_thread.call(lambda: list(self._authorizations))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        server: tuple[str, int] | None = None
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        back: asyncio.Task[None] | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, headers = _parse(head)
                if not self._lets_in(headers):
                    self._requests.append(ProxyRequest(method, target, 407))
                    await _take_body(headers, reader, None)
                    writer.write(_WHO)
                    continue
                wanted = self._server(method, target)
                if upstream is None or wanted != server:
                    if upstream is not None:
                        upstream[1].close()
                    try:
                        upstream = await asyncio.open_connection(*wanted)
                    except OSError:
                        self._requests.append(ProxyRequest(method, target, 502))
                        writer.write(_AWAY)
                        return
                    server = wanted
                    back = None
                self._requests.append(ProxyRequest(method, target, 200))
                if method == "CONNECT":
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    await asyncio.gather(copy(reader, upstream[1]), copy(upstream[0], writer))
                    return
                back = back or asyncio.ensure_future(copy(upstream[0], writer))
                upstream[1].write(_forwarded(head, method, target))
                await _take_body(headers, reader, upstream[1])
        finally:
            if upstream is not None:
                upstream[1].close()
            if back is not None:
                with contextlib.suppress(OSError):
                    await back

    def _lets_in(self, headers: dict[str, str]) -> bool:
        scheme, _blank, token = headers.get("proxy-authorization", "").partition(" ")
        sent = _logins(token)
        if scheme:
            self._authorizations.append((scheme.lower(), sent[0][0] if sent else ""))
        if self._credentials is None:
            return True
        return scheme.lower() == "basic" and self._credentials in sent

    def _server(self, method: str, target: str) -> tuple[str, int]:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = parts.hostname or ""
        return self._routes.get(host, host), parts.port or (443 if method == "CONNECT" else 80)


def _logins(token: str) -> list[tuple[str, str]]:
    """Name and password, by each character set they may be in: clients differ."""
    found = []
    for encoding in ("utf-8", "latin-1"):
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            name, _colon, password = base64.b64decode(token, validate=True).decode(encoding).partition(":")
            found.append((name, password))
    return found


def _parse(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _version = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
    return method, target, headers


def _forwarded(head: bytes, method: str, target: str) -> bytes:
    """The head as the server should see it: a path instead of a URL, and nothing that concerns the proxy."""
    _first, _end, rest = head.partition(b"\r\n")
    lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"proxy-")]
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{method} {path} HTTP/1.1\r\n".encode() + b"\r\n".join(lines)


async def _take_body(
    headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None
) -> None:
    octets = await reader.readexactly(int(headers.get("content-length", 0)))
    if writer is not None:
        writer.write(octets)
        await writer.drain()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, and the end of it."""
    with contextlib.suppress(OSError):
        while octets := await reader.read(1 << 16):
            writer.write(octets)
            await writer.drain()
    writer.close()
