"""Disconnect-PSSession: disconnects from sessions, so that their commands go on without a client."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime

from ..model import cmdlets
from ..model.codes import Code, Reason
from ..model.errors import ErrorRecord, WSManFault
from ..model.sessions import Availability, PSSession, Shell, State
from ..wsman.client import WSManClient
from .base import Verb, Verdict
from .plan import Action, Step


class Disconnect(Verb):
    """Disconnect from sessions. Disconnected sessions stay as they are."""

    cmdlet = cmdlets.DISCONNECT
    doing = "disconnecting from"

    def decide(self, session: PSSession, ours: bool) -> Step:
        """Decide by the availability; the idle timeout must suit the session (DisconnectPSSessionCommand)."""
        if session.availability is not Availability.BUSY:
            return Step(session, Action.NOTHING, ours)
        longest = session.shell.max_idle_timeout
        seconds = self.request.idle_timeout
        if seconds is not None and longest and seconds > longest:
            return Step(session, Action.REFUSE, ours, self._unsuitable_idle_timeout(session, seconds, longest))
        return Step(session, Action.DISCONNECT_IF_OURS, ours)

    def expected(self, step: Step) -> PSSession:
        if step.action is Action.NOTHING:
            return step.session
        now = self.now()
        shell = self._shell_afterwards(step.session.shell)
        return dataclasses.replace(
            step.session,
            shell=shell,
            state=State.DISCONNECTED,
            availability=Availability.NONE,
            disconnected_on=now,
            expires_on=_expiry(now, shell.idle_timeout),
        )

    def perform(self, client: WSManClient, step: Step, deadline: float) -> PSSession:
        mode = client.endpoint.option.output_buffering_mode
        if step.action is Action.DISCONNECT_IF_OURS:
            # The client that the server means may be another one by now, and a server might disconnect it all the same.
            client.reconnect(step.session.shell, None, deadline)
        client.disconnect(step.session.shell, self._idle_timeout(step.session.shell), mode, deadline)
        return self.expected(step)

    def judge(self, step: Step, fault: WSManFault) -> Verdict | Step:
        if fault.code in (Code.ALREADY_DISCONNECTED, Code.SHELL_DISCONNECTED):
            return Verdict.CHANGED  # by itself; a new look tells since when, and when it expires
        return Verdict.IN_USE if fault.is_in_use else Verdict.FAILED

    def in_use(self, session: PSSession, *, found_in_list: bool) -> ErrorRecord:
        return self.error(
            f"session {session.place} was not disconnected: another client is connected to it",
            session,
            error_id="CannotDisconnectSessionWhenNotOpened",
            reason=Reason.BUSY,
            target=session.instance_id,
            hint="Only the client that is connected to a session can disconnect from it.",
        )

    def _idle_timeout(self, shell: Shell) -> float | None:
        """Return the idle timeout to send in seconds, or None to keep that of the session.

        What the session option asks for may be more than the server allows: a session that the task opened was given
        the most then, and others are given it now.
        """
        asked, longest = self.request.idle_timeout, shell.max_idle_timeout
        if asked is None or self.request.change.idle_timeout is not None:
            return asked
        if self.request.query.new_names:
            return None
        return min(asked, longest) if longest else asked

    def _shell_afterwards(self, shell: Shell) -> Shell:
        seconds, mode = self._idle_timeout(shell), self.request.session_option.output_buffering_mode
        if seconds is not None:
            shell = dataclasses.replace(shell, idle_timeout=seconds)
        if mode is not None:
            shell = dataclasses.replace(shell, buffer_mode=mode)
        return shell

    def _unsuitable_idle_timeout(self, session: PSSession, seconds: float, longest: float) -> ErrorRecord:
        return self.error(
            f"session {session.place} cannot be disconnected "
            f"with an idle timeout of {seconds:.15g} seconds, its server allows {int(longest)} at most",
            session,
            error_id="CannotDisconnectSessionWithInvalidIdleTimeout",
            category="InvalidArgument",
            target=session.instance_id,
        )


def _expiry(now: datetime.datetime, idle_timeout: float | None) -> datetime.datetime | None:
    """Return the expiry of a session that is disconnected now, or None if it is unknown or too far in the future."""
    if not idle_timeout:
        return None
    try:
        return now + datetime.timedelta(seconds=int(idle_timeout))
    except OverflowError:
        return None
