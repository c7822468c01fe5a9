# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated computers without sockets, and the ledger of the scripts that really ran on them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from psrpcore.types import PSInvocationState, PSRPMessageType

from tests.simulation.scheduler import VirtualLoop
from tests.simulator.clock import FleetClock
from tests.simulator.computer import FleetParts, SimulatedComputer
from tests.simulator.declaration import Computer
from tests.simulator.faults import Fault, fault_answer
from tests.simulator.loop_thread import LoopThread
from tests.simulator.operations import Caller, Operations
from tests.simulator.powershells import PowerShells
from tests.simulator.records import Failure, text_record
from tests.simulator.script_context import BufferSpace, Execution, NextInput, ScriptFailure, Sleep
from tests.simulator.scripted_pipeline import ScriptedPipeline
from tests.simulator.scripts import ScriptLibrary
from tests.simulator.shell import User
from tests.simulator.wsman import Request, write_envelope

USER = User("admin", "not-a-secret", administrator=True)
CALLER = Caller(USER, "127.0.0.1")


class VirtualClock(FleetClock):
    """The fleet's clock is that of the loop."""

    def __init__(self, loop_thread: LoopThread, loop: VirtualLoop) -> None:
        super().__init__(loop_thread)
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()


class SameThread(LoopThread):
    """The loop is used in the thread that has the turn; nothing of it runs elsewhere."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    @property
    def is_elsewhere(self) -> bool:
        return False

    def call(self, function: Any) -> Any:
        return function()


@dataclass(eq=False)
class Run:
    """A script that ran.

    Attributes:
        token: What the task that started it called it.
        wrote: The objects that it wrote, in order.
        began: Seconds since the beginning of the history.
        warned: Its warnings, in order.
        dropped: Those of them that the server dropped, since nobody received them in time (buffering mode Drop).
        inputs: The objects of its input that it read; None as long as it reads.
        alone: Whether no session of an earlier run of the token existed when it began.
    """

    computer: str
    token: str
    pipeline: ScriptedPipeline
    began: float
    alone: bool = True
    wrote: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    inputs: int | None = None

    @property
    def kept(self) -> list[str]:
        """The objects that the server did not drop, in order."""
        return [each for each in self.wrote if each not in self.dropped]

    @property
    def state(self) -> str:
        """PowerShell's word; Running for one whose session ended before it."""
        return "Running" if self.is_cut_off else self.pipeline.state.name

    @property
    def is_cut_off(self) -> bool:
        """Whether its session was removed while it ran."""
        return self.pipeline.closed and self.pipeline.state is PSInvocationState.Running

    @property
    def session(self) -> str:
        """Instance id of its session, in lower case."""
        return str(self.pipeline.pool.id)


@dataclass(frozen=True)
class Work:
    """What a script does: so many objects with so many seconds after each, then an end.

    Attributes:
        end: Completed or Failed.
        size: Characters of a comment before the script, so that it takes several requests.
        mode: The output buffering mode of its session; None leaves it to the server.
    """

    objects: int = 2
    pause: float = 0.0
    end: str = "Completed"
    size: int = 0
    mode: str | None = None

    @property
    def seconds(self) -> float:
        return self.objects * self.pause


class Ledger(ScriptLibrary):
    """Knows scripts by their texts, ``run TOKEN``, and keeps each run of them.

    Attributes:
        has_session: Tells for a computer and an instance id whether there is such a session now.
    """

    def __init__(self, work: dict[str, Work]) -> None:
        super().__init__()
        self.runs: list[Run] = []
        self.has_session: Callable[[str, str], bool] = lambda _computer, _session: False
        self._work = work

    def find(self, text: str) -> Any:
        token = text.split()[-1]
        return _LedgerScript(self, token, self._work[token]) if token in self._work else super().find(text)

    def of(self, computer: str, token: str) -> list[Run]:
        return [run for run in self.runs if (run.computer, run.token) == (computer, token)]


@dataclass(frozen=True)
class _LedgerScript:
    ledger: Ledger
    name: str
    work: Work

    def run(self, context: Any) -> Execution:
        pipeline = cast("ScriptedPipeline", context)
        computer = pipeline.origin.computer.lower()
        alone = not any(self.ledger.has_session(computer, each.session) for each in self.ledger.of(computer, self.name))
        run = Run(computer, self.name, pipeline, pipeline.pool.clock.now(), alone)
        self.ledger.runs.append(run)
        number = len(self.ledger.of(computer, self.name))
        _note_dropped(run)
        inputs = 0
        while (yield NextInput()):
            inputs += 1
        run.inputs = inputs
        warning = f"{self.name} on {computer}"
        run.warned.append(warning)
        pipeline.emit(PSRPMessageType.WarningRecord, text_record("warning", warning))
        for count in range(self.work.objects):
            yield BufferSpace()
            value = f"{self.name}/{computer}/run{number}/object{count}"
            run.wrote.append(value)
            pipeline.emit(PSRPMessageType.PipelineOutput, value)
            if self.work.pause:
                yield Sleep(self.work.pause)
        if self.work.end == "Failed":
            raise ScriptFailure(Failure.thrown(message="the work failed").record())


def _note_dropped(run: Run) -> None:
    """Have it noted what the server drops of the output of a run."""
    queue = run.pipeline.output
    drop_oldest = queue.drop_oldest

    def drop() -> bool:
        before = list(queue._messages)
        is_dropped = drop_oldest()
        gone = [message for message in before if not any(message is each for each in queue._messages)]
        run.dropped |= {each for each in run.wrote if any(each.encode() in bytes(message.data) for message in gone)}
        return is_dropped

    queue.drop_oldest = drop  # type: ignore[method-assign]


class Servers:
    """The computers of a history.

    Attributes:
        down_until: For each computer that restarts, until when nothing answers there.
        removed_from_others: The sessions that a client removed while another client was connected to them.
    """

    def __init__(self, names: list[str], loop: VirtualLoop, ledger: Ledger, switches: dict[str, Any]) -> None:
        self._loop_thread = SameThread(loop)
        self.clock = VirtualClock(self._loop_thread, loop)
        self.ledger = ledger
        ledger.has_session = self.has_session
        parts = FleetParts(self.clock, self._loop_thread, ledger, PowerShells(0))
        self.computers = [
            SimulatedComputer(
                Computer(name, address=f"10.0.0.{number}", users=[USER], authentication="basic", switches=switches),
                parts,
            )
            for number, name in enumerate(names, 1)
        ]
        self._operations = {computer.name: Operations(computer) for computer in self.computers}
        self.down_until: dict[str, float] = {}
        self.removed_from_others: list[str] = []

    def __iter__(self) -> Iterator[SimulatedComputer]:
        return iter(self.computers)

    def at(self, address: str | None) -> SimulatedComputer:
        return next(each for each in self.computers if each.address == address)

    def named(self, name: str) -> SimulatedComputer:
        return next(each for each in self.computers if each.name == name)

    def has_session(self, name: str, session: str) -> bool:
        return any(str(shell.uuid) == session for shell in self.named(name).live_shells())

    def have_unbegun(self) -> bool:
        """Whether any computer has a command whose script has not come in full."""
        return any(
            pipeline.state is PSInvocationState.NotStarted
            for computer in self.computers
            for shell in computer.live_shells()
            if shell.pool is not None
            for pipeline in shell.pool.pipelines.values()
        )

    def is_down(self, computer: SimulatedComputer) -> bool:
        return self.clock.now() < self.down_until.get(computer.name, 0.0)

    async def answer(self, computer: SimulatedComputer, request: Request, fault: int | None = None) -> str:
        """Return the answer to a request as an envelope.

        Args:
            fault: Code of a fault to refuse it with.
        """
        try:
            if fault is not None:
                raise Fault(fault)
            self._note_removal(computer, request)
            answer = await self._operations[computer.name].carry_out(request, CALLER)
        except Fault as refused:
            answer = fault_answer(refused, computer.host_name)
        return write_envelope(answer, request.message_id)

    def _note_removal(self, computer: SimulatedComputer, request: Request) -> None:
        for shell in computer.live_shells() if request.operation == "Delete" else ():
            is_of_another = shell.state == "Connected" and shell.client != request.session_id
            if str(shell.id).upper() == str(request.shell_id).upper() and is_of_another:
                self.removed_from_others.append(f"{shell.name} on {computer.name}")

    # What happens to computers beside the requests of controllers

    def restart(self, name: str, seconds: float) -> None:
        """End all sessions of a computer; it does not answer for so many seconds."""
        computer = self.named(name)
        for shell in computer.live_shells():
            computer.remove_shell(shell)
        self.down_until[name] = self.clock.now() + seconds

    def remove(self, name: str, chance: random.Random) -> bool:
        """Have an administrator remove one session of a computer, if there is one."""
        shells = self.named(name).live_shells()
        if shells:
            self.named(name).remove_shell(chance.choice(shells))
        return bool(shells)

    def stop(self, name: str) -> bool:
        """Have an administrator stop the commands that run on a computer."""
        running = [
            pipeline
            for shell in self.named(name).live_shells()
            if shell.pool is not None
            for pipeline in shell.pool.pipelines.values()
            if pipeline.is_running
        ]
        for pipeline in running:
            pipeline.stop()
        return bool(running)

    def take(self, name: str, client: str) -> bool:
        """Have another client of the account disconnect the sessions of a computer, and connect to them."""
        taken = False
        for shell in self.named(name).live_shells():
            if shell.state == "Connected":
                shell.disconnect()
            shell.connect(client, self.clock.now())
            shell.held = True
            taken = True
        return taken

    def release(self, name: str, client: str) -> None:
        """Have that client disconnect again."""
        for shell in self.named(name).live_shells():
            if shell.client == client and shell.state == "Connected":
                shell.disconnect()
