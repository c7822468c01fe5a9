"""Plan: one step for each selected session. Nothing is sent here; check mode shows exactly this."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import enum
import typing as t
from dataclasses import dataclass

from ..model.cmdlets import INVOKE, RECEIVE, Cmdlet
from ..model.errors import ErrorRecord, error_record
from ..model.sessions import PSSession, SessionKey
from ..request.request import Request


class Action(enum.Enum):
    """The kinds of steps for a session.

    CONNECT: it is free: become its client.
    RECONNECT: it is free, and this client was the last one connected: take it up again.
    CONFIRM: the server says Connected. Only a Reconnect tells to whom: ours is accepted and changes nothing.
    CREATE: it does not exist: open it.
    DISCONNECT_IF_OURS: the server says Connected. A Reconnect tells to whom, and only if it is accepted, disconnect.
    DISCONNECT: leave it, so that the work in it goes on without a client.
    REMOVE: end it, and all work in it.
    NOTHING: it is already as it should be.
    REFUSE: an error, without a request.
    """

    CONNECT = "connect"
    RECONNECT = "reconnect"
    CONFIRM = "confirm"
    CREATE = "create"
    DISCONNECT_IF_OURS = "disconnect if ours"
    DISCONNECT = "disconnect"
    REMOVE = "remove"
    NOTHING = "nothing"
    REFUSE = "refuse"


# What asks the server for whom it means by Connected; a refusal says that it is another client.
ASKING = frozenset({Action.CONFIRM, Action.DISCONNECT_IF_OURS})
_UNCHANGED = frozenset({Action.CONFIRM, Action.NOTHING, Action.REFUSE})


@dataclass(frozen=True)
class Step:
    """One session and the operation for it.

    Attributes:
        ours: Whether the registry has this client as the one last connected to the session.
        error: Why the session is refused.
        twin: An earlier session with the same instance id at another address. It may be the same one, if both addresses
            are of one computer.
    """

    session: PSSession
    action: Action
    ours: bool = False
    error: ErrorRecord | None = None
    twin: PSSession | None = None

    @property
    def changes(self) -> bool:
        """Return whether the step changes the state of the session."""
        return self.action not in _UNCHANGED


class Decider(t.Protocol):
    """The part of a verb that decides."""

    cmdlet: t.ClassVar[Cmdlet]

    def decide(self, session: PSSession, ours: bool) -> Step:
        """Return the step for one session.

        Args:
            ours: Whether this client was the last one connected to it, as far as is known.
        """


def plan(
    decider: Decider,
    sessions: t.Iterable[PSSession],
    owners: t.Mapping[tuple[str, str], str | None],
    client_id: str,
    request: Request,
) -> list[Step]:
    """Return one step for each selected session, in order.

    Args:
        owners: The client last connected to a session, by `PSSession.key`, as far as the registry knows.
        client_id: This client.
    """
    steps: list[Step] = []
    is_running = request.cmdlet in (INVOKE, RECEIVE)
    earlier: dict[SessionKey, Step] = {}
    by_id: dict[str, Step] = {}
    for session in sessions:
        step = decider.decide(session, owners.get(session.key) == client_id)
        same, alike = earlier.get(session.key), by_id.get(session.instance_id)
        if same is not None and same.changes:
            # The cmdlet starts two operations on one session, and the second fails; it is not sent here.
            step = Step(session, Action.REFUSE, error=selected_twice(session, decider.cmdlet, request))
        elif same is None and alike is not None and (alike.changes or is_running) and _is_alike(alike.session, session):
            step = dataclasses.replace(step, twin=alike.session)
        earlier.setdefault(session.key, step)
        by_id.setdefault(session.instance_id, step)
        steps.append(step)
    return steps


def _is_alike(one: PSSession, other: PSSession) -> bool:
    """Return whether two addresses may list the same session: all properties that never change are equal."""
    names = ("name", "owner", "resource_uri", "idle_timeout", "buffer_mode")
    same = all(getattr(one.shell, name) == getattr(other.shell, name) for name in names)
    return same and one.availability is other.availability


def selected_twice(session: PSSession, cmdlet: Cmdlet, request: Request) -> ErrorRecord:
    """Return the record for a session that was selected before.

    Args:
        cmdlet: That of the verb.
    """
    return error_record(
        cmdlet.error_id,
        f"session {session.name or session.instance_id} was selected twice; the task acts on it only once",
        cmdlet=request.cmdlet,
        about=session.subject,
        hint="Several of the names match this session, or the computer is named twice. Remove one of them.",
    )
