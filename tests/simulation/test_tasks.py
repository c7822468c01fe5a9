# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durable Windows tasks keep the promises in a sample of histories; planted faults are caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation import planted_tasks
from tests.simulation.history import HappeningFault
from tests.simulation.task_history import PlayRun, Task, TaskHistory, draw
from tests.simulation.tasks import play

Patch = Callable[[pytest.MonkeyPatch], None]


def test_the_promises_are_kept() -> None:
    kills = 0
    for seed in range(24):
        played = play(draw(seed))
        assert played.violations == [], f"{played.history}\n{played.violations}"
        kills += played.kills
    assert kills > 12


_KILLED_AT_START = PlayRun(1, 20.0, (HappeningFault(2, "kill_during", "Command"),))
_SWITCHES: dict[str, object] = {"replay_after_connect": "any"}
_LONG = Task("task2", "raw", 3, 400.0)
# Histories that broke a promise once, and what was mended.
MENDED = {
    "the work of another run was removed with a session that was free when this controller used it": TaskHistory(
        1,
        (Task("task1", "raw", kind="role"), _LONG),
        (PlayRun(), _KILLED_AT_START, PlayRun(wait=20.0)),
        switches=_SWITCHES,
    ),
    "a task waited for a command that another controller had left": TaskHistory(
        1, (Task("task1", "raw"), _LONG), (PlayRun(), _KILLED_AT_START, PlayRun(wait=20.0)), switches=_SWITCHES
    ),
    "a task was green whose command an administrator had stopped": TaskHistory(
        1, (Task("task1", "raw", 6, 50.0),), (PlayRun(faults=(HappeningFault(3, "stop", "Receive"),)),)
    ),
    "a command that was left was started again, after a task before it had a session of its own": TaskHistory(
        8, (Task("task1", "raw"), _LONG), (_KILLED_AT_START, PlayRun(wait=20.0)), switches=_SWITCHES
    ),
    "a result of which a part was missing was taken in each run": TaskHistory(
        1,
        (Task("task1", objects=6, size=12_000),),
        (
            PlayRun(1, faults=(HappeningFault(1, "kill_before", "Signal"),)),
            PlayRun(0, 1.0, (HappeningFault(1, "kill_during", "Signal"),)),
        ),
        switches={"replay_after_connect": "shell"},
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_a_mended_fault_stays_mended(name: str) -> None:
    assert play(MENDED[name]).violations == []


def test_the_same_seed_is_the_same_history() -> None:
    first, second = play(draw(3)), play(draw(3))
    assert [(each.fate, each.ended) for each in first.executions] == [
        (each.fate, each.ended) for each in second.executions
    ]


# Each with the promise that it breaks, and a history that shows it, or a seed from which on one does soon.
PLANTED: dict[str, tuple[Patch, str, TaskHistory | int]] = {
    "ids that are random": (planted_tasks.ids_are_random, "twice", 14),
    "work that ended with its session and is started again": (
        planted_tasks.work_that_ended_with_its_session_is_started_again,
        "twice",
        30,
    ),
    "input that is sent after the command": (planted_tasks.input_is_sent_after_the_command, "late", 18),
    "leftovers that are not looked for": (
        planted_tasks.leftovers_are_not_looked_for,
        "blocked",
        MENDED["a task waited for a command that another controller had left"],
    ),
    "leftovers that are forgotten after one task": (planted_tasks.leftovers_are_forgotten_after_one_task, "twice", 16),
    "a missing part that is no error": (planted_tasks.a_missing_part_is_no_error, "green", 128),
    "an age that is not checked": (planted_tasks.age_is_not_checked, "old", 90),
    "a session that the server took and that stays so": (
        planted_tasks.a_session_taken_from_a_silent_client_is_not_taken_back,
        "stuck",
        0,
    ),
    "a session of another run that is not looked at again": (
        planted_tasks.what_another_run_left_is_not_looked_at_again,
        "stopped",
        MENDED["the work of another run was removed with a session that was free when this controller used it"],
    ),
}


def first_caught(promise: str, seeds: range) -> int | None:
    """The first seed whose history breaks a promise, or None."""
    for seed in seeds:
        if promise in {each.promise for each in play(draw(seed)).violations}:
            return seed
    return None


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plant, promise, shown = PLANTED[name]
    plant(monkeypatch)
    if isinstance(shown, TaskHistory):
        assert promise in {each.promise for each in play(shown).violations}
    else:
        assert first_caught(promise, range(shown, shown + 300)) is not None
