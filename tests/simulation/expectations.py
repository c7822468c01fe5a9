# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must succeed: a step that fails without need keeps the three promises, and is of no use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.history import JOBS, LONG_WAIT, WRITING
from tests.simulation.outcome import Outcome, Violation

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

# What happens to a Receive, and a new connection gets over.
_HEALED = {"lost_request", "lost_answer", "unconnected", "status_503", "garbled", "damaged", "slow", "away"}
# Requests that a step may send: so many for each host and fault, and so many a second beyond that.
_REQUESTS, _REQUESTS_A_SECOND = 60, 1.0


@dataclass(frozen=True)
class Before:
    """What a host has before a step.

    Attributes:
        sessions: How many sessions it has.
        is_free: Whether all of them are Disconnected.
        commands: How many commands they have.
        is_running: Whether one of the commands runs.
        is_gone: Whether a script ran there whose session is gone.
    """

    sessions: int
    is_free: bool
    commands: int
    is_running: bool
    is_gone: bool


def before(simulation: Simulation, host: str) -> Before:
    """Return what a host has now."""
    shells = simulation.servers.named(host).live_shells()
    ids = {str(shell.uuid) for shell in shells}
    return Before(
        len(shells),
        all(shell.state == "Disconnected" for shell in shells),
        sum(len(shell.pool.pipelines) for shell in shells if shell.pool is not None),
        any(shell.runs_commands for shell in shells),
        any(run.session not in ids for run in simulation.ledger.runs if run.computer == host),
    )


def needless(simulation: Simulation, outcome: Outcome) -> Iterator[Violation]:
    """Tell which errors of a step are for nothing, which requests are too many, and what it says that it changed."""
    step, result = outcome.step, outcome.result
    allowed = _REQUESTS * len(step.hosts) * (1 + len(outcome.happened))
    if outcome.requests > allowed + (outcome.ended - outcome.began) * _REQUESTS_A_SECOND * len(step.hosts):
        yield Violation("late", outcome.number, f"it sent {outcome.requests} requests")
    if result is None or not _is_plain(simulation, outcome):
        return
    for host in step.hosts:
        is_healed = _is_healed(outcome, host)
        if (is_healed or not outcome.happened) and _must_succeed(simulation, outcome, outcome.before[host]):
            for error in outcome.errors(host):
                yield Violation("needless", outcome.number, f"{step.kind} fails on {host}: {error['message']}")
            reconnections = sum(each["reconnections"] for each in outcome.results(host))
            kinds = outcome.fault_kinds(host) - {"slow"}
            if step.kind in ("collect", "receive") and bool(reconnections) != (is_healed and bool(kinds)):
                yield Violation("needless", outcome.number, f"{step.kind} counts {reconnections} reconnections")
            yield from _incomplete(simulation, outcome, host)
        if not outcome.happened:
            yield from _left_connected(simulation, outcome, host)
    if not outcome.happened and all(outcome.before[host].is_free for host in step.hosts) and step.kind not in JOBS:
        changes = _changes(outcome)
        if changes is not None and result["changed"] != changes and not result["errors"]:
            yield Violation("green", outcome.number, f"{step.kind} says changed {result['changed']}")


def _incomplete(simulation: Simulation, outcome: Outcome, host: str) -> Iterator[Violation]:
    """Tell what is missing in the results of a step with a journal: they have all that was ever received."""
    steps = [each.step for each in simulation.outcomes[: outcome.number]]
    if outcome.step.kind not in WRITING or not all(step.journal for step in steps):
        return
    for result in outcome.results(host):
        runs = [
            each for each in simulation.ledger.runs if each.pipeline.command_id == str(result["command_id"]).upper()
        ]
        for run in runs if result["state"] == "Completed" else ():
            has = [*result["output"], *result["warning"]]
            missing = [each for each in [*run.kept, *run.warned] if each not in has]
            if missing or len(has) != len(set(has)):
                yield Violation("lost", outcome.number, f"the result of {run.token} on {host} lacks {missing}")


def _left_connected(simulation: Simulation, outcome: Outcome, host: str) -> Iterator[Violation]:
    """Tell which sessions are connected that should not be."""
    step = outcome.step
    if step.kind in ("connect", "new") or not outcome.before[host].is_free:
        return
    takes = step.kind in ("collect", "receive", "invoke")
    for shell in simulation.servers.named(host).live_shells():
        runs = [run for run in simulation.ledger.runs if run.session == str(shell.uuid)]
        is_done = bool(runs) and all(run.state == "Completed" and not run.dropped for run in runs)
        may_stay = takes and (step.when_done == "keep" or (step.when_done == "remove" and not is_done))
        is_ours = shell.state == "Connected" and shell.client == outcome.client_id
        if is_ours and (not may_stay or shell.runs_commands):
            yield Violation("connected", outcome.number, f"{step.kind} leaves {shell.name} connected on {host}")


def _is_plain(simulation: Simulation, outcome: Outcome) -> bool:
    """Tell whether nothing went wrong before a step, and nobody else works with the sessions."""
    earlier = simulation.outcomes[: outcome.number - 1]
    steps = [each.step for each in (*earlier, outcome)]
    return (
        not any(each.happened for each in earlier)
        and not any(step.is_parallel or step.controller or step.wait >= LONG_WAIT for step in steps)
        and not any(each.is_parallel for each in simulation.history.steps)
    )


def _is_healed(outcome: Outcome, host: str) -> bool:
    """Tell whether one thing happened that a receive gets over."""
    kinds = [(fault.kind, operation) for fault, operation, _where in outcome.happened]
    is_receive = len(kinds) == 1 and kinds[0][0] in _HEALED and kinds[0][1] == "Receive"
    return is_receive and outcome.step.kind in ("collect", "receive") and bool(outcome.fault_kinds(host))


def _must_succeed(simulation: Simulation, outcome: Outcome, found: Before) -> bool:
    step, work = outcome.step, simulation.history.work
    if step.kind in WRITING and (step.timeout is not None or work.end != "Completed" or work.mode == "drop"):
        return False
    if step.kind == "start":
        return found.commands > 0 or (found.sessions == 0 and not found.is_gone)
    if step.kind == "resume":
        return all(each.step.kind in ("resume", "connect", "disconnect") for each in simulation.outcomes)
    if step.kind in ("collect", "receive"):
        return found.commands > 0
    if step.kind == "invoke":
        return found.sessions > 0 and found.commands == 0
    if step.kind in ("connect", "disconnect", "remove"):
        return found.sessions > 0
    return True


def _changes(outcome: Outcome) -> bool | None:
    """Return whether a step changes something where all sessions are Disconnected, or None where it depends."""
    hosts = [outcome.before[host] for host in outcome.step.hosts]
    has_sessions = any(each.sessions for each in hosts)
    return {
        "connect": has_sessions,
        "remove": has_sessions,
        "disconnect": False,
        "new": True if not all(each.sessions for each in hosts) else None,
        "invoke": True,
    }.get(outcome.step.kind)
