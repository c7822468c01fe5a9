# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runspace pool whose scripts are declared; there is no PowerShell behind it."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psrpcore import PSRemotingCrypto
from psrpcore.types import PSInvocationState, PSRPMessageType, PublicKeyRequest

from . import messages
from .clock import FleetClock, Wakeup
from .pool import RunspacePool
from .psrp import Message, Outgoing, ProtocolViolation
from .records import Origin
from .scripted_pipeline import ScriptedPipeline
from .scripts import ScriptLibrary

#: Seconds a server waits for a client's public key (ServerRemoteSessionDSHandlerStateMachine.DoKeyExchange).
KEY_TIMEOUT = 240.0


@dataclass(kw_only=True, eq=False)
class ScriptedPool(RunspacePool[ScriptedPipeline]):
    """A pool that answers PSRP messages by itself.

    Attributes:
        origin: owner, computer and process id, for information records.
        asking: whether the server asks for a public key where it could make a key by itself.
        has_key: whether there is a key for SecureStrings, of the client that is or was last connected.
    """

    clock: FleetClock
    scripts: ScriptLibrary
    origin: Origin
    private_data: Mapping[str, Any] = field(default_factory=messages.default_private_data)
    asking: Callable[[], bool] = lambda: False
    key_changed: Wakeup = field(default_factory=Wakeup)
    has_key: bool = False
    _cipher: PSRemotingCrypto = field(default_factory=PSRemotingCrypto)

    async def start(self) -> None:
        """There is nothing to begin."""

    def new_pipeline(self, command: uuid.UUID, command_line: str = "") -> ScriptedPipeline:
        """Register a command that nothing is known of yet."""
        pipeline = self.pipelines[command] = ScriptedPipeline(self, command, command_line)
        return pipeline

    async def start_existing(self) -> None:
        """Let the commands run that were started before there was a loop to run them."""
        for pipeline in self.pipelines.values():
            if pipeline.waiting_script is not None and pipeline.state is PSInvocationState.NotStarted:
                pipeline.start(pipeline.waiting_script, asyncio.get_running_loop())

    # Sending

    def message_of(self, kind: PSRPMessageType, value: Any, pipeline_id: uuid.UUID | None = None) -> Outgoing:
        """A message with the server's next object id; ``value`` is an object, or CLIXML already."""
        clixml = value if isinstance(value, bytes) else messages.to_clixml(value, self._cipher)
        return self.outgoing(kind, clixml, pipeline_id)

    def _send(self, kind: PSRPMessageType, value: Any) -> None:
        self.output.put(self.message_of(kind, value))

    def private_data_clixml(self) -> bytes:
        """CLIXML of APPLICATION_PRIVATE_DATA."""
        return messages.to_clixml(messages.application_private_data(self.private_data))

    def forget_key(self) -> None:
        """Forget the session key of the client before."""
        self._cipher, self.has_key = PSRemotingCrypto(), False

    def need_key(self) -> None:
        """Make a key, or ask the client for its public key (MS-PSRP 2.2.2.5), once until it answers."""
        if self.has_key:
            return
        if not self.asking():
            self._cipher.register_key(os.urandom(32))
            self.has_key = True
        elif self.key_requested_at is None:
            self.key_requested_at = self.clock.now()
            self._send(PSRPMessageType.PublicKeyRequest, PublicKeyRequest(""))

    def has_given_up(self, now: float) -> bool:
        """Whether the server has waited too long for a key, which ends the session (KEY_TIMEOUT)."""
        return self.key_requested_at is not None and now - self.key_requested_at >= KEY_TIMEOUT

    def opening_messages(self) -> None:
        """Answer a new client: capability, private data, state (MS-PSRP 3.2.5.4.1; all recordings).

        The capability is sent before the server has adopted the pool's id; its own is still empty.
        """
        capability = messages.to_clixml(messages.session_capability())
        self.output.put(self.outgoing(PSRPMessageType.SessionCapability, capability, pool_id=uuid.UUID(int=0)))
        self.send_private_data()
        self.send_opened()
        self.ready = True

    def open_earlier(self) -> bytes:
        """Be in the state an earlier client left: opened, its messages fetched.

        Returns:
            The last fragment that client received, RUNSPACEPOOL_STATE, for a replay.
        """
        self.opening_messages()
        fragments: list[bytes] = []
        while len(self.output):
            fragments, _final = self.output.take(512000)
        return fragments[-1]

    # Receiving

    def take(
        self, messages_of_client: list[Message], loop: asyncio.AbstractEventLoop, pipeline: ScriptedPipeline | None
    ) -> None:
        """Take a client's messages, for the pool or for one of its commands.

        Raises:
            ProtocolViolation: a server does not expect one of them; those before are carried out.
        """
        for message in messages_of_client:
            self._process(message, loop, pipeline)

    def _process(self, message: Message, loop: asyncio.AbstractEventLoop, pipeline: ScriptedPipeline | None) -> None:
        kind = PSRPMessageType
        data = messages.from_clixml(message.data, self._cipher)
        if message.type is kind.SessionCapability:
            return
        if message.type is kind.InitRunspacePool:
            self.id = message.pool_id
            self.min_runspaces, self.max_runspaces = int(data.MinRunspaces), int(data.MaxRunspaces)
            self.opening_messages()
        elif message.type is kind.PublicKey:
            self._exchange_key(str(data.PublicKey))
        elif message.type is kind.SetMinRunspaces:
            self._set_limits(data, int(data.MinRunspaces), self.max_runspaces)
        elif message.type is kind.SetMaxRunspaces:
            self._set_limits(data, self.min_runspaces, int(data.MaxRunspaces))
        elif message.type is kind.GetAvailableRunspaces:
            busy = sum(pipeline.state.name == "Running" for pipeline in self.pipelines.values())
            answer = messages.availability(messages.call_id(data), max(0, self.max_runspaces - busy))
            self._send(kind.RunspaceAvailability, answer)
        elif message.type is kind.ResetRunspaceState:
            self.variables.clear()
            self._send(kind.RunspaceAvailability, messages.availability(messages.call_id(data), True))
        elif pipeline is not None or (pipeline := self.pipeline_of(message)) is not None:
            pipeline.process(message, data, loop)
        else:
            raise ProtocolViolation(f"a server does not expect {message.type.name}")

    def _set_limits(self, data: Any, minimum: int, maximum: int) -> None:
        """Change the limits unless they make no sense, and tell the client (recorded: test_psrp_set_runspaces)."""
        possible = 1 <= minimum <= maximum
        if possible:
            self.min_runspaces, self.max_runspaces = minimum, maximum
        self._send(PSRPMessageType.RunspaceAvailability, messages.availability(messages.call_id(data), possible))

    def _exchange_key(self, public_key: str) -> None:
        session_key = os.urandom(32)
        self._send(PSRPMessageType.EncryptedSessionKey, messages.encrypted_session_key(public_key, session_key))
        self._cipher.register_key(session_key)
        self.has_key, self.key_requested_at = True, None
        self.key_changed.notify()
