# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connection variables of single hosts: what cannot be used costs its own host, and no value reaches another one."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.simulator import SimulatedFleet, User

from .controller import PATIENT, USER, Controller, inventory_of
from .shipped import Shipped

ONE_TASK = """
- name: Connect
  psremoting.fleet.connect_pssession: {computer_name: "{{ groups.windows }}", name: ITTask}
  run_once: true
"""
OTHERS = {"srv01", "srv03"}


def variables_of(controller: Controller, host: str) -> dict[str, Any]:
    windows = controller.inventory["all"]["children"]["windows"]["hosts"]
    found: dict[str, Any] = windows[host]
    return found


def asked(fleet: SimulatedFleet) -> set[str]:
    return {request.computer for request in fleet.requests}


@pytest.mark.parametrize("hosts", ["windows", "localhost"])
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"ansible_psrp_auth": "ntml"},
            "ansible_psrp_auth of the inventory host srv02 cannot be used: 'ntml' is not one",
        ),
        ({"ansible_port": "5986x"}, "ansible_port of the inventory host srv02 cannot be used: '5986x' is not a whole"),
        ({"ansible_password": "{{ vault_pw }}"}, "ansible_password of the inventory host srv02 needs a variable"),
        ({"ansible_user": "{{ lookup('file', '/nowhere') }}"}, "ansible_user of the inventory host srv02 cannot be"),
        (
            {"ansible_connection": "winrm", "ansible_winrm_transport": "basic", "ansible_winrm_send_cbt": "maybe"},
            "ansible_winrm_send_cbt of the inventory host srv02 cannot be used: 'maybe' is not true or false",
        ),
        ({"ansible_connection": "pspr"}, "its ansible_connection is pspr, not psrp or winrm"),
    ],
    ids=str,
)
def test_a_bad_variable_costs_its_own_host(
    controller: Controller, fleet: SimulatedFleet, hosts: str, variables: dict[str, Any], told: str
) -> None:
    variables_of(controller, "srv02").update(variables)
    run = controller.run(ONE_TASK, hosts=hosts)
    assert run.exit_code == 2
    assert {computer for computer, _name in run["Connect"].sessions} == OTHERS
    (error,) = run["Connect"]["errors"]
    assert told in error["message"]
    assert (error["computer_name"], error["inventory_hostname"]) == ("srv02", "srv02")
    assert asked(fleet) == OTHERS


@pytest.mark.parametrize("name", ["srv01", "srv02"])
def test_the_playbooks_and_the_way_fleet_work_for_the_other_hosts(
    fleet: SimulatedFleet, controller: Controller, name: str
) -> None:
    variables_of(controller, name)["ansible_psrp_auth"] = "ntml"
    others = {"srv01", "srv02", "srv03"} - {name}
    run = controller.run(
        """
        - hosts: windows
          gather_facts: false
          roles: [{role: psremoting.fleet.pssession, pssession_name: ITTask, pssession_way: fleet}]
        """
    )
    assert (run.exit_code, asked(fleet)) == (2, others), run.output
    fleet.clear_requests()
    listed = Shipped(controller.folder, controller.inventory).play("list")
    assert (listed.exit_code, asked(fleet)) == (2, others), listed.output
    assert f"fatal: [{name}]" in listed.stdout


def test_a_password_of_one_host_is_for_no_other(controller: Controller, fleet: SimulatedFleet) -> None:
    """A host without a password gets none, neither that of the task's host nor that of a bastion."""
    group = controller.inventory["all"]["children"]["windows"]["vars"]
    account = {name: group.pop(name) for name in ("ansible_user", "ansible_password")}
    variables_of(controller, "srv01").update(account)
    controller.inventory["all"]["hosts"] = {"linux1": {"ansible_connection": "ssh"}}
    run = controller.run(
        f"""
        - hosts: srv01
          gather_facts: false
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession: {{computer_name: [srv01, srv02], name: ITTask}}
              ignore_errors: true
        - hosts: linux1
          gather_facts: false
          vars: {json.dumps(account)}
          tasks:
            - name: From Linux
              psremoting.fleet.connect_pssession: {{computer_name: [srv02], name: ITTask}}
              delegate_to: localhost
              ignore_errors: true
        """
    )
    assert run.exit_code == 0, run.output
    assert asked(fleet) == {"srv01"}
    assert [error["computer_name"] for error in run["Connect"]["errors"]] == ["srv02"]
    assert "the play or the task sets ansible_user and ansible_password" in run["From Linux"].message
    assert "group_vars" in run["From Linux"].message


def test_a_lookup_names_what_it_does_not_count(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(
        """
        - hosts: srv01
          gather_facts: false
          vars: {ansible_user: alice, ansible_password: alice-secret}
          tasks:
            - name: Look
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', 'srv02') }}"
              ignore_errors: true
        """
    )
    assert run.exit_code == 0, run.output
    assert all(name in run["Look"].message for name in ("sets", "ansible_user", "ansible_password", "pssession_info"))
    assert fleet.requests == []


@pytest.mark.parametrize("where", ["inventory", "play"])
def test_a_password_with_braces(controller: Controller, where: str) -> None:
    """A template is never sent, and a password that looks like one is sent as it is."""
    password = "a{{ b }}c{%"
    computers = [{"name": name, "sessions": [{"name": "ITTask"}]} for name in ("srv01", "srv02")]
    with SimulatedFleet.build(computers, [User(USER, password)], switches=PATIENT) as fleet:
        controller.inventory = inventory_of(fleet, ansible_password=None)
        unsafe = controller.folder / "group_vars"
        unsafe.mkdir()
        text = f"ansible_password: !unsafe '{password}'\n"
        if where == "inventory":
            (unsafe / "windows.yml").write_text(text, encoding="utf-8")
        else:
            controller.write("unsafe.yml", text)
        plays = yaml.safe_load(ONE_TASK)
        play = {"hosts": "windows", "gather_facts": False, "vars_files": [], "tasks": plays}
        if where == "play":
            play["vars_files"] = ["unsafe.yml"]
        run = controller.run(yaml.safe_dump([play]))
        assert run.exit_code == 0, run.output
        assert {(request.computer, request.user) for request in fleet.requests} == {("srv01", USER), ("srv02", USER)}


def test_names_of_inventory_hosts_are_keys(controller: Controller, fleet: SimulatedFleet) -> None:
    windows = controller.inventory["all"]["children"]["windows"]["hosts"]
    names = ["Win 2019 Prod", "web1@dc1", "rack1/web1"]
    for name, old in zip(names, list(windows), strict=True):
        windows[name] = windows.pop(old)
    windows["not an address"] = {}
    run = controller.run(
        """
        - name: Connect
          psremoting.fleet.connect_pssession: {computer_name: "{{ groups.windows }}", name: ITTask}
          register: connected
          ignore_errors: true
        - name: By session
          psremoting.fleet.disconnect_pssession: {session: "{{ connected.sessions }}"}
        - name: Look
          ansible.builtin.debug: {msg: "{{ query('psremoting.fleet.pssession', groups.windows[0]) | length }}"}
        - name: Job
          psremoting.fleet.pssession_job: {job: connect, name: ITTask, computer_name: "{{ groups.windows[:3] }}"}
        """,
        hosts="localhost",
    )
    assert run.exit_code == 0, run.output
    assert {computer for computer, _name in run["Connect"].sessions} == set(names)
    (error,) = run["Connect"]["errors"]
    assert "'not an address' is not a computer name; set ansible_host in the inventory" in error["message"]
    assert error["inventory_hostname"] == "not an address"
    assert len(run["By session"]["sessions"]) == 3
    assert {host["outcome"] for host in run["Job"]["hosts"].values()} == {"changed"}
