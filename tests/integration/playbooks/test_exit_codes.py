# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exit codes of scripts in task results, on the controller and on a bastion, in the role and in the playbook resume."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, USER, Controller, TaskResult
from .shipped import Shipped, inventory_with_others, outcomes
from .test_role_ways import WAYS

SCRIPTS: dict[str, Any] = {
    "quick": [{"output": "ran"}],
    "exit 0": [{"exit": 0}],
    "exit 3": [{"output": "before"}, {"exit": 3}, {"output": "never"}],
    "exit 3010": [{"exit": 3010}],
    "exit 7, then fail": [{"host": {"method": "SetShouldExit", "parameters": [7]}}, {"throw": "no such disk"}],
    "exit 2, then 4": [{"host": {"method": "SetShouldExit", "parameters": [2]}}, {"exit": 4}],
}
TASKS = """
- name: No exit
  psremoting.fleet.invoke_command: {name: job, script: quick}
- name: Success
  psremoting.fleet.invoke_command: {name: job, script: exit 0}
- name: Not expected
  psremoting.fleet.invoke_command: {name: job, script: exit 3}
  ignore_errors: true
- name: Expected
  psremoting.fleet.invoke_command: {name: job, script: exit 3, expected_return_code: [0, 3]}
- name: Expected as text
  psremoting.fleet.invoke_command: {name: job, script: exit 3, expected_return_code: "0, 3"}
- name: Zero is not expected
  psremoting.fleet.invoke_command: {name: job, script: exit 0, expected_return_code: [3]}
  ignore_errors: true
- name: Restart
  psremoting.fleet.invoke_command: {name: job, script: exit 3010, expected_return_code: [0, 3010]}
- name: Restart that was not expected
  psremoting.fleet.invoke_command: {name: job, script: exit 3010}
  ignore_errors: true
- name: Judged by the playbook
  psremoting.fleet.invoke_command: {name: job, script: exit 3}
  register: judged
  failed_when: judged.rc not in [0, 3]
  changed_when: judged.rc == 0
- name: Kept silent
  psremoting.fleet.invoke_command: {name: job, script: exit 3, on_error: report}
- name: Failed after a code
  psremoting.fleet.invoke_command: {name: job, script: "exit 7, then fail"}
  ignore_errors: true
- name: Several codes
  psremoting.fleet.invoke_command: {name: job, script: "exit 2, then 4", expected_return_code: [4]}
- name: Two sessions
  psremoting.fleet.invoke_command: {name: "*", script: exit 3, expected_return_code: [3]}
"""
# For each task: failed, changed, rc at the top and in the result (None where it is not there), reboot_required.
EXPECTED = {
    "No exit": (False, True, None, None, False),
    "Success": (False, True, 0, 0, False),
    "Not expected": (True, True, 3, 3, False),
    "Expected": (False, True, 3, 3, False),
    "Expected as text": (False, True, 3, 3, False),
    "Zero is not expected": (True, True, 0, 0, False),
    "Restart": (False, True, 3010, 3010, True),
    "Restart that was not expected": (True, True, 3010, 3010, False),
    "Judged by the playbook": (False, False, 3, 3, False),
    "Kept silent": (False, True, 3, 3, False),
    "Failed after a code": (True, True, 7, 7, False),
    "Several codes": (False, True, 4, 4, False),
    "Two sessions": (False, True, None, 3, False),
}
# The engine judges a code in the same way on each host. These tell whether options and results get to a bastion and
# back, and what Ansible makes of the results.
ON_A_BASTION = ("Not expected", "Expected as text", "Restart", "Judged by the playbook", "Failed after a code")


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """Two sessions that are idle, and for the role some whose work is done."""
    computers: list[dict[str, Any]] = [
        {"name": "srv01", "sessions": [{"name": "job"}, {"name": "other"}]},
        {"name": "srv02", "sessions": [planted("exit 3")]},
        {"name": "srv03", "sessions": [planted("exit 3010")]},
    ]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS) as started:
        yield started


def planted(script: str) -> dict[str, Any]:
    return {"name": "Nightly", "commands": [{"script": script, "state": "finished"}]}


def told(result: TaskResult) -> tuple[Any, ...]:
    values = result.values
    assert result["results"][0]["state"] == ("Failed" if result.task == "Failed after a code" else "Completed")
    return (
        result.outcome == "ignored",
        values["changed"],
        values.get("rc"),
        values["results"][0]["rc"],
        values["reboot_required"],
    )


@pytest.mark.parametrize("place", ["controller", "bastion"])
def test_exit_codes_decide_about_the_task(controller: Controller, fleet: SimulatedFleet, place: str) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    tasks = yaml.safe_load(TASKS)
    if place == "bastion":
        tasks = [{**task, "delegate_to": "bastion"} for task in tasks if task["name"] in ON_A_BASTION]
    registry = {"state_file": str(controller.folder / "registry.sqlite3")}
    play = {
        "hosts": "srv01",
        "gather_facts": False,
        "module_defaults": {"group/psremoting.fleet.all": registry},
        "tasks": tasks,
    }
    run = controller.run(yaml.safe_dump([play]))
    assert run.exit_code == 0, run.output
    assert {result.task: told(result) for result in run.results} == {
        task["name"]: EXPECTED[task["name"]] for task in tasks
    }
    failed = run["Not expected"]
    assert failed["results"][0]["output"] == ["before"]
    assert "the command in session job on srv01 ended with exit code 3 (If 3 is a success" in failed.message
    (error,) = failed["errors"]
    assert error["fully_qualified_error_id"].startswith("CommandExitCode,")
    assert error["reason"] == "command_failed"
    assert "no such disk" in run["Failed after a code"].message


@pytest.mark.parametrize("way", WAYS)
def test_role_keeps_a_session_whose_code_was_not_expected(
    controller: Controller, fleet: SimulatedFleet, way: str
) -> None:
    del controller.inventory["all"]["children"]["windows"]["hosts"]["srv01"]
    variables = {
        "pssession_way": way,
        "pssession_name": "*",
        "pssession_journal": "journal",
        "pssession_expected_return_code": [0, 3010],
        "pssession_when_done": "remove",
        "pssession_fail_on": ["unreachable"],
    }
    wanted = f"""
    - hosts: windows
      gather_facts: false
      tasks:
        - ansible.builtin.import_role:
            {{name: psremoting.fleet.pssession, tasks_from: collect, rolespec_validate: false}}
          vars: {variables}
        - name: Result
          ansible.builtin.debug:
            msg: "{{{{ pssession_result }}}}"
    """
    for outcome in ("changed", "missing"):
        results = {host: result["msg"] for host, result in controller.run(wanted).of("Result").items()}
        (left,) = results["srv02"]["results"]
        assert (left["state"], left["rc"], left["output"], left["reboot_required"]) == (
            "Completed",
            3,
            ["before"],
            False,
        )
        assert results["srv02"]["outcome"] == "command_failed"  # the second time as the journal remembers it
        assert [each.state for each in fleet["srv02"].sessions] == ["Connected"]
        assert results["srv03"]["outcome"] == outcome
        assert [got["reboot_required"] for got in results["srv03"]["results"]] == (
            [True] if outcome == "changed" else []
        )
        assert list(fleet["srv03"].sessions) == []
    assert len(fleet.requests_of(operation="Delete")) == 1


def test_resume_tells_the_code_each_time_and_starts_nothing(tmp_path: Path, fleet: SimulatedFleet) -> None:
    controller = Shipped(tmp_path, inventory_with_others(fleet))
    for host in ("srv02", "srv03"):
        fleet[host].session("Nightly").close()
    wanted: dict[str, Any] = {
        "hosts": "srv02",
        "name": "Nightly",
        "script": "exit 3",
        "journal": str(tmp_path / "journal"),
    }
    for _time in range(2):
        run = controller.play("resume", **wanted)
        assert run.exit_code == 2
        assert outcomes(run) == {"srv02": "command_failed"}
        assert "ended with exit code 3" in run.output
        (told,) = [each for each in run.results if "results" in each]
        assert told["results"][0]["output"] == ["before"]
    assert len(fleet.requests_of(operation="Command")) == 1
    wanted |= {"hosts": "srv03", "expected_return_code": [0, 3]}
    for outcome in ("changed", "ok"):
        run = controller.play("resume", **wanted)
        assert (run.exit_code, outcomes(run)) == (0, {"srv03": outcome}), run.output
    assert len(fleet.requests_of(operation="Command")) == 2
