# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role reconnect in all kinds of plays."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of
from .test_role_ways import WAYS, recap

HOSTS = ["srv01", "srv02"]
ROLE = """
- hosts: windows
  gather_facts: false
  roles:
    - role: psremoting.fleet.reconnect
      vars: {reconnect_name: [ITTask], reconnect_way: WAY}
"""
TASK = "psremoting.fleet.reconnect : "
ways = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """A controller that knows two computers: each task of the role costs a process for each of them."""
    inventory = inventory_of(fleet)
    del inventory["all"]["children"]["windows"]["hosts"]["srv03"]
    return Controller(tmp_path, inventory)


def connected(fleet: SimulatedFleet) -> set[str]:
    return {
        f"{computer.name}/{session.name}"
        for computer in fleet
        for session in computer.sessions
        if session.state == "Connected"
    }


def changed(run: Run) -> dict[str, int]:
    return {host: count for host, (count, _rescued) in recap(run).items()}


@ways
def test_check_then_connect_then_change_nothing(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    play = ROLE.replace("WAY", way)
    checked = controller.run(play, "--check")
    assert (checked.exit_code, changed(checked)) == (0, dict.fromkeys(HOSTS, 1)), checked.output
    assert {request.operation for request in fleet.requests} == {"Enumerate"}
    assert connected(fleet) == set()

    first, second = controller.run(play), controller.run(play)
    assert (first.exit_code, changed(first)) == (0, dict.fromkeys(HOSTS, 1)), first.output
    assert (second.exit_code, changed(second)) == (0, dict.fromkeys(HOSTS, 0)), second.output
    assert connected(fleet) == {f"{host}/ITTask" for host in HOSTS}
    assert len(fleet.requests_of(operation="Connect")) == len(HOSTS)


@ways
def test_a_batch_at_a_time(tmp_path: Path, fleet: SimulatedFleet, way: str) -> None:
    controller = Controller(tmp_path, inventory_of(fleet))
    fleet["srv01"].sessions[0].close()
    play = ROLE.replace("WAY", way).replace("gather_facts", "serial: 2\n  gather_facts")
    run = controller.run(play)
    assert (run.exit_code, changed(run)) == (2, {"srv01": 0, "srv02": 1, "srv03": 1}), run.output
    connects = [request.computer for request in fleet.requests_of(operation="Connect")]
    assert connects == ["srv02", "srv03"]  # one batch after the other
    assert len(fleet.requests_of("srv02", "Enumerate")) == 1  # and none twice


def test_strategy_free(controller: Controller, fleet: SimulatedFleet) -> None:
    play = ROLE.replace("gather_facts", "strategy: free\n  gather_facts")
    refused = controller.run(play.replace("WAY", "fleet"))
    assert refused.exit_code == 2
    for result in refused.of(f"{TASK}Connect to the sessions").values():
        assert "run_once has no effect with the strategy free" in result.message
        assert "reconnect_way: per_host" in result.message
    assert fleet.requests == []
    run = controller.run(play.replace("WAY", "per_host"))
    assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, 1)), run.output


@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_run_once_is_once_or_refused(controller: Controller, fleet: SimulatedFleet, strategy: str) -> None:
    run = controller.run(
        f"""
        - hosts: windows
          strategy: {strategy}
          gather_facts: false
          tasks:
            - name: Look
              psremoting.fleet.pssession_info: {{name: ITTask}}
              run_once: true
            - name: Remove
              psremoting.fleet.remove_pssession: {{computer_name: srv01, name: Patch}}
              run_once: true
        """
    )
    removed = run.of("Remove").values()
    if strategy == "linear":
        assert [result["changed"] for result in removed] == [True]
    else:
        assert {result.outcome for result in removed} == {"failed"}
        assert fleet.requests_of(operation="Delete") == []


@ways
def test_only_hosts_that_take_part_are_touched(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    run = controller.run(
        f"""
        - name: Reconnect
          ansible.builtin.include_role: {{name: psremoting.fleet.reconnect}}
          when: inventory_hostname != 'srv01'
          vars: {{reconnect_name: [ITTask], reconnect_way: {way}}}
        - name: Then the other one
          ansible.builtin.include_role: {{name: psremoting.fleet.reconnect}}
          when: inventory_hostname == 'srv01'
          vars: {{reconnect_name: [Patch], reconnect_way: {way}}}
        - name: Result
          ansible.builtin.debug:
            msg: "{{{{ reconnect_result.sessions | map(attribute='name') }}}}"
        """
    )
    assert run.exit_code == 0, run.output
    assert connected(fleet) == {"srv01/Patch", "srv02/ITTask"}
    assert {host: result["msg"] for host, result in run.of("Result").items()} == {
        "srv01": ["Patch"],
        "srv02": ["ITTask"],
    }


def test_hosts_that_ask_for_different_things(controller: Controller, fleet: SimulatedFleet) -> None:
    hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
    hosts["srv01"]["reconnect_name"] = ["Patch"]
    hosts["srv02"]["reconnect_name"] = ["ITTask"]
    play = ROLE.replace("reconnect_name: [ITTask], ", "")
    refused = controller.run(play.replace("WAY", "fleet"))
    messages = {result.message for result in refused.of(f"{TASK}Fail").values()}
    assert (len(messages), fleet.requests) == (1, [])
    assert "differ between them. Take reconnect_way: per_host" in messages.pop()
    assert controller.run(play.replace("WAY", "per_host")).exit_code == 0
    assert connected(fleet) == {"srv01/Patch", "srv02/ITTask"}


@ways
def test_a_host_that_is_no_windows_host(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    hosts = {"linux": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1"}}
    hosts |= controller.inventory["all"]["children"]["windows"]["hosts"]
    controller.inventory["all"]["children"]["windows"]["hosts"] = hosts  # the first of the play
    run = controller.run(ROLE.replace("WAY", way))
    assert (run.exit_code, changed(run)) == (2, {"linux": 0, **dict.fromkeys(HOSTS, 1)}), run.output
    assert "linux is no Windows host: its ansible_connection is ssh" in run[f"{TASK}Fail"].message


@ways
def test_failures_that_are_none(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    fleet["srv02"].sessions[0].close()
    run = controller.run(
        ROLE.replace("WAY", way).replace(
            "reconnect_way", "reconnect_set_stats: true, reconnect_fail_on: [busy], reconnect_way"
        )
        + "  post_tasks: [{name: Result, debug: {msg: '{{ reconnect_result }}'}}]",
        ANSIBLE_SHOW_CUSTOM_STATS="1",
    )
    assert run.exit_code == 0, run.output
    result = run.on("Result", "srv02")["msg"]
    assert (result["outcome"], result["failed"], result["missing"]) == ("missing", False, ["ITTask"])
    assert "no session named 'ITTask' was found on srv02" in result["msg"]
    statistics = re.sub(r"\s", "", run.stdout.partition("CUSTOM STATS")[2])
    for host, summary in {
        "srv01": '{"changed":true,"failed":false,"outcome":"changed","sessions":["ITTask"]}',
        "srv02": '{"changed":false,"failed":false,"outcome":"missing","sessions":[]}',
    }.items():
        assert f'"{host}":{summary}' in statistics


@ways
def test_only_sessions_of_an_account(tmp_path: Path, way: str) -> None:
    """An administrator sees the sessions of others, too; a name that only they have is missing."""
    users = [User(USER, PASSWORD, administrator=True), User("alice", "alice-secret")]
    mine, hers = {"name": "ITTask"}, {"name": "ITTask", "owner": "alice"}
    computers = [{"name": "srv01", "sessions": [hers, mine]}, {"name": "srv02", "sessions": [hers]}]
    with SimulatedFleet.build(computers, users, switches=PATIENT) as fleet:
        controller = Controller(tmp_path, inventory_of(fleet))
        play = ROLE.replace("WAY", way).replace("reconnect_way", f"reconnect_owner: [{USER}], reconnect_way")
        run = controller.run(play)
        assert [[session.state for session in computer.sessions] for computer in fleet] == [
            ["Disconnected", "Connected"],
            ["Disconnected"],
        ]
    ended = run.of(f"{TASK}Fail where it failed")
    assert (ended["srv01"].outcome, ended["srv02"].outcome) == ("skipped", "failed")
    assert "no session named 'ITTask' owned by operator was found on srv02" in ended["srv02"].message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("reconnect_way: either", "reconnect_way is either. Set it to per_host or fleet"),
        ("reconnect_when_done: remove", "needs reconnect_collect: true"),
        ("reconnect_instance_id: [not-a-guid]", "'not-a-guid' is not a GUID"),
        ("reconnect_busy_timeout: -1", "busy_timeout: -1 is negative"),
        ("reconnect_when_done: disconnect, reconnect_idle_timeout: 59", "idle_timeout: 59 is less than 60 seconds"),
    ],
)
def test_bad_values_fail_every_host(controller: Controller, fleet: SimulatedFleet, value: str, message: str) -> None:
    play = ROLE.replace("reconnect_name: [ITTask], ", "").replace(
        "reconnect_way: WAY", f"reconnect_way: fleet, {value}"
    )
    run = controller.run(play.replace("reconnect_way: fleet, reconnect_way", "reconnect_way"))
    failed = [result for result in run.results if result.outcome == "failed"]
    assert {result.host for result in failed} == set(HOSTS), run.output
    assert all(message in str(result.values) for result in failed), run.output
    assert fleet.requests == []


def test_on_a_bastion(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    registry = controller.folder / "bastion.sqlite3"
    for way in WAYS:
        run = controller.run(
            f"""
            - hosts: windows
              gather_facts: false
              module_defaults: {{group/psremoting.fleet.all: {{state_file: {registry}}}}}
              tasks:
                - ansible.builtin.include_role:
                    name: psremoting.fleet.reconnect
                    apply: {{delegate_to: bastion}}
                  vars: {{reconnect_name: [ITTask], reconnect_way: {way}}}
            """
        )
        expected = 1 if way == "per_host" else 0
        assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, expected)), run.output
    assert registry.exists()
    assert not controller.registry.exists()


@ways
def test_user_and_password_of_the_command_line(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    """As AWX gives those of a machine credential."""
    variables = controller.inventory["all"]["children"]["windows"]["vars"]
    del variables["ansible_user"], variables["ansible_password"]
    password = controller.write("password", PASSWORD)
    run = controller.run(ROLE.replace("WAY", way), "-u", USER, "--connection-password-file", str(password))
    assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, 1)), run.output
