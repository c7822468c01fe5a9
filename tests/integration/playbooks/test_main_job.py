# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job: get back to the sessions of the Windows hosts of a play."""

from __future__ import annotations

from tests.simulator import Injection, SimulatedFleet

from .controller import Controller

HOSTS = ["srv01", "srv02", "srv03"]
CONNECT = """
- name: Connect
  psremoting.fleet.connect_pssession:
    name: IT*
"""
SESSION_KEYS = """
    id name computer_name computer_type transport state availability configuration_name instance_id disconnected_on
    expires_on idle_timeout max_idle_timeout output_buffering_mode owner client_ip application_name port use_ssl
    connection_uri inventory_hostname authentication_used tls task_options changed
"""
ERROR_KEYS = """
    fully_qualified_error_id category message reason target computer_name inventory_hostname session_name instance_id
    code hint
"""


def states(fleet: SimulatedFleet) -> dict[str, str]:
    return {f"{computer.name}/{session.name}": session.state for computer in fleet for session in computer.sessions}


def operations(fleet: SimulatedFleet, computer: str) -> list[str]:
    return [request.operation for request in fleet.requests_of(computer)]


def test_look_then_connect_then_change_nothing(controller: Controller, fleet: SimulatedFleet) -> None:
    looked = controller.run(CONNECT, "--check", "--diff")
    assert looked.exit_code == 0, looked.output
    assert {host: result["changed"] for host, result in looked.of("Connect").items()} == dict.fromkeys(HOSTS, True)
    found = looked.on("Connect", "srv01")
    assert found["what_if"] == [
        'What if: Performing the operation "Connect" on target "ITTask".',
        'What if: Performing the operation "Connect" on target "ITBackup".',
    ]
    assert [session["state"] for session in found["sessions"]] == ["Disconnected", "Disconnected"]
    assert {request.operation for request in fleet.requests} <= {"Enumerate", "Pull"}
    assert set(states(fleet).values()) == {"Disconnected"}
    fleet.clear_requests()

    connected = controller.run(CONNECT, "--diff")
    assert connected.exit_code == 0, connected.output
    assert {host: result["changed"] for host, result in connected.of("Connect").items()} == dict.fromkeys(HOSTS, True)
    result = connected.on("Connect", "srv01")
    assert set(result.sessions) == {("srv01", "ITTask"), ("srv01", "ITBackup")}
    assert {(session["state"], session["availability"]) for session in result["sessions"]} == {("Opened", "Available")}
    assert (result["errors"], result["missing"], result["what_if"]) == ([], [], [])
    assert result["parameter_set"] == "ComputerName"
    assert set(result["sessions"][0]) == set(SESSION_KEYS.split())
    assert result["diff"]["before"].splitlines()[0] == "ITTask on srv01: Disconnected, None"
    assert result["diff"]["after"].splitlines()[0] == "ITTask on srv01: Opened, Available"
    assert "-ITTask on srv02: Disconnected, None\n+ITTask on srv02: Opened, Available" in connected.stdout
    assert operations(fleet, "srv01") == ["Enumerate", "Connect", "Connect"]
    assert states(fleet) == {
        "srv01/ITTask": "Connected",
        "srv01/ITBackup": "Connected",
        "srv01/Patch": "Disconnected",
        "srv02/ITTask": "Connected",
        "srv03/ITTask": "Connected",
    }
    fleet.clear_requests()

    again = controller.run(CONNECT, "--diff")
    assert again.exit_code == 0, again.output
    assert {host: result["changed"] for host, result in again.of("Connect").items()} == dict.fromkeys(HOSTS, False)
    assert set(again.on("Connect", "srv01").sessions) == set(result.sessions)
    assert "+ITTask" not in again.stdout
    assert operations(fleet, "srv02") == ["Enumerate", "Reconnect"]


def test_the_diff_of_check_mode_predicts(controller: Controller) -> None:
    run = controller.run(CONNECT, "--check", "--diff", "--limit", "srv02")
    assert run["Connect"]["diff"]["before"] == "ITTask on srv02: Disconnected, None\n"
    assert run["Connect"]["diff"]["after"] == "ITTask on srv02: Opened, Available\n"


def test_a_host_that_fails_fails_alone(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv02"].inject(Injection("Enumerate", times=None, action="status", status=503, body="overloaded"))
    run = controller.run(
        """
        - name: Ignore
          psremoting.fleet.connect_pssession: {name: ITTask}
          ignore_errors: true
        - block:
            - name: Attempt
              psremoting.fleet.connect_pssession: {name: ITTask}
          rescue:
            - name: Rescue
              ansible.builtin.debug:
                msg: "{{ ansible_failed_result.errors[0].computer_name }} failed"
        - name: Decide
          psremoting.fleet.connect_pssession: {name: [ITTask, Nowhere]}
          register: decided
          failed_when: decided.missing | length > 1
        - name: Tolerate
          psremoting.fleet.connect_pssession: {name: ITTask, on_error: report}
        - name: Fail
          psremoting.fleet.connect_pssession: {name: ITTask}
        - name: Go on
          ansible.builtin.debug:
            msg: still here
        """
    )
    assert run.exit_code == 2
    assert {host: result.outcome for host, result in run.of("Ignore").items()} == {
        "srv01": "ok",
        "srv02": "ignored",
        "srv03": "ok",
    }
    assert {host: result.message for host, result in run.of("Rescue").items()} == {"srv02": "srv02 failed"}
    assert {result.outcome for result in run.of("Decide").values()} == {"ok"}
    assert run.on("Decide", "srv01")["missing"] == ["Nowhere"]
    assert run.on("Decide", "srv01").sessions == [("srv01", "ITTask")]
    tolerated = run.on("Tolerate", "srv02")
    assert (tolerated.outcome, tolerated["sessions"], len(tolerated["errors"])) == ("ok", [], 1)
    failed = run.on("Fail", "srv02")
    assert failed.outcome == "failed"
    assert "the sessions on srv02 could not be listed" in failed.message
    assert set(failed["errors"][0]) == set(ERROR_KEYS.split())
    assert "RemotePSSessionQueryFailed" in failed["errors"][0]["fully_qualified_error_id"]
    assert set(run.of("Go on")) == {"srv01", "srv03"}


def test_task_keywords_defaults_and_aliases(controller: Controller, fleet: SimulatedFleet) -> None:
    uri = fleet["srv02"].uri
    run = controller.run(
        f"""
        - hosts: srv01
          gather_facts: false
          module_defaults:
            group/psremoting.fleet.all:
              on_missing: skip
              name: Default*
          tasks:
            - name: Defaults
              psremoting.fleet.connect_pssession:
            - name: Check
              psremoting.fleet.connect_pssession: {{name: ITTask}}
              check_mode: true
              diff: true
            - name: Async
              psremoting.fleet.connect_pssession: {{name: ITTask}}
              async: 10
              poll: 1
              ignore_errors: true
            - name: By alias of computer_name
              psremoting.fleet.connect_pssession:
                cn: srv03
                name: ITTask
                session_option: {{open_timeout: 120, operation_timeout: 120, idle_timeout: 60}}
                cf: false
            - name: By alias of connection_uri
              psremoting.fleet.connect_pssession:
                uri: {uri}
                name: ITTask
                authentication: basic
                credential: {{username: operator, password: "{{{{ ansible_password }}}}"}}
                session_option: {{no_encryption: true}}
            - name: By another alias of connection_uri
              psremoting.fleet.connect_pssession:
                cu: {uri}
                name: ITTask
                authentication: basic
                credential: {{username: operator, password: "{{{{ ansible_password }}}}"}}
                session_option: {{no_encryption: true, open_timeout: 120}}
        """
    )
    assert run.exit_code == 0, run.output
    assert run["Defaults"]["missing"] == ["Default*"]
    assert run["Defaults"]["parameter_set"] == "ComputerName"
    assert run["Check"]["what_if"] != []
    assert "ITTask on srv01: Disconnected" in run["Check"]["diff"]["before"]
    assert run["Async"].outcome == "ignored"
    assert "async" in run["Async"].message.lower()
    assert fleet["srv01"].session("ITTask").state == "Disconnected"
    assert run["By alias of computer_name"].sessions == [("srv03", "ITTask")]
    assert "diff" not in run["By alias of computer_name"]
    (connect,) = fleet.requests_of("srv03", "Connect")
    assert "PT120S" in connect.body
    assert run["By alias of connection_uri"]["parameter_set"] == "ConnectionUri"
    assert run["By alias of connection_uri"]["changed"] is True
    assert run["By another alias of connection_uri"]["changed"] is False
