# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side: from a TCP connection to an envelope and back, and all the ways to do that badly on purpose."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from .authentication import Connection, Connections, Gate
from .clock import FleetClock
from .computer import SimulatedComputer
from .door import Door, Refused, text_of
from .faults import Fault, fault_answer
from .injection import Injection
from .operations import Caller, Operations, identify_answer
from .request_log import LoggedRequest, RequestLog, visible_headers
from .shell import User
from .tls import FleetTls
from .wsman import Answer, MalformedEnvelope, Request, read_request, write_envelope

SOAP = "application/soap+xml;charset=UTF-8"
_NEVER_CARRIED_OUT = ("reset", "status", "fault", "garbage", "body", "hang")


class Service:
    """Answers the HTTP requests of a whole fleet; the address a client reached tells which computer it means."""

    def __init__(self, log: RequestLog, clock: FleetClock, tls: FleetTls, gate: Gate | None = None) -> None:
        self._log = log
        self._clock = clock
        self._tls = tls
        self._door = Door(gate or Gate())
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
            response = await self._respond(request, computer, operations, connection, entry)
            response.headers["Server"] = "Microsoft-HTTPAPI/2.0"
            if computer.keep_raw and isinstance(response, web.Response) and isinstance(response.body, bytes):
                entry.raw_answer = response.body
            return response
        finally:
            entry.ended = time.monotonic()
            connection.running -= 1
            connection.served += 1
            if computer.connection_idle_timeout is not None:
                watch = asyncio.ensure_future(
                    self._close_if_idle(transport, connection, computer.connection_idle_timeout)
                )
                self._watches.add(watch)
                watch.add_done_callback(self._watches.discard)

    async def _close_if_idle(self, transport: asyncio.Transport, connection: Connection, timeout: float) -> None:
        """Close a connection on which nothing happens for so long."""
        served = connection.served
        await self._clock.sleep_until(self._clock.now() + timeout)
        if connection.served == served and not connection.running:
            transport.close()

    async def _respond(
        self,
        request: web.BaseRequest,
        computer: SimulatedComputer,
        operations: Operations,
        connection: Connection,
        entry: LoggedRequest,
    ) -> web.StreamResponse:
        body = await request.read()
        transport = request.transport
        tls = self._tls.facts(transport.get_extra_info("ssl_object") if transport else None)
        entry.secure, entry.server_name = tls is not None, tls.server_name if tls else None
        entry.raw = body if computer.keep_raw else None
        target = computer.next_redirection() if request.method == "POST" else None
        if target is not None:
            entry.operation = "Redirected"
            return _plain(entry, target.status, {"Location": target.to_url})
        if request.path.strip("/").lower() != computer.application_name.lower():
            return _plain(entry, 404)
        if request.method != "POST":
            return _plain(entry, 405)
        if request.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated":
            return self._identify(request, computer, body, entry)

        try:
            admitted = self._door.admit(request, body, computer, tls, connection, entry)
        except Refused as refused:
            entry.operation = refused.operation
            return _plain(entry, refused.status, refused.headers)
        if not admitted.text:
            entry.operation = "Handshake"
            return _plain(entry, 200, admitted.headers)
        try:
            envelope = read_request(admitted.text)
        except (MalformedEnvelope, ValueError):
            return _plain(entry, 400)
        _describe(entry, envelope)
        response = await self._carry_out(request, envelope, computer, operations, admitted.user, connection, entry)
        if not response.prepared:
            response.headers.extend(admitted.headers)
        return response

    @staticmethod
    def _identify(
        request: web.BaseRequest, computer: SimulatedComputer, body: bytes, entry: LoggedRequest
    ) -> web.StreamResponse:
        """The one operation that needs no account, when its header says so."""
        try:
            envelope = read_request(text_of(request.headers.get("Content-Type", ""), body))
        except (MalformedEnvelope, ValueError):
            return _plain(entry, 400)
        if envelope.operation != "Identify":
            return _plain(entry, 401)
        _describe(entry, envelope)
        return _soap(entry, identify_answer(hide_version=True), envelope.message_id)

    async def _carry_out(
        self,
        request: web.BaseRequest,
        envelope: Request,
        computer: SimulatedComputer,
        operations: Operations,
        user: User,
        connection: Connection,
        entry: LoggedRequest,
    ) -> web.StreamResponse:
        hits = (item for item in computer.injections if item.hits(envelope.operation, envelope.shell_id))
        injection = next(hits, None)
        if injection is not None and injection.seconds:
            with injection.held():
                await self._clock.sleep_until(self._clock.now() + injection.seconds)
        if injection is not None and injection.action in _NEVER_CARRIED_OUT:
            return await self._instead(request, envelope, computer, injection, connection, entry)
        try:
            answer = await operations.carry_out(envelope, Caller(user, str(request.remote)))
        except Fault as fault:
            entry.fault_code = fault.code
            answer = fault_answer(fault, computer.host_name)
        if not computer.activity_id:
            answer = replace(answer, activity_id=None)
        relates_to = envelope.message_id
        if injection is not None and injection.action == "wrong_relates_to":
            relates_to = "uuid:00000000-0000-0000-0000-000000000000"
        response = _soap(entry, answer, relates_to, connection)
        if injection is not None and injection.action == "withhold":
            with injection.held():
                await asyncio.Event().wait()
        if injection is not None and injection.action in ("truncate", "close_without_answer"):
            return await _break_off(request, response, entry, half=injection.action == "truncate")
        return response

    @staticmethod
    async def _instead(
        request: web.BaseRequest,
        envelope: Request,
        computer: SimulatedComputer,
        injection: Injection,
        connection: Connection,
        entry: LoggedRequest,
    ) -> web.StreamResponse:
        """Misbehave instead of carrying the request out."""
        if injection.action == "fault":
            fault = Fault(injection.fault_code)
            entry.fault_code = fault.code
            answer = fault_answer(fault, computer.host_name, injection.subcode)
            return _soap(entry, answer, envelope.message_id, connection)
        if injection.action == "hang":
            with injection.held():
                await asyncio.Event().wait()
        if injection.action == "reset":
            _reset(request)
        if injection.action == "status":
            response = _plain(entry, injection.status, injection.headers)
            response.body = injection.body.encode()
            return response
        body = injection.body if injection.action == "body" else "This is no XML & was never meant to be <one>."
        response = _plain(entry, 200, {"Content-Type": injection.content_type, **injection.headers})
        response.body = body.encode()
        return response


def _describe(entry: LoggedRequest, envelope: Request) -> None:
    entry.operation = envelope.operation
    entry.shell_id = envelope.shell_id
    entry.command_id = envelope.command_id
    entry.resource_uri = envelope.resource_uri
    entry.client_session_id = envelope.session_id


def _plain(entry: LoggedRequest, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    entry.status = status
    return web.Response(status=status, headers=headers)


def _soap(entry: LoggedRequest, answer: Answer, relates_to: str, connection: Connection | None = None) -> web.Response:
    entry.status = answer.status
    body = write_envelope(answer, relates_to).encode()
    content_type = SOAP
    # Whoever encrypts gets an encrypted answer, also to what is wrong; inside TLS that is the client's choice.
    if connection is not None and connection.sealer is not None and entry.encrypted:
        content_type, body = connection.sealer.seal(content_type, body)
    return web.Response(status=answer.status, body=body, headers={"Content-Type": content_type})


def _reset(request: web.BaseRequest) -> None:
    """Close the connection with RST instead of FIN."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def _break_off(
    request: web.BaseRequest, response: web.Response, entry: LoggedRequest, half: bool
) -> web.StreamResponse:
    """Close the connection after half of the answer, or before any of it."""
    entry.status = response.status if half else None
    whole = response.body if isinstance(response.body, bytes) else b""
    broken = web.StreamResponse(status=response.status, headers={"Content-Type": response.headers["Content-Type"]})
    if half:
        broken.content_length = len(whole)
        await broken.prepare(request)
        await broken.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return broken
