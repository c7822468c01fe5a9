# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of docs/guide_long_work.md run as written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, inventory_of
from tests.project import guides
from tests.simulator import SimulatedFleet, User

FILES = guides.files_of(guides.DOCS / "guide_long_work.md")
SCRIPTS = {
    "nightly": {
        "regex": r"Report for \$Report",
        "steps": [
            {"output": "Report"},
            {"sleep": 3600},
            {"output": {"Databases": 12, "RepairNeeded": True}},
        ],
    }
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["server01", "server02"], [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


def run(folder: Path, home: Path, playbook: str) -> str:
    return guides.run(folder, home, f"ansible-playbook -i inventory.yml {playbook}")


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
    assert output.count("RepairNeeded") == 2
    assert [list(each.sessions) for each in fleet] == [[], []]
    assert sorted(path.name for path in (tmp_path / "journal").iterdir()) == ["server01.jsonl", "server02.jsonl"]
    assert len(fleet.requests_of(operation="Command")) == 2
