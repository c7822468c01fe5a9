# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of the guides to the collection's playbooks run as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.integration.playbooks.controller import PASSWORD, USER, inventory_of
from tests.simulator import SimulatedFleet, User

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCRIPTS = {
    "nightly": {
        "regex": r"Updates on \$env:COMPUTERNAME",
        "steps": [{"output": "Updates"}, {"sleep": 2}, {"output": {"Updates": 12, "RestartNeeded": True}}],
    }
}


@dataclass
class Reader:
    """Somebody who does what a guide says, in a folder of their own."""

    folder: Path
    fleet: SimulatedFleet

    def read(self, guide: str) -> list[str]:
        """Write down the files of a guide and return its commands."""
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", (DOCS / guide).read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for kind, text in blocks:
            if kind in ("yaml", "powershell"):
                (self.folder / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        inventory = yaml.safe_dump(inventory_of(self.fleet))
        (self.folder / "inventory.yml").write_text(inventory, encoding="utf-8")
        return [line for kind, text in blocks if kind == "shell" for line in text.splitlines()]

    def run(self, command: str) -> str:
        """Run a command as written; it has to succeed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PSSESSION_")}
        ended = subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env={**environment, "ANSIBLE_HOME": str(self.folder / "home")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        return ended.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with SimulatedFleet.build(["server01", "server02"], [User(USER, PASSWORD)], SCRIPTS) as fleet:
        yield Reader(tmp_path, fleet)


def test_rerun_to_resume(reader: Reader) -> None:
    first, second, report = reader.read("guide_resume.md")
    assert reader.run(first).count("RestartNeeded") == 2
    again = reader.run(second)
    assert again.count("RestartNeeded") == again.count("changed=0") == 2
    assert reader.run(report).count("needs a restart") == 2
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
    assert reader.run(shown).count("Nightly-1 on ") == 2
    assert reader.run(told).count("Nightly-1 expires at") == 2
    reader.run(guarded)
    lifetimes = {(session.name, session.idle_timeout) for each in reader.fleet for session in each.sessions}
    assert lifetimes == {("Nightly-1", 86400), ("ITTask", 7200)}


def test_what_nobody_needs_any_more(reader: Reader, guard: list[str]) -> None:
    looked, cleaned = guard[3:]
    reader.run(looked)
    assert [len(computer.sessions) for computer in reader.fleet] == [2, 2]
    reader.run(cleaned)
    assert [[session.name for session in computer.sessions] for computer in reader.fleet] == [["Nightly-1"]] * 2
