# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no schema says of GitHub's workflows (`make lint-workflows`), which cannot run here."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WINDOWS = ROOT / ".github" / "workflows" / "windows.yml"
PARSE = """
$errors = $null
[void] [Management.Automation.Language.Parser]::ParseInput([Console]::In.ReadToEnd(), [ref] $null, [ref] $errors)
$errors | ForEach-Object { "line $($_.Extent.StartLineNumber): $($_.Message)" }
"""


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def _steps(shell: str) -> list[str]:
    """What the steps of all workflows run in a shell."""
    jobs = [job for path in WORKFLOWS for job in _read(path)["jobs"].values()]
    return [step["run"] for job in jobs for step in job.get("steps", ()) if step.get("shell") == shell]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"\buses: (?!\./)(.*)", path.read_text(encoding="utf-8"))
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_the_paths_that_start_the_windows_workflow_exist() -> None:
    events = _read(WINDOWS)["on"]
    assert events["push"]["paths"] == events["pull_request"]["paths"]
    assert [each for each in events["push"]["paths"] if not any(ROOT.glob(each))] == []


def test_the_windows_workflow_knows_the_variables_of_the_checks() -> None:
    known = set(
        re.findall(r"PSSESSION_LIVE_\w+", (ROOT / "tests" / "live" / "__main__.py").read_text(encoding="utf-8"))
    )
    given = {name.rstrip("_") for name in re.findall(r"PSSESSION_LIVE_\w+", WINDOWS.read_text(encoding="utf-8"))}
    assert given - {"PSSESSION_LIVE"} <= known


def test_python_steps_can_be_read() -> None:
    assert [ast.parse(text) for text in _steps("python")]


def test_powershell_steps_can_be_read(powershell: str) -> None:
    texts = _steps("powershell")
    assert texts
    for text in [*texts, "if ("]:
        parsed = subprocess.run(
            [powershell, "-NoProfile", "-Command", PARSE], input=text, capture_output=True, text=True, check=True
        )
        assert bool(parsed.stdout) is (text == "if ("), parsed.stdout


@pytest.mark.parametrize("page", ["compared", "guide_windows_tasks", "limits", "reliability"])
def test_promises_about_windows_say_how_they_were_tested(page: str) -> None:
    """Until each cell of the table in README.md has a date and a commit."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2:-1] for line in readme.splitlines() if line.startswith("| Windows Server 20")]
    assert len(rows) == 2
    is_open = not all(cell.strip() for row in rows for cell in row)
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert ("simulated WinRM, real PowerShell 7.6" in " ".join(text.split())) is is_open
