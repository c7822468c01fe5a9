# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run tests again and again on a machine that is fast, busy or small, and count what fails.

A test must not depend on the speed of the machine. Those in which threads or processes meet carry the mark `timing`;
they are the ones that run without further arguments. All arguments that are not known here go to pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import tree

LOGS = tree.CACHE / "repeat"
DEFAULT = ["-m", "timing", "tests/unit", "tests/simulator", "tests/integration/engine"]
WAYS = {
    "free": "the machine as it is",
    "loaded": "a busy process beside them for each processor",
    "pinned": "the tests on one processor",
}
# A busy process ends with this one, whatever happens to it.
BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"


@contextlib.contextmanager
def busy_processors(count: int) -> Iterator[None]:
    """Keep so many processors busy."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) for _number in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def run(way: str, number: int, arguments: list[str]) -> dict[str, str]:
    """Run the tests once.

    Returns:
        For each test that ran, or could not be collected, `passed`, `failure` or `error`.
    """
    report, log = LOGS / f"{way}-{number}.xml", LOGS / f"{way}-{number}.log"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", f"--junitxml={report}", *arguments]
    if way == "pinned":
        command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
    with log.open("wb") as output, busy_processors(os.cpu_count() or 1 if way == "loaded" else 0):
        ended = subprocess.run(
            command, cwd=tree.ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if not report.exists():
        raise SystemExit(f"pytest ended with {ended.returncode} and without a report: see {log}")
    outcomes: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if "skipped" not in kinds:
            name = f"{case.get('classname')}::{case.get('name')}"
            outcomes[name] = next((kind for kind in ("failure", "error") if kind in kinds), "passed")
    return outcomes


def repeat(way: str, times: int, arguments: list[str]) -> bool:
    """Run the tests so many times in one way, and tell how often each ran and what fell; returns whether none did."""
    ran: Counter[str] = Counter()
    fell: Counter[str] = Counter()
    started = time.monotonic()
    for number in range(1, times + 1):
        outcomes = run(way, number, arguments)
        ran.update(outcomes.keys())
        bad = [name for name, outcome in outcomes.items() if outcome != "passed"]
        fell.update(bad)
        for name in bad:
            print(f"{way}, run {number}: {name} failed; see {LOGS / f'{way}-{number}.log'}", flush=True)
    often = " or ".join(f"{count}" for count in sorted(set(ran.values()))) or "0"
    print(
        f"{way} ({WAYS[way]}): {len(ran)} tests, each {often} times, {ran.total() - fell.total()} passed, "
        f"{fell.total()} failed, {time.monotonic() - started:.0f} s",
        flush=True,
    )
    for name, count in fell.most_common():
        print(f"  {count} of {ran[name]}: {name}")
    return bool(ran) and not fell


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=20, help="runs in each way")
    parser.add_argument("--way", choices=WAYS, action="append", help="only this way (may be given several times)")
    options, arguments = parser.parse_known_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    results = [repeat(way, options.times, arguments or DEFAULT) for way in options.way or WAYS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
