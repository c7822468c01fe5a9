# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Decide: what each selected session needs. Nothing is sent here; check mode shows exactly this."""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass

from .errors import ErrorRecord, error_record
from .model import Availability, PSSession
from .request import Request


class Action(enum.Enum):
    """What to do about a session.

    CONNECT: it is free: become its client.
    RECONNECT: it is free, and this client was the last one connected: take it up again.
    CONFIRM: the server says Connected. Only a Reconnect tells to whom: ours is accepted and changes nothing.
    REFUSE: an error, without a request.
    """

    CONNECT = "connect"
    RECONNECT = "reconnect"
    CONFIRM = "confirm"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Step:
    """One session and what to do about it.

    Attributes:
        ours: Whether the registry has this client as the one last connected to the session.
        error: Why the session is refused.
    """

    session: PSSession
    action: Action
    ours: bool = False
    error: ErrorRecord | None = None

    @property
    def changes(self) -> bool:
        """Whether the session will be in another state afterwards."""
        return self.action in (Action.CONNECT, Action.RECONNECT)

    @property
    def what_if(self) -> str:
        """The line PowerShell shows for this step under -WhatIf."""
        return f'What if: Performing the operation "Connect" on target "{self.session.name}".'


def plan(
    sessions: t.Iterable[PSSession], owners: t.Mapping[str, str | None], client_id: str, request: Request
) -> list[Step]:
    """Return one step for each selected session, in order.

    Args:
        owners: The client last connected to a session, by instance id, as far as the registry knows.
        client_id: This client.
    """
    steps: list[Step] = []
    earlier: dict[str, Step] = {}
    for session in sessions:
        first = earlier.get(session.instance_id)
        step = decide(session, owners.get(session.instance_id), client_id)
        if first is not None and first.changes:
            # The cmdlet starts two connects for one session, and the second fails; it is not sent here.
            step = Step(session, Action.REFUSE, error=_twice(session, request))
        earlier.setdefault(session.instance_id, step)
        steps.append(step)
    return steps


def decide(session: PSSession, owner: str | None, client_id: str) -> Step:
    """Decide about one session by its availability (ConnectPSSessionCommand.ConnectSessions)."""
    ours = owner == client_id
    if session.availability is Availability.BUSY:
        return Step(session, Action.CONFIRM, ours)
    return Step(session, Action.RECONNECT if ours else Action.CONNECT, ours)


def in_use(session: PSSession, request: Request, *, found_in_list: bool) -> ErrorRecord:
    """Return the record for a session that another client holds.

    Args:
        found_in_list: Whether that was known before connecting was tried; then PowerShell names the session as target.
    """
    name, computer = session.name or session.instance_id, session.endpoint.computer_name
    text = (
        f"session {name} on {computer} is not available to connect: another client is connected to it"
        if found_in_list
        else f"connecting to session {name} on {computer} failed: it is not available for connection, another client "
        "took it"
    )
    return error_record(
        "PSSessionConnectFailed",
        text,
        command=request.command,
        target=session.instance_id if found_in_list else None,
        computer_name=computer,
        hint=(
            "If that client died, the server frees the session after about a minute: set busy_timeout to wait for it."
            if not request.busy_timeout
            else f"It was still in use after {request.busy_timeout:g} seconds (busy_timeout)."
        ),
    )


def _twice(session: PSSession, request: Request) -> ErrorRecord:
    return error_record(
        "PSSessionConnectFailed",
        f"connecting to session {session.name or session.instance_id} failed: it was selected twice, and is "
        "already being connected",
        command=request.command,
        computer_name=session.endpoint.computer_name,
        hint="Overlapping names or a computer that was named twice select a session twice.",
    )
