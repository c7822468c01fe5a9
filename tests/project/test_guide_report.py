# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of docs/guide_report.md run as written, and what it says about the files is so."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import OUTCOMES
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import data, files, page
from tests.integration.playbooks.controller import PASSWORD, USER, inventory_of
from tests.project import guides
from tests.simulator import SimulatedFleet, User

PAGE = guides.DOCS / "guide_report.md"
GUIDE = PAGE.read_text(encoding="utf-8")
PLAYBOOKS = guides.files_of(PAGE)
COMPUTERS = [
    {"name": "server01", "sessions": [{"name": "Nightly"}, {"name": "Other"}]},
    {"name": "server02", "sessions": [{"name": "Other"}]},
]


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)]) as started:
        yield started


def run(folder: Path, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", "-i", "inventory.yml", playbook, *arguments]
    return guides.run_to_end(folder, folder / "home", shlex.join(command))


def test_the_playbooks_report_as_told(fleet: SimulatedFleet, tmp_path: Path) -> None:
    for name, text in PLAYBOOKS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory_of(fleet)), encoding="utf-8")

    looked = run(tmp_path, "expiring.yml")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    made = json.loads((tmp_path / "reports" / "expiring.json").read_text(encoding="utf-8"))
    assert made["counts"] == {"hosts": 2, "sessions": 3, "changed": 0, "errors": 0}
    assert all(row["expires_on"] for row in made["sessions"])

    worked = run(tmp_path, "report.yml")
    assert worked.returncode == 2, worked.stdout + worked.stderr  # server02 has no such session
    made = json.loads((tmp_path / "reports" / "nightly.json").read_text(encoding="utf-8"))
    assert {row["host"]: row["outcome"] for row in made["hosts"]} == {"server01": "changed", "server02": "missing"}
    assert sorted(path.name for path in (tmp_path / "reports").glob("nightly.*")) == [
        "nightly.csv",
        "nightly.html",
        "nightly.json",
    ]


def test_every_outcome_is_told_in_the_order_of_the_page() -> None:
    words = [page.OUTCOMES[outcome][0] for outcome in OUTCOMES]
    assert re.findall(rf"^\| ({'|'.join(words)}) \|", GUIDE, re.MULTILINE) == words


def test_every_key_of_the_json_file_is_told() -> None:
    report = data.report_of([], "")
    keys = [*json.loads(files.as_json(report, "")), *data.SESSION_FIELDS]
    assert [key for key in keys if f"`{key}`" not in GUIDE] == []
    assert f"`format_version`, which is {files.FORMAT_VERSION}" in GUIDE
