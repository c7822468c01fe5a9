# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of ansible.windows in a real PowerShell: by psremoting.fleet.psrp they do what they do by core's psrp."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import Injection, SimulatedFleet

from .controller import Controller, Run, inventory_of
from .windows_collection import need_ansible_windows, without_windows
from .windows_fleet import one_windows_computer
from .windows_machine import for_windows

OURS = "psremoting.fleet.psrp"
EVERY_TASK = "PSSESSION_TEST_EVERY_TASK"
takes_minutes = pytest.mark.skipif(EVERY_TASK not in os.environ, reason="takes minutes: make test-windows-tasks")
# What differs between two runs of a task: times, processes, temporary names. The names of facts have to be alike.
VARYING = (
    "ansible_async_watchdog_pid",
    "ansible_job_id",
    "attempts",
    "creationtime",
    "delta",
    "elapsed",
    "end",
    "exception",
    "lastaccesstime",
    "lastwritetime",
    "original_basename",
    "results_file",
    "src",  # of a template, a temporary file
    "start",
)
FEW = """
- name: Content
  ansible.windows.win_copy: {content: "ü {{ inventory_hostname }}", dest: "{{ there }}"}
- name: Fetch
  ansible.builtin.fetch: {src: "{{ there }}", dest: "{{ playbook_dir }}/fetched", flat: true}
- name: Command
  ansible.windows.win_command: sh -c "echo out; exit 3"
  ignore_errors: true
"""
# Plays, each with what some of its results have to be.
PLAYS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "copy": (
        """
        - name: Folder
          ansible.windows.win_file: {path: "{{ there }}", state: directory}
        - name: Copy
          ansible.windows.win_copy: {src: file, dest: "{{ there }}/copied"}
        - name: Copy again
          ansible.windows.win_copy: {src: file, dest: "{{ there }}/copied"}
        - name: Stat
          ansible.windows.win_stat: {path: "{{ there }}/copied"}
        """,
        {"Folder": {"changed": True}, "Copy": {"changed": True, "size": 13}, "Copy again": {"changed": False}},
    ),
    "template and fetch": (
        """
        - name: Template
          ansible.windows.win_template: {src: file.j2, dest: "{{ there }}"}
        - name: Fetch
          ansible.builtin.fetch: {src: "{{ there }}", dest: "{{ playbook_dir }}/fetched", flat: true}
        """,
        {"Template": {"changed": True}},
    ),
    "modules": (
        """
        - name: Ping
          ansible.windows.win_ping: {data: "ü"}
        - name: Crash
          ansible.windows.win_ping: {data: crash}
          ignore_errors: true
        - name: PowerShell
          ansible.windows.win_powershell:
            script: param ($Name) $Ansible.Changed = $false; $Name; Write-Error bad
            parameters: {Name: one}
        """,
        {"Ping": {"ping": "ü"}, "PowerShell": {"output": ["one"], "changed": False}},
    ),
    "programs": (
        """
        - name: Command
          ansible.windows.win_command: sh -c "echo out; echo err >&2; exit 3"
          ignore_errors: true
        - name: Words
          ansible.windows.win_command: {argv: [printf, "%s|", one, two three, 'a"b']}
        - name: Input
          ansible.windows.win_command: {_raw_params: cat, stdin: given}
        """,
        {
            "Command": {"rc": 3, "stdout": "out\n", "stderr": "err\n"},
            "Words": {"stdout": 'one|two three|a"b|'},
            "Input": {"stdout": "given"},
        },
    ),
    "shells": (
        """
        - name: Shell
          ansible.windows.win_shell: Write-Output $env:SAID; exit 4
          environment: {SAID: said}
          ignore_errors: true
        - name: Raw
          ansible.builtin.raw: Write-Output raw; exit 5
          ignore_errors: true
        - name: Script
          ansible.builtin.script: work.ps1 one
        - name: Secret
          ansible.windows.win_shell: Write-Output hidden
          no_log: true
        """,
        {
            "Shell": {"rc": 4, "stdout_lines": ["said"]},
            "Raw": {"rc": 5},
            "Script": {"stdout_lines": ["script one"]},
        },
    ),
    "facts and waiting": (
        """
        - name: Facts
          ansible.windows.setup: {gather_subset: ["!all", "!min", env]}
        - name: Reset
          ansible.builtin.meta: reset_connection
        - name: Wait
          ansible.builtin.wait_for_connection: {timeout: 300}
        """,
        {"Facts": {"changed": False}, "Wait": {"changed": False}},
    ),
    "async": (
        """
        - name: Background
          ansible.windows.win_shell: Write-Output slow
          async: 300
          poll: 2
        - name: Started
          ansible.windows.win_shell: Write-Output later
          async: 300
          poll: 0
          register: started
        - name: Ended
          ansible.builtin.async_status: {jid: "{{ started.ansible_job_id }}"}
          register: ended
          until: ended is finished
          delay: 1
          retries: 300
        """,
        {"Background": {"stdout_lines": ["slow"]}, "Ended": {"stdout_lines": ["later"]}},
    ),
    "reboot": (
        """
        - name: Reboot
          ansible.windows.win_reboot: {pre_reboot_delay: 0, connect_timeout: 60}
        - name: Afterwards
          ansible.builtin.raw: Write-Output here
        """,
        {"Reboot": {"rebooted": True}, "Afterwards": {"stdout_lines": ["here"]}},
    ),
    "become": (
        """
        - name: Become
          ansible.windows.win_shell: Write-Output become; exit 6
          become: true
          become_method: ansible.builtin.runas
          become_user: other
          ignore_errors: true
          vars: {ansible_become_pass: unused}
        """,
        {"Become": {"rc": 6, "stdout_lines": ["become"]}},
    ),
}
# How often these ask depends on time.
POLLING = ("async", "reboot")


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_windows(need_ansible_windows(), tmp_path_factory.mktemp("collections") / "windows")


@pytest.fixture(scope="module")
def fleet(powershell: str, collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    yield from one_windows_computer(powershell, tmp_path_factory)


@pytest.fixture
def controller(fleet: SimulatedFleet, collections: Path, tmp_path: Path) -> Controller:
    made = for_windows(Controller(tmp_path, inventory_of(fleet, ansible_connection=OURS, there=f"{tmp_path}/there")))
    made.environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{collections}"
    made.write("file", "ü, as it is\n")
    made.write("file.j2", "{{ inventory_hostname }} is rendered\n")
    made.write("work.ps1", 'param($a) "script $a"\n')
    return made


def values(run: Run) -> list[tuple[str, str, Any]]:
    """What tasks have returned, with what differs by time taken out; it has to be there all the same."""
    return [(each.task, each.outcome, alike(each.values)) for each in run.results]


def alike(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: name if name in VARYING else sorted(inner) if name == "ansible_facts" else alike(inner)
        for name, inner in value.items()
    }


def by_both(controller: Controller, fleet: SimulatedFleet, play: str) -> Run:
    """Run tasks by core's connection and by ours: results are alike, and ours has no more requests."""
    seen = []
    for connection in ("psrp", OURS):
        controller.group_variables["ansible_connection"] = connection
        for name in ("there", "fetched"):
            if (controller.folder / name).exists():
                (controller.folder / name).rename(controller.folder / f"{name}-of-core")
        if play == "reboot":  # its session cannot be removed, and the first sessions after it cannot be opened
            fleet["srv01"].inject(Injection("Delete", action="reset"))
            fleet["srv01"].inject(Injection("Create", action="reset", after=1, times=2))
        fleet.clear_requests()
        run = controller.run(PLAYS[play][0])
        # Into how many answers PowerShell puts what it gives differs from run to run.
        counts = Counter(each.operation for each in fleet.requests if each.operation != "Receive")
        seen.append((run, values(run), Counter() if play in POLLING else counts))
    assert seen[0][1] == seen[1][1]
    assert not seen[1][2] - seen[0][2]
    return seen[1][0]


def test_a_few_tasks(controller: Controller) -> None:
    run = controller.run(FEW)
    assert run.exit_code == 0, run.output
    assert (controller.folder / "fetched").read_text(encoding="utf-8") == "ü srv01"
    assert (run["Command"]["rc"], run["Command"]["stdout"]) == (3, "out\n")


@takes_minutes
@pytest.mark.parametrize("play", PLAYS)
def test_results_are_those_of_core(controller: Controller, fleet: SimulatedFleet, play: str) -> None:
    run, expected = by_both(controller, fleet, play), PLAYS[play][1]
    assert run.exit_code == 0, run.output
    assert {task: {name: run[task][name] for name in wanted} for task, wanted in expected.items()} == expected
