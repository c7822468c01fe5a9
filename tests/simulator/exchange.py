# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request to a computer, what is known about it, and the answers that it can get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from .authentication import Connection
from .computer import SimulatedComputer
from .request_log import LoggedRequest
from .tls import TlsFacts
from .wsman import Answer, Request, write_envelope

_SOAP = "application/soap+xml;charset=UTF-8"


@dataclass
class Exchange:
    """A request on its way through the service.

    Attributes:
        http: the request as aiohttp has it.
        body: of the request, as it was sent.
        tls: what is known of the TLS connection; ``None`` over plain HTTP.
        connection: the TCP connection.
        entry: of the request log; the answers fill it in.
    """

    http: web.BaseRequest
    body: bytes
    computer: SimulatedComputer
    tls: TlsFacts | None
    connection: Connection
    entry: LoggedRequest

    @property
    def content_type(self) -> str:
        """Of the request's body."""
        return self.http.headers.get("Content-Type", "")

    def describe(self, envelope: Request) -> None:
        """Log what the envelope asks for."""
        self.entry.operation = envelope.operation
        self.entry.shell_id = envelope.shell_id
        self.entry.command_id = envelope.command_id
        self.entry.resource_uri = envelope.resource_uri
        self.entry.client_session_id = envelope.session_id

    def plain(self, status: int, headers: Mapping[str, str] | None = None, body: str = "") -> web.Response:
        """An answer without an envelope."""
        self.entry.status = status
        return web.Response(status=status, headers=headers, body=body.encode() or None)

    def soap(self, answer: Answer, relates_to: str) -> web.Response:
        """An answer with an envelope; an encrypted request gets an encrypted answer, also when it is refused."""
        self.entry.status = answer.status
        body = write_envelope(answer, relates_to).encode()
        content_type = _SOAP
        # Inside TLS it is the client's choice to encrypt.
        if self.connection.sealer is not None and self.entry.encrypted:
            content_type, body = self.connection.sealer.seal(content_type, body)
        return web.Response(status=answer.status, body=body, headers={"Content-Type": content_type})

    async def broken_off(self, response: web.Response, half: bool) -> web.StreamResponse:
        """Close the connection after half of the answer, or before any of it."""
        self.entry.status = response.status if half else None
        whole = response.body if isinstance(response.body, bytes) else b""
        broken = web.StreamResponse(status=response.status, headers={"Content-Type": response.headers["Content-Type"]})
        if half:
            broken.content_length = len(whole)
            await broken.prepare(self.http)
            await broken.write(whole[: len(whole) // 2])
        if self.http.transport is not None:
            self.http.transport.close()
        return broken
