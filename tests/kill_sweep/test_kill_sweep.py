# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eleven cases of the sweep; `make kill-sweep` runs hundreds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kill_sweep.bench import Bench, bench
from tests.kill_sweep.cases import Case
from tests.kill_sweep.judge import faults_of

CASES = [
    Case("raw", "durable", "Create", 0, is_carried_out=True, is_whole=True, is_same=True),
    Case("raw", "plain", "Receive", 1, is_carried_out=False, is_whole=False, is_same=True),
    Case("raw", "durable", "Command", 0, is_carried_out=False, is_whole=True, is_same=True),
    Case("raw", "durable", "Command", 0, is_carried_out=True, is_whole=True, is_same=True),
    Case("script", "durable", "Command", 0, is_carried_out=True, is_whole=False, is_same=False),
    Case("raw", "plain", "Command", 0, is_carried_out=True, is_whole=False, is_same=True),
    Case("raw", "reuse", "Command", 1, is_carried_out=True, is_whole=False, is_same=True),
    Case("module", "durable", "Receive", 4, is_carried_out=True, is_whole=True, is_same=False),
    Case("raw", "durable", "Signal", 0, is_carried_out=False, is_whole=True, is_same=True),
    Case("module", "durable", "Signal", 0, is_carried_out=True, is_whole=False, is_same=True),
    Case("raw", "plain", "Delete", 0, is_carried_out=False, is_whole=True, is_same=False),
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
