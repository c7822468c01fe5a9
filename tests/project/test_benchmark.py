# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make benchmark` measures still runs, and takes the requests that docs/design.md says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def measured(table: str, *arguments: str) -> list[str]:
    """Measure three computers once, and return the lines that are printed."""
    quick = ["--table", table, "--computers", "3", "--rounds", "1", "--delay", "0"]
    command = [sys.executable, "-m", "tests.benchmark", *quick, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def test_the_benchmark_runs_and_counts_the_requests_that_are_told() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    told = [int(number) for number in re.findall(r"^\| (?:pypsrp|this collection).*\| (\d+) \|$", page, re.MULTILINE)]
    lines = measured("engine")
    rows = [line.split() for line in lines if line.startswith(("pypsrp", "this collection"))]
    assert [float(row[-1]) for row in rows] == told == [4, 4, 2, 4, 4, 2, 7, 7, 4]
    assert all(float(ratio) > 0 for row in rows for ratio in row[-4:])


def test_the_benchmark_of_playbooks_runs() -> None:
    names = [f"{entry_point}, fleet" for entry_point in ("start", "collect", "cleanup")]
    arguments = [argument for name in names for argument in ("--contender", name)]
    rows = [line.split("|")[1:-1] for line in measured("playbooks", *arguments) if line.startswith("| ")]
    found = {cells[0].strip(): [cell.split()[0] for cell in cells[1:]] for cells in rows[2:]}
    assert list(found) == ["a task that does nothing", *names]
    # A worker may live so short that no sample sees it.
    assert all(float(number.replace(",", "")) > 0 for name in names for number in found[name][:-2])
    # Playbook, play, the task and its summary, and two of each host's task.
    assert {found[name][2] for name in names} == {"12"}
