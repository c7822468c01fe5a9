# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of docs/guide_fleet.md and of the role's README.md run as written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _role_variables
from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, inventory_of
from tests.project import guides
from tests.simulator import SimulatedFleet, User

GUIDE = guides.DOCS / "guide_fleet.md"
ROLE = guides.ROOT / "roles" / "pssession"
NIGHTLY = {"name": "Nightly", "inactivity": 3700, "commands": [{"script": "nightly", "state": "finished"}]}
COMPUTERS: list[dict[str, Any]] = [
    {"name": "server01", "sessions": [NIGHTLY, {"name": "Other"}]},
    {"name": "server02", "sessions": [NIGHTLY]},
    {"name": "server03", "sessions": [{"name": "Other"}]},
]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[SimulatedFleet]:
    scripts = {"nightly": [{"output": {"Databases": 12, "RepairNeeded": True}}]}
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)], scripts, switches=PATIENT) as started:
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory_of(started)), encoding="utf-8")
        yield started


def connected(fleet: SimulatedFleet) -> list[str]:
    return [
        computer.name
        for computer in fleet
        for session in computer.sessions
        if (session.name, session.state) == ("Nightly", "Connected")
    ]


def recap(output: str) -> dict[str, tuple[int, int]]:
    """Changed and failed of each host."""
    found = re.findall(r"^(\w+)\s+: .*changed=(\d+).* failed=(\d+)", output, re.MULTILINE)
    return {host: (int(changed), int(failed)) for host, changed, failed in found}


def write(folder: Path, page: Path) -> None:
    for name, text in guides.files_of(page).items():
        (folder / name).write_text(text, encoding="utf-8")


def test_what_the_guide_shows(fleet: SimulatedFleet, tmp_path: Path) -> None:
    write(tmp_path, GUIDE)

    def run(playbook: str, exit_code: int = 0) -> str:
        return guides.run(tmp_path, tmp_path / "home", f"ansible-playbook -i inventory.yml {playbook}", exit_code)

    looked = run("by_hand.yml")
    assert [
        host in looked.partition("TASK [Show when its sessions were disconnected]")[2]
        for host in ("server01] =>", "server02] =>")
    ] == [
        True,
        True,
    ]
    look, connect = guides.commands_of(GUIDE)
    expected = {"server01": (1, 0), "server02": (1, 0), "server03": (0, 1)}
    assert recap(guides.run(tmp_path, tmp_path / "home", look, 2)) == expected
    assert connected(fleet) == []
    assert recap(guides.run(tmp_path, tmp_path / "home", connect, 2)) == expected
    assert connected(fleet) == ["server01", "server02"]
    expected = {"server01": (0, 0), "server02": (0, 0), "server03": (0, 1)}
    assert recap(run("all_at_once.yml", 2)) == expected

    summary = run("summary.yml", 2)
    assert "2 ok, 1 needs attention: missing server03 (Nightly)" in summary
    assert (tmp_path / "reports" / "nightly.failed.limit").read_text(encoding="utf-8") == "server03\n"
    assert set(recap(run("where_there_is_one.yml")).values()) == {(0, 0)}

    collected = run("collect.yml", 2)
    assert collected.count("RepairNeeded") == 1  # equal on both hosts, so shown once
    assert [len(computer.sessions) for computer in fleet] == [1, 0, 1]
    assert len(list((tmp_path / "journal").iterdir())) == 2
    assert "RepairNeeded" in (tmp_path / "output" / "server02" / "Nightly.txt").read_text(encoding="utf-8")


def test_the_example_of_the_role(fleet: SimulatedFleet, tmp_path: Path) -> None:
    write(tmp_path, ROLE / "README.md")
    output = guides.run(
        tmp_path, tmp_path / "home", "ansible-playbook -i inventory.yml collect.yml --limit server01,server02"
    )
    assert output.count("RepairNeeded") == 3  # once by the role, and by the task after it for each host
    assert [len(computer.sessions) for computer in fleet] == [1, 0, 1]


def test_the_guide_names_variables_and_entry_points_of_the_role() -> None:
    text = (ROLE / "README.md").read_text("utf-8") + GUIDE.read_text("utf-8")
    named = set(re.findall(r"`(pssession_\w+)[:`]", text))
    results = {"pssession_result", "pssession_outcomes", "pssession_summary", "pssession_"}
    assert named - _role_variables.VARIABLES <= results
    table = re.findall(
        r"^\| `(\w+)`(?: \(the default\))? \|", GUIDE.read_text("utf-8").partition("## Connect")[0], re.MULTILINE
    )
    assert set(table) - {"tasks_from"} == set(_role_variables.SPECS)
