# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runspace pool in a PowerShell process of its own.

The pool stands between a client's WSMan requests and the packets of the process: it puts the messages of both sides
together, numbers those of the process anew, and keeps them until a client fetches them. What a message means is the
process's matter. Only what the simulator has to know is read on the way: limits, states, ids and the private data.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from psrpcore.types import PSRPMessageType, RunspacePoolState

from . import messages
from .clock import FleetClock
from .earlier_client import EarlierClient
from .faults import OPERATION_ABORTED, PLUGIN_EXCEPTION, POWERSHELL_PROVIDER, Fault
from .pool import RunspacePool
from .powershell_pipeline import PowerShellPipeline
from .powershell_process import DEFAULT_STREAM, POOL, PROMPT_RESPONSE, Data, PowerShellEnded, PowerShellProcess
from .powershells import PowerShells
from .psrp import MAX_FRAGMENT, Defragmenter, Message, Outgoing, ProtocolViolation

#: How many fragments go into one packet. Packets may be larger; pieces of this size keep single lines readable.
_FRAGMENTS_PER_PACKET = 8
#: Seconds of the fleet's clock between two looks at whether the session has expired.
_TICK = 1.0
_HOST_RESPONSES = (PSRPMessageType.PipelineHostResponse, PSRPMessageType.RunspacePoolHostResponse)


@dataclass(kw_only=True, eq=False)
class PowerShellPool(RunspacePool[PowerShellPipeline]):
    """A pool whose content is a ``pwsh -s``.

    Attributes:
        path: of ``pwsh``.
        powershells: where the process comes from; a place there is taken already.
        look: applies the rules of time to the session: without requests for hours, an expired session
            would keep its process.
        on_end: called when the process has ended by itself.
        earlier_client: opens the session and leaves it, where no client of the test did.
        closed: the session is over.
    """

    path: str
    powershells: PowerShells
    clock: FleetClock
    look: Callable[[], object]
    on_end: Callable[[], None]
    earlier_client: EarlierClient | None = None
    _process: PowerShellProcess | None = None
    _private_data: bytes = b""
    closed: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _sent: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _from_process: Defragmenter = field(default_factory=Defragmenter)
    #: Requests to change a limit that the process has not answered, by their call id.
    _limits: dict[int, tuple[str, int]] = field(default_factory=dict)

    # Life

    async def start(self) -> None:
        """Start the process.

        Raises:
            Fault: that is not possible.
        """
        try:
            self._process = await self.powershells.start(self.path)
        except OSError as error:
            raise Fault(PLUGIN_EXCEPTION, f"PowerShell cannot be started: {error}", POWERSHELL_PROVIDER) from error
        if self.closed:
            # The session was removed meanwhile, and its place given back.
            await self.powershells.end(self._process)
            raise Fault(OPERATION_ABORTED)
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._keep_time())]

    @property
    def process(self) -> PowerShellProcess:
        """The process.

        Raises:
            RuntimeError: it is not started.
        """
        if self._process is None:
            raise RuntimeError("the session's PowerShell is not started")
        return self._process

    @property
    def process_id(self) -> int | None:
        """Of the process, once there is one; what a script sees as ``$PID``."""
        return self._process.pid if self._process is not None else None

    def new_pipeline(self, command: uuid.UUID, command_line: str = "") -> PowerShellPipeline:
        """Register a command that the process knows nothing of yet."""
        pipeline = self.pipelines[command] = PowerShellPipeline(self, command, command_line)
        return pipeline

    async def start_existing(self) -> None:
        """Open the session and start the commands that a client has left. Does nothing the second time."""
        client, self.earlier_client = self.earlier_client, None
        if client is not None:
            await self.start()
            await client.act(self)

    def close(self) -> None:
        """End the process with all that runs in it, and forget the output."""
        if self.closed:
            return
        super().close()
        self.closed = True
        # The process is read to its end: the scripts that stop now may still write.
        self.balance()
        for task in self._tasks[1:]:
            task.cancel()
        self.powershells.release(self._process)

    async def _keep_time(self) -> None:
        while True:
            await self.clock.sleep_until(self.clock.now() + _TICK)
            self.look()

    # From the client

    def take(
        self,
        messages_of_client: list[Message],
        loop: asyncio.AbstractEventLoop,
        pipeline: PowerShellPipeline | None,
    ) -> None:
        """Take a client's messages and pass them on; several for the same receiver go out together.

        Raises:
            ProtocolViolation: a server does not expect one of them.
        """
        for message in messages_of_client:
            self._note(message)
        for (pipeline_id, stream, alone), messages_of_group in itertools.groupby(messages_of_client, key=_way):
            group = list(messages_of_group)
            if pipeline_id is None:
                self.post(POOL, (message.raw for message in group), stream)
                continue
            receiver = pipeline or self.pipeline_of(group[0])
            if receiver is None:
                raise ProtocolViolation("a message for a command that does not exist")
            if alone:
                for message in group:
                    receiver.create(message)
            else:
                receiver.take_input(group, stream)

    def _note(self, message: Message) -> None:
        """Read what the simulator has to know of a message for the pool."""
        kind = PSRPMessageType
        if message.type is kind.InitRunspacePool:
            data = messages.from_clixml(message.data)
            self.id = message.pool_id
            self.min_runspaces, self.max_runspaces = int(data.MinRunspaces), int(data.MaxRunspaces)
        elif message.type in (kind.SetMinRunspaces, kind.SetMaxRunspaces):
            data = messages.from_clixml(message.data)
            is_minimum = message.type is kind.SetMinRunspaces
            limit = ("min_runspaces", data.MinRunspaces) if is_minimum else ("max_runspaces", data.MaxRunspaces)
            self._limits[messages.call_id(data)] = limit

    def post(self, target: uuid.UUID, packed: Iterable[bytes], stream: str = DEFAULT_STREAM) -> None:
        """Send packed messages to the process, in as few packets as they fit in.

        Args:
            target: the pipeline's id, or ``POOL``.
        """
        pieces: list[bytes] = []
        for octets in packed:
            message = Outgoing(next(self._sent), octets)
            while message.data:
                pieces.append(message.cut(MAX_FRAGMENT).pack())
        for begin in range(0, len(pieces), _FRAGMENTS_PER_PACKET):
            packet = b"".join(pieces[begin : begin + _FRAGMENTS_PER_PACKET])
            self.process.post("Data", target, packet, stream)

    # From the process

    async def _read(self) -> None:
        try:
            async for data in self.process.packets():
                self._take_packet(data)
        except (PowerShellEnded, ProtocolViolation):
            pass  # a process whose output is damaged is of no more use than one that has ended
        if not self.closed:
            self.on_end()

    def _take_packet(self, data: Data) -> None:
        if self.closed:
            return
        if data.target == POOL:
            for message in self._from_process.feed(data.octets):
                self._take_message(message)
            return
        for pipeline in self.pipelines.values():
            if pipeline.id == data.target:
                pipeline.take_packet(data.octets)

    def _take_message(self, message: Message) -> None:
        kind = PSRPMessageType
        if message.type is kind.ApplicationPrivateData:
            self._private_data = message.data
        elif message.type is kind.RunspacePoolState:
            self.ready = int(messages.from_clixml(message.data).RunspaceState) == RunspacePoolState.Opened.value
        elif message.type is kind.RunspaceAvailability:
            answer = messages.from_clixml(message.data)
            limit = self._limits.pop(messages.call_id(answer), None)
            if limit is not None and answer.SetMinMaxRunspacesResponse is True:
                setattr(self, *limit)
        self.output.put(self.numbered(message.type, message.raw))

    def private_data_clixml(self) -> bytes:
        """The APPLICATION_PRIVATE_DATA that the process sent when it opened."""
        return self._private_data

    def balance(self) -> None:
        """Stop reading the process while a running command's output is at the limit; that holds its script up."""
        if self._process is None:
            return
        running = (pipeline for pipeline in self.pipelines.values() if pipeline.is_running)
        if not self.closed and any(pipeline.is_full for pipeline in running):
            self._process.suspend()
        else:
            self._process.resume()


def _way(message: Message) -> tuple[uuid.UUID | None, str, bool]:
    """How a client's message goes: to which command or the pool, in which stream, and whether it is alone there."""
    stream = PROMPT_RESPONSE if message.type in _HOST_RESPONSES else DEFAULT_STREAM
    creates = message.type in (PSRPMessageType.CreatePipeline, PSRPMessageType.GetCommandMetadata)
    return message.pipeline_id, stream, creates
