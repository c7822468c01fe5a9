# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts in sessions, as playbooks run them: files, Jinja, changed, a bastion, and runs that are interrupted."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from psrpcore.types import PSInt64

from tests.processes import processes_of
from tests.simulator import SimulatedFleet, User
from tests.simulator.messages import from_clixml
from tests.simulator.pipeline import statements_of
from tests.simulator.psrp import Message, fragments_of
from tests.waiting import until

from .controller import PASSWORD, PATIENT, USER, Controller

HOSTS = ["srv01", "srv02"]
SCRIPTS: dict[str, Any] = {
    "anything": {"regex": "^param", "steps": [{"output": "ran"}]},
    "quick": [{"output": "ran"}],
    "fails": [{"output": "before"}, {"throw": {"message": "no such disk", "error_id": "NoDisk"}}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """Two computers, each with a session `job`."""
    computers = [{"name": name, "sessions": [{"name": "job"}]} for name in HOSTS]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


def received(fleet: SimulatedFleet, host: str) -> Any:
    """What a server got of the last script, read by another implementation than the one that wrote it."""
    request = fleet.requests_of(host, "Command")[-1]
    (data,) = re.findall(r"Arguments>([^<]+)<", request.body)
    message = Message.unpack(b"".join(fragment.data for fragment in fragments_of(base64.b64decode(data))))
    ((command,),) = statements_of(from_clixml(message.data))
    return command


@pytest.mark.parametrize(
    ("place", "encoding"), [("files/work.ps1", "utf-8-sig"), ("work.ps1", "utf-8"), ("work.ps1", "utf-16")]
)
def test_path_is_looked_up_beside_the_playbook(
    controller: Controller, fleet: SimulatedFleet, place: str, encoding: str
) -> None:
    path = controller.folder / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("param($Name)\n'{{ not_a_template }} Grüße 😀'\n", encoding=encoding)
    run = controller.run(
        f"""
        - name: By its name
          psremoting.fleet.invoke_command: {{name: job, path: work.ps1}}
        - name: By its whole path
          psremoting.fleet.invoke_command: {{name: job, path: "{path}"}}
        """
    )
    assert run.exit_code == 0, run.output
    for host in HOSTS:
        for task in ("By its name", "By its whole path"):
            assert run.on(task, host)["results"][0]["output"] == ["ran"]
        assert received(fleet, host).Cmd == "param($Name)\n'{{ not_a_template }} Grüße 😀'\n"


def test_path_that_is_no_good(controller: Controller, fleet: SimulatedFleet) -> None:
    (controller.folder / "binary.ps1").write_bytes(b"\xff\xfe\x00")
    (controller.folder / "ansi.ps1").write_bytes("'Grüße'".encode("cp1252"))
    run = controller.run(
        """
        - name: Missing
          psremoting.fleet.invoke_command: {name: job, path: nowhere.ps1}
          ignore_errors: true
        - name: Not text
          psremoting.fleet.invoke_command: {name: job, path: binary.ps1}
          ignore_errors: true
        - name: Ansi
          psremoting.fleet.invoke_command: {name: job, path: ansi.ps1}
          ignore_errors: true
        - name: Both
          psremoting.fleet.invoke_command: {name: job, path: binary.ps1, script: quick}
          ignore_errors: true
        """,
        "--limit",
        "srv01",
    )
    assert "path: nowhere.ps1 cannot be read: the controller has no such file" in run["Missing"].message
    assert "remote_src" not in run.stdout
    assert "path: binary.ps1 cannot be read: it is not valid UTF-16LE. Save it as" in run["Not text"].message
    assert "path: ansi.ps1 cannot be read: it is not UTF-8, and has no byte order mark" in run["Ansi"].message
    assert "script and path cannot be used together" in run["Both"].message
    assert fleet.requests == []


def test_jinja_gives_values_their_types(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(
        """
        - hosts: windows
          gather_facts: false
          vars:
            disks: [C, D]
            secret: "it's-hidden"
          tasks:
            - name: Run
              psremoting.fleet.invoke_command:
                name: job
                script: param($A) {{ '{{' }} not touched {{ '}}' }}
                arguments: ["{{ inventory_hostname }}", "{{ disks }}"]
                parameters:
                  Report: "for {{ inventory_hostname }}"
                  Disks: "{{ disks }}"
                  Count: "{{ disks | length }}"
                  Bytes: "{{ 5 * 1024 ** 3 }}"
                  Ratio: "{{ 1 / 8 }}"
                  Force: "{{ true }}"
                  Nothing: "{{ none }}"
                  Nested: {hosts: "{{ ansible_play_hosts }}", since: 2026-03-01}
                input: "{{ disks | map('lower') | list }}"
                sensitive_parameters:
                  - name: Password
                    value: "{{ secret }}"
                  - name: Account
                    username: svc-backup
                    password: "{{ secret }}"
        """
    )
    assert run.exit_code == 0, run.output
    for host in HOSTS:
        command = received(fleet, host)
        assert command.Cmd == "param($A) {{ not touched }}"
        sent = [(argument.N, argument.V) for argument in command.Args]
        assert sent[:2] == [(None, host), (None, ["C", "D"])]
        got = dict(sent[2:])
        assert list(got.pop("Nested").items()) == [("hosts", HOSTS), ("since", "2026-03-01")]
        assert isinstance(got["Bytes"], PSInt64)
        del got["Password"]  # a SecureString, which only the server can read
        assert got.pop("Account").UserName == "svc-backup"
        assert got == {
            "Report": f"for {host}",
            "Disks": ["C", "D"],
            "Count": 2,
            "Bytes": 5 * 1024**3,
            "Ratio": 0.125,
            "Force": True,
            "Nothing": None,
        }
    assert "it's-hidden" not in run.output


def test_what_counts_as_changed(controller: Controller) -> None:
    run = controller.run(
        """
        - name: Started
          psremoting.fleet.invoke_command: {name: job, script: quick}
        - name: Told that it only looks
          psremoting.fleet.invoke_command: {name: job, script: quick}
          changed_when: false
        - name: By its output
          psremoting.fleet.invoke_command: {name: job, script: quick}
          register: ran
          changed_when: "'something else' in ran.results[0].output"
        - name: Failed, and yet it was started
          psremoting.fleet.invoke_command: {name: job, script: fails}
          ignore_errors: true
        - name: Failed, and that is fine
          psremoting.fleet.invoke_command: {name: job, script: fails}
          register: tried
          failed_when: tried.results[0].failure.fully_qualified_error_id != 'NoDisk'
        - name: Would be started, or the server means another client by Connected
          psremoting.fleet.invoke_command: {name: job, script: quick}
          check_mode: true
        - name: Disconnected
          psremoting.fleet.disconnect_pssession: {name: job}
        - name: Would be started
          psremoting.fleet.invoke_command: {name: job, script: quick}
          check_mode: true
        - name: Nowhere to start
          psremoting.fleet.invoke_command: {name: nowhere, script: quick, on_missing: skip}
        - name: Left behind
          psremoting.fleet.invoke_command: {script: slow, in_disconnected_session: true, session_name: night}
        - name: Left behind already
          psremoting.fleet.invoke_command: {script: slow, in_disconnected_session: true, session_name: night}
        - name: Took something
          psremoting.fleet.receive_pssession: {name: night, timeout: 0}
        """,
        "--limit",
        "srv01",
    )
    assert run.exit_code == 0, run.output
    assert {result.task: result["changed"] for result in run.results} == {
        "Started": True,
        "Told that it only looks": False,
        "By its output": False,
        "Failed, and yet it was started": True,
        "Failed, and that is fine": True,
        "Would be started, or the server means another client by Connected": False,
        "Disconnected": True,
        "Would be started": True,
        "Nowhere to start": False,
        "Left behind": True,
        "Left behind already": False,
        "Took something": True,
    }
    assert "no such disk" in run["Failed, and yet it was started"].message
    assert run["Would be started, or the server means another client by Connected"]["what_if"] == [
        'What if: Performing the operation "Connect" on target "job". If another client than this one is '
        "connected to the session, this fails and changes nothing."
    ]


def test_on_a_bastion(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    controller.write("work.ps1", "param($Name) 'from a file of the controller'")
    journal = controller.folder / "there" / "journal.jsonl"
    run = controller.run(
        f"""
        - hosts: windows
          gather_facts: false
          module_defaults:
            group/psremoting.fleet.all:
              state_file: {controller.folder}/bastion-{{{{ inventory_hostname }}}}.sqlite3
          tasks:
            - name: Run
              psremoting.fleet.invoke_command:
                name: job
                path: work.ps1
                parameters: {{Name: "{{{{ inventory_hostname }}}}", Big: 5000000000}}
                sensitive_parameters: [{{name: Password, value: it's-hidden}}]
              delegate_to: bastion
            - name: All the rest, for one host
              when: inventory_hostname == 'srv01'
              delegate_to: bastion
              block:
                - name: Start
                  psremoting.fleet.invoke_command:
                    script: slow
                    in_disconnected_session: true
                    session_name: night
                    journal: {journal}
                - name: Look
                  psremoting.fleet.receive_pssession: {{name: night, timeout: 0, journal: "{journal}"}}
                - name: Look again
                  psremoting.fleet.receive_pssession: {{name: night, timeout: 0, journal: "{journal}"}}
                - name: Stop
                  psremoting.fleet.receive_pssession: {{name: night, stop: true, journal: "{journal}"}}
                - name: Remove
                  psremoting.fleet.remove_pssession: {{name: night}}
        """
    )
    assert run.exit_code == 0, run.output
    outcomes = {
        task: [(got["state"], got["output"]) for got in run.on(task, "srv01")["results"]]
        for task in ("Start", "Look", "Look again", "Stop")
    }
    assert outcomes == {
        "Start": [("Running", [])],
        "Look": [("Running", ["begun"])],
        "Look again": [("Running", ["begun"])],
        "Stop": [("Stopped", ["begun"])],
    }
    assert "still runs" in run.on("Look", "srv01")["warnings"][0]
    assert [len(fleet.requests_of(host, "Command")) for host in HOSTS] == [2, 1]
    for host in HOSTS:
        assert [(got["state"], got["output"]) for got in run.on("Run", host)["results"]] == [("Completed", ["ran"])]
        assert [session.name for session in fleet[host].sessions] == ["job"]
        assert (controller.folder / f"bastion-{host}.sqlite3").exists()
    assert not controller.registry.exists()
    assert "it's-hidden" not in run.output


def test_a_task_that_takes_too_long_says_what_becomes_of_its_work(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    playbook = """
        - name: Run
          psremoting.fleet.invoke_command: {name: job, script: slow}
          timeout: 3600
          ignore_errors: true
        - name: Look
          psremoting.fleet.pssession_info: {name: job, list_commands: true}
    """
    with controller.started(playbook, "--limit", "srv01") as process:
        until(lambda: fleet.requests_of("srv01", "Receive"), "a request for output")
        for worker in processes_of(process.pid)[1:]:
            os.kill(worker, signal.SIGALRM)  # as the kernel does when the time is over
        run = controller.ended(process)
    assert run.exit_code == 0, run.output
    assert "Timed out" in run["Run"].message
    shown = run.output.replace("\n", " ")
    assert "Run: Interrupted. The work in the sessions goes on without Ansible. Receive its output with" in shown
    (session,) = run["Look"]["sessions"]
    assert (session["state"], session["availability"], len(session["commands"])) == ("Disconnected", "None", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_run_that_is_ended_leaves_its_sessions(
    controller: Controller, fleet: SimulatedFleet, number: signal.Signals
) -> None:
    job = fleet["srv01"].session("job")
    with controller.started(
        "[{psremoting.fleet.invoke_command: {name: job, script: slow}}]", "--limit", "srv01"
    ) as run:
        until(lambda: bool(fleet.requests_of("srv01", "Receive")))
        os.kill(run.pid, number)
        ended = controller.ended(run)
    until(lambda: job.state == "Disconnected")
    assert [each.state for each in job.commands] == ["Running"]
    if number is signal.SIGINT:  # SIGTERM ends ansible-playbook before its workers
        assert "with the module psremoting.fleet.receive_pssession." in " ".join(ended.stderr.split())


def test_an_interrupted_run_says_once_how_to_collect(controller: Controller, fleet: SimulatedFleet) -> None:
    job = {"job": "resume", "name": "Nightly", "script": "slow"}
    task = json.dumps([{"name": "Work", "psremoting.fleet.pssession_job": job}])
    with controller.started(task, "--limit", "srv01,srv02", "-e", "password=secret") as run:
        until(lambda: all(fleet.requests_of(host, "Connect") for host in HOSTS), "both to be waited for")
        os.kill(run.pid, signal.SIGINT)
        ended = controller.ended(run)
    told = " ".join(ended.stderr.split())
    assert told.count("The work in the sessions goes on without Ansible") == told.count("Interrupted.") == 1
    assert "--limit srv01,srv02 " in told
    assert "playbook-1.yml, with the same extra variables" in told.replace("- ", "-")
    assert "secret" not in told
    assert all(fleet[host].session("Nightly").state == "Disconnected" for host in HOSTS)
