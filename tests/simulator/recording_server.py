# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that records what it is sent, for requests that a client should not have sent there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

from .listener import Listener

_SCHEMES = ("Negotiate", "Kerberos", 'Basic realm="WSMAN"', "CredSSP")


class RecordingServer(Listener):
    """Records all it is sent, and asks for credentials in every way it knows.

    >>> with RecordingServer() as other:
    ...     computer.redirect(other.wsman_url)
    ...     ...
    >>> assert other.connections == 0 and other.received == b""
    """

    def __init__(
        self,
        status: int = 401,
        headers: Iterable[tuple[str, str]] | None = None,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Prepare the server.

        Args:
            status: of every answer.
            headers: of every answer; for a 401 the schemes by default.
            tls: for HTTPS, such as ``fleet.make_server_context("127.0.0.1")``.
            port: any by default.
        """
        super().__init__(address, port, tls)
        if headers is None:
            headers = [("WWW-Authenticate", scheme) for scheme in _SCHEMES] if status == 401 else []
        self._answer = f"HTTP/1.1 {status} Recorded\r\nContent-Length: 0\r\n".encode()
        self._answer += "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n"
        self._received: list[bytes] = []

    @property
    def wsman_url(self) -> str:
        """Where a WinRM endpoint would be."""
        return f"{self.url}/wsman"

    @property
    def pieces(self) -> list[bytes]:
        """What came, in the pieces in which it came (inside TLS with HTTPS)."""
        return self._loop_thread.call(lambda: list(self._received))

    @property
    def received(self) -> bytes:
        """All that came."""
        return b"".join(self.pieces)

    @property
    def authorizations(self) -> list[str]:
        """Values of Authorization headers."""
        lines = [line.decode("latin-1") for line in self.received.split(b"\r\n")]
        return [line.partition(":")[2].strip() for line in lines if line.lower().startswith("authorization:")]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request once all of it is there; what makes no sense is recorded as well."""
        buffer = b""
        while octets := await reader.read(1 << 16):
            self._received.append(octets)
            buffer += octets
            while (length := _length(buffer)) is not None and len(buffer) >= length:
                buffer = buffer[length:]
                writer.write(self._answer)
                await writer.drain()


def _length(octets: bytes) -> int | None:
    """Length of the request that begins here; ``None`` while its head is not complete."""
    head, end, _rest = octets.partition(b"\r\n\r\n")
    if not end:
        return None
    lines = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"transfer-encoding" in lines:
        last = octets.find(b"\r\n0\r\n\r\n")
        return None if last < 0 else last + 7
    return len(head) + 4 + int(lines.get(b"content-length", b"0"))
