# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast is it? List and connect to the sessions of a simulated fleet, beside bare pypsrp: `make benchmark`.

A plain loop of two requests by Python's own HTTP client shows what the least is that Python can do.

Absolute numbers depend on the machine, which plays the computers as well, so ratios are shown: the contenders take
turns against one fleet in one run, and the middle one of several rounds counts.

A second table is about role and playbooks; see `tests.benchmark.playbooks`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.benchmark import playbooks
from tests.benchmark.contenders import LOGONS, contenders_of
from tests.benchmark.fleet import Fleet, fleet_of

MEASURES = {"time": "wall", "processor": "cpu", "memory": "memory", "requests": "requests"}


def measure(name: str, logon: str, fleet: Fleet, count: int) -> dict[str, float]:
    """Let one contender do the job once."""
    fleet.start_anew()
    command = [sys.executable, "-m", "tests.benchmark.contenders", name, logon, str(fleet.file)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    operations = Counter(request["operation"] for request in fleet.call("requests")["requests"])
    measured: dict[str, float] = json.loads(ended.stdout)
    return {**measured, "requests": operations.total() / count}


def table(measured: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the lines of a table: ratios to the first contender, and what the ratios are of."""
    first, *_others = measured.values()
    yield f"{'':22}" + "".join(f"{heading:>12}" for heading in MEASURES)
    for name, values in measured.items():
        ratios = "".join(f"{values[key] / first[key]:12.2f}" for key in MEASURES.values() if key != "requests")
        yield f"{name:22}{ratios}{values['requests']:12.1f}"
    yield (
        f"1.00 is {first['wall']:.1f} s, {first['cpu']:.1f} s of a processor, {first['memory'] / 1024:.0f} MiB; "
        "requests are for each computer"
    )


def measure_engine(computers: int, delay: float, logons: Iterable[str], rounds: int) -> None:
    """Print a table for each way to log on."""
    with fleet_of(computers, delay) as fleet:
        for logon in logons:
            print(f"\n{logon}: {computers} computers, {delay * 1000:g} ms before each answer, {rounds} rounds")
            measured: dict[str, list[dict[str, float]]] = {name: [] for name in contenders_of(logon)}
            for _round in range(rounds):
                for name, of_contender in measured.items():
                    of_contender.append(measure(name, logon, fleet, computers))
            middle = {
                name: {key: statistics.median(each[key] for each in of_contender) for key in MEASURES.values()}
                for name, of_contender in measured.items()
            }
            print("\n".join(table(middle)), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--table", choices=["engine", "playbooks"], action="append", help="default: both")
    parser.add_argument("--computers", type=int, action="append", help="default: 100; for playbooks 300, 2000")
    parser.add_argument("--rounds", type=int, help="default: 3; for playbooks 1")
    parser.add_argument(
        "--delay", type=float, action="append", help="seconds before each answer (default: 0, 0.05; for playbooks 0.02)"
    )
    parser.add_argument("--logon", choices=LOGONS, action="append", help="how to log on (default: each)")
    parser.add_argument("--contender", choices=playbooks.CONTENDERS, action="append", help="of the playbooks' table")
    parser.add_argument("--forks", type=int, default=5, help="of Ansible, for playbooks (default: 5)")
    parser.add_argument("--output", type=int, default=0, help="bytes of each host, for playbooks (default: few)")
    options = parser.parse_args()
    tables = options.table or ("engine", "playbooks")
    if "engine" in tables:
        for delay in options.delay or (0.0, 0.05):
            for computers in options.computers or (100,):
                measure_engine(computers, delay, options.logon or LOGONS, options.rounds or 3)
    if "playbooks" in tables:
        for delay in options.delay or (0.02,):
            for computers in options.computers or (300, 2000):
                names = options.contender or tuple(playbooks.CONTENDERS)
                playbooks.measure_all(computers, delay, names, options.rounds or 1, options.forks, options.output)


if __name__ == "__main__":
    main()
