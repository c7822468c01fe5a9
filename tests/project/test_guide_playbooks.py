# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of the guides to the collection's playbooks run as written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, inventory_of
from tests.project import guides
from tests.simulator import SimulatedFleet, User

SCRIPTS = {
    "nightly": {
        "regex": r"Databases on \$env:COMPUTERNAME",
        "steps": [{"output": "Databases"}, {"sleep": 2}, {"output": {"Databases": 12, "RepairNeeded": True}}],
    }
}


@dataclass
class Reader:
    """A user who follows a guide, in a folder of their own."""

    folder: Path
    fleet: SimulatedFleet

    def read(self, guide: str) -> list[str]:
        """Write down the files of a guide and return its commands."""
        page = guides.DOCS / guide
        for name, text in guides.files_of(page).items():
            (self.folder / name).write_text(text, encoding="utf-8")
        inventory = yaml.safe_dump(inventory_of(self.fleet))
        (self.folder / "inventory.yml").write_text(inventory, encoding="utf-8")
        return guides.commands_of(page)

    def run(self, command: str) -> str:
        """Run a command as written; it has to succeed."""
        return guides.run(self.folder, self.folder / "home", command)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with SimulatedFleet.build(["server01", "server02"], [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as fleet:
        yield Reader(tmp_path, fleet)


def test_rerun_to_resume(reader: Reader) -> None:
    first, second, report = reader.read("guide_resume.md")
    assert reader.run(first).count("RepairNeeded") == 1  # equal on both hosts, so shown once
    again = reader.run(second)
    assert (again.count("RepairNeeded"), again.count("changed=0")) == (1, 2)
    assert reader.run(report).count("needs a repair") == 2
    assert reader.run("ansible-playbook -i inventory.yml look.yml").count("RepairNeeded") == 2
    assert len(reader.fleet.requests_of(operation="Command")) == 2
    journal = {path.name for path in (reader.folder / "journal" / "2026-11-25").iterdir()}
    assert journal == {f"{host}{end}" for host in ("server01", "server02") for end in (".jsonl", ".result.json")}


@pytest.fixture
def guard(reader: Reader) -> list[str]:
    """The commands of the guide, after sessions have been left alone for a while."""
    for computer in reader.fleet:
        computer.add_session("Nightly-1", inactivity=4000)
        computer.add_session("ITTask", inactivity=4000)
    return reader.read("guide_expiry.md")


def test_expiry_guard(reader: Reader, guard: list[str]) -> None:
    shown, told, guarded = guard[:3]
    for command in (shown, told):
        lines = [line for line in reader.run(command).splitlines() if "Nightly-1 expires at" in line]
        assert set(re.findall(r"server\d+", " ".join(lines))) == {"server01", "server02"}
    reader.run(guarded)
    lifetimes = {(session.name, session.idle_timeout) for each in reader.fleet for session in each.sessions}
    assert lifetimes == {("Nightly-1", 86400), ("ITTask", 7200)}


def test_what_nobody_needs_any_more(reader: Reader, guard: list[str]) -> None:
    looked, cleaned = guard[3:]
    reader.run(looked)
    assert [len(computer.sessions) for computer in reader.fleet] == [2, 2]
    reader.run(cleaned)
    assert [[session.name for session in computer.sessions] for computer in reader.fleet] == [["Nightly-1"]] * 2
