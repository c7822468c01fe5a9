# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays a history: runs its steps, then what a user does who finds something undone, and checks the promises."""

from __future__ import annotations

import asyncio
import functools
import random
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import promises
from tests.simulation.controller import Machine, Running
from tests.simulation.history import IDLE_TIMEOUT, NAME, HappeningFault, History, Step
from tests.simulation.outcome import TOKEN, Outcome, Violation
from tests.simulation.scheduler import Scheduler, Stuck
from tests.simulation.servers import Ledger, Servers

FOLDER, JOURNALS = "/work", "/journals/"
_MODULES = {
    "invoke": "invoke_command",
    "receive": "receive_pssession",
    "connect": "connect_pssession",
    "disconnect": "disconnect_pssession",
    "remove": "remove_pssession",
}


@dataclass
class Played:
    """A history that was played.

    Attributes:
        seconds: Of virtual time.
        triples: How often each triple of verb, fault and state of the sessions occurred.
    """

    history: History
    violations: list[Violation]
    outcomes: list[Outcome]
    seconds: float = 0.0
    requests: int = 0
    triples: Counter[tuple[str, str, str]] = field(default_factory=Counter)


class Simulation:
    """One history while it is played."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.scheduler = Scheduler(random.Random(f"order {history.seed}"))
        tokens = {TOKEN: history.work}
        tokens |= {self.token_of(number, step): history.work for number, step in enumerate(history.steps, 1)}
        self.ledger = Ledger(tokens)
        self.servers = Servers(list(history.computers), self.scheduler.loop, self.ledger, dict(history.switches))
        self.machines = [Machine(f"controller {number}", self.scheduler, self.servers) for number in (1, 2)]
        self.outcomes: list[Outcome] = []
        self.violations: list[Violation] = []
        self.triples: Counter[tuple[str, str, str]] = Counter()
        self.requests = 0

    @staticmethod
    def token_of(number: int, step: Step) -> str:
        return f"invoke{number}" if step.kind == "invoke" else TOKEN

    def play(self) -> Played:
        """Play all steps, heal, and check."""
        try:
            for group in _groups(self.history.steps):
                self._play(group)
                for outcome in self.outcomes[-len(group) :]:
                    self.violations += promises.after_step(self, outcome)
            for step in healing(self.history):
                self._play([(len(self.outcomes) + 1, step)])
                self.violations += promises.after_step(self, self.outcomes[-1])
            self.violations += promises.at_end(self)
        except Stuck as error:
            self.violations.append(Violation("late", len(self.outcomes), str(error)))
        now = self.scheduler.now
        self.close()
        return Played(self.history, self.violations, self.outcomes, now, self.requests, self.triples)

    def close(self) -> None:
        self.scheduler.close()
        for machine in self.machines:
            machine.disk.close()

    def state_of(self, host: str) -> str:
        """The state of the sessions on a host, in one word."""
        shells = self.servers.named(host).live_shells()
        if not shells:
            return "none"
        if any(shell.runs_commands for shell in shells):
            return f"{shells[0].state.lower()}, running"
        has_command = any(shell.pool is not None and shell.pool.pipelines for shell in shells)
        return f"{shells[0].state.lower()}, {'ended' if has_command else 'idle'}"

    def seen(self) -> set[str]:
        """All objects that are in a result or a journal."""
        found: set[str] = set()
        for outcome in self.outcomes:
            for host in outcome.step.hosts:
                for result in outcome.results(host):
                    found.update(each for each in result["output"] if isinstance(each, str))
        for machine in self.machines:
            for data in machine.disk.files.values():
                found |= promises.objects_in(data)
        return found

    def _play(self, group: list[tuple[int, Step]]) -> None:
        loop = self.scheduler.loop
        loop.run_until_complete(asyncio.sleep(group[0][1].wait))
        running = []
        for number, step in group:
            outcome = Outcome(number, step, self.scheduler.now, self.token_of(number, step))
            outcome.expected = [run for run in self.ledger.runs if run.computer in step.hosts]
            process = Running(
                self.machines[step.controller], f"{self.history.seed} step {number}", step.faults, self._note(step)
            )
            thread = self.scheduler.start(process.process, functools.partial(self._carry_out, process, outcome))
            running.append((process, thread, outcome))
            self.outcomes.append(outcome)
        self.scheduler.run()
        for process, thread, outcome in running:
            outcome.error = thread.error
            outcome.happened = process.happened
            outcome.client_id = process.client_id
            outcome.result = None if thread.error else thread.result
            self.requests += process.requests[""]
            process.machine.disk.room = None
            if not outcome.ended:
                outcome.ended = self.scheduler.now
            if thread.error is not None and not outcome.was_killed:
                told = "".join(traceback.format_exception(thread.error)[-2:])
                self.violations.append(Violation("crash", outcome.number, told))

    def _note(self, step: Step) -> Any:
        def note(fault: HappeningFault, host: str) -> None:
            state = self.state_of(host) if host in self.history.computers else "any"
            self.triples[step.kind, fault.kind, state] += 1

        return note

    def _carry_out(self, process: Running, outcome: Outcome) -> Mapping[str, Any]:
        result = self._result_of(process, outcome)
        outcome.ended = self.scheduler.now
        return result

    def _result_of(self, process: Running, outcome: Outcome) -> Mapping[str, Any]:
        step = outcome.step
        given = {"timeout": step.timeout} if step.timeout is not None else {}
        busy = {"busy_timeout": step.busy_timeout}
        if step.kind == "start":
            return process.job("start", step.hosts, None, name=[NAME], script=f"run {TOKEN}", idle_timeout=IDLE_TIMEOUT)
        if step.kind == "resume":
            # The commands of steps of the kind start are the same work.
            work = {
                "name": [NAME],
                "script": f"run {TOKEN}",
                "idle_timeout": IDLE_TIMEOUT,
                "adopt": True,
                **given,
                **busy,
            }
            return process.job("resume", step.hosts, FOLDER, **work)
        journal = {"journal": JOURNALS} if step.journal else {}
        if step.kind == "collect":
            how = {"name": [NAME], "when_done": step.when_done, **given, **busy, **journal}
            return process.job("collect", step.hosts, None, **how)
        options: dict[str, Any] = {"computer_name": list(step.hosts), "name": [NAME], "require_each": True}
        if step.kind == "receive":
            options |= {"when_done": step.when_done, **given, **busy, **journal}
        elif step.kind == "invoke":
            options |= {"script": f"run {outcome.token}", **given, **busy, **journal}
        else:
            options |= busy
        return process.verb(_MODULES[step.kind], **options)


def _groups(steps: tuple[Step, ...]) -> list[list[tuple[int, Step]]]:
    """Return the steps with their numbers, those together that run side by side."""
    groups: list[list[tuple[int, Step]]] = []
    for number, step in enumerate(steps, 1):
        if step.is_parallel and groups:
            groups[-1].append((number, step))
        else:
            groups.append([(number, step)])
    return groups


def healing(history: History) -> list[Step]:
    """Return what a user does in the end, when nothing goes wrong any more: run again what is undone."""
    hosts, wait = history.computers, 600.0 + history.work.seconds
    if history.steps and history.steps[0].kind == "resume":
        again = Step("resume", hosts, wait=wait, busy_timeout=120)
        return [again, again]
    collect = Step("collect", hosts, wait=wait, busy_timeout=120)
    return [collect, collect]


def play(history: History) -> Played:
    """Play a history from its beginning to its end."""
    return Simulation(history).play()
