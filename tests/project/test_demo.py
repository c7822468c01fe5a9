# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo` runs to its end, and leaves only its report and output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_demo(tmp_path: Path) -> None:
    shown = run_demo(tmp_path, 6, ", 6 with warnings")
    assert shown.count("  Healthy : 4") == 1
    assert "dc01, file01, print01, sql01, web01, web02: Nightly, Completed, in " in shown


def test_demo_with_a_real_powershell(tmp_path: Path, powershell: str) -> None:
    """The disks are those of this machine, so the script may warn of them or not."""
    shown = run_demo(tmp_path, 3, "(?:, 3 with warnings)?", DEMO_POWERSHELL=powershell)
    assert re.search(r"^  Healthy : \d+$", shown, re.MULTILINE)


def run_demo(tmp_path: Path, computers: int, warnings: str, **variables: str) -> str:
    """Run the demo, check what both of its ways have in common, and return what it printed."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "demo" / "run.py")],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = ended.stdout
    assert ended.returncode == 0, shown + ended.stderr
    played = re.findall(r"^# \$ ansible-playbook psremoting\.fleet\.(\w+)(?:.*?( --check))?", shown, re.MULTILINE)
    assert played == [
        ("start", ""),
        ("list", ""),
        ("connect", " --check"),
        ("connect", ""),
        ("connect", ""),
        ("collect", ""),
    ]
    # Sessions that the demo did not open are listed, too.
    assert re.search(r"^ITTask-Indexes +dc01 +Disconnected +None", shown, re.MULTILINE)
    assert re.search(r"^Nightly +sql01 +Disconnected", shown, re.MULTILINE)
    assert "What if: Performing the operation" in shown
    attention = "1 needs attention: busy sql01 (another client)"
    *before, collected = re.findall(r"^\d+ (?:changed|ok).*$", shown, re.MULTILINE)
    assert before == [
        f"{computers} changed",
        f"{computers} ok",
        f"{computers - 1} changed, {attention}",
        f"{computers - 1} changed, {attention}",
        f"{computers - 1} ok, {attention}",
    ]
    assert re.fullmatch(f"{computers} changed{warnings}", collected)
    (report,) = re.findall(r"^# The report is file://(\S+)", shown, re.MULTILINE)
    assert "Tuning" in Path(report).read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []
    return shown
