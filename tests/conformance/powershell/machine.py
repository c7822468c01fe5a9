# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine: draws samples, has them run, and looks for the smallest sample of each fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from tests.conformance.powershell.samples import Sample

# Runs samples, all in one command of a session, and returns for each what is wrong with it, or None.
Judge = Callable[[Sequence[Sample]], list[str | None]]

BATCH = 100
# How many samples are drawn for one that is new.
MOST_REPEATS = 10
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
    """Have a number of different samples judged, in batches, and shrink what is wrong.

    Drawing and judging are apart, since a session judges a hundred samples nearly as fast as one. To shrink a sample,
    its batch is drawn again by the same seed; the samples judged before are not run again.

    Raises:
        ValueError: The strategy does not have so many samples.
    """
    batches: list[_Batch] = []
    samples: dict[str, Sample] = {}
    verdicts: dict[str, str | None] = {}
    while len(samples) < count:
        if len(batches) * BATCH > count * MOST_REPEATS:
            raise ValueError(f"the strategy gives {len(samples)} samples, not {count}")
        batches.append(_Batch(strategy, BATCH, f"{seed}-{len(batches)}"))
        new = {sample.source: sample for sample in batches[-1].samples if sample.source not in samples}
        new = dict(islice(new.items(), count - len(samples)))
        verdicts.update(zip(new, judge([*new.values()]) if new else (), strict=True))
        samples.update(new)
    innocent = {kind for source, sample in samples.items() if verdicts[source] is None for kind in sample.kinds}
    faults: list[Fault] = []

    def is_unknown(sample: Sample) -> bool:
        """Tell whether a sample is wrong, and does not have all the kinds that make up a fault which is known."""
        known = [fault.sample.kinds - innocent or fault.sample.kinds for fault in faults]
        if any(kinds <= sample.kinds for kinds in known):
            return False
        if sample.source not in verdicts:
            (verdicts[sample.source],) = judge([sample])
        return verdicts[sample.source] is not None

    for batch in batches:
        mine = [sample for sample in batch.samples if sample.source in samples]
        while len(faults) < MAX_FAULTS and any(map(is_unknown, mine)):
            smallest = batch.smallest(is_unknown)
            faults.append(Fault(smallest, str(verdicts[smallest.source])))
    return Outcome(seed, [*samples.values()], sum(verdicts[source] is not None for source in samples), faults)


class _Batch:
    """Samples that are drawn, and can be drawn again, by a seed."""

    def __init__(self, strategy: SearchStrategy[Sample], count: int, seed: str) -> None:
        self._strategy = strategy
        self._count = count
        self._seed = seed
        self.samples: list[Sample] = []
        self._draw(self.samples.append, [Phase.generate])

    def smallest(self, is_wrong: Callable[[Sample], bool]) -> Sample:
        """Return the smallest sample that is wrong, starting from the first of the batch."""
        wrong: list[Sample] = []
        runs = 0

        def check(sample: Sample) -> None:
            nonlocal runs
            runs += 1
            if runs <= self._count + MAX_SHRINKS and is_wrong(sample):
                wrong.append(sample)
                raise _Wrong

        try:
            self._draw(check, [Phase.generate, Phase.shrink])
        except (_Wrong, Flaky):
            pass  # flaky where the limit ended the search
        return wrong[-1]

    def _draw(self, take: Callable[[Sample], None], phases: Sequence[Phase]) -> None:
        @seed(self._seed)
        @settings(
            max_examples=self._count,
            phases=phases,
            database=None,
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(self._strategy)
        def draw(sample: Sample) -> None:
            take(sample)

        draw()


class _Wrong(Exception):
    pass
