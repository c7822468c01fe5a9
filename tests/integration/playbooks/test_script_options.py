# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What start and resume pass on to what they start: scripts with conditions, and commands, in PowerShell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of
from .shipped import Shipped, outcomes

WHERE = "(Get-Location).Path; $ErrorActionPreference"
BOTH = pytest.mark.parametrize("job", ["start", "resume"])


@pytest.fixture(scope="module")
def fleet(powershell: str) -> Iterator[SimulatedFleet]:
    users = [User(USER, PASSWORD, administrator=True)]
    with SimulatedFleet.build(["srv01"], users, switches=PATIENT, powershell=powershell) as started:
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Shipped:
    return Shipped(tmp_path / "controller", inventory_of(fleet))


def gave(controller: Shipped, job: str, **variables: Any) -> dict[str, Any]:
    """Return the result of what the playbook starts, of an own session in an own folder."""
    journal = str(controller.folder / "journal")
    wanted = {"name": "Nightly", "busy_timeout": 90, **variables}
    if job == "start":
        run = controller.play("start", **{key: value for key, value in wanted.items() if key != "busy_timeout"})
        assert run.exit_code == 0, run.output
        wanted["adopt"] = True
    run = controller.play("resume", journal=journal, **wanted)
    assert run.exit_code == 0, run.output
    (result,) = run.on("psremoting.fleet.pssession : Start the work or resume it", "srv01")["results"]
    found: dict[str, Any] = result
    return found


@BOTH
def test_a_script_has_its_location_and_preference(controller: Shipped, tmp_path: Path, job: str) -> None:
    found = gave(controller, job, script=WHERE, chdir=str(tmp_path), error_action="stop")
    assert found["output"] == [str(tmp_path), "Stop"]


@BOTH
def test_a_script_does_not_run_where_a_path_says_so(controller: Shipped, tmp_path: Path, job: str) -> None:
    skipped = gave(controller, job, script="'ran'", creates=str(tmp_path))
    assert (skipped["state"], skipped["output"]) == ("Completed", [])
    assert str(tmp_path) in skipped["skip_reason"]
    assert outcomes(controller.play("resume", name="Other", script="'ran'", removes=str(tmp_path / "gone"))) == {
        "srv01": "ok"
    }


@BOTH
def test_a_command_runs_by_its_name(controller: Shipped, job: str) -> None:
    found = gave(controller, job, command="Write-Output", parameters={"InputObject": ["a", "b"]})
    assert found["output"] == ["a", "b"]


def test_work_in_another_place_is_other_work(controller: Shipped, tmp_path: Path) -> None:
    gave(controller, "resume", script=WHERE, chdir=str(tmp_path))
    journal = str(controller.folder / "journal")
    other = controller.play("resume", name="Nightly", script=WHERE, chdir="/", journal=journal)
    assert other.exit_code == 2
    assert "its creates, removes, chdir or error_action differs" in " ".join(other.output.split())


@pytest.mark.parametrize("job", ["start", "resume"])
def test_conditions_are_those_of_scripts(fleet: SimulatedFleet, tmp_path: Path, job: str) -> None:
    fleet.clear_requests()
    options = {"job": job, "name": "Nightly", "command": "Get-Date", "chdir": "/"}
    task = {"name": "Job", "psremoting.fleet.pssession_job": options}
    run = Controller(tmp_path, inventory_of(fleet)).run(yaml.safe_dump([task]))
    assert (run.exit_code, fleet.requests) == (2, [])
    assert "chdir cannot be used with command, which sends no script" in run["Job"].message
