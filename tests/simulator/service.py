# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side: from a TCP connection to an envelope and back, and the faults of HTTP that are injected."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from aiohttp import web

from .access import Access, Refused, text_of
from .authentication import MUTUAL_SCHEME, Authenticators, Connection, Connections
from .clock import FleetClock
from .computer import SimulatedComputer
from .exchange import Exchange
from .faults import Fault, fault_answer
from .injection import Injection
from .operations import Caller, Operations, identify_answer
from .request_log import LoggedRequest, RequestLog, visible_headers
from .shell import User
from .tls import FleetTls
from .wsman import MalformedEnvelope, Request, read_request

_NEVER_CARRIED_OUT = ("reset", "status", "fault", "garbage", "body", "hang")


class Service:
    """Answers the HTTP requests of a whole fleet; the address a client reached tells which computer it means."""

    def __init__(self, log: RequestLog, clock: FleetClock, tls: FleetTls, authenticators: Authenticators) -> None:
        self._log = log
        self._clock = clock
        self._tls = tls
        self._access = Access(authenticators)
        self._connections = Connections()
        self._watches: set[asyncio.Task[None]] = set()
        self._computers: dict[str, tuple[SimulatedComputer, Operations]] = {}

    def add(self, computer: SimulatedComputer) -> None:
        """Answer for ``computer``."""
        self._computers[computer.address] = (computer, Operations(computer))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request and log it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        computer, operations = self._computers[transport.get_extra_info("sockname")[0]]
        connection = self._connections.of(transport)
        entry = LoggedRequest(
            computer=computer.name,
            operation="Unknown",
            started=time.monotonic(),
            connection=connection.number,
            headers=visible_headers(request.headers),
        )
        self._log.add(entry)
        connection.running += 1
        try:
            body = await request.read()
            await self._ask_for_certificate(request, computer)
            tls = self._tls.facts(transport.get_extra_info("ssl_object"))
            exchange = Exchange(request, body, computer, tls, connection, entry)
            response = await self._respond(exchange, operations)
            response.headers["Server"] = "Microsoft-HTTPAPI/2.0"
            if computer.keep_raw and isinstance(response, web.Response) and isinstance(response.body, bytes):
                entry.raw_answer = response.body
            return response
        finally:
            entry.ended = time.monotonic()
            connection.running -= 1
            connection.served += 1
            self._watch(transport, connection, computer.connection_idle_timeout)

    async def _ask_for_certificate(self, request: web.BaseRequest, computer: SimulatedComputer) -> None:
        """Ask for the certificate that a request wants to log on by, where that was not done in the handshake."""
        by_certificate = request.headers.get("Authorization", "").lower() == MUTUAL_SCHEME
        tls = request.transport.get_extra_info("ssl_object") if request.transport else None
        if not by_certificate or tls is None or tls.version() != "TLSv1.3":
            return
        asks = "certificate" in computer.authentication and computer.certificate_request == "request"
        if asks and tls.getpeercert(binary_form=True) is None:
            await self._tls.ask_for_certificate(request.transport)

    def _watch(self, transport: asyncio.Transport, connection: Connection, idle_timeout: float | None) -> None:
        if idle_timeout is not None:
            watch = asyncio.ensure_future(self._close_if_idle(transport, connection, idle_timeout))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)

    async def _close_if_idle(self, transport: asyncio.Transport, connection: Connection, timeout: float) -> None:
        """Close a connection on which nothing happens for so long."""
        served = connection.served
        await self._clock.sleep_until(self._clock.now() + timeout)
        if connection.served == served and not connection.running:
            transport.close()

    async def _respond(self, exchange: Exchange, operations: Operations) -> web.StreamResponse:
        http, computer, entry = exchange.http, exchange.computer, exchange.entry
        entry.secure, entry.server_name = exchange.tls is not None, exchange.tls.server_name if exchange.tls else None
        entry.raw = exchange.body if computer.keep_raw else None
        target = computer.next_redirection() if http.method == "POST" else None
        if target is not None:
            entry.operation = "Redirected"
            return exchange.plain(target.status, {"Location": target.to_url})
        if http.path.strip("/").lower() != computer.application_name.lower():
            return exchange.plain(404)
        if http.method != "POST":
            return exchange.plain(405)
        if http.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated":
            return _identify(exchange)

        try:
            admitted = self._access.admit(exchange)
        except Refused as refused:
            entry.operation = refused.operation
            return exchange.plain(refused.status, refused.headers)
        if not admitted.text:
            entry.operation = "Handshake"
            return exchange.plain(200, admitted.headers)
        try:
            envelope = read_request(admitted.text)
        except (MalformedEnvelope, ValueError):
            return exchange.plain(400)
        exchange.describe(envelope)
        response = await self._through_gateway(exchange, self._carry_out(exchange, envelope, operations, admitted.user))
        if not response.prepared:
            response.headers.extend(admitted.headers)
        return response

    async def _through_gateway(
        self, exchange: Exchange, answering: Coroutine[Any, Any, web.StreamResponse]
    ) -> web.StreamResponse:
        """Return the answer, or that of a gateway that does not wait so long for it."""
        limit = exchange.computer.gateway_timeout
        if limit is None:
            return await answering
        answer = asyncio.ensure_future(answering)
        expired = asyncio.ensure_future(self._clock.sleep_until(self._clock.now() + limit))
        try:
            await asyncio.wait({answer, expired}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        finally:
            expired.cancel()
            answer.cancel()
        if exchange.computer.gateway_answer:
            return exchange.plain(exchange.computer.gateway_answer)
        if exchange.http.transport is not None:
            exchange.http.transport.close()
        return exchange.plain(504)

    async def _carry_out(
        self, exchange: Exchange, envelope: Request, operations: Operations, user: User
    ) -> web.StreamResponse:
        computer = exchange.computer
        hits = (item for item in computer.injections if item.hits(envelope.operation, envelope.shell_id))
        injection = next(hits, None)
        if injection is not None and injection.seconds:
            with injection.held():
                await self._clock.sleep_until(self._clock.now() + injection.seconds)
        if injection is not None and injection.action in _NEVER_CARRIED_OUT:
            return await _instead(exchange, envelope, injection)
        try:
            answer = await operations.carry_out(envelope, Caller(user, str(exchange.http.remote)))
        except Fault as fault:
            exchange.entry.fault_code = fault.code
            answer = fault_answer(fault, computer.host_name)
        if not computer.activity_id:
            answer = replace(answer, activity_id=None)
        relates_to = envelope.message_id
        if injection is not None and injection.action == "wrong_relates_to":
            relates_to = "uuid:00000000-0000-0000-0000-000000000000"
        response = exchange.soap(answer, relates_to)
        if injection is not None and injection.action == "withhold":
            with injection.held():
                await asyncio.Event().wait()
        if injection is not None and injection.action in ("truncate", "close_without_answer"):
            return await exchange.broken_off(response, half=injection.action == "truncate")
        return response


def _identify(exchange: Exchange) -> web.StreamResponse:
    """Answer the one operation that needs no account, when its header says so."""
    try:
        envelope = read_request(text_of(exchange.content_type, exchange.body))
    except (MalformedEnvelope, ValueError):
        return exchange.plain(400)
    if envelope.operation != "Identify":
        return exchange.plain(401)
    exchange.describe(envelope)
    return exchange.soap(identify_answer(hide_version=True), envelope.message_id)


async def _instead(exchange: Exchange, envelope: Request, injection: Injection) -> web.StreamResponse:
    """Misbehave instead of carrying the request out."""
    if injection.action == "fault":
        fault = Fault(injection.fault_code)
        exchange.entry.fault_code = fault.code
        answer = fault_answer(fault, exchange.computer.host_name, injection.subcode)
        return exchange.soap(answer, envelope.message_id)
    if injection.action == "hang":
        with injection.held():
            await asyncio.Event().wait()
    if injection.action == "reset":
        _reset(exchange.http)
    if injection.action == "status":
        return exchange.plain(injection.status, injection.headers, injection.body)
    body = injection.body if injection.action == "body" else "This is not XML & was never meant to be <one>."
    return exchange.plain(200, {"Content-Type": injection.content_type, **injection.headers}, body)


def _reset(request: web.BaseRequest) -> None:
    """Close the connection with RST instead of FIN."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
