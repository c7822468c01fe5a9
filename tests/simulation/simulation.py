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

from tests.simulation import expectations, promises
from tests.simulation.controller import Machine, Running, has_work
from tests.simulation.history import (
    EXTENDED_IDLE_TIMEOUT,
    NAME,
    STEP_FAULTS,
    HappeningFault,
    History,
    Step,
)
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
    "new": "new_pssession",
    "info": "pssession_info",
}
NEVER_BEGAN = "there is a command that never began"
# Seconds that no step takes.
_FOREVER = 200_000.0
# The share of the steps without a fault that are done in check mode first.
_CHECKED = 0.4
# Bytes of a request that take about 3,000 bytes of a script.
_SMALL_ENVELOPE = 8192
# Seconds; no session of a history lives so long.
_ALL_THAT_EXPIRE = 2_000_000


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
                    self._check(outcome)
            for step in healing(self.history):
                self._play([(len(self.outcomes) + 1, step)])
                self._check(self.outcomes[-1])
            self.violations += promises.at_end(self)
            self.violations += self._of_other_work()
        except Stuck as error:
            text = f"{error}; {NEVER_BEGAN}" if self.servers.have_unbegun() else str(error)
            self.violations.append(Violation("late", len(self.outcomes), text))
        now = self.scheduler.now
        self.close()
        return Played(self.history, self.violations, self.outcomes, now, self.requests, self.triples)

    def _of_other_work(self) -> list[Violation]:
        """Resume other work with the same folder; no host may be told what the folder has, nor be asked anything."""
        violations = []
        for number, machine in enumerate(self.machines):
            hosts = tuple(host for host in self.history.computers if has_work(machine.disk, FOLDER, host))
            if not hosts:
                continue
            process = self._process("other work", Step("resume", hosts, controller=number), ())
            work: dict[str, Any] = {"name": [NAME], "script": f"{self._script(TOKEN)} differently"}
            job = functools.partial(process.job, "resume", hosts, FOLDER, **work)
            thread = self.scheduler.start(process.process, job)
            self.scheduler.run()
            told = thread.result or {}
            answered = [host for host in hosts if not told[host]["failed"] or told[host]["results"]]
            if answered or process.requests[""]:
                violations.append(Violation("other", 0, f"other work was answered on {', '.join(answered)}"))
        return violations

    def _check(self, outcome: Outcome) -> None:
        self.violations += promises.after_step(self, outcome)
        self.violations += expectations.needless(self, outcome)

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
        loop.run_at_most(_FOREVER + group[0][1].wait)
        loop.run_until_complete(asyncio.sleep(group[0][1].wait))
        foreseen = self._foreseen(*group[0]) if len(group) == 1 else None
        running = []
        for number, step in group:
            outcome = Outcome(number, step, self.scheduler.now, self.token_of(number, step))
            outcome.expected = [run for run in self.ledger.runs if run.computer in step.hosts]
            outcome.foreseen = foreseen
            outcome.before = {host: expectations.before(self, host) for host in step.hosts}
            process = self._process(f"step {number}", step, step.faults)
            for fault in step.faults:
                if fault.kind in STEP_FAULTS:
                    process.machine.disk.forget_databases()
                    process.happen(fault, "", fault.kind)
            thread = self.scheduler.start(process.process, functools.partial(self._carry_out, process, outcome))
            running.append((process, thread, outcome))
            self.outcomes.append(outcome)
        self.scheduler.run()
        for process, thread, outcome in running:
            outcome.error = thread.error
            outcome.happened = process.happened
            outcome.client_id = process.client_id
            outcome.interrupted_at = process.process.interrupted_at
            outcome.result = None if thread.error else thread.result
            outcome.requests = process.requests[""]
            self.requests += outcome.requests
            process.machine.disk.room = None
            if not outcome.ended:
                outcome.ended = self.scheduler.now
            if thread.error is not None and not outcome.was_killed:
                told = "".join(traceback.format_exception(thread.error)[-2:])
                self.violations.append(Violation("crash", outcome.number, told))

    def _foreseen(self, number: int, step: Step) -> Mapping[str, Any] | None:
        """Do some steps in check mode first; nothing may change by that."""
        if step.faults or random.Random(f"check {self.history.seed} {number}").random() > _CHECKED:
            return None
        outcome = Outcome(number, step, self.scheduler.now, self.token_of(number, step))
        before = self._what_clients_change()
        process = self._process(f"check {number}", step, ())
        thread = self.scheduler.start(
            process.process, functools.partial(self._result_of, process, outcome, check_mode=True)
        )
        self.scheduler.run()
        self.requests += process.requests[""]
        if thread.error is not None:
            told = "".join(traceback.format_exception(thread.error)[-2:])
            self.violations.append(Violation("crash", number, told))
            return None
        if before != self._what_clients_change():
            self.violations.append(Violation("check", number, f"check mode of {step.kind} changed something"))
        # Only where nothing changes by itself can it be compared with what the step does.
        is_quiet = all(
            shell.state == "Disconnected" and not shell.runs_commands
            for host in step.hosts
            for shell in self.servers.named(host).live_shells()
        )
        return thread.result if is_quiet else None

    def _what_clients_change(self) -> list[Any]:
        shells = [shell for computer in self.servers for shell in computer.live_shells()]
        return [len(self.ledger.runs), *((shell.id, shell.client, shell.idle_timeout) for shell in shells)]

    def _process(self, name: str, step: Step, faults: tuple[HappeningFault, ...]) -> Running:
        work = self.history.work
        return Running(
            self.machines[step.controller],
            f"{self.history.seed} {name}",
            faults,
            self._note(step),
            buffering_mode=work.mode,
            inventory={"max_envelope_size": _SMALL_ENVELOPE} if work.size else None,
        )

    def _note(self, step: Step) -> Any:
        def note(fault: HappeningFault, host: str) -> None:
            for each in [host] if host in self.history.computers else step.hosts:
                self.triples[step.kind, fault.kind, self.state_of(each)] += 1

        return note

    def _carry_out(self, process: Running, outcome: Outcome) -> Mapping[str, Any]:
        try:
            return self._result_of(process, outcome)
        finally:
            outcome.ended = self.scheduler.now

    def _script(self, token: str) -> str:
        size = self.history.work.size
        return f"# {'x' * size}\nrun {token}" if size else f"run {token}"

    def _result_of(self, process: Running, outcome: Outcome, *, check_mode: bool = False) -> Mapping[str, Any]:
        step = outcome.step
        given = {"timeout": step.timeout} if step.timeout is not None else {}
        busy = {"busy_timeout": step.busy_timeout}
        if step.kind == "start":
            work: dict[str, Any] = {"name": [NAME], "script": self._script(TOKEN)}
            return process.job("start", step.hosts, None, check_mode=check_mode, **work)
        if step.kind == "resume":
            work = {"name": [NAME], "script": self._script(TOKEN), **given, **busy}
            return process.job("resume", step.hosts, FOLDER, check_mode=check_mode, **work)
        journal = {"journal": JOURNALS} if step.journal else {}
        if step.kind == "collect":
            how = {"name": [NAME], "when_done": step.when_done, **given, **busy, **journal}
            return process.job("collect", step.hosts, None, check_mode=check_mode, **how)
        if step.kind == "extend":
            how = {"name": [NAME], "expires_within": _ALL_THAT_EXPIRE, "idle_timeout": EXTENDED_IDLE_TIMEOUT}
            return process.job("extend", step.hosts, None, check_mode=check_mode, **how)
        if step.kind == "cleanup":
            return process.job("cleanup", step.hosts, None, check_mode=check_mode, name=[NAME], remove=True)
        options: dict[str, Any] = {"computer_name": list(step.hosts), "name": [NAME]}
        if step.kind not in ("new", "info"):
            options["require_each"] = True
        if step.kind == "receive":
            options |= {"when_done": step.when_done, **given, **busy, **journal}
        elif step.kind == "invoke":
            inputs = {} if step.input is None else {"input": list(range(step.input))}
            options |= {"script": self._script(outcome.token), **given, **busy, **journal, **inputs}
        elif step.kind not in ("new", "info"):
            options |= busy
        return process.verb(_MODULES[step.kind], check_mode=check_mode, **options)


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
