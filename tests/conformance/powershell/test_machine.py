# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine itself: it finds a planted fault, and shows its smallest sample."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.conformance.powershell import machine
from tests.conformance.powershell.samples import Sample, literal

NUMBERS = st.integers(0, 10**6).map(lambda number: Sample("number", str(number)))
TEXTS = st.text("abc", max_size=20).map(lambda text: Sample("text", literal(text)))
LISTS = st.lists(NUMBERS | TEXTS, max_size=5).map(
    lambda parts: Sample("list", f"@({';'.join(part.source for part in parts)})", parts=tuple(parts))
)


def judge_of(numbers_from: int, texts_with: str = "?") -> tuple[machine.Judge, list[int]]:
    """Return a judge that calls large numbers and texts with a letter wrong, and the sizes of what it was asked."""
    asked: list[int] = []

    def judge(samples: Sequence[Sample]) -> list[str | None]:
        asked.append(len(samples))
        return [next(filter(None, map(fault_of, sample.walk())), None) for sample in samples]

    def fault_of(sample: Sample) -> str | None:
        if sample.kind == "number" and int(sample.source) >= numbers_from:
            return f"{sample.source} is wrong"
        return f"{sample.source} is wrong" if sample.kind == "text" and texts_with in sample.source else None

    return judge, asked


def test_right_values_are_judged_once_and_in_batches() -> None:
    judge, asked = judge_of(numbers_from=10**9)
    outcome = machine.run(LISTS, judge, count=250, seed=1)
    assert (outcome.wrong, outcome.faults) == (0, [])
    assert sum(asked) == len(outcome.samples) == 250
    assert max(asked) == machine.BATCH
    assert outcome.counts["list"] == 250
    assert "seed 1: 250 values, 0 wrong" in str(outcome)


def test_fault_is_shrunk() -> None:
    judge, _asked = judge_of(numbers_from=1000)
    outcome = machine.run(LISTS, judge, count=250, seed=1)
    assert outcome.wrong > 1
    (fault,) = outcome.faults
    assert fault.sample.source == "@(1000)"
    assert "1000 is wrong" in str(outcome)


def test_each_fault_is_shrunk() -> None:
    judge, _asked = judge_of(numbers_from=1000, texts_with="b")
    outcome = machine.run(LISTS, judge, count=250, seed=2)
    assert sorted(fault.sample.source for fault in outcome.faults) == ["@('b')", "@(1000)"]


def test_same_seed_gives_same_samples() -> None:
    judge, _asked = judge_of(numbers_from=10**9)
    first, again, other = (machine.run(LISTS, judge, count=50, seed=seed).samples for seed in (3, 3, 4))
    assert first == again != other


def test_literals_are_ascii() -> None:
    assert literal("it's") == "'it''s'"
    assert literal("\u00e9\n\U0001f600\ud83d") == "(-join [char[]](233,10,55357,56832,55357))"
