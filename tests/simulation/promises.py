# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The promises: what must be true after each step of a history, and at its end.

The model is the ledger of the scripts that really ran, and what their servers know. It uses nothing of the engine.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.controller import FEW_JOURNALS
from tests.simulation.history import EXTENDED_IDLE_TIMEOUT, IDLE_TIMEOUT, JOBS, REQUEST_FAULTS, WRITING
from tests.simulation.outcome import TOKEN, Outcome, Violation
from tests.simulation.servers import Run

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_OBJECT = re.compile(rb"(?:nightly|invoke\d+)/srv\d+/run\d+/object\d+")
# Seconds after which a server may take a session from its silent client.
_SILENCE = 50.0
# Faults after which the servers may be otherwise than the task has left them.
_MEDDLING = {"restart", "remove", "stop", "take", "late"}
# Seconds that a task may take to disconnect from its sessions after Ctrl-C.
_INTERRUPTED_SECONDS = 25.0


def objects_in(data: bytes) -> set[str]:
    """Return the objects that a file has: a journal has pieces of the stream, a result has text."""
    found = {each.decode() for each in _OBJECT.findall(data)}
    for line in data.splitlines():
        try:
            piece = json.loads(line)["piece"]
        except (ValueError, KeyError, TypeError):
            continue
        found.update(each.decode() for each in _OBJECT.findall(base64.b64decode(piece)))
    return found


def after_step(simulation: Simulation, outcome: Outcome) -> Iterator[Violation]:
    """Check what a step says, and how long it took."""
    allowed = bound(simulation, outcome)
    took = outcome.ended - outcome.began
    if took > allowed:
        yield Violation("late", outcome.number, f"it took {took:.0f} s, and {allowed:.0f} s are the bound")
    yield from _after_interrupt(simulation, outcome)
    yield from _unforeseen(outcome)
    for host in outcome.step.hosts:
        for error in outcome.errors(host):
            if "unexpected " in error["message"] and "This is a defect" in error["hint"]:
                yield Violation("crash", outcome.number, error["message"])
        if outcome.is_green(host):
            for text in _untrue(simulation, outcome, host):
                yield Violation("green", outcome.number, f"{outcome.step.kind} says ok for {host}, and {text}")


def _unforeseen(outcome: Outcome) -> Iterator[Violation]:
    """Tell what check mode did not foresee."""
    foreseen, result = outcome.foreseen, outcome.result
    if foreseen is None or result is None:
        return
    for host in outcome.step.hosts:
        if outcome.step.kind in JOBS:
            was, now = foreseen[host]["changed"], result[host]["changed"]
            failed, fails = foreseen[host]["failed"], result[host]["failed"]
        else:
            was, now = foreseen["changed"], result["changed"]
            failed, fails = bool(foreseen["errors"]), bool(result["errors"])
        for what, said, is_so in (("changed", was, now), ("failed", failed, fails)):
            # How a command ended, and what a journal has of it, is seen only when it is received.
            depends_on_output = outcome.step.kind in WRITING and (what, said) != ("failed", True)
            if said != is_so and not depends_on_output:
                text = f"check mode of {outcome.step.kind} says {what} {said} for {host}, and it is {is_so}"
                yield Violation("check", outcome.number, text)


def _after_interrupt(simulation: Simulation, outcome: Outcome) -> Iterator[Violation]:
    """Check that Ctrl-C ends a task soon, and that a task that waits for output is connected no more."""
    if outcome.interrupted_at is None or outcome.error is None:
        return
    took = outcome.ended - outcome.interrupted_at
    if took > _INTERRUPTED_SECONDS:
        yield Violation("late", outcome.number, f"it ended {took:.0f} s after Ctrl-C")
    operations = {operation for fault, operation, _where in outcome.happened if fault.kind == "interrupt"}
    is_plain = len(outcome.happened) == 1 and len(outcome.step.hosts) == 1 and not outcome.step.is_parallel
    if is_plain and operations == {"Receive"} and outcome.step.kind in ("receive", "invoke", "collect"):
        for host in outcome.step.hosts:
            for shell in simulation.servers.named(host).live_shells():
                if shell.state == "Connected" and shell.client == outcome.client_id:
                    yield Violation("connected", outcome.number, f"{shell.name} is connected after Ctrl-C")


def bound(simulation: Simulation, outcome: Outcome) -> float:
    """Return how long a step may take, in seconds."""
    step, work = outcome.step, simulation.history.work
    away = 500.0 * sum(fault.kind == "away_long" for fault, _operation, _where in outcome.happened)
    runs = sum(1 for run in simulation.ledger.runs if run.computer in step.hosts)
    takes = step.kind in ("resume", "collect", "receive", "invoke")
    # With journals, resume receives from as many hosts at once as there may be open journals.
    in_turn = -(-len(step.hosts) // FEW_JOURNALS) if step.kind == "resume" else 1
    waiting = (work.seconds * max(runs, 1) if step.timeout is None else step.timeout * in_turn) if takes else 0.0
    return 100 + waiting + len(step.hosts) * (2 * step.busy_timeout + 100) + 420 * len(outcome.happened) + away


def _untrue(simulation: Simulation, outcome: Outcome, host: str) -> Iterator[str]:
    """Tell what is not true although the step says ok for a host."""
    step, ledger = outcome.step, simulation.ledger
    seen = simulation.seen()
    # What went on when the time of the task was over may have ended before the task has.
    is_over = step.timeout is not None and any(each["state"] == "Running" for each in outcome.results(host))
    if step.kind in ("start", "resume", "invoke"):
        runs = ledger.of(host, outcome.token)
        if not runs and not (step.kind == "invoke" and not outcome.results(host)):
            yield "the script never ran"
        if step.kind == "invoke" and not outcome.results(host):
            yield "nothing was invoked"
        for run in runs if step.kind == "resume" or (step.kind == "invoke" and not is_over) else ():
            yield from _undone(run, seen)
    if step.kind in ("collect", "receive"):
        if step.kind in JOBS and not outcome.results(host):
            yield "nothing was collected"
        for result in outcome.results(host):
            if result["state"] == "Running" and step.timeout is None:
                yield "the command still runs"
            if result["state"] == "Stopped":
                yield "the command was stopped"
        for run in outcome.expected:
            if run.computer == host and not run.pipeline.closed and not is_over and run.state != "Failed":
                yield from _undone(run, seen)
        for result in outcome.results(host):
            if result["output_dropped"] is False and any(run.dropped for run in ledger.runs if run.computer == host):
                yield "the server dropped output"
    if step.kind == "invoke" and step.input is not None and not is_over:
        for run in ledger.of(host, outcome.token):
            if run.inputs != step.input:
                yield f"the script read {run.inputs} of {step.input} objects of input"
    shells = [each for each in simulation.servers.named(host).live_shells() if each.created < outcome.began]
    is_alone = not any(each.is_parallel for each in simulation.history.steps)
    is_sure = is_alone and not outcome.fault_kinds(host) & _MEDDLING and not _is_late_somewhere(simulation)
    ours = outcome.client_id
    if step.kind == "connect" and is_sure and outcome.ended - outcome.began < _SILENCE:
        if not shells:
            yield "there is no session"
        for shell in shells:
            if shell.state != "Connected" or (ours and shell.client != ours):
                yield f"session {shell.name} is {shell.state}"
    if (
        step.kind == "disconnect"
        and is_sure
        and any(each.state == "Connected" and each.client == ours for each in shells)
    ):
        yield "the session is connected"
    if step.kind == "remove" and is_sure and shells:
        yield "the session exists"
    if step.kind == "new" and is_sure and not simulation.servers.named(host).live_shells():
        yield "there is no session"
    if step.kind == "info" and is_sure:
        assert outcome.result is not None
        listed = {each["instance_id"] for each in outcome.result["sessions"] if each["computer_name"] == host}
        for shell in shells:
            if str(shell.uuid) not in listed:
                yield f"session {shell.name} is not in the result"
    if step.kind == "extend" and is_sure and outcome.before[host].is_free:  # others do not expire soon
        for shell in shells:
            if shell.idle_timeout < EXTENDED_IDLE_TIMEOUT:
                yield f"session {shell.name} expires after {shell.idle_timeout:.0f} s"
    if step.kind == "cleanup" and is_sure and outcome.before[host].is_free:  # others are in use when it looks
        for shell in shells:
            if shell.state == "Disconnected" and shell.pool is not None and not shell.pool.pipelines:
                yield f"session {shell.name} has no command and exists"


def _undone(run: Run, seen: set[str]) -> Iterator[str]:
    if run.state != "Completed":
        yield f"the script is {run.state}{', and its session is gone' if run.is_cut_off else ''}"
    missing = [each for each in run.kept if each not in seen]
    if missing:
        yield f"{len(missing)} of {len(run.wrote)} objects are in no result and no journal, first {missing[0]}"


def at_end(simulation: Simulation) -> Iterator[Violation]:
    """Check that nothing was lost, nothing ran twice and nothing was taken from others."""
    seen = simulation.seen()
    for run in simulation.ledger.runs:
        missing = [each for each in run.kept if each not in seen]
        if missing and not _is_excused(simulation, run):
            text = f"{len(missing)} of {len(run.wrote)} objects of {run.token} on {run.computer}, first {missing[0]}"
            yield Violation("lost", 0, f"{text}; its session {run.session}")
    for place in () if _may_be_taken_meanwhile(simulation) else simulation.servers.removed_from_others:
        yield Violation("others", 0, f"session {place} was removed while another client was connected to it")
    yield from _unfinished(simulation)
    for computer in simulation.history.computers:
        for token in dict.fromkeys(run.token for run in simulation.ledger.runs):
            yield from _twice(simulation, computer, token)


def _unfinished(simulation: Simulation) -> Iterator[Violation]:
    """Tell where resume does not come to an end, although no process was killed and nobody touched its sessions."""
    history, last = simulation.history, simulation.outcomes[-1]
    kinds = {fault.kind for outcome in simulation.outcomes for fault, _operation, _where in outcome.happened}
    is_plain = all(step.kind == "resume" and step.wait <= IDLE_TIMEOUT for step in history.steps)
    if not is_plain or kinds - REQUEST_FAULTS.keys() or history.work.end != "Completed":
        return
    for host in history.computers:
        if not last.is_green(host):
            told = "; ".join(str(each["message"]) for each in last.errors(host))
            yield Violation("stuck", 0, f"resume does not come to an end on {host}: {told}")


def _is_excused(simulation: Simulation, run: Run) -> bool:
    """Tell whether output may be in no result and no journal.

    It was removed on purpose, its session expired, or a task without a journal was killed while it took it. Or it is
    still on the server, and the last task says that it was not collected.
    """
    last = simulation.outcomes[-1]
    pipeline = run.pipeline
    is_there = len(pipeline.output) or pipeline.unacknowledged is not None or pipeline.replay is not None
    if not pipeline.closed and is_there and last.errors(run.computer):
        return True
    for outcome in simulation.outcomes:
        if run.computer not in outcome.step.hosts or outcome.ended < run.began:
            continue
        kinds = outcome.fault_kinds(run.computer)
        is_expired = outcome.step.wait > IDLE_TIMEOUT
        if outcome.step.kind == "remove" or kinds & {"restart", "remove"} or is_expired:
            return True
        if not outcome.step.journal and outcome.was_killed:
            return True
    return False


def _twice(simulation: Simulation, computer: str, token: str) -> Iterator[Violation]:
    runs = simulation.ledger.of(computer, token)
    sessions: set[str] = set()
    for number, run in enumerate(runs):
        if run.session in sessions:
            yield Violation("twice", 0, f"{token} ran twice in one session on {computer}")
        elif number and token == TOKEN and (_is_resumed(simulation) or not run.alone):
            yield Violation("twice", 0, f"{token} ran {len(runs)} times on {computer}")
        sessions.add(run.session)


def _is_resumed(simulation: Simulation) -> bool:
    return any(outcome.step.kind == "resume" for outcome in simulation.outcomes)


def _is_late_somewhere(simulation: Simulation) -> bool:
    return any(
        fault.kind == "late" for outcome in simulation.outcomes for fault, _operation, _where in outcome.happened
    )


def _may_be_taken_meanwhile(simulation: Simulation) -> bool:
    """Tell whether another client may take a session between the proof that there is none and the request to remove it.

    The protocol has no request that does both.
    """
    taken = any(
        (fault.kind, operation) == ("take", "Delete")
        for outcome in simulation.outcomes
        for fault, operation, _where in outcome.happened
    )
    return taken or _is_late_somewhere(simulation)
