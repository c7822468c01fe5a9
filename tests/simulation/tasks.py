# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durable Windows tasks under kills: ``python -m tests.simulation.tasks --kills 3000 --seed 0``.

A play runs on a simulated computer by the sessions of the connection plugin, is killed and meets other faults, and is
run again. What its tasks may do is known beside it:

    twice     a script is started while an earlier start of it is there, or twice by one task
    stopped   a command that runs is stopped, or its session removed, and no user asked for it
    green     a result is not the whole output of one script, or is not from where the task says
    old       a result is older than the limit
    blocked   a script waits in PowerShell for that of another task
    late      a run takes longer than its scripts and waits, or never ends
    stuck     runs without a fault do not come to the end of the play
    crash     a task ends by an exception that is not its own
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import random
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import tests.conftest  # noqa: F401  # pylint: disable=unused-import  # it makes the collection importable
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import (
    Endpoint,
    HostSettings,
    PSSessionError,
    Remoting,
    Script,
    endpoint_of,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    POWERSHELL_RESOURCE_PREFIX,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _kept_session
from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_results import KeptResult, Messages
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_session import Keeping, KeptSession
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_state import Known
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_ids import Ids
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_work import Work
from tests.simulation.controller import START, Machine, Running
from tests.simulation.outcome import Violation
from tests.simulation.scheduler import Killed, Process, Scheduler, Stuck
from tests.simulation.servers import USER
from tests.simulation.task_history import FILE_PIECES, MAX_AGE, WITH_INPUT, PlayRun, Task, TaskHistory, draw
from tests.simulation.task_servers import HOST, TaskLedger, TaskServers

_SECRET = "of the simulation, for both controllers"
_CLIENTS = ("A0000000-0000-4000-8000-000000000001", "A0000000-0000-4000-8000-000000000002")
_RESOURCE = f"{POWERSHELL_RESOURCE_PREFIX}Microsoft.PowerShell"
# Bytes of a request or an answer, so that the script of a task of the form large does not fit into one.
_ENVELOPE = 40_000
_WAIT, _RECOVERY = 90.0, 240.0
# Seconds that no run takes.
_FOREVER = 100_000.0
# Histories with a violation, until there is no use in going on.
_MOST_FAILED = 20
# Of runs without a fault, until all tasks have to be green.
_HEALING = 4
# Seconds for requests and for a session that another client has, of one run.
_LATENCY = 300.0


@dataclass
class Execution:
    """One task in one run.

    Attributes:
        number: From 1, over all runs.
        fate: "green" with a result, else killed, interrupted, or the text of an error.
        ended: Seconds since the beginning.
    """

    number: int
    run: int
    task: Task
    began: float
    fate: str = "killed"
    result: CorePipeline | None = None
    ended: float = 0.0


@dataclass
class Played:
    """A history that was played.

    Attributes:
        kills: How many runs were killed.
        joined: How many results were of an earlier run's command.
        seconds: Of virtual time.
    """

    history: TaskHistory
    violations: list[Violation] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    kills: int = 0
    faults: int = 0
    joined: int = 0
    requests: int = 0
    seconds: float = 0.0


class MemoryState:
    """The state of a session, as `KeptState` has it in a file, on the disk of a controller."""

    def __init__(self, files: dict[str, Known | None], process: Process) -> None:
        self._files = files
        self._process = process

    def take(self) -> bool:
        return True

    def release(self) -> None:
        pass

    def read(self) -> Known | None:
        return self._files.get("state")

    def write(self, known: Known | None) -> None:
        self._process.check()
        self._files["state"] = known


class MemoryResults:
    """Results that were received and not used, as `KeptResults` has them in files of a controller."""

    def __init__(self, files: dict[str, KeptResult], process: Process) -> None:
        self._files = files
        self._process = process
        self._own: set[str] = set()

    def keep(self, command_id: str, instance_id: str, messages: Messages) -> None:
        self._process.check()
        self._files[command_id] = KeptResult(instance_id, tuple(messages))
        self._own.add(command_id)

    def found(self, command_id: str) -> KeptResult | None:
        return None if command_id in self._own else self._files.get(command_id)

    def watch(self, command_id: str, pipeline: CorePipeline, *, is_started: bool) -> bool:
        if is_started:
            self.remove(command_id)
        had_early = self._early(command_id) in self._files

        def note() -> None:
            self._process.check()
            self._own.add(command_id)
            self._files[self._early(command_id)] = KeptResult("", ())

        if had_early:
            note()
        else:
            pipeline.early = note
        return had_early

    def remove(self, command_id: str) -> None:
        self._process.check()
        self._files.pop(command_id, None)
        self._files.pop(self._early(command_id), None)

    @staticmethod
    def _early(command_id: str) -> str:
        return f"{command_id}.early"

    def end(self) -> None:
        for command_id in self._own:
            self.remove(command_id)

    def path(self, command_id: str) -> str:
        return f"/{command_id}"


class _Session(KeptSession):
    """A kept session in the world of a simulated process."""

    def __init__(self, world: World, endpoint: Endpoint, keeping: Keeping) -> None:
        self._world = world
        super().__init__(endpoint, _RESOURCE, _RECOVERY, lambda _line: None, keeping)

    def _prepare(self, remoting: Remoting, endpoint: Endpoint, recovery_timeout: float, tell: Any) -> None:
        super()._prepare(Remoting(remoting.client_id, world=self._world), endpoint, recovery_timeout, tell)

    def _is_by_user(self) -> bool:
        return True


class TaskSimulation:
    """One history while it is played."""

    def __init__(self, history: TaskHistory) -> None:
        self.history = history
        self.scheduler = Scheduler(random.Random(f"order {history.seed}"))
        self.ledger = TaskLedger(history.tasks)
        self.servers = TaskServers(self.scheduler.loop, self.ledger, dict(history.switches))
        self.machines = [Machine(f"controller {number}", self.scheduler, self.servers) for number in (1, 2)]
        self.states: list[dict[str, Known | None]] = [{}, {}]
        self.results: list[dict[str, KeptResult]] = [{}, {}]
        self.played = Played(history)
        self._runs = 0

    def play(self) -> Played:
        """Play all runs, then some without a fault, and check."""
        played = self.played
        try:
            for run in self.history.runs:
                self._play(run)
            self._heal()
        except Stuck as error:
            played.violations.append(Violation("late", self._runs, str(error)))
        self._check_starts()
        self._check_removals()
        blocked = set(self.ledger.blocked)
        played.violations += [Violation("blocked", 0, f"{each} waited for another task") for each in blocked]
        played.joined = sum(each.result is not None and each.result.started is not None for each in played.executions)
        played.seconds = self.scheduler.now
        self.scheduler.close()
        for machine in self.machines:
            machine.disk.close()
        return played

    def _play(self, run: PlayRun) -> None:
        self._runs += 1
        loop = self.scheduler.loop
        loop.run_at_most(_FOREVER + run.wait)
        loop.run_until_complete(asyncio.sleep(run.wait))
        began = self.scheduler.now
        process = Running(self.machines[run.controller], f"{self.history.seed} run {self._runs}", run.faults)
        thread = self.scheduler.start(process.process, lambda: self._tasks(process, run))
        self.scheduler.run()
        self.ledger.execution = 0
        played = self.played
        played.requests += process.requests[""]
        played.faults += len(process.happened)
        played.kills += process.process.is_killed
        if thread.error is not None and not isinstance(thread.error, (Killed, KeyboardInterrupt)):
            told = "".join(traceback.format_exception(thread.error)[-2:])
            played.violations.append(Violation("crash", self._runs, told))
        if not run.faults and self.scheduler.now - began > 2 * self.history.seconds + _LATENCY * len(
            self.history.tasks
        ):
            text = f"a run without a fault took {self.scheduler.now - began:.0f} s"
            played.violations.append(Violation("late", self._runs, text))

    def _tasks(self, process: Running, run: PlayRun) -> None:
        """Run the tasks in order, as ansible-playbook does it for one host: each in a process of its own."""
        for task in self.history.tasks:
            execution = Execution(len(self.played.executions) + 1, self._runs, task, self.scheduler.now)
            self.played.executions.append(execution)
            self.ledger.execution = execution.number
            try:
                execution.result = self._task(process, run, task)
            except PSSessionError as error:
                execution.fate = str(error) or type(error).__name__
            except KeyboardInterrupt:
                execution.fate = "interrupted"
                raise
            else:
                execution.fate = "green"
                self._check_result(execution)
            finally:
                execution.ended = self.scheduler.now
            # A task whose script failed has its result; `ignore_errors` has the play go on.
            if execution.fate != "green":
                return

    def _task(self, process: Running, run: PlayRun, task: Task) -> CorePipeline:
        session = self._session(process, run, task)
        try:
            given = tuple(range(FILE_PIECES)) if task.form in WITH_INPUT else None
            if task.form == "copy":
                session.run(Script("write a file", input=iter(range(FILE_PIECES)), has_ui=True, is_alone=True))
            filler = f"# {'x' * 60_000}\n" if task.form == "large" else ""
            script = Script(f"{filler}run {task.token}", input=given, has_ui=True, is_alone=True, has_own_scope=True)
            return session.run(script, work=_work_of(task))
        finally:
            process.process.check()
            session.close()

    def _session(self, process: Running, run: PlayRun, task: Task) -> KeptSession:
        keeping = Keeping(
            is_durable=True,
            ids=Ids(_SECRET, [HOST, task.kind]),
            kind=task.kind,
            run=str(self._runs),
            state=MemoryState(self.states[run.controller], process.process),  # type: ignore[arg-type]
            client_id=_CLIENTS[0 if self.history.is_one_client else run.controller],
            wait=_WAIT,
            max_age=MAX_AGE,
            max_tasks=self.history.max_tasks,
            results=MemoryResults(self.results[run.controller], process.process),  # type: ignore[arg-type]
        )
        computer = self.servers.named(HOST)
        settings = HostSettings.from_options(
            {
                "computer_name": HOST,
                "address": computer.address,
                "authentication": "basic",
                "username": USER.name,
                "password": USER.password,
                "use_ssl": False,
                "message_encryption": "never",
                "max_envelope_size": _ENVELOPE,
            }
        )
        return _Session(process.world, endpoint_of(settings, {"idle_timeout": 43200}), keeping)

    def _follow_advice(self) -> None:
        """Remove the results and sessions that are too old."""
        for files in self.results:
            files.clear()
        self.servers.restart(HOST, 0.0)

    # What is promised

    def _violated(self, promise: str, execution: Execution, text: str) -> None:
        self.played.violations.append(Violation(promise, execution.run, f"{execution.task.token}: {text}"))

    def _check_result(self, execution: Execution) -> None:
        """A result is the whole output of one script: of this execution, or of the command that it joined."""
        task, result = execution.task, execution.result
        assert result is not None
        starts = self.ledger.of(HOST, task.token)
        is_joined = result.started is not None
        found = [
            start
            for start in starts
            if result.output == start.objects and (start.execution == execution.number or is_joined)
        ]
        if not found or result.had_errors is not (task.end == "Failed"):
            self._violated(
                "green",
                execution,
                f"its result is {[str(each)[:40] for each in result.output]}, had_errors {result.had_errors}",
            )
        if result.started is not None and self._now_of(result.started) < execution.began - MAX_AGE - 1:
            self._violated("old", execution, f"its result is of {result.started}")

    def _check_starts(self) -> None:
        for start in self.ledger.starts:
            if not start.task.is_durable:
                continue
            before = [each for each in self.ledger.of(HOST, start.task.token) if each.number < start.number]
            execution = self.played.executions[start.execution - 1]
            if start.execution and any(each.execution == start.execution for each in before):
                self._violated("twice", execution, "one task started its script twice")
            if start.is_second:
                self._violated("twice", execution, "its script was started while an earlier start of it was there")

    def _check_removals(self) -> None:
        for removal in self.servers.removals:
            execution = self.played.executions[removal.execution - 1]
            is_by_user = execution.fate == "interrupted"
            if removal.start.task.is_durable and removal.is_running and not is_by_user:
                self._violated("stopped", execution, f"{removal.operation} ended {removal.start.task.token}")

    def _heal(self) -> None:
        """Run the play without faults, as a user does until all of it is green."""
        never_ends = any(task.dies and task.objects for task in self.history.tasks)
        for number in range(_HEALING):
            self._play(PlayRun(wait=600.0 if number else self.history.wait))
            last = self.played.executions[-1]
            if last.fate == "green" or never_ends:
                return
            if "durable_max_age" in last.fate:
                self._follow_advice()
        self._violated("stuck", last, last.fate)

    @staticmethod
    def _now_of(moment: datetime.datetime) -> float:
        return (moment - START).total_seconds()


def _work_of(task: Task) -> Work:
    if task.form == "reading":
        return Work(task.token, is_module=True, is_repeatable=True)
    return Work(task.token, task.token.encode(), is_module=task.form != "raw")


def play(history: TaskHistory) -> Played:
    """Play a history from its beginning to its end; titles of commands have its virtual time."""
    simulation = TaskSimulation(history)
    now = mock.Mock(side_effect=lambda: START + datetime.timedelta(seconds=simulation.scheduler.now))
    with mock.patch.object(_kept_session, "_now", now):
        return simulation.play()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="play until so many runs were killed")
    parser.add_argument("--seed", type=int, default=0, help="of the first history; the others follow")
    given = parser.parse_args()
    began, seed = time.monotonic(), given.seed
    kills = faults = joined = requests = failed = 0
    seconds = 0.0
    while kills < given.kills and failed < _MOST_FAILED:
        played = play(draw(seed))
        kills, faults, joined = kills + played.kills, faults + played.faults, joined + played.joined
        requests, seconds = requests + played.requests, seconds + played.seconds
        if played.violations:
            failed += 1
            print(f"seed {seed}: {'; '.join(map(str, played.violations))}", flush=True)
            if failed == 1:
                print(f"{played.history}", flush=True)
        seed += 1
    histories = seed - given.seed
    bound = "" if failed else f" (fewer than {3 / kills:.1%} of kills with 95 % certainty)"
    print(
        f"{histories} histories, {kills} kills, {faults} faults, {requests} requests, {joined} results joined, "
        f"{seconds / 86400:.1f} simulated days: {failed} with violations{bound}; {time.monotonic() - began:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
