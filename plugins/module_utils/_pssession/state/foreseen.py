"""Sessions in the state in which the tasks of a run in check mode would have left them, for later predictions."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.endpoints import Endpoint
from ..model.sessions import Availability, Foreseen, ListedCommand, PSSession, SessionKey, Shell, State
from ..system.shared_records import Record, Records

# The state of a shell that a client is connected to, as servers list it, and that of one without a client.
_CONNECTED, _DISCONNECTED = "Connected", "Disconnected"


class ForeseenSessions:
    """Predicted sessions of a run in check mode: for each address, the sessions by instance id.

    Args:
        records: Shared by the tasks of the run, and by nothing else.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def note(self, sessions: t.Iterable[PSSession]) -> None:
        """Note sessions as a task would leave them."""
        for endpoint, entries in _by_endpoint(sessions).items():
            self._records.change(endpoint, lambda record, entries=entries: record.update(entries))  # type: ignore[misc]

    def forget(self, sessions: t.Iterable[PSSession]) -> None:
        """Forget the predictions for sessions that a task has really changed. Their servers have the new state."""
        for endpoint, entries in _by_endpoint(sessions).items():

            def drop(record: Record, entries: Record = entries) -> None:
                for instance_id in entries:
                    record.pop(instance_id, None)

            self._records.change(endpoint, drop)

    def knows(self, key: SessionKey) -> bool:
        """Return whether a session would exist after the earlier tasks."""
        endpoint, instance_id = key
        state = self._records.change(endpoint, lambda record: record.get(instance_id, {}).get("state"))
        return state not in (None, State.CLOSED.value)

    def applied_to(self, endpoint: Endpoint, listed: t.Sequence[PSSession]) -> tuple[PSSession, ...]:
        """Return the predicted sessions of a computer: with opened and changed sessions, without removed ones.

        Args:
            endpoint: The endpoint of sessions that no server has listed.
            listed: The sessions that the server lists.
        """
        entries = self._records.change(endpoint.key, dict)
        found = [
            _as_foreseen(session, entries.pop(session.instance_id)) if session.instance_id in entries else session
            for session in listed
        ]
        opened = [_opened(endpoint, entry) for entry in entries.values() if "shell" in entry]
        return tuple(session for session in (*found, *opened) if session.state is not State.CLOSED)


def _by_endpoint(sessions: t.Iterable[PSSession]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for session in sessions:
        found.setdefault(session.endpoint.key, {})[session.instance_id] = _entry(session)
    return found


def _entry(session: PSSession) -> Record:
    """Return the entry of a session. If the server lists the session, the entry only has the changes."""
    entry: Record = {"state": session.state.value, "idle_timeout": session.shell.idle_timeout}
    commands = session.commands
    if commands is None and session.foreseen is not None:
        commands = session.foreseen.commands
    if commands is not None:
        entry["commands"] = [command.as_dict() for command in commands]
    if not session.exists or (session.foreseen is not None and session.foreseen.is_new):
        entry["shell"] = {**dataclasses.asdict(session.shell), "state": ""}
    return entry


def _as_foreseen(session: PSSession, entry: Record) -> PSSession:
    """Return a listed session in the form of an entry. As in lists, it is Disconnected, and Busy if it has a client."""
    state, has_client = State(entry["state"]), entry["state"] == State.OPENED.value
    shell = dataclasses.replace(
        session.shell,
        state=_CONNECTED if has_client else _DISCONNECTED,
        idle_timeout=entry["idle_timeout"],
    )
    is_new, commands = "shell" in entry, entry.get("commands", [] if "shell" in entry else None)
    known = None if commands is None else tuple(ListedCommand(**command) for command in commands)
    return dataclasses.replace(
        session,
        shell=shell,
        state=State.CLOSED if state is State.CLOSED else State.DISCONNECTED,
        availability=Availability.BUSY if has_client else Availability.NONE,
        disconnected_on=None,
        expires_on=None,
        foreseen=Foreseen(is_new, known),
    )


def _opened(endpoint: Endpoint, entry: Record) -> PSSession:
    return _as_foreseen(PSSession(endpoint, Shell(**entry["shell"]), State.CLOSED, Availability.NONE), entry)
