# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shown while a task waits for commands, beside the output of the stdout callback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller

HOSTS = ["srv01", "srv02"]
SCRIPTS: dict[str, Any] = {
    "work": [{"output": "begun"}, {"warning": "disk is nearly full"}, {"error": "no access"}, {"output": "done"}],
}
WARNED = "The script in session job on srv01 wrote an error: no access, and a warning: disk is nearly full"
WARNING, ERROR = "srv01 (job): WARNING: disk is nearly full", "srv01 (job): ERROR: no access"


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    computers = [{"name": name, "sessions": [{"name": "job"}]} for name in HOSTS]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


def invoke(**options: Any) -> str:
    return json.dumps(
        [{"name": "Work", "psremoting.fleet.invoke_command": {"name": "job", "script": "work"}, **options}]
    )


def test_errors_and_warnings_of_scripts_are_shown_at_once_and_not_again(controller: Controller) -> None:
    run = controller.run(invoke(), "--limit", "srv01")
    assert run.exit_code == 0, run.output
    before, _ok, _after = run.stdout.partition("changed: [srv01]")
    assert [line for line in (WARNING, ERROR) if line in before.splitlines()] == [WARNING, ERROR]
    assert (run.output.count("no access"), run.output.count("disk is nearly full")) == (1, 1)
    assert "warnings" not in run["Work"].values or not run["Work"]["warnings"]
    (result,) = run["Work"]["results"]
    assert (result["warning"], len(result["error"])) == (["disk is nearly full"], 1)


def test_errors_and_warnings_that_were_not_shown_are_warnings_of_the_task(controller: Controller) -> None:
    task = {"name": "Work", "psremoting.fleet.invoke_command": {"name": "job", "script": "work", "live": "none"}}
    run = controller.run(json.dumps([task]), "--limit", "srv01")
    assert run["Work"]["warnings"] == [WARNED]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ("none", []),
        ("warnings", [WARNING, ERROR]),
        ("output", [WARNING, ERROR, "srv01 (job): begun", "srv01 (job): done"]),
    ],
)
def test_how_much_is_shown(controller: Controller, live: str, expected: list[str]) -> None:
    task = {"name": "Work", "psremoting.fleet.invoke_command": {"name": "job", "script": "work", "live": live}}
    run = controller.run(json.dumps([task]), "--limit", "srv01")
    assert [line for line in run.stdout.splitlines() if line.startswith("srv01 (job)")] == expected


def test_a_job_passes_it_on(controller: Controller) -> None:
    job = {"job": "resume", "name": "Nightly", "script": "work", "live": "warnings", "computer_name": ["srv01"]}
    notices = ["srv01 (Nightly): WARNING: disk is nearly full", "srv01 (Nightly): ERROR: no access"]
    for live, expected in (("warnings", notices), ("none", [])):
        task = {"name": "Work", "psremoting.fleet.pssession_job": {**job, "live": live}}
        run = controller.run(json.dumps([task]), hosts="localhost")
        assert run.exit_code == 0, run.output
        assert [line for line in run.stdout.splitlines() if line.startswith("srv01 (Nightly)")] == expected


def test_standard_output_of_a_callback_for_data_stays_data(controller: Controller) -> None:
    run = controller.run(invoke(), "--limit", "srv01", ANSIBLE_STDOUT_CALLBACK="document")
    assert json.loads(run.stdout) == {"srv01": {"changed": True}}
    assert [line for line in (WARNING, ERROR) if line in run.stderr.splitlines()] == [WARNING, ERROR]


def test_waiting_for_a_session_in_use_names_it(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv02"].add_session("Nightly", state="Connected", held=True)
    task = {"name": "Connect", "psremoting.fleet.connect_pssession": {"name": "Nightly", "busy_timeout": 1}}
    run = controller.run(json.dumps([task]), "--limit", "srv02")
    assert run.exit_code == 2, run.output
    assert "Connect: waiting for session Nightly on srv02, in use, 1 s at most" in run.stdout.splitlines()


def test_a_task_with_no_log_shows_nothing(controller: Controller) -> None:
    run = controller.run(invoke(no_log=True), "--limit", "srv01")
    assert run.exit_code == 0, run.output
    assert "nearly full" not in run.output
    assert "no access" not in run.output
