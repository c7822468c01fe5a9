# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows tasks by psremoting.fleet.psrp in a real PowerShell: the results are those of core's psrp connection."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.processes import let_time_out
from tests.simulator import Injection, SimulatedFleet
from tests.waiting import until

from .controller import PLUGINS, Controller, Run, inventory_of
from .windows_fleet import one_windows_computer

fleet = pytest.fixture(one_windows_computer, scope="module", name="fleet")
OURS = "psremoting.fleet.psrp"
MODULES = {"ANSIBLE_LIBRARY": str(PLUGINS / "modules"), "ANSIBLE_ACTION_PLUGINS": str(PLUGINS / "action")}
# What differs between two runs of the same task.
VARYING = ("exception",)


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    fleet.clear_requests()
    return Controller(tmp_path, inventory_of(fleet, ansible_connection=OURS), MODULES)


def by_both(controller: Controller, fleet: SimulatedFleet, tasks: str) -> tuple[Run, Run]:
    """Run tasks by core's connection and by ours, and see that ours has no more requests.

    Into how many answers PowerShell puts what it gives differs from run to run.
    """
    runs, requests = [], []
    for connection in ("psrp", OURS):
        controller.group_variables["ansible_connection"] = connection
        fleet.clear_requests()
        runs.append(controller.run(tasks))
        requests.append(Counter(each.operation for each in fleet.requests if each.operation != "Receive"))
    assert not requests[1] - requests[0]
    return runs[0], runs[1]


def values(run: Run) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.values.items() if name not in VARYING} for each in run.results]


def test_results_are_those_of_core(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.write("work.ps1", "param($a, $b) \"$a-$b\"; Write-Host 'host'; $env:SAID; exit 4\n")
    core, ours = by_both(
        controller,
        fleet,
        """
        - name: Raw
          raw: "Write-Host 'written'; 'ü'; [pscustomobject]@{a = 1}; Write-Error 'bad'; exit 2"
          ignore_errors: true
        - name: Thrown
          raw: throw 'over'
          ignore_errors: true
        - name: Native
          raw: sh -c 'echo out; echo err >&2; exit 5'
          ignore_errors: true
        - name: Script
          script: work.ps1 one two
          environment: {SAID: said}
          ignore_errors: true
        - name: Module
          wait_for_go: {log: "{{ playbook_dir }}/log"}
          environment: {SAID: said}
        """,
    )
    assert values(core) == values(ours)
    assert [ours[task]["rc"] for task in ("Raw", "Thrown", "Native", "Script")] == [2, 1, 5, 4]
    assert ours["Raw"]["stdout_lines"][0] == "ü"
    assert sorted(ours["Script"]["stdout_lines"]) == ["host", "one-two", "said"]
    assert (ours["Module"]["said"], ours["Module"]["text"]) == ("said", "\u20ac 'quoted'")


def test_a_question_is_refused(controller: Controller) -> None:
    run = controller.run("[{name: Question, raw: \"Read-Host 'name'\", ignore_errors: true}]")
    assert run["Question"]["rc"] == 1
    assert "which a task cannot give" in run["Question"]["stderr"]


def test_files_come_and_go_by_the_methods_of_the_connection(controller: Controller, fleet: SimulatedFleet) -> None:
    there, back = controller.folder / "there", controller.folder / "back"
    large = os.urandom(1_500_000)
    (controller.folder / "large").write_bytes(large)
    (controller.folder / "empty").touch()
    (controller.folder / "folder").mkdir()
    tasks = f"""
        - {{name: Put, transfer: {{src: "{controller.folder}/large", put: "{there}"}}}}
        - {{name: Fetch, transfer: {{src: "{there}", fetch: "{back}"}}}}
        - {{name: Put nothing, transfer: {{src: "{controller.folder}/empty", put: "{there}-empty"}}}}
        - {{name: Fetch nothing, transfer: {{src: "{there}-empty", fetch: "{back}-empty"}}}}
        - {{name: Folder, transfer: {{src: "{controller.folder}/folder", fetch: "{back}-folder"}}}}
        - name: Missing
          transfer: {{src: "{controller.folder}/missing", fetch: "{back}-missing"}}
          ignore_errors: true
        """
    core, ours = by_both(controller, fleet, tasks)
    assert there.read_bytes() == back.read_bytes() == large
    assert Path(f"{there}-empty").read_bytes() == b""
    assert not Path(f"{back}-folder").exists()
    assert ours["Missing"].outcome == "ignored"
    assert values(core) == values(ours)


@pytest.mark.parametrize("way", ["module", "raw"])
def test_a_command_whose_connection_breaks_runs_once(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    log, go = controller.folder / "log", controller.folder / "go"
    controller.group_variables["ansible_psrp_operation_timeout"] = 1
    raw = f"Add-Content '{log}' started; 'before'; while (-not (Test-Path '{go}')) {{ Start-Sleep 0.05 }}; 'after'"
    task = f"""wait_for_go: {{log: "{log}", go: "{go}"}}""" if way == "module" else f'raw: "{raw}"'
    process = controller.started(f"[{{name: Work, {task}}}]")
    until(log.exists, "the start of the work")
    fleet["srv01"].inject(Injection("Receive", action="reset"))
    until(lambda: len(fleet.requests_of(operation="Connect")) == 2, "the recovery")
    go.touch()
    run = controller.ended(process)
    assert run.exit_code == 0, run.output
    assert log.read_text().split() == ["started"]
    if way == "raw":
        assert run["Work"]["stdout_lines"] == ["before", "after"]
    assert len(fleet.requests_of(operation="Command")) == 1


def test_the_keyword_timeout_ends_the_process(controller: Controller, fleet: SimulatedFleet) -> None:
    log = controller.folder / "log"
    task = f"""[{{name: Work, wait_for_go: {{log: "{log}", go: "{log}-never"}}, timeout: 3600}}]"""
    process = controller.started(task)
    until(log.exists, "the start of the work")
    let_time_out(process)
    assert controller.ended(process)["Work"].outcome == "failed"
    until(lambda: fleet.powershell_processes == 0, "the end of the process")
