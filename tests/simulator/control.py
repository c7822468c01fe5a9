# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's control interface over HTTP, for tests and demonstrations in other processes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .declaration import read
from .injection import Injection
from .switches import Switches

if TYPE_CHECKING:
    from .computer import SimulatedComputer
    from .fleet import SimulatedFleet
    from .session import SimulatedSession


def describe_session(session: SimulatedSession) -> dict[str, Any]:
    """A session as plain values."""
    names = ("shell_id", "name", "state", "owner", "resource_uri", "owner_client", "idle_timeout", "buffer_mode")
    return {
        **{name: getattr(session, name) for name in names},
        "inactivity": session.inactivity,
        "process_id": session.process_id,
        "commands": [asdict(command) for command in session.commands],
    }


def describe_computer(computer: SimulatedComputer) -> dict[str, Any]:
    """A computer as plain values."""
    return {
        "name": computer.name,
        "address": computer.address,
        "port": computer.port,
        "https_port": computer.https_port,
        "uri": computer.uri,
        "https_uri": computer.https_uri,
        "switches": {item.name: getattr(computer, item.name) for item in fields(Switches)},
        "sessions": [describe_session(session) for session in computer.sessions],
    }


def control_application(fleet: SimulatedFleet) -> web.Application:
    """The application; its handlers run in the fleet's own loop."""
    control = _Control(fleet)
    application = web.Application(middlewares=[_errors_as_json])
    application.add_routes(
        [
            web.get("/state", control.state),
            web.get("/requests", control.requests),
            web.post("/requests/clear", control.clear_requests),
            web.post("/sessions", control.add_session),
            web.post("/inject", control.inject),
            web.post("/clock", control.move_clock),
            web.post("/settings", control.change_settings),
            web.post("/stop", control.stop),
        ]
    )
    return application


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer 400 with the reason for a call that makes no sense."""
    try:
        return await handler(request)
    except (KeyError, TypeError, ValueError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


async def _arguments(request: web.Request) -> dict[str, Any]:
    arguments = json.loads(await request.text() or "{}")
    if not isinstance(arguments, dict):
        raise TypeError("the body must be a JSON object")
    return arguments


class _Control:
    def __init__(self, fleet: SimulatedFleet) -> None:
        self._fleet = fleet

    async def state(self, _request: web.Request) -> web.Response:
        computers = [describe_computer(computer) for computer in self._fleet]
        return web.json_response({"now": self._fleet.clock.now(), "computers": computers})

    async def requests(self, request: web.Request) -> web.Response:
        selected = self._fleet.requests_of(request.query.get("computer"), request.query.get("operation"))
        return web.json_response({"requests": [entry.to_json() for entry in selected]})

    async def clear_requests(self, _request: web.Request) -> web.Response:
        self._fleet.clear_requests()
        return web.json_response({})

    async def add_session(self, request: web.Request) -> web.Response:
        """``{"computer": name, ...}`` with the keys of a ``Session``."""
        arguments = await _arguments(request)
        computer = self._fleet[arguments.pop("computer")]
        session = computer.add_session(arguments)
        await computer.start_existing()
        return web.json_response(describe_session(session))

    async def inject(self, request: web.Request) -> web.Response:
        """``{"computer": name or null for all, ...}`` with the attributes of ``Injection``."""
        arguments = await _arguments(request)
        for computer in self._selected(arguments.pop("computer", None)):
            computer.inject(read(Injection, arguments))
        return web.json_response({})

    async def move_clock(self, request: web.Request) -> web.Response:
        """``{"advance": seconds}``."""
        self._fleet.clock.advance(float((await _arguments(request))["advance"]))
        return web.json_response({"now": self._fleet.clock.now()})

    async def change_settings(self, request: web.Request) -> web.Response:
        """``{"computer": name or null for all, "switches": {...}}``."""
        arguments = await _arguments(request)
        for computer in self._selected(arguments.get("computer")):
            computer.configure(arguments["switches"])
        return web.json_response({})

    async def stop(self, _request: web.Request) -> web.Response:
        self._fleet.stop_requested.set()
        return web.json_response({})

    def _selected(self, name: str | None) -> list[SimulatedComputer]:
        return list(self._fleet) if name is None else [self._fleet[name]]
