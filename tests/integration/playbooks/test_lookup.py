# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup pssession in playbooks."""

from __future__ import annotations

from tests.simulator import Injection, SimulatedFleet

from .controller import PASSWORD, Controller, inventory_of


def test_find_loop_and_connect(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory = inventory_of(fleet, ansible_password="{{ fleet_password }}", fleet_password=PASSWORD)
    run = controller.run(
        """
        - hosts: localhost
          gather_facts: false
          tasks:
            - name: Terms
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', 'srv01', 'srv02', name='IT*') }}"
            - name: All of a computer named by option
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', computer_name=['srv01']) | map(attribute='name') }}"
            - name: Nothing found
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', 'srv01', name='Nowhere') }}"
            - name: Loop
              ansible.builtin.debug:
                msg: "{{ item.name }} is {{ item.state }}"
              loop: "{{ query('psremoting.fleet.pssession', ['srv02', 'srv03']) }}"
              loop_control: {label: "{{ item.computer_name }}"}
            - name: List wanted
              ansible.builtin.debug:
                msg: "{{ lookup('psremoting.fleet.pssession', 'srv01', name='Patch', wantlist=true)[0].name }}"
            - name: Connect what was found
              psremoting.fleet.connect_pssession:
                session: "{{ query('psremoting.fleet.pssession', 'srv01', 'srv02', name='IT*') }}"
            - name: By id
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', id=[1]) | map(attribute='availability') }}"
            - name: Connected by this controller
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', 'srv02') | map(attribute='state') }}"
            - name: Connected by another one
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', 'srv02', client_id=other)
                  | map(attribute='availability') }}"
              vars: {other: 00000000-0000-0000-0000-0000000000aa}
            - name: Connect what was not found
              psremoting.fleet.connect_pssession:
                session: "{{ query('psremoting.fleet.pssession', 'srv01', name='Nowhere') }}"
                on_missing: skip
        - hosts: srv03
          gather_facts: false
          tasks:
            - name: On a Windows host
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession') | map(attribute='computer_name') }}"
            - name: No session of an empty list
              ansible.builtin.debug:
                msg: "{{ query('psremoting.fleet.pssession', session=[]) }}"
            - name: In a loop of its own
              ansible.builtin.debug:
                msg: "{{ item.name }}"
              with_psremoting.fleet.pssession: [srv01]
        """
    )
    assert run.exit_code == 0, run.output
    found = run["Terms"]["msg"]
    assert {(each["computer_name"], each["name"]) for each in found} == {
        ("srv01", "ITTask"),
        ("srv01", "ITBackup"),
        ("srv02", "ITTask"),
    }
    assert {(each["state"], each["availability"]) for each in found} == {("Disconnected", "None")}
    assert {each["inventory_hostname"] for each in found} == {"srv01", "srv02"}
    assert sorted(each["id"] for each in found) == [1, 2, 3]
    assert set(run["All of a computer named by option"]["msg"]) == {"ITTask", "ITBackup", "Patch"}
    assert run["Nothing found"]["msg"] == []
    assert [each["msg"] for each in run["Loop"]["results"]] == ["ITTask is Disconnected"] * 2
    assert run["List wanted"]["msg"] == "Patch"
    assert len(run["Connect what was found"]["sessions"]) == 3
    assert run["Connect what was found"]["changed"] is True
    # What this controller connected last is open to it, and in use to everybody else.
    assert run["By id"]["msg"] == ["Available"]
    assert run["Connected by this controller"]["msg"] == ["Opened"]
    assert run["Connected by another one"]["msg"] == ["Busy"]
    assert run["Connect what was not found"].outcome == "ok"
    assert (run["Connect what was not found"]["sessions"], run["Connect what was not found"]["errors"]) == ([], [])
    assert run["On a Windows host"]["msg"] == ["srv03"]
    assert run["No session of an empty list"]["msg"] == []
    assert {each["msg"] for each in run["In a loop of its own"]["results"]} == {"ITTask", "ITBackup", "Patch"}
    assert {request.operation for request in fleet.requests} == {"Enumerate", "Connect"}


def test_where_options_come_from(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv01"].add_session("Jea", configuration="JEARole")
    fleet["srv01"].add_session("Alice", owner="alice")
    configuration = controller.write(
        "own.cfg",
        f"""
        [pssession]
        configuration_name = JEARole
        state_file = {controller.folder}/ini.sqlite3
        throttle_limit = 7
        """,
    )
    run = controller.run(
        """
        - name: Ini
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01') | map(attribute='name') }}"
        - name: Vars
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01') | length }}"
          vars: {pssession_configuration_name: microsoft.powershell}
        - name: Variables for logging on
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', name='Alice') | map(attribute='owner') }}"
          vars:
            pssession_configuration_name: Microsoft.PowerShell
            pssession_credential: {username: alice, password: alice-secret}
            pssession_authentication: basic
            pssession_session_option: {no_encryption: true}
            pssession_port: 5985
        """,
        hosts="localhost",
        ANSIBLE_CONFIG=str(configuration),
    )
    assert run.exit_code == 0, run.output
    assert run["Ini"]["msg"] == ["Jea"]
    assert int(run["Vars"]["msg"]) == 3
    assert run["Variables for logging on"]["msg"] == ["SRV01\\alice"]
    assert (controller.folder / "ini.sqlite3").exists()
    assert not controller.registry.exists()
    run = controller.run(
        """
        - name: Environment
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01') | map(attribute='name') }}"
        """,
        hosts="localhost",
        PSSESSION_CONFIGURATION_NAME="JEARole",
        PSSESSION_STATE_FILE=str(controller.folder / "environment.sqlite3"),
        PSSESSION_CLIENT_ID="11111111-2222-3333-4444-555555555555",
    )
    assert run.exit_code == 0, run.output
    assert run["Environment"]["msg"] == ["Jea"]
    assert (controller.folder / "environment.sqlite3").exists()
    assert fleet.requests[-1].client_session_id == "11111111-2222-3333-4444-555555555555"


def test_errors(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv02"].inject(Injection("Enumerate", times=None, action="status", status=500, body="no XML"))
    run = controller.run(
        """
        - name: Unreachable
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', 'srv02', name='ITTask') }}"
          ignore_errors: true
        - name: Tolerated
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', ['srv01', 'srv02'], on_error=quietly) | length }}"
          vars: {quietly: report}
        - name: Errors are warnings
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv02', errors='warn') }}"
        - name: Missing
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', name='Nowhere', on_missing='error') }}"
          ignore_errors: true
        - name: Bad option
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', port=0) }}"
          ignore_errors: true
        - name: Bad choice
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', on_error='panic') }}"
          ignore_errors: true
        - name: Unknown option
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', names='IT*') }}"
          ignore_errors: true
        - name: Option of another plugin
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession', 'srv01', force=true) }}"
          ignore_errors: true
        - name: No computer
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession') }}"
          ignore_errors: true
        """,
        hosts="localhost",
    )
    assert run.exit_code == 0, run.output
    for task, text in {
        "Unreachable": "the sessions on srv02 could not be listed",
        "Missing": "no session named 'Nowhere' was found on srv01",
        "Bad option": "port: 0 is not between 1 and 65535",
        "Bad choice": "on_error",
        "Unknown option": "the lookup has no option names. Did you mean name?",
        "Option of another plugin": "the lookup has no option force. Its options are allow_redirection, ",
        "No computer": "The options do not select any sessions",
    }.items():
        assert run[task].outcome == "ignored", task
        assert text in run[task].message
    assert int(run["Tolerated"]["msg"]) == 3
    # As a warning instead of an error, twice: by the lookup's own option, and by the template's.
    assert " ".join(run.stderr.split()).count("pssession: the sessions on srv02 could not be listed") == 2
