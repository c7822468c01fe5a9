# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of the byte sweep keeps the promises, and planted faults do not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.simulation import planted, sweep
from tests.simulation.cable import KINDS, SIDES, Damage
from tests.simulation.sweep import VERBS, WAYS, Case, cases_of

# Bytes before the end of the answers to a start by NTLM.
BACK = (1500, 1900, 2300)
# Those after which no side waits for the other: they take processor time only.
PROMPT = ("cut", "delayed", "duplicated", "flipped")


def test_a_sample_keeps_the_promises() -> None:
    tally = sweep.sweep(100, seed=1, kinds=PROMPT)
    assert tally.broken == []
    assert tally.happened.total() > 70
    assert tally.survived.total() >= 0.9 * tally.happened.total(), "\n".join(tally.not_survived)


def test_a_sealed_answer_that_was_changed_is_not_taken_for_a_failed_logon(tmp_path: Path) -> None:
    """The command of that answer has begun: to remove its session and to start again would run the script twice."""
    with sweep.bench("NTLM", tmp_path / "bench") as bench:
        bench.begin("start")
        bench.cable.lay()
        bench.run("start")
        # The last answer but one is that to the request for the command.
        cases = [
            Case("start", "NTLM", Damage("flipped", "answer", bench.cable.passed["answer"] - back)) for back in BACK
        ]
        judged = [sweep.judge(bench, case) for case in cases]
    assert [broken for _happened, _ill, broken in judged] == [[]] * len(cases)
    assert all(happened for happened, _ill, _broken in judged)


def test_a_start_that_is_repeated_with_a_new_id_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    planted.start_is_repeated_with_a_new_id(monkeypatch)
    monkeypatch.setattr(sweep, "VERBS", ("start",))
    tally = sweep.sweep(40, seed=3, kinds=("cut",))
    assert any("the script ran 2 times" in text for text in tally.broken)


def test_cases_are_spread_over_everything() -> None:
    lengths = {(verb, way, side): 1000 for verb in VERBS for way in WAYS for side in SIDES}
    cases = cases_of(1000, random.Random(0), lengths)
    assert {case.verb for case in cases} == set(VERBS)
    assert {(case.way, case.damage.kind) for case in cases} == {
        (way, kind) for way in WAYS for kind in KINDS if (way, kind) != ("Basic", "flipped")
    }
    assert len(set(cases)) > 990
