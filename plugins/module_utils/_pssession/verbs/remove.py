"""Remove-PSSession: removes sessions, and all work in them."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ..model import cmdlets
from ..model.codes import Code, Reason
from ..model.errors import ErrorRecord, WSManFault
from ..model.sessions import Availability, PSSession, Shell, State
from ..model.text import shown_in_line
from ..psrp import handshake
from ..wsman.client import WSManClient
from .base import Verb, Verdict
from .plan import Action, Step


class Remove(Verb):
    """Remove sessions, but not those that another client works in, unless that is forced."""

    cmdlet = cmdlets.REMOVE
    doing = "removing"

    def decide(self, session: PSSession, ours: bool) -> Step:
        return Step(session, Action.REMOVE, ours)

    def asks_for_client(self, step: Step) -> bool:
        return step.session.availability is Availability.BUSY and not self.request.change.force

    def expected(self, step: Step) -> PSSession:
        return dataclasses.replace(
            step.session,
            state=State.CLOSED,
            availability=Availability.NONE,
            disconnected_on=None,
            expires_on=None,
        )

    def perform(self, client: WSManClient, step: Step, deadline: float) -> PSSession:
        """Connect first, as Remove-PSSession does: it proves that no other client is connected."""
        shell = step.session.shell
        if not self.request.change.force:
            if step.session.availability is Availability.BUSY:
                client.reconnect(shell, None, deadline)
            else:
                self._take(client, shell, deadline)
        client.delete(shell, deadline)
        return self.expected(step)

    def _take(self, client: WSManClient, shell: Shell, deadline: float) -> None:
        try:
            handshake.connect(client, shell, None, deadline)
        except WSManFault as fault:
            # An administrator may remove the sessions of other accounts and cannot connect to them: look again instead.
            if fault.code != Code.ACCESS_DENIED or not _is_free(client, shell, deadline):
                raise

    def judge(self, step: Step, fault: WSManFault) -> Verdict | Step:
        if fault.code == Code.UNEXPECTED_SELECTORS:
            return Verdict.CHANGED  # gone already; a new look will tell for sure
        listed_as_held = step.session.availability is Availability.BUSY
        held = fault.is_in_use and (listed_as_held or not fault.is_unclear_refusal)
        return Verdict.IN_USE if held and not self.request.change.force else Verdict.FAILED

    def vanished(self, session: PSSession) -> PSSession | ErrorRecord:
        return self.expected(Step(session, Action.REMOVE))

    def target(self, session: PSSession) -> str:
        return session.endpoint.computer_name

    def what_if(self, session: PSSession) -> str:
        """Name the session beside its computer, which the cmdlet names alone: it may have several sessions."""
        return f"{super().what_if(session).removesuffix('.')} ({shown_in_line(session.name) or session.instance_id})."

    def in_use(self, session: PSSession, *, found_in_list: bool) -> ErrorRecord:
        return self.error(
            f"session {session.place} was not removed: another client is connected to it",
            session,
            reason=Reason.BUSY,
            target=session.instance_id,
            hint=f"{self.hint_to_wait()} To remove it anyway, set force; that ends the other client's work.",
        )


def _is_free(client: WSManClient, shell: Shell, deadline: float) -> bool:
    """Return whether a shell is listed and has no client."""
    listed = client.enumerate_shells(deadline).shells
    return any(each.shell_id == shell.shell_id and each.state.lower() == "disconnected" for each in listed)
