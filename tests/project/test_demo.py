# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo` runs to its end, and leaves nothing behind but its report."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_story(tmp_path: Path) -> None:
    told = tell(tmp_path)
    assert re.search(r"\d+ Nightly-C +WSMan +file01 +RemoteMachine", told)
    assert told.count("Completed, {''Disks'': 4, ''Healthy'': 4}") == 12


def test_the_story_with_a_real_powershell(tmp_path: Path, powershell: str) -> None:
    told = tell(tmp_path, DEMO_POWERSHELL=powershell)
    assert len(re.findall(r"Completed, \{''Disks'': \d+, ''Healthy'': \d+\}", told)) == 6


def tell(tmp_path: Path, **variables: str) -> str:
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
    told = ended.stdout
    assert ended.returncode == 0, told + ended.stderr
    played = re.findall(r"^# \$ ansible-playbook (.+)$", told, re.MULTILINE)
    assert played == [
        "start.yml",
        "list.yml",
        "connect.yml --check",
        "connect.yml",
        "connect.yml",
        "busy.yml",
        "collect.yml",
        "report.yml",
    ]
    # The table of the cmdlet, with sessions that the demo did not start itself.
    assert re.search(r"Id Name +Transport ComputerName +ComputerType +State +ConfigurationName +Availability", told)
    assert re.search(r"\d+ ITTask-Updates +WSMan +dc01 +RemoteMachine +Disconnected +Microsoft.PowerShell +None", told)
    assert re.search(r"\d+ Nightly-C +WSMan +sql01 +RemoteMachine", told)
    assert "What if: Performing the operation" in told
    recaps = [re.findall(r" changed=(\d+) ", play) for play in told.split("PLAY RECAP")[1:]]
    assert [any(int(changed) for changed in recap) for recap in recaps] == [
        True,
        False,
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert "another client is connected to it" in told
    assert "Done in" in told
    (report,) = re.findall(r"The report is file://(\S+)", told)
    assert "Tuning" in Path(report).read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []
    return told
