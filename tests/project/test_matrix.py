# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Supported versions of ansible-core and Python are the same in dev/cores.py, the CI workflow, metadata and README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from dev.cores import CORES, OLDEST_PYTHON, PRE_RELEASES

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]


def matrix(job: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = CI[job]["strategy"]["matrix"]["include"]
    return rows


def test_the_workflow_runs_every_session() -> None:
    expected = {(f"{core}-{python}", python, core in PRE_RELEASES) for core in CORES for python in CORES[core]}
    expected |= {("devel", "3.14", True), (f"unit-{OLDEST_PYTHON}", OLDEST_PYTHON, False), ("lowest", "3.11", False)}
    rows = [(row["session"], row["python"], row.get("experimental", False)) for row in matrix("every-core")]
    assert len(rows) == len(set(rows))
    assert set(rows) == expected


def test_the_workflow_runs_the_sanity_tests_of_every_core() -> None:
    rows = {row["core"]: (row["python"], row.get("experimental", False)) for row in matrix("sanity")}
    assert rows == {core: (pythons[-1], core in PRE_RELEASES) for core, pythons in CORES.items()}


def test_every_python_runs_all_tests() -> None:
    pythons = CI["test"]["strategy"]["matrix"]["python"]
    assert {python for pair in CORES.values() for python in pair} == set(pythons)


def test_the_metadata_allows_the_tested_cores_and_no_other() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    allowed = SpecifierSet(runtime["requires_ansible"])
    minors = [int(core.removeprefix("2.")) for core in CORES]
    for minor in range(min(minors) - 1, max(minors) + 1):
        assert allowed.contains(f"2.{minor}.9") is (f"2.{minor}" in CORES), minor


def test_the_readme_names_them() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    *others, newest = CORES
    assert f"Tested with {', '.join(others)} and {newest}" in readme
    pythons = sorted({python for pair in CORES.values() for python in pair}, key=lambda text: int(text[2:]))
    assert f"on Python {pythons[0]} to {pythons[-1]}" in readme


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    """A tag can be moved to other code; a commit cannot. The comment says which release it is."""
    used = re.findall(r"\buses: (.+)", path.read_text(encoding="utf-8"))
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
