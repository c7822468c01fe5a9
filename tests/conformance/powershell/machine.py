# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine: draws samples, has them run, and looks for the smallest sample of each fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.conformance.powershell.samples import Sample

# Runs samples, all in one command of a session, and returns for each what is wrong with it, or None.
Judge = Callable[[Sequence[Sample]], list[str | None]]

BATCH = 100
# Faults that are made smaller before the machine gives up.
MAX_FAULTS = 5
MAX_SHRINKS = 500


@dataclass(frozen=True)
class Fault:
    """A value that comes wrong.

    Attributes:
        sample: The smallest sample that shows it.
        message: What was expected and what came.
    """

    sample: Sample
    message: str

    def __str__(self) -> str:
        return f"{self.message}\n    value: {self.sample.source}\n    kinds: {', '.join(sorted(self.sample.kinds))}"


@dataclass(frozen=True)
class Outcome:
    """What a run of the machine found."""

    seed: int
    samples: Sequence[Sample]
    wrong: int
    faults: Sequence[Fault]

    @property
    def counts(self) -> Counter[str]:
        """How many values of each kind there were, those inside of others included."""
        return Counter(each.kind for sample in self.samples for each in sample.walk())

    def __str__(self) -> str:
        kinds = "\n".join(f"  {count:7} {kind}" for kind, count in self.counts.most_common())
        faults = "".join(f"\n{fault}" for fault in self.faults)
        return f"seed {self.seed}: {len(self.samples)} values, {self.wrong} wrong\n{kinds}{faults}"


def run(strategy: SearchStrategy[Sample], judge: Judge, *, count: int, seed: int) -> Outcome:
    """Have a number of samples judged, in batches, and shrink what is wrong.

    Drawing and judging are apart, since a session judges a hundred samples nearly as fast as one. To shrink a sample,
    all are drawn again by the same seed; those judged before are not run again.
    """
    samples: list[Sample] = []
    _draw(strategy, samples.append, count, seed, shrinks=False)
    verdicts: dict[str, str | None] = {}
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        verdicts.update(zip([sample.source for sample in batch], judge(batch), strict=True))
    wrong = [sample for sample in samples if verdicts[sample.source] is not None]
    innocent = {kind for sample in samples if verdicts[sample.source] is None for kind in sample.kinds}
    faults: list[Fault] = []
    while len(faults) < MAX_FAULTS:
        # A sample with the kinds that make up a known fault would most likely show the same fault once more.
        known = [fault.sample.kinds - innocent or fault.sample.kinds for fault in faults]
        if all(any(kinds <= sample.kinds for kinds in known) for sample in wrong):
            break
        faults.append(_shrink(strategy, judge, verdicts, known, count, seed))
    return Outcome(seed, samples, len(wrong), faults)


def _shrink(
    strategy: SearchStrategy[Sample],
    judge: Judge,
    verdicts: dict[str, str | None],
    known: Sequence[frozenset[str]],
    count: int,
    seed: int,
) -> Fault:
    smallest: list[Fault] = []
    runs = 0

    def check(sample: Sample) -> None:
        nonlocal runs
        if any(kinds <= sample.kinds for kinds in known):
            return
        if sample.source not in verdicts:
            if runs >= MAX_SHRINKS:
                return
            runs += 1
            (verdicts[sample.source],) = judge([sample])
        message = verdicts[sample.source]
        if message is not None:
            smallest.append(Fault(sample, message))
            raise _Wrong

    try:
        _draw(strategy, check, count, seed, shrinks=True)
    except _Wrong:
        pass
    return smallest[-1]


class _Wrong(Exception):
    pass


def _draw(
    strategy: SearchStrategy[Sample], take: Callable[[Sample], None], count: int, number: int, *, shrinks: bool
) -> None:
    phases = [Phase.generate, Phase.shrink] if shrinks else [Phase.generate]

    @seed(number)
    @settings(
        max_examples=count,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(sample: Sample) -> None:
        take(sample)

    draw()
