"""Lists sessions once more whose command could not be received or started, to find out their state.

    list the sessions --> not listed: expired
                     |--> free
                     +--> connected: Reconnect --> refused: in use elsewhere
                                              +--> ours; disconnected from, where its command is to go on
    no answer at all: unknown

An error only reports a state of the session that was seen here.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import enum
import typing as t
from dataclasses import dataclass

from ..finding.discovery import as_session
from ..model.codes import Code
from ..model.commands import CommandResult
from ..model.errors import TransportError, WSManFault
from ..model.sessions import Availability, PSSession, SessionKey
from ..task.task import Task
from ..verbs.disconnect import Disconnect
from ..verbs.plan import Action, Step
from ..wsman.client import WSManClient


class Fate(enum.Enum):
    """Outcome of a session after the last look.

    EXPIRED: the server no longer lists it.
    BUSY: another client is connected to it.
    WITHOUT_COMMAND: it exists, but its command does not.
    DISCONNECTED: it exists with its command, and has no client.
    CONNECTED: this client is connected to it.
    REMOVED: this task has removed it.
    UNKNOWN: the server gave no answer that shows its state.
    """

    EXPIRED = "expired"
    BUSY = "busy"
    WITHOUT_COMMAND = "without command"
    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    REMOVED = "removed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Seen:
    """The findings of a last look.

    Attributes:
        session: The session now. None if another client is connected to it, it no longer exists, or its state is
            unknown.
        cause: The reason if the state is unknown, or None.
    """

    fate: Fate
    session: PSSession | None = None
    cause: TransportError | None = None


def look(task: Task, results: t.Iterable[CommandResult], leave: t.Container[SessionKey]) -> dict[SessionKey, Seen]:
    """List the sessions of failed results once more, several at a time as the throttle limit allows.

    Args:
        results: One for each session.
        leave: Keys of sessions to disconnect from.
    """

    def look_at(result: CommandResult) -> Seen:
        session = result.session
        task.pool.discard(session.endpoint)  # idle connections may be broken, as that of the command was
        with task.pool.lend(session.endpoint) as client:
            return _Look(task, client, result).result(session.key in leave)

    return {
        result.session.key: Seen(Fate.UNKNOWN, cause=outcome) if isinstance(outcome, TransportError) else outcome
        for result, outcome in task.throttle.map(look_at, list(results))
    }


class _Look:
    """One look, over one connection and with one deadline."""

    def __init__(self, task: Task, client: WSManClient, result: CommandResult) -> None:
        self._task = task
        self._client = client
        self._session = result.session
        self._command_id = result.command_id
        self._deadline = client.new_deadline()

    def result(self, leave: bool) -> Seen:
        """Return the findings.

        Raises:
            TransportError: The server gave no answer, or none that shows the state of the session.
        """
        try:
            listed = self._listed()
            if listed is None:
                return Seen(Fate.EXPIRED)
            is_free = listed.availability is Availability.NONE
            if not is_free:
                self._client.reconnect(listed.shell, None, self._deadline)
            with_command = self._has_command()
            if not is_free:
                listed = self._disconnected(listed) if leave else self._connected()
        except WSManFault as fault:
            if fault.is_in_use:
                return Seen(Fate.BUSY)
            if fault.code == Code.UNEXPECTED_SELECTORS:
                return Seen(Fate.EXPIRED)
            raise
        if not with_command:
            return Seen(Fate.WITHOUT_COMMAND, listed)
        return Seen(Fate.DISCONNECTED if is_free or leave else Fate.CONNECTED, listed)

    def _listed(self) -> PSSession | None:
        shells = self._client.enumerate_shells(self._deadline).shells
        now = self._task.context.world.now()
        found = (as_session(shell, self._session.endpoint, now) for shell in shells)
        session = next((each for each in found if each.instance_id == self._session.instance_id), None)
        return (
            None
            if session is None
            else dataclasses.replace(session, id=self._session.id, commands=self._session.commands)
        )

    def _has_command(self) -> bool:
        """Return whether the command exists. If it was not started, return True without a request."""
        if self._command_id is None:
            return True
        commands = self._client.enumerate_commands(self._session.shell, self._deadline)
        return any(command.command_id == self._command_id for command in commands)

    def _disconnected(self, session: PSSession) -> PSSession:
        step = Step(session, Action.DISCONNECT, ours=True)
        return Disconnect(self._task.request, self._task.context).perform(self._client, step, self._deadline)

    def _connected(self) -> PSSession:
        return dataclasses.replace(self._session, connected_at=self._task.context.world.now().timestamp())
