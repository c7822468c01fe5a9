# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell inside a shell, as WinRM sees it: a runspace pool with its messages and its commands."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from psrpcore.types import PSRPMessageType, RunspacePoolState

from . import messages
from .faults import PLUGIN_CONNECT_FAILED, PLUGIN_EXCEPTION, POWERSHELL_PROVIDER, Fault
from .pipeline import Pipeline
from .psrp import Defragmenter, Fragment, Message, Outgoing, OutputQueue, ProtocolViolation, fragments_of
from .wsman import MalformedEnvelope

P = TypeVar("P", bound=Pipeline)


@dataclass(kw_only=True, eq=False)
class RunspacePool(ABC, Generic[P]):
    """One server process's PSRP state. Its object ids go up by one per message, whichever client is connected.

    The subclasses are its content: ``ScriptedPool`` for declared scripts, ``PowerShellPool`` for a real PowerShell.
    Another client's Connect is answered here for both.

    Attributes:
        id: the runspace pool's id as the client that opened it wrote it. Mostly that is the shell's id, but early
            clients wrote its octets in another order, and servers just repeat it (recorded: test_psrp_open_runspace).
        pipelines: by their id on WSMan level.
        dropping: whether output may be thrown away (BufferMode Drop, and no client is connected).
        capacity: octets of output a pipeline may have waiting.
        ready: whether INIT_RUNSPACEPOOL has been answered.
        variables: of the session, where the simulator knows them.
        key_requested_at: since when the server waits for that client's public key; ``None`` when it does not.
    """

    id: uuid.UUID
    min_runspaces: int = 1
    max_runspaces: int = 1
    capacity: Callable[[], int] = lambda: 1 << 20
    dropping: Callable[[], bool] = lambda: False
    ready: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    pipelines: dict[uuid.UUID, P] = field(default_factory=dict)
    output: OutputQueue = field(default_factory=OutputQueue)
    key_requested_at: float | None = None
    _incoming: Defragmenter = field(default_factory=Defragmenter)
    _last_object_id: int = 0

    # What the content does

    @abstractmethod
    async def start(self) -> None:
        """Begin what the pool runs in.

        Raises:
            Fault: that is not possible.
        """

    @abstractmethod
    def new_pipeline(self, command: uuid.UUID, command_line: str = "") -> P:
        """Register a command that nothing is known of yet."""

    @abstractmethod
    def take(self, messages_of_client: list[Message], loop: asyncio.AbstractEventLoop, pipeline: P | None) -> None:
        """Take a client's messages for the pool or for one of its commands.

        Args:
            pipeline: the command that the request names; ``None`` leaves that to each message.

        Raises:
            ProtocolViolation: a server does not expect one of them.
        """

    @abstractmethod
    def private_data_clixml(self) -> bytes:
        """CLIXML of APPLICATION_PRIVATE_DATA."""

    @abstractmethod
    async def start_existing(self) -> None:
        """Begin what existed before there was a loop to run it. Does nothing the second time."""

    def pipeline_of(self, message: Message) -> P | None:
        """The command whose PSRP id a message has.

        A request may leave the command out of its body: pypsrp's answers to host calls do (recorded:
        test_psrp_pshost_ui_mocked_methods).
        """
        return next((pipeline for pipeline in self.pipelines.values() if pipeline.id == message.pipeline_id), None)

    def balance(self) -> None:
        """React to a change of the output that waits, or of the rules for it."""

    def forget_key(self) -> None:
        """Forget the session key of the client before."""

    def has_given_up(self, now: float) -> bool:
        """Whether the server has waited too long for a key, which ends the session."""
        return False

    @property
    def process_id(self) -> int | None:
        """Of the process that is the pool's alone, where there is one."""
        return None

    # Sending

    def outgoing(
        self,
        kind: PSRPMessageType,
        clixml: bytes,
        pipeline_id: uuid.UUID | None = None,
        pool_id: uuid.UUID | None = None,
    ) -> Outgoing:
        """A message with the server's next object id."""
        return self.numbered(kind, Message(kind, pool_id or self.id, pipeline_id, clixml).pack())

    def numbered(self, kind: PSRPMessageType, packed: bytes) -> Outgoing:
        """A packed message with the server's next object id."""
        self._last_object_id += 1
        return Outgoing(self._last_object_id, packed, alone=kind is PSRPMessageType.RunspacePoolState)

    def send_private_data(self) -> None:
        """Queue APPLICATION_PRIVATE_DATA."""
        self.output.put(self.outgoing(PSRPMessageType.ApplicationPrivateData, self.private_data_clixml()))

    def send_opened(self) -> None:
        """Queue RUNSPACEPOOL_STATE 2, Opened."""
        opened = messages.to_clixml(messages.pool_state(RunspacePoolState.Opened))
        self.output.put(self.outgoing(PSRPMessageType.RunspacePoolState, opened))

    def send_tail_of_old_object(self) -> None:
        """Queue, before everything else, the end of a message whose beginning an earlier client received."""
        self._last_object_id += 1
        tail = Outgoing(self._last_object_id, b'<S N="tail" />', fragment_id=1)
        self.output.put_first(tail)

    # Receiving

    def feed(self, octets: bytes, loop: asyncio.AbstractEventLoop, pipeline: P | None = None) -> None:
        """Take a client's fragments, from creationXml, rsp:Arguments or a Send (to ``pipeline``).

        Raises:
            Fault: the data is not what a PSRP client sends.
        """
        try:
            self.take(self._incoming.feed(octets), loop, pipeline)
        except (ProtocolViolation, MalformedEnvelope, AttributeError, KeyError, ValueError) as error:
            raise Fault(PLUGIN_EXCEPTION, f"The data cannot be processed: {error}", POWERSHELL_PROVIDER) from error

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
        self.forget_key()
        smaller, larger = self.min_runspaces, self.max_runspaces
        answers = (
            (PSRPMessageType.SessionCapability, messages.session_capability()),
            (
                PSRPMessageType.RunspacePoolInitData,
                messages.init_data(larger, smaller) if swap_min_max else messages.init_data(smaller, larger),
            ),
        )
        outgoing = [self.outgoing(kind, messages.to_clixml(value)) for kind, value in answers]
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
