# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets with a real PowerShell: how they are declared, how many processes they may have, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from .. import Fleet, SimulatedFleet
from ..__main__ import powershell_for
from ..waiting import PATIENCE, until
from .conftest import ADMIN
from .powershell_client import PATIENT, PowerShellClient, is_alive

#: The package by its name here, and the folder from which it can be imported.
PACKAGE = __package__.rpartition(".")[0]
ROOT = Path(__file__).resolve().parents[len(__package__.split("."))]
QUOTA = 0x803381E6
#: Starts a job and a program, leaves another program running, says their ids and waits in a way that cannot be stopped.
SLEEPERS = """
$job = Start-Job { $PID; sleep 1000 }
while (-not ($id = $job | Receive-Job)) { Start-Sleep -Milliseconds 10 }
$left = sh -c 'sleep 1000 > /dev/null 2>&1 & echo $!'
"$id $left $PID" > PIDS
sh -c 'echo $$ >> PIDS; exec sleep 1000'
"""


@pytest.fixture
def anything(tmp_path: Path) -> str:
    """A program that is not a PowerShell, for what needs none."""
    return str(Path(sys.executable))


# Declarations


def test_declared_scripts_are_refused(anything: str) -> None:
    """What would be ignored is refused, with the computer's name."""
    with pytest.raises(ValueError, match="srv01: scripts cannot be declared"):
        SimulatedFleet.build(["srv01"], [ADMIN], {"hello": []}, powershell=anything)
    with pytest.raises(ValueError, match="srv02: scripts cannot be declared"):
        SimulatedFleet.build(["srv01", {"name": "srv02", "powershell": anything}], [ADMIN], {"hello": []})
    planted = {"name": "srv01", "sessions": [{"commands": [{"script": "hello"}]}]}
    with pytest.raises(ValueError, match=r"srv01 has a PowerShell: .* script_text, not by script"):
        SimulatedFleet.build([planted], [ADMIN], powershell=anything)
    planted = {"name": "srv01", "sessions": [{"commands": [{"script_text": "1"}]}]}
    with pytest.raises(ValueError, match=r"srv01 has declared scripts: .* script, not by script_text"):
        SimulatedFleet.build([planted], [ADMIN])
    refused: list[dict[str, Any]] = [{"variables": {"a": 1}}, {"application_private_data": {}}]
    for given in refused:
        with pytest.raises(ValueError, match=r"srv01 has a PowerShell: it makes"):
            SimulatedFleet.build([{"name": "srv01", "sessions": [given]}], [ADMIN], powershell=anything)


def test_a_missing_powershell_is_refused(monkeypatch: pytest.MonkeyPatch, anything: str) -> None:
    with pytest.raises(ValueError, match="srv01: there is no PowerShell /nowhere/pwsh"):
        SimulatedFleet.build(["srv01"], [ADMIN], powershell="/nowhere/pwsh")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("PSSESSION_TEST_POWERSHELL", raising=False)
    with pytest.raises(ValueError, match="srv01: there is no PowerShell here"):
        SimulatedFleet.build(["srv01"], [ADMIN], powershell=True)
    monkeypatch.setenv("PSSESSION_TEST_POWERSHELL", anything)
    fleet = SimulatedFleet.build(["srv01", {"name": "srv02", "powershell": False}], [ADMIN], powershell=True)
    assert (fleet["srv01"].powershell, fleet["srv02"].powershell) == (anything, None)


def test_more_planted_sessions_than_processes_are_refused(anything: str) -> None:
    declared = {"name": "srv{}", "count": 3, "sessions": [{}]}
    with pytest.raises(ValueError, match="max_powershells"):
        SimulatedFleet.build([declared], [ADMIN], powershell=anything, max_powershells=2)


def test_the_environment_decides_where_nothing_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """PSSESSION_TEST_POWERSHELL is the default of --powershell, and never changes a fleet with scripts."""
    monkeypatch.setenv("PSSESSION_TEST_POWERSHELL", "/env/pwsh")
    computers = [{"name": "srv01", "sessions": [{"commands": [{"script": "hello"}]}]}]
    scripts = {"hello": [{"output": "hello"}]}
    for declared in (Fleet(["srv01"], scripts=scripts), Fleet(["srv01"], powershell=False), Fleet(computers)):
        assert powershell_for(declared, None) == declared.powershell
        assert powershell_for(declared, "/asked/pwsh") == "/asked/pwsh"
    assert powershell_for(Fleet(["srv01"]), None) == "/env/pwsh"
    monkeypatch.delenv("PSSESSION_TEST_POWERSHELL")
    assert powershell_for(Fleet(["srv01"]), None) is None


def test_a_powershell_that_does_not_start(tmp_path: Path) -> None:
    """The Create is refused; one that starts and ends at once ends the session."""
    broken = tmp_path / "pwsh"
    broken.write_text("#!/nowhere/sh\n", encoding="utf-8")
    broken.chmod(0o755)
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=str(broken)) as fleet:
        client = PowerShellClient(fleet["srv01"], ADMIN)
        assert client.create().fault == 0x80540FA0
        assert fleet["srv01"].sessions == []
        broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        assert client.create().status == 200
        until(lambda: fleet["srv01"].sessions == [], "the end of the session")
        until(lambda: fleet.powershell_processes == 0, "the end of the process, after that of the session")


# Processes


def test_limit_of_processes(powershell: str) -> None:
    """One session too many is refused on any computer, until another one is removed."""
    with SimulatedFleet.build(
        ["srv01", "srv02"], [ADMIN], switches=PATIENT, powershell=powershell, max_powershells=1
    ) as fleet:
        one, two = (PowerShellClient(computer, ADMIN) for computer in fleet)
        shell_id = one.open()
        assert two.create().fault == QUOTA
        fleet["srv02"].add_cmd_shell()
        one.delete(shell_id)
        two.open()
    assert fleet.powershell_processes == 0


def test_removed_sessions_run_their_finally_blocks(powershell: str, tmp_path: Path) -> None:
    with SimulatedFleet.build(["srv01"], [ADMIN], switches=PATIENT, powershell=powershell) as fleet:
        client = PowerShellClient(fleet["srv01"], ADMIN)
        shell_id = client.open()
        script = f"try {{ 'begun'; Start-Sleep 1000 }} finally {{ Set-Content '{tmp_path}/finally' 'cleaned up' }}"
        client.first(shell_id, client.start(shell_id, script))
        client.delete(shell_id)
        until(lambda: fleet.powershell_processes == 0, "the end of the process")
        assert (tmp_path / "finally").read_text(encoding="utf-8").strip() == "cleaned up"


def test_a_stopped_fleet_starts_anew_without_them(powershell: str) -> None:
    fleet = SimulatedFleet.build(["srv01"], [ADMIN], switches=PATIENT, powershell=powershell)
    session = fleet["srv01"].add_session("Planted", commands=[{"script_text": "'begun'; Start-Sleep 1000"}])
    with fleet:
        pid = session.process_id
        assert [command.state for command in session.commands] == ["Running"]
    assert not is_alive(pid)
    assert session.state == "Closed"
    with fleet:
        assert fleet["srv01"].sessions == []
        client = PowerShellClient(fleet["srv01"], ADMIN)
        assert client.run(client.open(), "'anew'") == ["<S>anew</S>"]


@contextmanager
def program(folder: Path, powershell: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any], list[int]]]:
    """The simulator as a program, with a session of many processes; yields it, its ready data and their ids."""
    pids = folder / "pids"
    commands = [{"script_text": SLEEPERS.replace("PIDS", str(pids))}]
    declared = {
        "users": [{"name": "admin", "password": "not-a-secret"}],
        "computers": [{"name": "srv01", "sessions": [{"name": "Busy", "commands": commands}]}],
    }
    (folder / "fleet.yml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    ready = folder / "ready.json"
    arguments = [str(folder / "fleet.yml"), "--ready-file", str(ready), "--powershell", powershell]
    command = [sys.executable, "-m", PACKAGE, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            until(lambda: ready.exists() or process.poll() is not None, "the simulator's start")
            until(
                lambda: pids.exists() and len(pids.read_text(encoding="utf-8").split()) == 4, "the session's processes"
            )
            numbers = [int(pid) for pid in pids.read_text(encoding="utf-8").split()]
            assert all(is_alive(pid) for pid in numbers)
            yield process, json.loads(ready.read_text(encoding="utf-8")), numbers
        finally:
            process.kill()


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL, "stop"])
def test_nothing_survives_the_simulator(powershell: str, tmp_path: Path, way: signal.Signals | str) -> None:
    """Whatever way it ends: no process of a session is left, nor its folder."""
    with program(tmp_path, powershell) as (process, told, pids):
        with urllib.request.urlopen(f"{told['control_url']}/state", timeout=PATIENCE) as answer:
            (session,) = json.load(answer)["computers"][0]["sessions"]
        assert session["process_id"] == pids[2]
        home = Path(os.readlink(f"/proc/{pids[2]}/cwd"))
        if isinstance(way, str):
            request = urllib.request.Request(f"{told['control_url']}/{way}", method="POST", data=b"")
            urllib.request.urlopen(request, timeout=PATIENCE).close()
        else:
            process.send_signal(way)
        assert process.wait(PATIENCE) == (-signal.SIGKILL if way == signal.SIGKILL else 0)
        until(lambda: not any(is_alive(pid) for pid in pids), "the end of the session's processes")
        until(lambda: not home.exists(), "the clean-up")
