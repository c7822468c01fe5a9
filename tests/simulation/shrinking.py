# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the history of a violation shorter, for as long as it shows the same violation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.history import History, Step
from tests.simulation.outcome import Violation
from tests.simulation.servers import Work
from tests.simulation.simulation import Played, play

# A shorter history is looked for among so many.
_MOST_ATTEMPTS = 150

Judge = Callable[[Played], list[Violation]]


def shrunk(history: History, judge: Judge = lambda played: played.violations) -> Played:
    """Return the shortest history found that breaks the same promise, as it was played.

    Args:
        judge: Returns the violations of a history that count.
    """
    best = play(history)
    promises = {each.promise for each in judge(best)}
    attempts = 0
    is_shorter = True
    while is_shorter and promises:
        is_shorter = False
        for candidate in _shorter(best.history):
            if attempts >= _MOST_ATTEMPTS:
                return best
            attempts += 1
            played = play(candidate)
            if promises & {each.promise for each in judge(played)}:
                best, is_shorter = played, True
                break
    return best


def _shorter(history: History) -> Iterator[History]:
    """Yield histories with less in them, those with much less first."""
    if len(history.computers) > 1:
        yield _on(history, history.computers[:1])
        yield _on(history, history.computers[1:])
    for number in range(len(history.steps) - 1, 0, -1):
        yield _with_steps(history, (*history.steps[:number], *history.steps[number + 1 :]))
    for number, step in enumerate(history.steps):
        for fault in step.faults:
            rest = tuple(each for each in step.faults if each is not fault)
            yield _with_step(history, number, replace(step, faults=rest))
    for number, step in enumerate(history.steps):
        for plainer in _plainer(step):
            yield _with_step(history, number, plainer)
    for work in (Work(), Work(history.work.objects, 0.0, history.work.end), Work(2, history.work.pause)):
        if work != history.work:
            yield replace(history, work=work)


def _plainer(step: Step) -> Iterator[Step]:
    """Yield a step with the default of each option."""
    for name, value in (
        ("wait", 0.0),
        ("timeout", None),
        ("busy_timeout", 0),
        ("when_done", "keep"),
        ("controller", 0),
        ("is_parallel", False),
    ):
        if getattr(step, name) != value:
            yield replace(step, **{name: value})  # type: ignore[arg-type]  # the names are those of its fields
    for fault in step.faults:
        if fault.at > 1:
            earlier = tuple(replace(each, at=each.at - 1) if each is fault else each for each in step.faults)
            yield replace(step, faults=earlier)


def _with_steps(history: History, steps: tuple[Step, ...]) -> History:
    return replace(history, steps=steps)


def _with_step(history: History, number: int, step: Step) -> History:
    return _with_steps(history, (*history.steps[:number], step, *history.steps[number + 1 :]))


def _on(history: History, computers: tuple[str, ...]) -> History:
    return replace(history, computers=computers, steps=tuple(replace(step, hosts=computers) for step in history.steps))
