# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of the guides run as written."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.playbooks.controller import PASSWORD, USER, inventory_of
from tests.simulator import SimulatedFleet, User

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide_long_work.md"
FILES = {
    name: text
    for text in re.findall(r"^```(?:yaml|powershell)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for name in re.findall(r"\A# (\S+)$", text, re.MULTILINE)
}
SCRIPTS = {
    "nightly": {
        "regex": r"Report for \$Report",
        "steps": [
            {"output": "Report"},
            {"sleep": 3600},
            {"output": {"Updates": 12, "RestartNeeded": True}},
        ],
    }
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["server01", "server02"], [User(USER, PASSWORD)], SCRIPTS) as started:
        yield started


def run(folder: Path, home: Path, playbook: str) -> str:
    """Run a playbook on a controller whose home is its own, so that it knows nothing of others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PSSESSION_")}
    ended = subprocess.run(
        ["ansible-playbook", "-i", "inventory.yml", playbook],
        cwd=folder,
        env={**environment, "ANSIBLE_HOME": str(home), "ANSIBLE_REMOTE_TEMP": str(home / "tmp")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_start_look_collect(fleet: SimulatedFleet, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory_of(fleet)), encoding="utf-8")
    tonight, tomorrow = tmp_path / "tonight", tmp_path / "tomorrow"

    for changed in (2, 0):
        output = run(tmp_path, tonight, "start.yml")
        assert len(re.findall(r"changed=1 ", output)) == changed
    assert [[command.state for command in each.sessions[0].commands] for each in fleet] == [["Running"]] * 2
    assert {each.sessions[0].idle_timeout for each in fleet} == {86400}
    assert "Nightly" in run(tmp_path, tmp_path / "curious", "look.yml")

    fleet.clock.advance(3601)
    output = run(tmp_path, tomorrow, "collect.yml")
    assert output.count("RestartNeeded") == 2
    assert [list(each.sessions) for each in fleet] == [[], []]
    assert sorted(path.name for path in (tmp_path / "journal").iterdir()) == ["server01.jsonl", "server02.jsonl"]
    assert len(fleet.requests_of(operation="Command")) == 2
