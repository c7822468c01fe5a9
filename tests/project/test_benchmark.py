# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make benchmark` measures still runs, and takes the requests that docs/design.md says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_runs_and_counts_the_requests_that_are_told() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    told = [int(number) for number in re.findall(r"^\| (?:pypsrp|this collection).*\| (\d+) \|$", page, re.MULTILINE)]
    quick = ["--computers", "3", "--rounds", "1", "--delay", "0"]
    command = [sys.executable, "-m", "tests.benchmark", *quick]
    ended = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    rows = [line.split() for line in ended.stdout.splitlines() if line.startswith(("pypsrp", "this collection"))]
    assert [float(row[-1]) for row in rows] == told == [4, 4, 2, 4, 4, 2, 7, 7, 4]
    assert all(float(ratio) > 0 for row in rows for ratio in row[-4:])
