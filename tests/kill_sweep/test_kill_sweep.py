# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eight cases of the sweep; `make kill-sweep` runs hundreds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kill_sweep.bench import Bench, bench
from tests.kill_sweep.cases import Case, known_modes
from tests.kill_sweep.judge import faults_of

MODES = known_modes()
CASES = [
    Case(work, MODES[number % len(MODES)], operation, which, is_carried_out, is_whole, is_same)
    for number, (work, operation, which, is_carried_out, is_whole, is_same) in enumerate(
        [
            ("raw", "Create", 0, True, True, True),
            ("raw", "Receive", 1, False, False, True),
            ("raw", "Command", 0, False, True, True),
            ("raw", "Command", 0, True, True, True),
            ("script", "Command", 0, True, False, False),
            ("raw", "Receive", 2, False, False, True),
            ("module", "Receive", 2, True, True, False),
            ("raw", "Delete", 0, False, True, False),
        ]
    )
]


@pytest.fixture(scope="module")
def made(powershell: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("sweep"), powershell) as started:
        yield started


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_killed_task_is_as_promised_when_it_is_run_again(made: Bench, case: Case) -> None:
    told = made.play(case)
    assert told is not None, "it ended before"
    assert list(faults_of(case, told)) == []
