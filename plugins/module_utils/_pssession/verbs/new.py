"""New-PSSession: opens sessions that do not exist yet, by name."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ..model import cmdlets
from ..model.codes import Code
from ..model.errors import ErrorRecord, TransportError, WSManFault
from ..model.events import Warned
from ..model.sessions import PSSession
from ..psrp import opening
from ..wsman.client import WSManClient
from .base import Verdict
from .connect import Connect
from .plan import Action, Step


class New(Connect):
    """Open sessions. If a session exists, connect to it if possible, and return it in any case."""

    cmdlet = cmdlets.NEW
    doing = "opening"
    where_held = "it stays as it is"

    def decide(self, session: PSSession, ours: bool) -> Step:
        """Decide by whether the session exists: one that does not was never listed, so it has no state."""
        if not session.exists:
            return Step(session, Action.CREATE)
        return super().decide(session, ours)

    def perform(self, client: WSManClient, step: Step, deadline: float) -> PSSession:
        if step.action is not Action.CREATE:
            return super().perform(client, step, deadline)
        shell = opening.open_session(client, step.session.shell, deadline)
        return dataclasses.replace(step.session, shell=shell).opened()

    def judge(self, step: Step, fault: WSManFault) -> Verdict | Step:
        if step.action is not Action.CREATE:
            return super().judge(step, fault)
        # A request for the same session, of an earlier run, has arrived after all: it is there.
        return Verdict.CHANGED if fault.code == Code.SHELL_ID_IN_USE else Verdict.FAILED

    def in_use(self, session: PSSession, *, found_in_list: bool) -> ErrorRecord | PSSession:
        """Return the session unchanged, because it only had to exist."""
        self.emit(
            Warned(
                f"Session {session.name} on {session.endpoint.computer_name} exists, and another client is connected "
                "to it."
            )
        )
        return session

    def vanished(self, session: PSSession) -> PSSession | ErrorRecord:
        return self.error(
            f"session {session.name} on {session.endpoint.computer_name} was not opened: the request had no "
            "usable answer, and there is no such session",
            session,
            category="OpenError",
            hint="Run the task again.",
        )

    def failed(self, session: PSSession, cause: TransportError | None) -> ErrorRecord:
        return dataclasses.replace(super().failed(session, cause), category="OpenError")
