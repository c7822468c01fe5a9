# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PowerShell for durable Windows tasks: it runs one command at a time, queues others, waits for input, and may end.

It does what the scripts around a task do (`_kept_script`), without PowerShell: it gets a script and its lines from the
first argument, holds the output where the text holds it, and says at the end how much that was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from psrpcore.types import PSRPMessageType

from tests.simulation.scheduler import VirtualLoop
from tests.simulation.servers import Ledger, Servers
from tests.simulation.task_history import FILE_PIECES, WITH_INPUT, Task
from tests.simulator.computer import SimulatedComputer
from tests.simulator.records import Failure
from tests.simulator.script_context import Execution, NextInput, ScriptFailure, Sleep
from tests.simulator.scripted_pipeline import ScriptedPipeline
from tests.simulator.scripted_pool import ScriptedPool
from tests.simulator.wsman import Request

HOST = "srv01"
# A session has one runspace; so often it looks whether it is free, in seconds.
_TURN_SECONDS = 0.5
_HOLDS = "$__pssession_held"
_RESTORES = "$global:__pssession_kept"
_FOREVER = 1e9


@dataclass(eq=False)
class Start:
    """A script of a task that began.

    Attributes:
        number: Of the token, from 1.
        began: Seconds since the beginning.
        execution: Number of the task's execution that was under way.
        is_second: Whether the command of an earlier start of the token was there.
    """

    task: Task
    pipeline: ScriptedPipeline
    number: int
    began: float
    execution: int
    is_second: bool

    @property
    def objects(self) -> list[str]:
        """All that it writes if nothing ends it."""
        filler = "x" * self.task.size
        return [f"{self.task.token}/start{self.number}/object{count}{filler}" for count in range(self.task.objects)]


class TaskLedger(Ledger):
    """Knows the scripts of tasks, ``run TOKEN``, and keeps each start of them.

    Attributes:
        end_process: Ends the PowerShell of a session, by its id.
        exists: Tells whether the server still has a command.
        execution: Number of the execution that is under way; 0 for none.
        blocked: Tasks whose script was queued behind that of another one.
    """

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        super().__init__({})
        self.tasks = {task.token: task for task in tasks}
        self.starts: list[Start] = []
        self.execution = 0
        self.blocked: list[str] = []
        self.end_process: Callable[[uuid.UUID], None] = lambda _pool: None
        self.exists: Callable[[Start], bool] = lambda _start: False
        self.queues: dict[ScriptedPool, list[ScriptedPipeline]] = {}

    def find(self, text: str) -> Any:
        return _Command(self, text)

    def of(self, _computer: str, token: str) -> Any:
        return [start for start in self.starts if start.task.token == token]

    def start_of(self, pipeline: ScriptedPipeline) -> Start | None:
        return next((start for start in self.starts if start.pipeline is pipeline), None)


@dataclass(frozen=True)
class _Command:
    ledger: TaskLedger
    text: str
    name: str = "command"

    def run(self, context: Any) -> Execution:
        pipeline = cast("ScriptedPipeline", context)
        holds = _HOLDS in self.text
        work = pipeline.arguments[0] if holds else {}
        token = str(work["script"] if holds else self.text).split()[-1]
        task = self.ledger.tasks.get(token)
        yield from self._turn(pipeline, task)
        if task is None:
            if _RESTORES not in self.text:  # it writes a file
                yield from self._read(FILE_PIECES)
            return
        if task.form in WITH_INPUT and not (holds and work["lines"]):
            yield from self._read(FILE_PIECES)
        before = self.ledger.of(HOST, token)
        is_second = any(self.ledger.exists(each) for each in before)
        now = pipeline.pool.clock.now()
        start = Start(task, pipeline, len(before) + 1, now, self.ledger.execution, is_second)
        self.ledger.starts.append(start)
        held: list[str] = []
        for count, each in enumerate(start.objects):
            if holds:
                held.append(each)
            else:
                pipeline.emit(PSRPMessageType.PipelineOutput, each)
            if task.pause:
                yield Sleep(task.pause)
            if task.dies and not count:
                self.ledger.end_process(pipeline.pool.id)
                yield Sleep(_FOREVER)
        is_failed = task.end == "Failed"
        if holds:
            for each in held:
                pipeline.emit(PSRPMessageType.PipelineOutput, each)
            amount = {"title": work["title"], "objects": len(held), "errors": int(is_failed), "texts": 0}
            pipeline.emit(PSRPMessageType.PipelineOutput, {"psremoting.fleet": pipeline.arguments[1], **amount})
        if is_failed:
            raise ScriptFailure(Failure.thrown(message="the work failed").record())

    @staticmethod
    def _read(pieces: int) -> Execution:
        """Read the input; as PowerShell does, wait for ever if a client that has gone did not send all of it."""
        while pieces and (yield NextInput()):
            pieces -= 1
        while pieces:
            yield Sleep(_FOREVER)

    def _turn(self, pipeline: ScriptedPipeline, task: Task | None) -> Execution:
        """Wait until no earlier command of the session runs."""
        queue = self.ledger.queues.setdefault(pipeline.pool, [])
        queue[:] = [each for each in queue if each.is_running and not each.closed]
        queue.append(pipeline)
        others = [start.task for each in queue[:-1] if (start := self.ledger.start_of(each)) is not None]
        if task is not None and any(other != task for other in others):
            self.ledger.blocked.append(task.token)
        while any(each.is_running and not each.closed for each in queue[: queue.index(pipeline)]):
            yield Sleep(_TURN_SECONDS)


@dataclass(frozen=True)
class Removal:
    """A command of a task that a client had the server forget, by a Signal or with its session.

    Attributes:
        is_running: Whether it ran until then.
        execution: Number of the task's execution that was under way.
    """

    start: Start
    operation: str
    is_running: bool
    execution: int


class TaskServers(Servers):
    """The computer of a history.

    Attributes:
        removals: What clients had it forget.
    """

    ledger: TaskLedger

    def __init__(self, loop: VirtualLoop, ledger: TaskLedger, switches: dict[str, Any]) -> None:
        super().__init__([HOST], loop, ledger, switches)
        self.removals: list[Removal] = []
        ledger.end_process, ledger.exists = self._end_process, self.exists

    def exists(self, start: Start) -> bool:
        """Whether the server still has a command."""
        return any(
            pipeline is start.pipeline
            for shell in self.named(HOST).live_shells()
            if shell.pool is not None
            for pipeline in shell.pool.pipelines.values()
        )

    async def answer(self, computer: SimulatedComputer, request: Request, fault: int | None = None) -> str:
        before = [(start, start.pipeline.is_running) for start in self.ledger.starts if self.exists(start)]
        answer = await super().answer(computer, request, fault)
        if request.operation in ("Signal", "Delete"):
            self.removals += [
                Removal(start, request.operation, was_running, self.ledger.execution)
                for start, was_running in before
                if not self.exists(start)
            ]
        return answer

    def _end_process(self, pool: uuid.UUID) -> None:
        computer = self.named(HOST)
        for shell in computer.live_shells():
            if shell.pool is not None and shell.pool.id == pool:
                computer.remove_shell(shell)
