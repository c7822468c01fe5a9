"""Connect-PSSession: connects to sessions that no client is connected to."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ..model import cmdlets
from ..model.codes import Code, Reason
from ..model.errors import ErrorRecord, TransportError, WSManFault
from ..model.events import Warned
from ..model.sessions import Availability, PSSession
from ..psrp import handshake
from ..wsman.client import WSManClient
from .base import Verb, Verdict
from .plan import Action, Step


class Connect(Verb):
    """Connect to sessions. A session that this client is connected to stays as it is."""

    cmdlet = cmdlets.CONNECT
    doing = "connecting to"

    def decide(self, session: PSSession, ours: bool) -> Step:
        """Decide by the availability (ConnectPSSessionCommand.ConnectSessions)."""
        if session.availability is Availability.BUSY:
            return Step(session, Action.CONFIRM, ours)
        return Step(session, Action.RECONNECT if ours else Action.CONNECT, ours)

    def expected(self, step: Step) -> PSSession:
        session = step.session.opened()
        mode = session.endpoint.option.output_buffering_mode
        if mode is None or step.action not in (Action.CONNECT, Action.RECONNECT):
            return session
        return dataclasses.replace(session, shell=dataclasses.replace(session.shell, buffer_mode=mode))

    def perform(self, client: WSManClient, step: Step, deadline: float) -> PSSession:
        mode = client.endpoint.option.output_buffering_mode
        if step.action is Action.CONNECT:
            handshake.connect(client, step.session.shell, mode, deadline)
            return self._completed(client, self.expected(step), deadline)
        # A session that is open already keeps its buffering mode: connecting to it changes nothing.
        client.reconnect(step.session.shell, mode if step.action is Action.RECONNECT else None, deadline)
        return self.expected(step)

    def judge(self, step: Step, fault: WSManFault) -> Verdict | Step:
        if step.action is Action.RECONNECT and fault.code == Code.CLIENT_SESSION_ID_MISMATCH:
            # Another client connected and disconnected meanwhile, so it takes a Connect.
            return dataclasses.replace(step, action=Action.CONNECT)
        if step.action is Action.CONFIRM:
            return Verdict.IN_USE if fault.is_in_use else Verdict.FAILED
        return Verdict.CHANGED if fault.code == Code.CONNECTED_TO_DIFFERENT_CLIENT else Verdict.FAILED

    def in_use(self, session: PSSession, *, found_in_list: bool) -> ErrorRecord | PSSession:
        text = (
            f"session {session.place} is not available to connect: another client is connected to it"
            if found_in_list
            else f"connecting to session {session.place} failed: another client connected to it first"
        )
        # PowerShell names the session as target only if it was known to be in use before connecting was tried.
        return self.error(
            text,
            session,
            reason=Reason.BUSY,
            target=session.instance_id if found_in_list else None,
            hint=self.hint_to_wait(),
        )

    def _completed(self, client: WSManClient, session: PSSession, deadline: float) -> PSSession:
        """Add the server's data for a new client. Even if this fails, the session is connected."""
        if not self.request.change.application_private_data:
            return session
        try:
            data = handshake.receive_private_data(client, session.shell, deadline)
        except TransportError as error:
            self.emit(
                Warned(
                    f"Session {session.place} is connected, but its application private data did not come: "
                    f"{error.message}"
                )
            )
            data = {}
        return dataclasses.replace(session, application_private_data=data)


class ConnectAnew(Connect):
    """Connect to sessions to receive from the commands in them.

    A free session is connected to as by a new client, although a Reconnect would do for our own: only to a new client
    a server repeats an answer that got lost (see docs/protocol.md).
    """

    def decide(self, session: PSSession, ours: bool) -> Step:
        step = super().decide(session, ours)
        if step.action is Action.RECONNECT and session.commands:
            return dataclasses.replace(step, action=Action.CONNECT)
        return step

    def judge(self, step: Step, fault: WSManFault) -> Verdict | Step:
        if step.action is Action.CONNECT and step.ours and fault.code == Code.CONNECT_REFUSED:
            # The server waits for a session key, and accepts no new client until it has one (see docs/protocol.md).
            return dataclasses.replace(step, action=Action.RECONNECT)
        return super().judge(step, fault)
