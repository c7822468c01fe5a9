"""Verb: decides which step a session needs, carries it out, and interprets a refusal."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import abc
import enum
import typing as t

from ..model.cmdlets import Cmdlet
from ..model.codes import HINTS, Code, Reason
from ..model.errors import ErrorRecord, TransportError, WSManFault, error_record
from ..model.sessions import PSSession
from ..request.request import Request
from ..task.context import Context
from ..wsman.client import WSManClient
from .plan import ASKING, Step


class Verdict(enum.Enum):
    """The meaning of a fault for a step.

    FAILED: it is an error.
    IN_USE: another client holds the session; it may be worth waiting.
    CHANGED: the session is not as it was listed; a new look will tell.
    """

    FAILED = "failed"
    IN_USE = "in use"
    CHANGED = "changed"


class Verb(abc.ABC):
    """One thing to do to sessions.

    Attributes:
        cmdlet: The cmdlet that does it and nothing else. Its verb is the action's name in PowerShell's What if lines.
        doing: How a message about a failure begins.
        where_held: What becomes of a session that another client is connected to, for check mode.
    """

    cmdlet: t.ClassVar[Cmdlet]
    doing: t.ClassVar[str]
    where_held: t.ClassVar[str] = "this fails and changes nothing"

    def __init__(self, request: Request, context: Context) -> None:
        self.request = request
        self.emit = context.emit
        self.now = context.world.now

    @abc.abstractmethod
    def decide(self, session: PSSession, ours: bool) -> Step:
        """Decide about one session; see `plan.Decider`."""

    @abc.abstractmethod
    def expected(self, step: Step) -> PSSession:
        """Return the session as it is once the step has succeeded."""

    @abc.abstractmethod
    def perform(self, client: WSManClient, step: Step, deadline: float) -> PSSession:
        """Do it, and return the session as it is then.

        Raises:
            TransportError: It failed, or its result is unknown.
        """

    @abc.abstractmethod
    def judge(self, step: Step, fault: WSManFault) -> Verdict | Step:
        """Return the meaning of a fault: a result, or another step, which is tried immediately."""

    def vanished(self, session: PSSession) -> PSSession | ErrorRecord:
        """Return the meaning of a session that a second listing no longer has."""
        return self.error(
            f"session {session.name or session.instance_id} no longer exists on {session.endpoint.computer_name}",
            session,
            reason=Reason.EXPIRED,
            hint="It expired, was removed, or belongs to another account.",
        )

    def asks_for_client(self, step: Step) -> bool:
        """Return whether the outcome of a step depends on which client is connected, if the server says Connected."""
        return step.action in ASKING

    def what_if(self, session: PSSession) -> str:
        """Return the line PowerShell shows under -WhatIf."""
        return f'What if: Performing the operation "{self.cmdlet.verb}" on target "{self.target(session)}".'

    def target(self, session: PSSession) -> str:
        """Return the name that PowerShell shows for the target of the operation."""
        return session.name

    @abc.abstractmethod
    def in_use(self, session: PSSession, *, found_in_list: bool) -> ErrorRecord | PSSession:
        """Return the record for a session that another client holds, or the session if that is all right.

        Args:
            found_in_list: Whether that was known before anything was tried.
        """

    def failed(self, session: PSSession, cause: TransportError | None) -> ErrorRecord:
        """Return the record for a step that failed."""
        return self.error(f"{self.doing} session {session.place} failed", session, cause=cause)

    def error(self, message: str, session: PSSession, **details: t.Any) -> ErrorRecord:
        """Return a record of this verb about a session."""
        details = {"about": session.subject, "cmdlet": self.request.cmdlet, **details}
        return error_record(details.pop("error_id", self.cmdlet.error_id), message, **details)

    def hint_to_wait(self) -> str:
        """Return advice for a session in use."""
        if self.request.flow.busy_timeout:
            return f"The session was still in use after {self.request.flow.busy_timeout:g} seconds (busy_timeout)."
        return HINTS[Code.CONNECTED_TO_DIFFERENT_CLIENT]
