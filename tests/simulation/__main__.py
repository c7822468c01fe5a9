# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run many histories: ``python -m tests.simulation --histories 1000 --seed 0``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

YEAR = 365.25 * 86400


@dataclass
class Figures:
    """What a run of many histories was made of.

    Attributes:
        failures: Seed and violations of each history that broke a promise.
        known: How many violations are of known faults.
    """

    histories: int = 0
    requests: int = 0
    faults: int = 0
    seconds: float = 0.0
    known: int = 0
    triples: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: list[tuple[int, list[str]]] = field(default_factory=list)

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


def figures_of(seeds: range) -> Figures:
    """Play the histories of some seeds."""
    from tests.simulation.history import draw
    from tests.simulation.known import unknown
    from tests.simulation.simulation import play

    figures = Figures()
    for seed in seeds:
        played = play(draw(seed))
        violations = unknown(played)
        figures.histories += 1
        figures.requests += played.requests
        figures.faults += sum(len(outcome.happened) for outcome in played.outcomes)
        figures.seconds += played.seconds
        figures.known += len(played.violations) - len(violations)
        figures.triples += played.triples
        if violations:
            figures.failures.append((seed, [str(each) for each in violations]))
    return figures


def story(seed: int) -> str:
    """Return the shrunk history of a seed in words, with its violations."""
    from tests.simulation.history import draw
    from tests.simulation.known import unknown
    from tests.simulation.shrinking import shrunk

    played = shrunk(draw(seed), unknown)
    return "\n".join([str(played.history), *(f"=> {each}" for each in unknown(played))])


def table(triples: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the lines of the table of triples: a row for each verb and fault, with a count for each state."""
    states = sorted({state for _verb, _fault, state in triples})
    yield "verb and fault".ljust(28) + "".join(state.rjust(max(len(state), 6) + 2) for state in states)
    for verb, fault in sorted({(verb, fault) for verb, fault, _state in triples}):
        counts = "".join(str(triples[verb, fault, state]).rjust(max(len(state), 6) + 2) for state in states)
        yield f"{verb} {fault}".ljust(28) + counts


def _prepare() -> None:
    import tests.conftest  # noqa: F401 - it makes the collection importable


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; the others follow")
    parser.add_argument("--workers", type=int, default=1, help="processes at the same time")
    parser.add_argument("--table", action="store_true", help="print how often each verb met each fault")
    given = parser.parse_args()
    _prepare()
    began, figures, size = time.monotonic(), Figures(), 50
    chunks = [
        range(first, min(first + size, given.seed + given.histories))
        for first in range(given.seed, given.seed + given.histories, size)
    ]
    with ProcessPoolExecutor(given.workers, initializer=_prepare) as executor:
        for part in executor.map(figures_of, chunks):
            figures.add(part)
            for seed, violations in part.failures:
                print(f"seed {seed}: {'; '.join(violations)}", flush=True)
    if figures.failures:
        print(f"\nThe first of them, shrunk (again with SEED={figures.failures[0][0]} HISTORIES=1):")
        print(story(figures.failures[0][0]))
    if given.table:
        print("\n".join(table(figures.triples)))
    print(f"{figures}; {time.monotonic() - began:.0f} s with {given.workers} of {os.cpu_count()} processors")
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
