# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/guide_scripts.md holds on a real PowerShell: its fleet, its scripts, and a controller that is killed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import guides
from tests.waiting import until

PAGE = guides.DOCS / "guide_scripts.md"
FILES = guides.files_of(PAGE)
COMMANDS = guides.commands_of(PAGE)
INVENTORY = Path(".cache/fleet/inventory.yml")
COMPUTERS = ("dc01", "sql01", "web01")


def command(playbook: str) -> str:
    """Return the first command of the page that runs a playbook."""
    return next(each for each in COMMANDS if playbook in each.split())


@pytest.fixture
def folder(tmp_path: Path, powershell: str) -> Iterator[Path]:
    """A folder with the files of the page and the inventory of the fleet that `make fleet` starts."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / INVENTORY).parent.mkdir(parents=True)
    fleet = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.simulator", "demo/fleet_empty.yml", "--powershell", powershell),
            *("--inventory", str(tmp_path / INVENTORY), "--inventory-passwords"),
        ],
        cwd=guides.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert fleet.stdout is not None
    assert "3 computers ready" in fleet.stdout.readline()
    yield tmp_path
    fleet.terminate()
    assert fleet.wait(timeout=60) == 0


def first_output_is_there(folder: Path) -> bool:
    journals = [folder / "journal" / f"{computer}.jsonl" for computer in COMPUTERS]
    return all(journal.exists() and '"piece"' in journal.read_text("utf-8") for journal in journals)


def test_a_script_survives_its_controller(folder: Path) -> None:
    """The script goes on when the test says so, so that the controller is killed in the middle on any machine."""
    release = folder / "release"
    script = folder / "nightly.ps1"
    waits = f"while (-not (Test-Path '{release}')) {{ Start-Sleep -Milliseconds 100 }}"
    text = script.read_text("utf-8")
    assert "Start-Sleep -Seconds 1" in text
    script.write_text(text.replace("Start-Sleep -Seconds 1", waits), encoding="utf-8")
    resume = command("psremoting.fleet.resume")
    controller = subprocess.Popen(
        shlex.split(resume),
        cwd=folder,
        env={**os.environ, "ANSIBLE_HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: first_output_is_there(folder), "the first output")
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()

    listed = guides.run(folder, folder / "home", command("psremoting.fleet.list"))
    # Opened, if the controller was killed after it had noted the connection: for a minute the server agrees.
    assert len(re.findall(r"Nightly +\w+01 +(?:Disconnected|Opened)", listed)) == 3, listed
    release.touch()
    told = guides.run(folder, folder / "home", f"{resume} -e pssession_output_lines=100")
    # All three are this machine, so that their output is equal, and shown once.
    assert re.search(r"^\w+01, \w+01, \w+01: Nightly, Completed", told, re.MULTILINE)
    assert re.findall(r"^\s*step (\d+)$", told, re.MULTILINE) == [str(number) for number in range(1, 61)]
    assert len(re.findall(r"^\s*Steps : 60$", told, re.MULTILINE)) == 1


def test_the_output_of_a_script(folder: Path) -> None:
    told = guides.run(folder, folder / "home", command("output.yml"))
    assert '"rc": 3' in told
    assert "ProcessName" in told
    assert '"a warning"' in told
    assert '"written to the host"' in told
