# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions named by what this controller remembers, and who it is for the servers."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from tests.simulator import SimulatedFleet
from tests.waiting import PATIENCE, meanwhile

from .controller import SILENCE, Controller, inventory_of

CONNECT = """
- name: Connect
  psremoting.fleet.connect_pssession: {name: ITTask}
"""


def test_sessions_are_known_in_later_tasks_plays_and_runs(controller: Controller, fleet: SimulatedFleet) -> None:
    first = controller.run(
        """
        - hosts: windows
          gather_facts: false
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession: {name: IT*}
              register: connected
        - hosts: localhost
          gather_facts: false
          tasks:
            - name: Name
              psremoting.fleet.connect_pssession: {name: it*}
            - name: Id
              psremoting.fleet.connect_pssession: {id: "{{ hostvars.srv02.connected.sessions[0].id }}"}
            - name: InstanceId
              psremoting.fleet.connect_pssession:
                instance_id: "{{ hostvars.srv03.connected.sessions[0].instance_id | upper }}"
            - name: Session
              psremoting.fleet.connect_pssession: {session: "{{ hostvars.srv02.connected.sessions }}"}
            - name: Unknown id
              psremoting.fleet.connect_pssession: {id: [99]}
              ignore_errors: true
        """
    )
    assert first.exit_code == 0, first.output
    connected = [session for result in first.of("Connect").values() for session in result["sessions"]]
    assert sorted(session["id"] for session in connected) == [1, 2, 3, 4]
    assert len(first["Name"]["sessions"]) == 4
    assert first["Id"].sessions == [("srv02", "ITTask")]
    assert first["InstanceId"].sessions == [("srv03", "ITTask")]
    assert first["Session"].sessions == [("srv02", "ITTask")]
    for task in ("Name", "Id", "InstanceId", "Session"):
        assert (first[task]["parameter_set"], first[task]["changed"]) == (task, False)
    assert "knows no session with the id 99" in first["Unknown id"].message

    fleet.clock.advance(SILENCE + 1)  # a client that says nothing for so long loses its sessions
    fleet["srv03"].session("ITTask").close()
    number = next(session["id"] for session in connected if session["computer_name"] == "srv02")
    second = controller.run(
        f"""
        - name: Id
          psremoting.fleet.connect_pssession: {{id: {number}}}
        - name: InstanceId
          psremoting.fleet.connect_pssession: {{instance_id: "{fleet["srv01"].session("ITTask").shell_id}"}}
        - name: Gone
          psremoting.fleet.connect_pssession: {{name: [ITBackup, ITTask]}}
          ignore_errors: true
        """,
        hosts="localhost",
    )
    assert second.exit_code == 0, second.output
    assert (second["Id"].sessions, second["Id"]["changed"]) == ([("srv02", "ITTask")], True)
    assert (second["InstanceId"].sessions, second["InstanceId"]["changed"]) == ([("srv01", "ITTask")], True)
    assert second["Id"]["sessions"][0]["id"] == number
    assert "ITTask no longer exists on srv03" in second["Gone"].message
    assert ("srv01", "ITBackup") in second["Gone"].sessions
    # The registry remembers whose client it was: taking a session up again is a Reconnect, and one request less.
    assert not fleet.requests_of("srv02", "Connect")[1:]


def test_state_file_that_is_new_or_empty(controller: Controller, fleet: SimulatedFleet) -> None:
    elsewhere, another = controller.folder / "elsewhere" / "registry", controller.folder / "another" / "registry"
    playbook = f"""
        - name: By environment
          psremoting.fleet.connect_pssession: {{name: ITTask}}
        - name: By option
          psremoting.fleet.connect_pssession: {{name: ITBackup, state_file: {another}}}
        """
    run = controller.run(playbook, "--limit", "srv01", PSSESSION_STATE_FILE=str(elsewhere))
    assert run.exit_code == 0, run.output
    assert run["By environment"]["sessions"][0]["id"] == run["By option"]["sessions"][0]["id"] == 1
    for path in (elsewhere, another):
        assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert not controller.registry.exists()

    for path in (elsewhere, another):
        shutil.rmtree(path.parent)
    for name in ("ITTask", "ITBackup"):
        fleet["srv01"].session(name).disconnect()
    run = controller.run(playbook, "--limit", "srv01", PSSESSION_STATE_FILE=str(elsewhere))
    assert run.exit_code == 0, run.output
    assert run["By environment"]["changed"] is run["By option"]["changed"] is True


def test_a_registry_that_cannot_be_used_is_worth_a_warning(controller: Controller, fleet: SimulatedFleet) -> None:
    damaged = controller.write("damaged", "This is no database. " * 100)
    run = controller.run(
        f"""
        - name: Damaged
          psremoting.fleet.connect_pssession: {{name: ITTask, state_file: {damaged}}}
        - name: Impossible
          psremoting.fleet.connect_pssession: {{name: ITBackup, state_file: {damaged}/below}}
        """,
        "--limit",
        "srv01",
    )
    assert run.exit_code == 0, run.output
    assert run["Damaged"]["changed"] is run["Impossible"]["changed"] is True
    assert "was damaged; it is now" in run["Damaged"]["warnings"][0]
    assert run["Damaged"]["sessions"][0]["id"] == 1
    assert "The task continues without" in run["Impossible"]["warnings"][0]
    assert "The task continues without" in " ".join(run.stderr.split())


def test_controllers_are_one_client_exactly_if_they_share_a_client_id(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    shared = str(uuid.uuid4())
    other = Controller(tmp_path / "other", inventory_of(fleet))
    assert controller.run(CONNECT, PSSESSION_CLIENT_ID=shared).exit_code == 0
    same = other.run(CONNECT, PSSESSION_CLIENT_ID=shared)
    assert same.exit_code == 0, same.output
    assert {result["changed"] for result in same.of("Connect").values()} == {False}
    assert {fleet[name].session("ITTask").owner_client for name in same.of("Connect")} == {shared.upper()}

    stranger = other.run(CONNECT, "--limit", "srv01")
    assert stranger.exit_code == 2
    assert "another client is connected" in stranger["Connect"].message
    assert "busy_timeout" in stranger["Connect"].message
    assert stranger["Connect"]["sessions"] == []


def test_busy_timeout_waits_for_a_client_that_died(controller: Controller, fleet: SimulatedFleet) -> None:
    held = fleet["srv01"].add_session("Held", state="Connected", held=True)
    with meanwhile(lambda: fleet.requests_of("srv01", "Reconnect"), held.disconnect, "a look at the session in use"):
        run = controller.run(
            f"""
            - name: Wait
              psremoting.fleet.connect_pssession: {{name: Held, busy_timeout: {PATIENCE:.0f}}}
            """,
            "--limit",
            "srv01",
        )
    assert run.exit_code == 0, run.output
    assert run["Wait"].sessions == [("srv01", "Held")]
    assert run["Wait"]["changed"] is True


def test_one_session_or_json_text(controller: Controller, fleet: SimulatedFleet) -> None:
    """A loop has one session at a time, and a survey or the command line has text."""
    run = controller.run(
        """
        - name: Look
          psremoting.fleet.pssession_info: {name: ITTask}
          register: found
        - name: One
          psremoting.fleet.connect_pssession: {session: "{{ found.sessions[0] }}"}
        - name: Text
          psremoting.fleet.connect_pssession: {session: "{{ ' ' ~ (found.sessions | to_json) }}"}
        - name: Lookup
          ansible.builtin.debug: {msg: "{{ query('psremoting.fleet.pssession', session=found.sessions[0]) }}"}
        """,
        "--limit",
        "srv01",
    )
    assert run.exit_code == 0, run.output
    assert run["One"].sessions == run["Text"].sessions == [("srv01", "ITTask")]
    assert [each["name"] for each in run["Lookup"]["msg"]] == ["ITTask"]
