# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done to sessions after connecting: look at them, leave them, end them."""

from __future__ import annotations

import sys

import pytest

from tests.simulator import SimulatedFleet

from .controller import PASSWORD, Controller

HOSTS = ["srv01", "srv02", "srv03"]
DAY = 86400


def left(fleet: SimulatedFleet, computer: str) -> list[str]:
    return sorted(session.name or "" for session in fleet[computer].sessions)


def changed(run, task: str) -> dict[str, bool]:
    return {host: result["changed"] for host, result in run.of(task).items()}


def test_look_leave_end(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(
        f"""
        - hosts: windows
          gather_facts: false
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession: {{name: ITTask}}
            - name: Look
              psremoting.fleet.pssession_info: {{state: opened, list_commands: true}}
            - name: Leave
              psremoting.fleet.disconnect_pssession: {{name: ITTask, idle_timeout: {DAY}}}
              diff: true
            - name: Leave again
              psremoting.fleet.disconnect_pssession: {{name: ITTask, idle_timeout: {DAY}}}
            - name: Look again
              psremoting.fleet.pssession_info: {{name: ITTask}}
        """
    )
    assert run.exit_code == 0, run.output
    for task, expected in {"Connect": True, "Look": False, "Leave": True, "Leave again": False}.items():
        assert (task, changed(run, task)) == (task, dict.fromkeys(HOSTS, expected))
    for host in HOSTS:
        looked, gone = run.on("Look", host), run.on("Leave", host)
        assert looked.sessions == gone.sessions == [(host, "ITTask")]
        assert (looked["sessions"][0]["state"], looked["sessions"][0]["commands"]) == ("Opened", [])
        assert "what_if" not in looked
        assert (gone["sessions"][0]["state"], gone["sessions"][0]["idle_timeout"]) == ("Disconnected", DAY)
        assert gone["diff"]["after"] == f"ITTask on {host}: Disconnected, None\n"
        for seen in (run.on("Leave again", host), run.on("Look again", host)):
            assert seen["sessions"][0]["idle_timeout"] == DAY
            assert seen["sessions"][0]["id"] == gone["sessions"][0]["id"]
        found = fleet[host].session("ITTask")
        assert (found.state, found.idle_timeout) == ("Disconnected", DAY)
        assert len(fleet.requests_of(host, "Disconnect")) == 1
    fleet.clear_requests()

    remove = """
    - name: Remove
      psremoting.fleet.remove_pssession: {name: ITTask}
    """
    looked_only = controller.run(remove, "--check", "--diff")
    assert looked_only.exit_code == 0, looked_only.output
    assert changed(looked_only, "Remove") == dict.fromkeys(HOSTS, True)
    assert looked_only.on("Remove", "srv02")["what_if"] == [
        'What if: Performing the operation "Remove" on target "srv02" (ITTask).'
    ]
    assert "-ITTask on srv02: Disconnected, None\n+ITTask on srv02: Closed, None" in looked_only.stdout
    assert {request.operation for request in fleet.requests} == {"Enumerate"}

    for expected in (True, False):
        run = controller.run(remove)
        assert run.exit_code == 0, run.output
        assert changed(run, "Remove") == dict.fromkeys(HOSTS, expected)
        assert run.on("Remove", "srv01")["missing"] == ([] if expected else ["ITTask"])
    assert {host: left(fleet, host) for host in HOSTS} == {"srv01": ["ITBackup", "Patch"], "srv02": [], "srv03": []}
    assert len(fleet.requests_of(operation="Delete")) == 3


def test_a_run_in_check_mode_finds_what_its_tasks_would_leave(controller: Controller, fleet: SimulatedFleet) -> None:
    """The task of each host is a process of its own."""
    before = {host: left(fleet, host) for host in HOSTS}
    tasks = ["Open", "Run", "Disconnect", "Disconnect again", "Remove", "Find nothing"]
    run = controller.run(
        """
        - name: Open
          psremoting.fleet.new_pssession: {name: Ahead}
          register: opened
        - name: Run
          psremoting.fleet.invoke_command: {session: "{{ opened.sessions }}", script: Get-Date}
        - name: Disconnect
          psremoting.fleet.disconnect_pssession: {name: Ahead}
        - name: Disconnect again
          psremoting.fleet.disconnect_pssession: {name: Ahead}
        - name: Remove
          psremoting.fleet.remove_pssession: {name: Ahead}
        - name: Find nothing
          psremoting.fleet.connect_pssession: {name: Ahead, on_missing: skip}
        """,
        "--check",
    )
    assert run.exit_code == 0, run.output
    for task, expected in zip(tasks, [True, True, True, False, True, False], strict=True):
        assert (task, changed(run, task)) == (task, dict.fromkeys(HOSTS, expected))
    assert run.on("Find nothing", "srv01")["missing"] == ["Ahead"]
    assert {request.operation for request in fleet.requests} == {"Enumerate"}
    assert {host: left(fleet, host) for host in HOSTS} == before


@pytest.mark.parametrize("module", ["receive_pssession", "invoke_command"])
def test_a_windows_host_alone_is_not_enough_for_its_work(
    controller: Controller, fleet: SimulatedFleet, module: str
) -> None:
    script = "script: Get-Date" if module == "invoke_command" else ""
    run = controller.run(f"- name: Try\n  psremoting.fleet.{module}: {{{script}}}\n", "--limit", "srv01")
    assert run.exit_code == 2
    assert f"{module} needs" in run["Try"].message
    assert fleet.requests == []


@pytest.mark.parametrize(
    "options",
    ["", "name: [], ", "owner: [], ", "minimum_age: 0, ", "state: disconnected, ", "computer_name: srv01, "],
)
def test_a_windows_host_alone_is_not_enough_to_remove(
    controller: Controller, fleet: SimulatedFleet, options: str
) -> None:
    run = controller.run(
        f"""
        - name: Remove
          psremoting.fleet.remove_pssession: {{{options}on_missing: skip}}
        """,
        "--limit",
        "srv01",
    )
    assert run.exit_code == 2
    (error,) = run["Remove"]["errors"]
    assert error["fully_qualified_error_id"].split(",")[0] in (
        "MissingMandatoryParameter",
        "ParameterArgumentValidationErrorEmptyArrayNotAllowed",
    )
    if "Mandatory" in error["fully_qualified_error_id"]:
        assert "remove_pssession needs one of name, instance_id, owner" in run["Remove"].message
    assert fleet.requests == []
    assert left(fleet, "srv01") == ["ITBackup", "ITTask", "Patch"]


@pytest.mark.parametrize(
    ("options", "remaining"),
    [
        ("name: '*'", []),
        ("owner: operator", ["New"]),
        ("minimum_age: 3600", ["ITBackup", "ITTask", "New", "Patch"]),
        ("minimum_age: 1, owner: operator, name: New", ["ITBackup", "ITTask", "New", "Patch"]),
        ("computer_name: srv01, name: '*', state: disconnected", []),
    ],
)
def test_what_is_enough_to_remove(
    controller: Controller, fleet: SimulatedFleet, options: str, remaining: list[str]
) -> None:
    if "owner" in options:  # other accounts' sessions are not listed
        fleet["srv01"].add_session("New", owner="alice")
    else:
        fleet["srv01"].add_session("New")
    run = controller.run(
        f"""
        - name: Remove
          psremoting.fleet.remove_pssession: {{{options}}}
        """,
        "--limit",
        "srv01",
    )
    assert run.exit_code == 0, run.output
    assert left(fleet, "srv01") == remaining


def test_what_another_client_holds(controller: Controller, fleet: SimulatedFleet) -> None:
    held = fleet["srv01"].add_session("Held", state="Connected", held=True)
    run = controller.run(
        """
        - hosts: srv01
          gather_facts: false
          tasks:
            - name: Leave
              psremoting.fleet.disconnect_pssession: {name: Held}
              ignore_errors: true
            - name: Remove
              psremoting.fleet.remove_pssession: {name: Held}
              ignore_errors: true
            - name: Look
              psremoting.fleet.pssession_info: {name: Held}
            - name: Force
              psremoting.fleet.remove_pssession: {name: Held, force: true}
        """
    )
    assert run.exit_code == 0, run.output
    assert "another client is connected" in run["Leave"].message
    assert "another client is connected" in run["Remove"].message
    assert run["Look"]["sessions"][0]["availability"] == "Busy"
    assert run["Force"].sessions == [("srv01", "Held")]
    assert held.state == "Closed"


def test_every_verb_takes_the_sessions_of_the_others(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(
        """
        - hosts: localhost
          gather_facts: false
          vars:
            computers: "{{ groups.windows }}"
          module_defaults:
            group/psremoting.fleet.all:
              throttle_limit: 2
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession:
                session: "{{ query('psremoting.fleet.pssession', *computers, name='IT*') }}"
              register: connected
            - name: Look
              psremoting.fleet.pssession_info:
                session: "{{ connected.sessions }}"
              register: seen
            - name: Leave
              psremoting.fleet.disconnect_pssession:
                session: "{{ seen.sessions }}"
              register: left
            - name: Remove
              psremoting.fleet.remove_pssession:
                session: "{{ left.sessions }}"
              register: removed
            - name: Remove again
              psremoting.fleet.remove_pssession:
                session: "{{ removed.sessions }}"
            - name: Look again
              psremoting.fleet.pssession_info:
                session: "{{ removed.sessions }}"
        """
    )
    assert run.exit_code == 0, run.output
    everything = {("srv01", "ITTask"), ("srv01", "ITBackup"), ("srv02", "ITTask"), ("srv03", "ITTask")}
    for task in ("Connect", "Look", "Leave", "Remove"):
        assert (task, set(run[task].sessions)) == (task, everything)
    assert {session["state"] for session in run["Remove"]["sessions"]} == {"Closed"}
    assert (run["Remove again"]["changed"], run["Remove again"]["sessions"]) == (False, [])
    assert (run["Look again"]["sessions"], len(run["Look again"]["missing"])) == ([], 4)
    assert left(fleet, "srv01") == ["Patch"]


def test_the_module_defaults_of_the_group_are_for_all_verbs(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(
        """
        - hosts: srv01
          gather_facts: false
          module_defaults:
            group/psremoting.fleet.all:
              name: [ITTask, Nowhere]
              on_missing: warn
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession:
            - name: Look
              psremoting.fleet.pssession_info:
            - name: Leave
              psremoting.fleet.disconnect_pssession:
            - name: Remove
              psremoting.fleet.remove_pssession:
        """
    )
    assert run.exit_code == 0, run.output
    for task in ("Connect", "Look", "Leave", "Remove"):
        assert (task, run[task].sessions, run[task]["missing"]) == (task, [("srv01", "ITTask")], ["Nowhere"])
        assert "'Nowhere'" in run[task]["warnings"][0]
    assert left(fleet, "srv01") == ["ITBackup", "Patch"]


def test_on_a_bastion(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    registry = controller.folder / "bastion.sqlite3"
    run = controller.run(
        f"""
        - hosts: srv01
          gather_facts: false
          module_defaults:
            group/psremoting.fleet.all:
              state_file: {registry}
          tasks:
            - name: All of it
              delegate_to: bastion
              block:
                - name: Connect
                  psremoting.fleet.connect_pssession: {{name: ITTask}}
                - name: Look
                  psremoting.fleet.pssession_info: {{state: opened}}
                - name: Leave
                  psremoting.fleet.disconnect_pssession: {{name: ITTask, idle_timeout: {DAY}}}
                - name: Remove, perhaps
                  psremoting.fleet.remove_pssession: {{name: ITTask}}
                  check_mode: true
                  diff: true
                - name: Remove
                  psremoting.fleet.remove_pssession: {{name: ITTask}}
                - name: Remove again
                  psremoting.fleet.remove_pssession: {{name: ITTask}}
                - name: Remove anything
                  psremoting.fleet.remove_pssession:
                  ignore_errors: true
        """
    )
    assert run.exit_code == 0, run.output
    for task, expected in {
        "Connect": True,
        "Look": False,
        "Leave": True,
        "Remove, perhaps": True,
        "Remove": True,
    }.items():
        assert (task, run[task]["changed"], run[task].sessions) == (task, expected, [("srv01", "ITTask")])
    assert run["Remove, perhaps"]["diff"]["after"] == "ITTask on srv01: Closed, None\n"
    assert (run["Remove again"]["changed"], run["Remove again"]["sessions"]) == (False, [])
    error_id = run["Remove anything"]["errors"][0]["fully_qualified_error_id"]
    assert error_id.startswith("MissingMandatoryParameter,")
    assert left(fleet, "srv01") == ["ITBackup", "Patch"]
    assert registry.exists()
    assert not controller.registry.exists()
    assert PASSWORD not in run.output
