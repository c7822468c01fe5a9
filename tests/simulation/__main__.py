# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run many histories: ``python -m tests.simulation --histories 1000 --seed 0``.

Most histories aim at triples of verb, fault and state that occurred least so far in the run. So a history follows from
its seed and its aim, and both are printed for one that breaks a promise. Ctrl-C ends a run with the figures so far.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import tests.conftest  # noqa: F401  # pylint: disable=unused-import  # it makes the collection importable
from tests.simulation.history import Aim, draw, possible_triples, rare_aims
from tests.simulation.known import unknown
from tests.simulation.shrinking import shrunk
from tests.simulation.simulation import play

YEAR = 365.25 * 86400
# How often each triple of verb, fault and state should occur.
ENOUGH = 100
# Of so many histories that begin together, all but the last ones have an aim.
_CHUNK, _AIMED = 50, 40


@dataclass
class Figures:
    """What a run of many histories was made of.

    Attributes:
        failures: Seed, aim and violations of each history that broke a promise.
        known: How many violations are of known faults.
    """

    histories: int = 0
    requests: int = 0
    faults: int = 0
    seconds: float = 0.0
    known: int = 0
    triples: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: list[tuple[int, Aim | None, list[str]]] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        self.histories += other.histories
        self.requests += other.requests
        self.faults += other.faults
        self.seconds += other.seconds
        self.known += other.known
        self.triples += other.triples
        self.failures += other.failures

    def __str__(self) -> str:
        return (
            f"{self.histories} histories, {self.requests} requests, {self.faults} faults, "
            f"{self.seconds / YEAR:.2f} simulated years: {len(self.failures)} with violations, "
            f"{self.known} violations of known faults"
        )


def figures_of(seeds: range, aims: Sequence[Aim | None] = ()) -> Figures:
    """Play the histories of some seeds.

    Args:
        aims: Those of the first seeds; the other histories have none.
    """
    figures = Figures()
    for seed, aim in itertools.zip_longest(seeds, aims[: len(seeds)]):
        played = play(draw(seed, aim))
        violations = unknown(played)
        figures.histories += 1
        figures.requests += played.requests
        figures.faults += sum(len(outcome.happened) for outcome in played.outcomes)
        figures.seconds += played.seconds
        figures.known += len(played.violations) - len(violations)
        figures.triples += played.triples
        if violations:
            figures.failures.append((seed, aim, [str(each) for each in violations]))
    return figures


def story(seed: int, aim: Aim | None = None) -> str:
    """Return the shrunk history of a seed in words, with its violations."""
    played = shrunk(draw(seed, aim), unknown)
    return "\n".join([str(played.history), *(f"=> {each}" for each in unknown(played))])


def table(triples: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the lines of the table of triples: a row for each verb and fault, with a count for each state."""
    states = sorted({state for _verb, _fault, state in triples})
    yield "verb and fault".ljust(28) + "".join(state.rjust(max(len(state), 6) + 2) for state in states)
    for verb, fault in sorted({(verb, fault) for verb, fault, _state in triples}):
        counts = "".join(str(triples[verb, fault, state]).rjust(max(len(state), 6) + 2) for state in states)
        yield f"{verb} {fault}".ljust(28) + counts
    possible = possible_triples()
    enough = sum(triples[each] >= ENOUGH for each in possible)
    yield f"{enough} of {len(possible)} possible triples occurred {ENOUGH} times or more"


def parts(
    first: int, count: int, workers: int, figures: Figures, fixed: Sequence[Aim | None] | None = None
) -> Iterator[Figures]:
    """Play histories, and yield the figures of some at a time.

    Args:
        figures: Those so far; the caller adds each part before it asks for the next one.
        fixed: The one aim of all histories; without it, they get aims by what is rare so far.
    """
    chunks = (range(each, min(each + _CHUNK, first + count)) for each in range(first, first + count, _CHUNK))
    # Ctrl-C is for this process alone: the histories under way come to their end.
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as executor:
        while group := list(itertools.islice(chunks, workers)):
            aims = rare_aims(figures.triples, _AIMED * workers)
            shared = [list(fixed) * _CHUNK if fixed else aims[number::workers] for number in range(workers)]
            yield from executor.map(figures_of, group, shared)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; the others follow")
    parser.add_argument("--workers", type=int, default=1, help="processes at the same time")
    parser.add_argument("--table", action="store_true", help="print how often each verb met each fault")
    parser.add_argument("--aim", help="of all histories, as it was printed; none for no aim")
    given = parser.parse_args()
    began, figures = time.monotonic(), Figures()
    ends: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: ends.append(received))
    aims = [None if given.aim == "none" else Aim.of(given.aim)] if given.aim else None
    for part in parts(given.seed, given.histories, given.workers, figures, aims):
        figures.add(part)
        for seed, aim, violations in part.failures:
            print(f"seed {seed}, aim {aim or 'none'}: {'; '.join(violations)}", flush=True)
        if ends:
            break
    if figures.failures:
        seed, aim, _violations = figures.failures[0]
        print(f"\nThe first of them, shrunk (again with SEED={seed} HISTORIES=1 AIM='{aim or 'none'}'):")
        print(story(seed, aim))
    if given.table:
        print("\n".join(table(figures.triples)))
    print(f"{figures}; {time.monotonic() - began:.0f} s with {given.workers} of {os.cpu_count()} processors")
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
