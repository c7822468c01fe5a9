# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that is sent to another POSIX host, such as a bastion with a route to the Windows network."""

from __future__ import annotations

import sys
from urllib.parse import quote

from tests.simulator import ForwardProxy, SimulatedFleet, SocksProxy

from .controller import PASSWORD, Controller


def test_the_module_runs_there_with_what_the_inventory_knows(controller: Controller, fleet: SimulatedFleet) -> None:
    address = fleet["srv03"].address
    controller.inventory["all"]["children"]["windows"]["hosts"][address] = {}
    controller.inventory["all"]["hosts"] = {
        "bastion": {
            "ansible_connection": "bastion",
            "ansible_python_interpreter": sys.executable,
            "ansible_user": "someone",
            "ansible_password": "else",
        }
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
            - name: Check
              psremoting.fleet.connect_pssession: {{name: ITTask}}
              delegate_to: bastion
              check_mode: true
              diff: true
            - name: Connect
              psremoting.fleet.connect_pssession: {{cn: [srv01, srv02], name: ITTask}}
              delegate_to: bastion
              register: connected
            - name: Again, here
              psremoting.fleet.connect_pssession: {{session: "{{{{ connected.sessions }}}}"}}
            - name: Again, there
              psremoting.fleet.connect_pssession: {{session: "{{{{ connected.sessions }}}}"}}
              delegate_to: bastion
            - name: By id, there
              psremoting.fleet.connect_pssession:
                id: "{{{{ connected.sessions | selectattr('computer_name', 'eq', 'srv01') | map(attribute='id') }}}}"
              delegate_to: bastion
            - name: By instance id on the computer, there
              psremoting.fleet.connect_pssession:
                computer_name: srv01
                instance_id: "{{{{ connected.sessions | selectattr('computer_name', 'eq', 'srv01')
                  | map(attribute='instance_id') }}}}"
              delegate_to: bastion
            - name: By URI, there
              psremoting.fleet.connect_pssession: {{uri: "http://{address}:5985/wsman", name: ITTask}}
              delegate_to: bastion
            - name: Missing, there
              psremoting.fleet.connect_pssession: {{name: Nowhere, on_missing: warn}}
              delegate_to: bastion
            - name: Confirm, there
              psremoting.fleet.connect_pssession: {{name: ITBackup, confirm: true}}
              delegate_to: bastion
              ignore_errors: true
            - name: Refused, there
              psremoting.fleet.connect_pssession: {{name: ITBackup, port: 0}}
              delegate_to: bastion
              ignore_errors: true
        """
    )
    assert run.exit_code == 0, run.output
    checked = run["Check"]
    assert checked["changed"] is True
    assert checked["what_if"] == ['What if: Performing the operation "Connect" on target "ITTask".']
    assert "ITTask on srv01: Disconnected" in checked["diff"]["before"]
    connected = run["Connect"]
    assert connected["changed"] is True
    assert set(connected.sessions) == {("srv01", "ITTask"), ("srv02", "ITTask")}
    assert {session["inventory_hostname"] for session in connected["sessions"]} == {"srv01", "srv02"}
    for task in ("Again, here", "Again, there"):
        assert (task, run[task]["changed"]) == (task, False)
        assert set(run[task].sessions) == set(connected.sessions)
    assert run["By id, there"].sessions == [("srv01", "ITTask")]
    assert run["By instance id on the computer, there"].sessions == [("srv01", "ITTask")]
    assert run["By URI, there"].sessions == [(address, "ITTask")]
    assert run["Missing, there"]["missing"] == ["Nowhere"]
    assert "'Nowhere'" in run["Missing, there"]["warnings"][0]
    assert "confirm needs a terminal" in run["Confirm, there"].message
    assert "port: 0" in run["Refused, there"].message
    assert fleet["srv01"].session("ITBackup").state == "Disconnected"
    assert registry.exists()
    assert not controller.registry.exists()
    assert PASSWORD not in run.output


def test_the_tasks_there_are_one_client_without_a_state_file(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    in_the_way = controller.write("no_folder", "")
    run = controller.run(
        f"""
        - hosts: srv01
          gather_facts: false
          module_defaults:
            group/psremoting.fleet.all:
              state_file: {in_the_way}/state.sqlite3
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession: {{name: ITTask}}
              delegate_to: bastion
            - name: Again
              psremoting.fleet.connect_pssession: {{name: ITTask}}
              delegate_to: bastion
        """
    )
    assert run.exit_code == 0, run.output
    assert [run[task]["changed"] for task in ("Connect", "Again")] == [True, False]
    assert len({request.client_session_id for request in fleet.requests_of("srv01")}) == 1


def test_passwords_in_addresses(controller: Controller, fleet: SimulatedFleet) -> None:
    """Those of a task are refused before anything goes to the other host; those of the inventory are kept apart."""
    secret = "pröxy:/@wörd"
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    record = controller.folder / "commands"
    with ForwardProxy(user="proxy user", password=secret) as proxy, SocksProxy(user="me", password=secret) as socks:
        hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
        for host, url, user in (("srv01", proxy.url, "proxy%20user"), ("srv02", socks.url, "me")):
            hosts[host]["ansible_psrp_proxy"] = url.replace("://", f"://{user}:{quote(secret, safe='')}@")
        refused = controller.run(
            f"""
            - hosts: srv01
              gather_facts: false
              tasks:
                - name: URI
                  psremoting.fleet.connect_pssession:
                    connection_uri: http://me:{quote(secret, safe="")}@srv01:5985/wsman
                  delegate_to: bastion
                  ignore_errors: true
                - name: Proxy
                  psremoting.fleet.connect_pssession:
                    name: ITTask
                    session_option: {{proxy: "http://me:{quote(secret, safe="")}@proxy"}}
                  delegate_to: bastion
                  ignore_errors: true
            """,
            BASTION_RECORD=str(record),
        )
        for task in ("URI", "Proxy"):
            assert "has a user or password in it" in refused[task].message, refused.output
        assert not record.exists()
        run = controller.run(
            """
            - hosts: srv01:srv02
              gather_facts: false
              tasks:
                - name: There
                  psremoting.fleet.connect_pssession: {name: ITTask}
                  delegate_to: bastion
                - name: Here
                  psremoting.fleet.connect_pssession: {name: ITTask}
            """,
            "-vvv",
            BASTION_RECORD=str(record),
        )
        assert run.exit_code == 0, run.output
        assert record.exists()
        assert {user for _scheme, user in proxy.authorizations} == {"proxy user"}
        assert set(socks.users) == {"me"}
    assert secret not in run.output
    assert quote(secret, safe="") not in run.output
