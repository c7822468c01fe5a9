# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server to be checked, and the small steps of the checks."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import (
    CommandEvent,
    Endpoint,
    PSSession,
    Remoting,
    Script,
    TransportError,
    WSManFault,
    endpoint_at,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import OutputReceived
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    DEFAULT_RESOURCE_URI,
    Availability,
    State,
)

from .recorder import Edit, Recorder, unchanged

# Seconds that a script of a check may take. Where it takes longer, the check fails.
PATIENCE = 120
# A script that writes an object and then keeps silent for longer than a check takes.
WAITING = "'one'; Start-Sleep 600"
DONE = "'done'"


def _wait_for_receive() -> None:
    time.sleep(3)


@dataclass
class Lab:
    """A server to be checked.

    Attributes:
        options: Of `library.endpoint_at`, with the URI.
        other_options: Of another account, which is no administrator; None without one.
        resource_uri: Of the session configuration.
        wait: Lets so many seconds of the server's time pass.
        pause: Seconds between two looks at a script that runs.
        restart: Restarts the WinRM service; None if that is not allowed.
        wait_for_receive: Returns when a Receive that a thread is about to send waits at the server.
        output_bytes: How much output to make to find out how much the server keeps.
        recorder: Of the check that runs.
    """

    options: Mapping[str, Any]
    other_options: Mapping[str, Any] | None = None
    resource_uri: str = DEFAULT_RESOURCE_URI
    wait: Callable[[float], None] = time.sleep
    pause: float = 1.0
    restart: Callable[[], None] | None = None
    wait_for_receive: Callable[[], None] = _wait_for_receive
    output_bytes: int = 64_000_000
    recorder: Recorder = field(default_factory=Recorder)

    def endpoint(self, **session_option: Any) -> Endpoint:
        """Return the server with session options."""
        return _endpoint(self.options, session_option)

    def other_endpoint(self) -> Endpoint:
        """Return the server as the other account sees it."""
        assert self.other_options is not None
        return _endpoint(self.other_options, {})

    def client(self, client_id: str | None = None, edit: Edit = unchanged) -> Remoting:
        """Return a new client of the server, whose conversations are recorded."""
        return Remoting(client_id, world=self.recorder.world(edit))

    @contextlib.contextmanager
    def session(
        self, client: Remoting, name: str = "live", endpoint: Endpoint | None = None, **session_option: Any
    ) -> Iterator[PSSession]:
        """Open a session, and remove it in the end if it still exists."""
        opened = client.new(endpoint or self.endpoint(**session_option), name, resource_uri=self.resource_uri)
        try:
            yield opened
        finally:
            with contextlib.suppress(TransportError), Remoting() as remover:
                remover.remove(opened)


def _endpoint(options: Mapping[str, Any], session_option: Mapping[str, Any]) -> Endpoint:
    given = dict(options)
    return endpoint_at(given.pop("uri"), **given, session_option={**given.pop("session_option", {}), **session_option})


def new_id() -> str:
    """Return a GUID in lower case."""
    return str(uuid.uuid4())


def connect(client: Remoting, session: PSSession) -> PSSession:
    """Send a Connect, whatever the state of the session."""
    return client.connect(dataclasses.replace(session, availability=Availability.NONE, state=State.DISCONNECTED))


def reconnect(client: Remoting, session: PSSession) -> PSSession:
    """Send a Reconnect, whatever the state of the session."""
    return client.connect(dataclasses.replace(session, availability=Availability.BUSY))


def receive_without_connect(
    client: Remoting, session: PSSession, command_id: str, timeout: float
) -> list[CommandEvent]:
    """Receive from a command that the client has not connected to."""
    client._note_connected(session, command_id)
    return list(client.receive(session, command_id, timeout=timeout))


def receive_first(client: Remoting, session: PSSession, command_id: str) -> object:
    """Return the first object of the output, and send no Receive behind the one that brought it."""
    events = client.receive(session, command_id, timeout=PATIENCE)
    for event in events:
        if isinstance(event, OutputReceived):
            events.close()  # type: ignore[attr-defined]
            return event.value
    raise AssertionError("the command ended without output")


def run(client: Remoting, session: PSSession, script: Script | str) -> list[CommandEvent]:
    """Run a script and return its events."""
    wanted = Script(script) if isinstance(script, str) else script
    return list(client.receive(session, client.start(session, wanted), timeout=PATIENCE))


def outputs(events: Iterable[CommandEvent]) -> list[object]:
    """Return the objects of the output."""
    return [event.value for event in events if isinstance(event, OutputReceived)]


def listed(client: Remoting, session: PSSession) -> PSSession | None:
    """Return a session as the server lists it, or None."""
    found = [each for each in client.get(session.endpoint) if each.instance_id == session.instance_id]
    return found[0] if found else None


def refusal(request: Callable[..., object], *arguments: object) -> WSManFault | None:
    """Return the fault that a request gets, or None if it is accepted."""
    try:
        request(*arguments)
    except WSManFault as fault:
        return fault
    return None


def told(refused: TransportError | int | None) -> str:
    """Return a refusal, or the code of one, in a few words, without texts of the server."""
    if refused is None:
        return "accepted"
    code = refused if isinstance(refused, int) else refused.code
    if code is None:
        return f"no code, subcode {getattr(refused, 'subcode', None)}"
    return f"0x{code:08X}" if code > 0xFFFF else str(code)
