# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows tasks in kept sessions of a real PowerShell: results, commands that later runs join, and state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import kill
from tests.simulator import Injection, SimulatedFleet
from tests.waiting import until

from .controller import PLUGINS, Controller, Run, inventory_of
from .windows_fleet import one_windows_computer

fleet = pytest.fixture(one_windows_computer, scope="module", name="fleet")
OURS = "psremoting.fleet.psrp"
MODULES = {"ANSIBLE_LIBRARY": str(PLUGINS / "modules"), "ANSIBLE_ACTION_PLUGINS": str(PLUGINS / "action")}
DURABLE = {"ansible_psrp_durable": True, "ansible_psrp_scope": "tests"}
REUSE = {"ansible_psrp_reuse": "always"}


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Iterator[Controller]:
    fleet.clear_requests()
    yield Controller(tmp_path, inventory_of(fleet, ansible_connection=OURS), MODULES)
    for session in fleet["srv01"].sessions:
        session.close()


def operations(fleet: SimulatedFleet) -> list[str]:
    return [request.operation for request in fleet.requests]


def values(run: Run) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.values.items() if name != "exception"} for each in run.results]


@pytest.mark.parametrize("kept", [DURABLE, REUSE], ids=["durable", "reuse"])
def test_results_are_those_of_core(controller: Controller, fleet: SimulatedFleet, kept: dict[str, Any]) -> None:
    controller.write("work.ps1", "param($a, $b) \"$a-$b\"; Write-Host 'host'; $env:SAID; exit 4\n")
    there, back = controller.folder / "there", controller.folder / "back"
    large = os.urandom(700_000)
    (controller.folder / "large").write_bytes(large)
    tasks = f"""
        - name: Raw
          raw: "Write-Host 'written'; 'ü'; [pscustomobject]@{{a = 1}}; Write-Error 'bad'; exit 2"
          ignore_errors: true
        - name: Thrown
          raw: "'before'; throw 'over'"
          ignore_errors: true
        - name: Native
          raw: sh -c 'echo out; echo err >&2; exit 5'
          ignore_errors: true
        - name: Script
          script: work.ps1 one two
          environment: {{SAID: said}}
          ignore_errors: true
        - name: Module
          wait_for_go: {{log: "{{{{ playbook_dir }}}}/log"}}
          environment: {{SAID: said}}
        - {{name: Put, transfer: {{src: "{controller.folder}/large", put: "{there}"}}}}
        - {{name: Fetch, transfer: {{src: "{there}", fetch: "{back}"}}}}
        """
    runs = []
    for connection in ("psrp", OURS):
        controller.group_variables.update({"ansible_connection": connection, **kept})
        fleet.clear_requests()
        runs.append(controller.run(tasks))
    assert values(runs[0]) == values(runs[1]), runs[1].output
    assert there.read_bytes() == back.read_bytes() == large
    assert operations(fleet).count("Create") == 1
    assert "Delete" not in operations(fleet)


def waiting(controller: Controller, way: str) -> tuple[str, Path, Path]:
    """A task that notes its start in a file and waits for another; returns it with the two files.

    Its error comes after the wait: an earlier one could reach the killed run, and the join would fail for its loss.
    """
    log, go = controller.folder / "log", controller.folder / "go"
    raw = (
        f"Add-Content '{log}' started; 'before'; "
        f"while (-not (Test-Path '{go}')) {{ Start-Sleep 0.05 }}; Write-Error 'late'; 'after'; exit 3"
    )
    task = f"""wait_for_go: {{log: "{log}", go: "{go}"}}""" if way == "module" else f'raw: "{raw}"'
    return f"[{{name: Work, {task}, ignore_errors: true}}]", log, go


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "parent"])
@pytest.mark.parametrize("way", ["module", "raw"])
def test_the_task_of_a_killed_run_is_joined(
    controller: Controller, fleet: SimulatedFleet, way: str, is_whole: bool
) -> None:
    """By a run with other verbosity, whose sets have another order."""
    controller.group_variables.update({**DURABLE, "ansible_psrp_operation_timeout": 1})
    task, log, go = waiting(controller, way)
    process = controller.started(task, PYTHONHASHSEED="1")
    until(log.exists, "the start of the work")
    assert len(kill(process, is_whole=is_whole)) > 1
    assert {"Signal", "Delete"}.isdisjoint(operations(fleet))
    rerun = controller.started(task, "-vvv", PYTHONHASHSEED="2")
    until(lambda: operations(fleet).count("Connect") == 2, "the join")
    go.touch()
    run = controller.ended(rerun)
    assert log.read_text().split() == ["started"]
    if way == "module":
        assert (run["Work"].outcome, run["Work"]["joined"], run["Work"]["text"]) == ("ok", True, "\u20ac 'quoted'")
        assert run["Work"]["started_at"].endswith("Z")
    else:
        assert (run["Work"]["stdout_lines"], run["Work"]["rc"]) == (["before", "after"], 3)
        assert run["Work"]["stderr_lines"][0] == "late"
    assert "which an earlier run started" in run.stderr
    fleet.clear_requests()
    again = controller.run(task)  # its id is free again: this is other work
    assert log.read_text().split() == ["started"] * 2
    assert "joined" not in again["Work"]


def test_a_task_that_ended_without_its_controller_is_joined_by_another_one(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    """With the same secret; the server lets go of the first one's session after a minute of silence."""
    secret = "a long text for ids of the tests"
    controller.group_variables.update(DURABLE)
    task, log, go = waiting(controller, "module")
    process = controller.started(task, PSSESSION_CLIENT_SECRET=secret)
    until(log.exists, "the start of the work")
    assert len(kill(process)) > 1
    go.touch()
    fleet["srv01"].sessions[0].disconnect()
    other = Controller(tmp_path / "other", controller.inventory, MODULES)
    run = other.run(task, PSSESSION_CLIENT_SECRET=secret)
    assert (run["Work"].outcome, run["Work"]["joined"]) == ("ok", True), run.output
    assert log.read_text().split() == ["started"]


@pytest.mark.parametrize("is_secret", [False, True], ids=["logged", "no_log"])
def test_a_result_that_the_killed_run_had_received_is_taken_from_its_file(
    controller: Controller, fleet: SimulatedFleet, is_secret: bool
) -> None:
    """A task with no_log has no such file, and says that its result is lost."""
    controller.group_variables.update(DURABLE)
    controller.run(task := f"[{{name: Work, raw: \"'here'; exit 3\", no_log: {is_secret}, failed_when: false}}]")
    folder = controller.registry.parent / "tasks"
    assert list(folder.glob("*.result")) == []  # nor a file that says what came before the end
    stop = Injection("Signal", action="hang")
    fleet["srv01"].inject(stop)
    process = controller.started(task)
    until(lambda: stop.waiting, "the Signal")
    kill(process)
    files = [file for file in folder.glob("*.result") if not file.match("*.early.result")]
    assert [file.stat().st_mode & 0o777 for file in files] == ([] if is_secret else [0o600])
    fleet.clear_requests()
    run = controller.run(task)
    assert operations(fleet).count("Command") == is_secret  # refused: its id is not free
    assert list(folder.glob("*.result")) == []
    if is_secret:
        assert run["Work"].outcome == "failed"
    else:
        assert (run["Work"]["stdout_lines"], run["Work"]["rc"]) == (["here"], 3)
        assert "joined raw, which an earlier run started" in run.stderr
    assert "joined" not in controller.run(task).stderr  # its id is free


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ("Write-Host 'early'", True),
        ("Write-Host 'early'", False),
        ("$Host.UI.WriteLine('early')", True),
        ("sh -c 'echo early >&2'", True),
    ],
)
def test_text_that_went_to_the_killed_run_fails_the_task(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path, text: str, is_same: bool
) -> None:
    """Such text is a part of stdout or stderr. Another controller has only the count of Write-Host to know by."""
    secret = {"PSSESSION_CLIENT_SECRET": "a long text for ids of the tests"}
    controller.group_variables.update({**DURABLE, "ansible_psrp_operation_timeout": 1})
    log, go = controller.folder / "log", controller.folder / "go"
    wait = f"Add-Content '{log}' started; while (-not (Test-Path '{go}')) {{ Start-Sleep 0.05 }}"
    task = f'[{{name: Work, raw: "{text}; {wait}; Write-Host late"}}]'
    process = controller.started(task, **secret)
    until(log.exists, "the start of the work")
    until(lambda: list(controller.registry.parent.glob("tasks/*.early.result")), "the text")
    kill(process)
    go.touch()
    fleet["srv01"].sessions[0].disconnect()
    run = (controller if is_same else Controller(tmp_path / "other", controller.inventory, MODULES)).run(task, **secret)
    assert run["Work"].outcome == "failed", run.output
    assert "may have gone to the controller of that run" in run["Work"].message
    assert log.read_text().split() == ["started"]


def test_a_leftover_of_another_task_does_not_hold_the_next_one_up(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    controller.group_variables.update(DURABLE)
    task, log, _go = waiting(controller, "raw")
    process = controller.started(task)
    until(log.exists, "the start of the work")
    assert len(kill(process)) > 1
    run = controller.run("[{name: Other, raw: \"'done'\"}]")
    assert run["Other"]["stdout_lines"] == ["done"]
    assert "an earlier run left a command in session" in run.stderr
    assert len(fleet["srv01"].sessions) == 2
    assert controller.run("[{name: Ping, raw: \"'next'\"}]").exit_code == 0


SEEN = (
    *("$env:NEW", "$env:HOME", "$global:new", "$global:ErrorActionPreference", "$PWD"),
    *("$([Environment]::CurrentDirectory)", "$(Get-PSDrive new -ErrorAction Ignore)"),
    *("$(Get-Command new-function -ErrorAction Ignore)", "$(Get-Command new-alias -ErrorAction Ignore)"),
    *("$(@(Get-EventSubscriber).Count)", "$(@(Get-Job).Count)", "$(@(Get-Event).Count)", "$($Error.Count)"),
)
SEE = ", ".join(f'"{each}"' for each in SEEN)
CHANGES = """
    $env:NEW = '1'; $env:HOME = '/changed'; $global:new = 1; $global:ErrorActionPreference = 'Stop';
    Set-Location /usr; [Environment]::CurrentDirectory = '/usr'; Register-EngineEvent x -Action {} | Out-Null;
    New-PSDrive new FileSystem /tmp -Scope Global | Out-Null; function global:new-function {};
    Set-Alias new-alias Get-Item -Scope Global; Start-Job { } | Out-Null; New-Event y | Out-Null;
    try { throw 'x' } catch { }
"""


def test_the_state_of_the_process_is_put_back_before_each_task(controller: Controller, fleet: SimulatedFleet) -> None:
    """Each kind of it is changed, seen to be changed, and seen to be as at first in the next task."""
    controller.group_variables.update(REUSE)
    controller.inventory["all"]["vars"] = {"see": SEE, "changes": " ".join(CHANGES.split())}
    run = controller.run(
        """
        - {name: At first, raw: "{{ see }}"}
        - {name: Changed, raw: "{{ changes }}; {{ see }}"}
        - {name: Afterwards, raw: "{{ see }}"}
        """
    )
    assert run.exit_code == 0, run.output
    first, changed, afterwards = (run[name]["stdout"].split("\r\n") for name in ("At first", "Changed", "Afterwards"))
    assert first == afterwards
    assert [kind for kind, before, after in zip(SEEN, first, changed, strict=True) if before == after] == []
    assert operations(fleet).count("Create") == 1
