# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a sweep: ``python -m tests.kill_sweep --points 50``, or ``--cases 40`` for some that are drawn.

With ``--plays 10``, a play of ten tasks is killed and run again instead.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import tests.conftest  # noqa: F401  # pylint: disable=unused-import  # it makes the collection importable
from tests.kill_sweep import ten_tasks
from tests.kill_sweep.bench import bench
from tests.kill_sweep.cases import MODES, WORKS, drawn, full
from tests.kill_sweep.judge import faults_of
from tests.simulator.powershell_process import find_powershell


def main() -> int:
    """Run the cases, print each that fails and a table of all, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50, help="requests of each mode; each has four cases")
    parser.add_argument("--cases", type=int, help="so many cases in all instead")
    parser.add_argument("--plays", type=int, help="kill a play of ten tasks so often instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", action="append", choices=list(MODES), help="only this one; repeatable")
    given = parser.parse_args()
    powershell = find_powershell()
    if powershell is None:
        sys.exit("There is no PowerShell 7 here: put pwsh on PATH, or its path into PSSESSION_TEST_POWERSHELL.")
    if given.plays:
        return _plays(given.plays, given.seed, powershell)
    modes, chance = given.mode or list(MODES), random.Random(given.seed)
    tally: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder), powershell) as made:
        for mode in modes:
            for work in WORKS:
                made.measure(work, mode)
        chosen = (
            drawn(made.requests, modes, given.cases, chance)
            if given.cases
            else full(made.requests, modes, given.points, chance)
        )
        for number, case in enumerate(chosen, 1):
            told = made.play(case)
            if told is None:
                tally[case.mode, "an earlier end"] += 1
                continue
            faults = list(faults_of(case, told))
            tally[case.mode, "cases"] += 1
            tally[case.mode, "failed"] += bool(faults)
            tally[case.mode, f"{told.starts} starts"] += 1
            print(
                f"{number}/{len(chosen)} {case}: {'; '.join(faults) or f'as promised, {told.starts} starts'}",
                flush=True,
            )
    return _summary(modes, tally)


def _plays(count: int, seed: int, powershell: str) -> int:
    """Kill a play of ten tasks at so many requests, and return the exit code."""
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, ten_tasks.bench(Path(folder), powershell) as made:
        made.measure()
        for number, case in enumerate(made.drawn(count, random.Random(seed)), 1):
            outcome = made.play(case)
            if outcome is None:
                print(f"{number}/{count} {case}: an earlier end", flush=True)
                continue
            outcomes.append(outcome)
            what = f"as promised, started again: {outcome.repeated}, failed first: {outcome.failed_once}"
            print(f"{number}/{count} {case}, in {outcome.task}: {'; '.join(outcome.faults) or what}", flush=True)
    failed = sum(bool(each.faults) for each in outcomes)
    again = sum(each.repeated for each in outcomes)
    first = sum(each.failed_once for each in outcomes)
    print(f"{failed} of {len(outcomes)} failed. As documented, {again} started a task again, and {first} failed first")
    return 1 if failed else 0


def _summary(modes: list[str], tally: Counter[tuple[str, str]]) -> int:
    """Print a line for each mode; a rate that was never seen is below three in that many cases, with 95 %."""
    for mode in modes:
        cases, failed = tally[mode, "cases"], tally[mode, "failed"]
        bound = f" (below {3 / cases:.1%} with 95 % certainty)" if cases and not failed else ""
        starts = ", ".join(
            f"{count} with {kind}" for (of, kind), count in sorted(tally.items()) if of == mode and "start" in kind
        )
        print(f"{mode}: {failed} of {cases} cases failed{bound}; {starts}")
    return 1 if any(tally[mode, "failed"] for mode in modes) else 0


if __name__ == "__main__":
    sys.exit(main())
