# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell inside a shell: a runspace pool that answers PSRP messages."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psrpcore import PSRemotingCrypto
from psrpcore.types import PSRPMessageType, PublicKeyRequest, RunspacePoolState

from . import messages
from .clock import FleetClock, Wakeup
from .faults import PLUGIN_CONNECT_FAILED, PLUGIN_EXCEPTION, POWERSHELL_PROVIDER, Fault
from .pipeline import Pipeline
from .psrp import Defragmenter, Fragment, Message, Outgoing, OutputQueue, ProtocolViolation, fragments_of
from .scripts import ScriptLibrary
from .wsman import MalformedEnvelope

#: Seconds a server waits for a client's public key (ServerRemoteSessionDSHandlerStateMachine.DoKeyExchange).
KEY_TIMEOUT = 240.0


@dataclass
class RunspacePool:
    """One server process's PSRP state. Its object ids go up by one per message, whoever is connected.

    Attributes:
        id: the runspace pool's id as the client that opened it wrote it. Mostly that is the shell's id, but early
            clients wrote its octets in another order, and servers just repeat it (recorded: test_psrp_open_runspace).
        pipelines: by their id on WSMan level.
        origin: owner, computer and process id, for information records.
        dropping: whether output may be thrown away (BufferMode Drop and nobody connected).
        capacity: octets of output a pipeline may have waiting.
        ready: whether INIT_RUNSPACEPOOL has been answered.
        asking: whether the server asks for a public key where it could make a key by itself.
        has_key: whether there is a key for SecureStrings, of the client that is or was last connected.
        key_requested_at: since when the server waits for that client's public key; ``None`` when it does not.
    """

    id: uuid.UUID
    clock: FleetClock
    scripts: ScriptLibrary
    origin: tuple[str, str, int]
    private_data: Mapping[str, Any] = field(default_factory=messages.default_private_data)
    min_runspaces: int = 1
    max_runspaces: int = 1
    capacity: Callable[[], int] = lambda: 1 << 20
    dropping: Callable[[], bool] = lambda: False
    asking: Callable[[], bool] = lambda: False
    ready: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    pipelines: dict[uuid.UUID, Pipeline] = field(default_factory=dict)
    output: OutputQueue = field(default_factory=OutputQueue)
    key_changed: Wakeup = field(default_factory=Wakeup)
    has_key: bool = False
    key_requested_at: float | None = None
    _cipher: PSRemotingCrypto = field(default_factory=PSRemotingCrypto)
    _incoming: Defragmenter = field(default_factory=Defragmenter)
    _last_object_id: int = 0

    # Sending

    def outgoing(
        self,
        kind: PSRPMessageType,
        value: Any,
        pipeline_id: uuid.UUID | None = None,
        pool_id: uuid.UUID | None = None,
    ) -> Outgoing:
        """A message with the server's next object id; ``value`` is an object, or CLIXML already."""
        self._last_object_id += 1
        clixml = value if isinstance(value, bytes) else messages.to_clixml(value, self._cipher)
        message = Message(kind, pool_id or self.id, pipeline_id, clixml)
        return Outgoing(self._last_object_id, message.pack(), alone=kind is PSRPMessageType.RunspacePoolState)

    def _send(self, kind: PSRPMessageType, value: Any) -> None:
        self.output.put(self.outgoing(kind, value))

    def send_private_data(self) -> None:
        """Queue APPLICATION_PRIVATE_DATA."""
        self._send(PSRPMessageType.ApplicationPrivateData, messages.application_private_data(self.private_data))

    def send_opened(self) -> None:
        """Queue RUNSPACEPOOL_STATE 2, Opened."""
        self._send(PSRPMessageType.RunspacePoolState, messages.pool_state(RunspacePoolState.Opened))

    def send_tail_of_old_object(self) -> None:
        """Queue, before everything else, the end of a message whose beginning an earlier client received."""
        self._last_object_id += 1
        tail = Outgoing(self._last_object_id, b'<S N="tail" />', fragment_id=1)
        self.output.put_first(tail)

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
        capability = messages.session_capability()
        self.output.put(self.outgoing(PSRPMessageType.SessionCapability, capability, pool_id=uuid.UUID(int=0)))
        self.send_private_data()
        self.send_opened()
        self.ready = True

    def plant(self) -> bytes:
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

    def feed(self, octets: bytes, loop: asyncio.AbstractEventLoop, pipeline: Pipeline | None = None) -> None:
        """Take a client's fragments, from creationXml, rsp:Arguments or a Send (to ``pipeline``).

        Raises:
            Fault: the data is not what a PSRP client sends.
        """
        try:
            for message in self._incoming.feed(octets):
                self._process(message, loop, pipeline)
        except (ProtocolViolation, MalformedEnvelope, AttributeError, KeyError, ValueError) as error:
            raise Fault(PLUGIN_EXCEPTION, f"The data cannot be processed: {error}", POWERSHELL_PROVIDER) from error

    def _process(self, message: Message, loop: asyncio.AbstractEventLoop, pipeline: Pipeline | None) -> None:
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
            self.min_runspaces = int(data.RunspaceCount)
            self._send(kind.RunspaceAvailability, messages.availability(int(data.ci), True))
        elif message.type is kind.SetMaxRunspaces:
            self.max_runspaces = int(data.RunspaceCount)
            self._send(kind.RunspaceAvailability, messages.availability(int(data.ci), True))
        elif message.type is kind.GetAvailableRunspaces:
            busy = sum(pipeline.state.name == "Running" for pipeline in self.pipelines.values())
            answer = messages.availability(int(data.ci), max(0, self.max_runspaces - busy))
            self._send(kind.RunspaceAvailability, answer)
        elif message.type is kind.ResetRunspaceState:
            self.variables.clear()
            self._send(kind.RunspaceAvailability, messages.availability(int(data.ci), True))
        elif pipeline is not None:
            self._process_for_pipeline(pipeline, message, data, loop)
        else:
            raise ProtocolViolation(f"a server does not expect {message.type.name}")

    def _process_for_pipeline(
        self, pipeline: Pipeline, message: Message, data: Any, loop: asyncio.AbstractEventLoop
    ) -> None:
        kind = PSRPMessageType
        pipeline.id = message.pipeline_id or pipeline.id
        if message.type is kind.CreatePipeline:
            pipeline.start(pipeline.create(data), loop)
        elif message.type is kind.GetCommandMetadata:
            pipeline.start(self.scripts.find("Get-Command"), loop)
        elif message.type is kind.PipelineInput:
            # Null is a message without data; a Nil element is dropped (seen: PowerShell 7.6, Linux).
            if data is not None or not message.data:
                pipeline.add_input(data)
        elif message.type is kind.EndOfPipelineInput:
            pipeline.end_input()
        elif message.type is kind.PipelineHostResponse:
            pipeline.answer_host_call(int(data.ci), getattr(data, "mr", None))
        else:
            raise ProtocolViolation(f"a pipeline does not expect {message.type.name}")

    def _exchange_key(self, public_key: str) -> None:
        session_key = os.urandom(32)
        self._send(PSRPMessageType.EncryptedSessionKey, messages.encrypted_session_key(public_key, session_key))
        self._cipher.register_key(session_key)
        self.has_key, self.key_requested_at = True, None
        self.key_changed.notify()

    # Another client connects

    def connect(self, octets: bytes, swap_min_max: bool) -> bytes:
        """Check a new client's connectXml and return the content of connectResponseXml.

        The order of the checks is the server's. Both answers continue the object ids (recorded:
        test_psrp_disconnect_runspaces). The session key of the client before is of no use to the new one.

        Raises:
            Fault: 0x80540FA3, the data was refused.
        """
        try:
            capability, connect = self._connect_messages(octets)
            self._check_capability(capability)
            self._check_connect(connect)
        except (ProtocolViolation, MalformedEnvelope, AttributeError, ValueError) as error:
            raise Fault(
                PLUGIN_CONNECT_FAILED, f"The client's connect data was refused: {error}", POWERSHELL_PROVIDER
            ) from error
        self._incoming = Defragmenter()
        self._cipher, self.has_key = PSRemotingCrypto(), False
        smaller, larger = self.min_runspaces, self.max_runspaces
        answers = (
            (PSRPMessageType.SessionCapability, messages.session_capability()),
            (
                PSRPMessageType.RunspacePoolInitData,
                messages.init_data(larger, smaller) if swap_min_max else messages.init_data(smaller, larger),
            ),
        )
        outgoing = [self.outgoing(kind, value) for kind, value in answers]
        return b"".join(message.cut(len(message.data)).pack() for message in outgoing)

    @staticmethod
    def _connect_messages(octets: bytes) -> tuple[Message, Message]:
        fragments: list[Fragment] = list(fragments_of(octets))
        if len(fragments) != 2 or not all(fragment.start and fragment.end for fragment in fragments):
            raise ProtocolViolation("not exactly two complete messages of one fragment each")
        first, second = (Message.unpack(fragment.data) for fragment in fragments)
        if first.type is not PSRPMessageType.SessionCapability:
            raise ProtocolViolation(f"{first.type.name} instead of SessionCapability")
        return first, second

    def _check_capability(self, message: Message) -> None:
        if not self.ready:
            raise ProtocolViolation("the pool is not open")
        if self.key_requested_at is not None:
            raise ProtocolViolation("a key exchange is under way")
        version = str(messages.from_clixml(message.data).protocolversion)
        if version not in ("2.2", "2.3"):
            raise ProtocolViolation(f"protocol version {version}")

    def _check_connect(self, message: Message) -> None:
        if message.type is not PSRPMessageType.ConnectRunspacePool:
            raise ProtocolViolation(f"{message.type.name} instead of ConnectRunspacePool")
        if message.pool_id != self.id:
            raise ProtocolViolation("the runspace pool id is that of another pool")
        data = messages.from_clixml(message.data)
        minimum, maximum = (getattr(data, name, None) for name in ("MinRunspaces", "MaxRunspaces"))
        if minimum is None or maximum is None:
            return
        # The server refuses only when both limits differ; a single difference passes.
        if minimum > maximum or (minimum != self.min_runspaces and maximum != self.max_runspaces):
            raise ProtocolViolation(f"limits {minimum} and {maximum} do not fit the pool's")

    def close(self) -> None:
        """End all pipelines and forget their output."""
        for pipeline in self.pipelines.values():
            pipeline.close()
        self.output.clear()
