# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a task goes and as whom: hosts, delegation, and what the inventory and the command line say."""

from __future__ import annotations

from typing import Any

from ansible.parsing.vault import VaultLib, VaultSecret

from tests.simulator import SimulatedFleet

from .controller import PASSWORD, USER, Controller, Vaulted, inventory_of

ON_THE_HOST_ITSELF = """
- name: On the host
  psremoting.fleet.connect_pssession: {name: ITTask}
"""
FROM_EVERYWHERE = """
- hosts: srv01
  gather_facts: false
  tasks:
    - name: On the host
      psremoting.fleet.connect_pssession: {name: ITTask}
    - name: Delegated to the controller
      psremoting.fleet.connect_pssession: {name: ITBackup}
      delegate_to: localhost
    - name: Delegated, of another host
      psremoting.fleet.connect_pssession: {name: ITTask, computer_name: srv02}
      delegate_to: localhost
    - name: Of another host
      psremoting.fleet.connect_pssession: {name: Late, computer_name: srv02}
- hosts: localhost
  gather_facts: false
  tasks:
    - name: From the controller
      psremoting.fleet.connect_pssession: {name: ITTask, computer_name: [srv01, srv03]}
"""
TASKS = [
    "On the host",
    "Delegated to the controller",
    "Delegated, of another host",
    "Of another host",
    "From the controller",
]


def hosts_of(inventory: dict[str, Any]) -> dict[str, dict[str, Any]]:
    hosts: dict[str, dict[str, Any]] = inventory["all"]["children"]["windows"]["hosts"]
    return hosts


def users(fleet: SimulatedFleet) -> set[tuple[str, str | None]]:
    return {(request.computer, request.user) for request in fleet.requests}


def test_variables_of_each_host_count(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv03"].add_session("Alices", owner="alice")
    hosts = hosts_of(controller.inventory)
    hosts["srv02"] |= {
        "ansible_port": 5986,
        "ansible_psrp_protocol": "https",
        "ansible_psrp_ca_cert": str(fleet.ca_file),
    }
    hosts["srv03"] |= {"ansible_user": "alice", "ansible_password": "alice-secret"}
    # Another user's password must not get to a host of this user, whoever the task's own host is.
    run = controller.run(
        """
        - hosts: localhost
          gather_facts: false
          tasks:
            - name: Three at once
              psremoting.fleet.connect_pssession: {computer_name: [srv01, SRV02, srv03], name: [ITTask, Alices]}
        - hosts: srv03
          gather_facts: false
          tasks:
            - name: To another Windows host
              psremoting.fleet.connect_pssession: {name: ITBackup}
              delegate_to: srv01
            - name: On my own behalf
              psremoting.fleet.connect_pssession: {name: Alices}
              delegate_to: localhost
        - hosts: windows
          gather_facts: false
          tasks:
            - name: Once
              psremoting.fleet.connect_pssession: {computer_name: "{{ ansible_play_hosts }}", name: ITTask}
              run_once: true
              delegate_to: localhost
            - name: In a loop
              psremoting.fleet.connect_pssession: {computer_name: "{{ item }}", name: ITTask}
              loop: [srv01, srv02]
              run_once: true
        """
    )
    assert run.exit_code == 0, run.output
    sessions = run["Three at once"]["sessions"]
    assert {(each["computer_name"], each["name"], each["port"], each["use_ssl"]) for each in sessions} == {
        ("srv01", "ITTask", 5985, False),
        ("SRV02", "ITTask", 5986, True),
        ("srv03", "Alices", 5985, False),
    }
    assert {each["inventory_hostname"] for each in sessions} == {"srv01", "srv02", "srv03"}
    assert users(fleet) == {("srv01", USER), ("srv02", USER), ("srv03", "alice")}
    assert run["To another Windows host"].sessions == [("srv01", "ITBackup")]
    assert run["On my own behalf"].sessions == [("srv03", "Alices")]
    assert set(run["Once"].sessions) == {("srv01", "ITTask"), ("srv02", "ITTask")}
    looped = run["In a loop"]["results"]
    assert [result["sessions"][0]["computer_name"] for result in looped] == ["srv01", "srv02"]


def assert_all_connected(controller: Controller, fleet: SimulatedFleet, *arguments: str) -> None:
    fleet["srv02"].add_session("Late")
    run = controller.run(FROM_EVERYWHERE, *arguments)
    assert run.exit_code == 0, run.output
    assert {task: sorted(run[task].sessions) for task in TASKS} == {
        "On the host": [("srv01", "ITTask")],
        "Delegated to the controller": [("srv01", "ITBackup")],
        "Delegated, of another host": [("srv02", "ITTask")],
        "Of another host": [("srv02", "Late")],
        "From the controller": [("srv01", "ITTask"), ("srv03", "ITTask")],
    }
    assert {user for _computer, user in users(fleet)} == {USER}


def test_winrm_inventory(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory = inventory_of(
        fleet,
        ansible_connection="winrm",
        ansible_psrp_protocol=None,
        ansible_psrp_auth=None,
        ansible_psrp_message_encryption=None,
        ansible_winrm_transport="basic",
        ansible_winrm_message_encryption="never",
    )
    hosts_of(controller.inventory)["srv03"] |= {
        "ansible_connection": "ansible.builtin.winrm",
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "plaintext",
        "ansible_winrm_message_encryption": "auto",
    }
    assert_all_connected(controller, fleet)


def test_user_and_password_of_the_command_line(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory = inventory_of(
        fleet, ansible_connection="ansible.builtin.psrp", ansible_user=None, ansible_password=None
    )
    password_file = controller.write("password", f"{PASSWORD}\n")
    assert_all_connected(controller, fleet, "-u", USER, "--connection-password-file", str(password_file))


def test_templated_and_vaulted_variables(controller: Controller, fleet: SimulatedFleet) -> None:
    vault = VaultLib([("default", VaultSecret(b"vault-password"))])
    controller.inventory = inventory_of(
        fleet,
        ansible_connection="{{ connection_type }}",
        connection_type="psrp",
        ansible_port="{{ 5000 + 985 }}",
        ansible_psrp_protocol=None,
        ansible_user="{{ 'oper' ~ 'ator' }}",
        ansible_password="{{ fleet_password }}",
        fleet_password=Vaulted(vault.encrypt(PASSWORD).decode()),
    )
    for host in hosts_of(controller.inventory).values():
        host["address"] = host["ansible_host"]
        host["ansible_host"] = "{{ address }}"
    hosts_of(controller.inventory)["srv03"]["ansible_password"] = Vaulted(vault.encrypt(PASSWORD).decode())
    password_file = controller.write("vault-password", "vault-password\n")
    assert_all_connected(controller, fleet, "--vault-password-file", str(password_file))


def test_a_connection_that_the_play_or_the_command_line_names(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory = inventory_of(fleet, ansible_connection=None)
    run = controller.run(
        """
        - hosts: srv01
          gather_facts: false
          connection: psrp
          tasks:
            - name: Play
              psremoting.fleet.connect_pssession: {name: ITTask}
        """
    )
    assert run.exit_code == 0, run.output
    assert run["Play"].sessions == [("srv01", "ITTask")]
    run = controller.run(ON_THE_HOST_ITSELF, "--connection", "psrp", "--limit", "srv02")
    assert run.exit_code == 0, run.output
    assert run["On the host"].sessions == [("srv02", "ITTask")]


def test_hosts_that_are_not_windows_give_no_password_away(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "linux01": {
            "ansible_host": fleet["srv01"].address,
            "ansible_connection": "ssh",
            "ansible_user": USER,
            "ansible_password": PASSWORD,
        },
        "winssh": {"ansible_connection": "ssh", "ansible_shell_type": "powershell"},
    }
    run = controller.run(
        """
        - name: Name it
          psremoting.fleet.connect_pssession:
            computer_name: linux01
            authentication: basic
            session_option: {no_encryption: true}
          ignore_errors: true
        - name: Say how
          psremoting.fleet.connect_pssession:
            computer_name: linux01
            name: ITTask
            authentication: basic
            credential: {username: operator, password: "{{ hostvars.linux01.ansible_password }}"}
            session_option: {no_encryption: true}
        - name: From Windows over SSH
          psremoting.fleet.connect_pssession: {computer_name: srv02, name: ITTask}
          delegate_to: winssh
        """,
        hosts="localhost",
    )
    assert run.exit_code == 0, run.output
    assert run["Name it"].outcome == "ignored"
    assert "there is no user name and password" in run["Name it"].message
    assert run["Say how"].sessions == [("linux01", "ITTask")]
    assert [request.operation for request in fleet.requests_of("srv01")] == ["Enumerate", "Connect"]
    assert run["From Windows over SSH"].sessions == [("srv02", "ITTask")]
