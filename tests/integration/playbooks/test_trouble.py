# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are interrupted, slow, or lack a library."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import SHORTEST
from tests.processes import processes_of
from tests.simulator import Injection, SimulatedFleet
from tests.waiting import PATIENCE, until

from .controller import Controller

CONNECT = """
- name: Connect
  psremoting.fleet.connect_pssession: {name: IT*}
"""


def test_a_run_that_was_killed_is_simply_repeated(controller: Controller, fleet: SimulatedFleet) -> None:
    # srv01: one session is connected and not yet written down, the other still on its way; srv02: the answer is lost
    # with the run, the connect is not; srv03: connected and written down.
    backup = fleet["srv01"].session("ITBackup")
    fleet["srv01"].inject(Injection("Connect", action="delay", seconds=3600, shell_id=backup.shell_id))
    fleet["srv02"].inject(Injection("Enumerate", action="delay", seconds=3600))
    command = controller.command(CONNECT)
    with subprocess.Popen(command, env=controller.variables(), stdout=subprocess.DEVNULL) as process:
        until(lambda: len(fleet.requests_of("srv01", "Connect")) == 2, "both requests")
        until(lambda: any(result.host == "srv03" for result in controller.results()), "the result of srv03")
        for pid in processes_of(process.pid):
            os.kill(pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert fleet["srv01"].session("ITTask").state == fleet["srv03"].session("ITTask").state == "Connected"
    assert backup.state == fleet["srv02"].session("ITTask").state == "Disconnected"

    again = controller.run(CONNECT)
    assert again.exit_code == 0, again.output
    assert {host: result["changed"] for host, result in again.of("Connect").items()} == {
        "srv01": True,
        "srv02": True,
        "srv03": False,
    }
    assert set(again.on("Connect", "srv01").sessions) == {("srv01", "ITTask"), ("srv01", "ITBackup")}
    assert backup.state == fleet["srv02"].session("ITTask").state == "Connected"


def test_a_lost_answer_is_looked_up(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv01"].inject(Injection("Connect", action="close_without_answer"))
    fleet["srv02"].inject(Injection("Connect", action="reset"))
    run = controller.run(CONNECT, "--limit", "srv01,srv02")
    assert run.exit_code == 0, run.output
    assert {result["changed"] for result in run.of("Connect").values()} == {True}
    assert len(run.on("Connect", "srv01")["sessions"]) == 2
    assert fleet["srv02"].session("ITTask").state == "Connected"


def test_progress_of_a_long_task_is_shown(controller: Controller, fleet: SimulatedFleet) -> None:
    """The last session is connected only after what the others did was shown."""
    delays = []
    for session, seconds in (("ITTask", 600), ("Patch", 1200)):
        shell_id = fleet["srv01"].session(session).shell_id
        delays.append(Injection("Connect", action="delay", seconds=seconds, shell_id=shell_id))
        fleet["srv01"].inject(delays[-1])
    command = controller.command("[{name: Take them up, psremoting.fleet.connect_pssession: {name: '*'}}]")
    shown = controller.folder / "shown"
    with (
        shown.open("w", encoding="utf-8") as file,
        subprocess.Popen([*command, "--limit", "srv01"], env=controller.variables(), stdout=file) as process,
    ):
        until(lambda: all(delay.waiting for delay in delays) or process.poll() is not None, "both requests")
        shown_from = time.monotonic() + SHORTEST
        until(lambda: time.monotonic() > shown_from, "the time from which progress is shown")
        fleet.clock.advance(600)
        progress = re.compile("Take them up: 2 of 3 sessions")
        until(lambda: progress.search(shown.read_text(encoding="utf-8")) or process.poll() is not None, "progress")
        assert process.poll() is None, shown.read_text(encoding="utf-8")
        fleet.clock.advance(600)
        assert process.wait(PATIENCE) == 0, shown.read_text(encoding="utf-8")
    assert all(session.state == "Connected" for session in fleet["srv01"].sessions)


def test_a_missing_library_is_named_after_bad_options(controller: Controller, fleet: SimulatedFleet) -> None:
    package = controller.folder / "without" / "pypsrp"
    package.mkdir(parents=True)
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    (package / "__init__.py").write_text("raise ImportError('it is not here')\n", encoding="utf-8")
    run = controller.run(
        """
        - name: Bad option
          psremoting.fleet.connect_pssession: {name: ITTask, port: 0}
          ignore_errors: true
        - name: Connect
          psremoting.fleet.connect_pssession: {name: ITTask}
          ignore_errors: true
        - name: Connect from the bastion
          psremoting.fleet.connect_pssession: {name: ITTask}
          delegate_to: bastion
          ignore_errors: true
        - name: Look up
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession') }}"
          ignore_errors: true
        """,
        "--limit",
        "srv01",
        PYTHONPATH=str(package.parent),
    )
    assert "port: 0 is not between" in run["Bad option"].message
    for task in ("Connect", "Connect from the bastion", "Look up"):
        assert "The Python library pypsrp 0.9.1 or newer, but older than 1.0.0, is needed" in run[task].message
        assert "-m pip install" in run[task].message
        assert "it is not here" in run[task].message
    for task in ("Connect", "Connect from the bastion"):
        (error,) = run[task]["errors"]
        assert error["fully_qualified_error_id"].startswith("InvalidOperation,")
        assert error["message"] == run[task].message
    assert fleet.requests == []


def test_a_library_that_is_too_old_is_named_with_its_interpreter(controller: Controller, fleet: SimulatedFleet) -> None:
    metadata = controller.folder / "older" / "requests-2.28.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n", encoding="utf-8")
    run = controller.run(
        """
        - name: Connect
          psremoting.fleet.connect_pssession: {name: ITTask}
          ignore_errors: true
        - name: Look up
          ansible.builtin.debug:
            msg: "{{ query('psremoting.fleet.pssession') }}"
          ignore_errors: true
        """,
        "--limit",
        "srv01",
        PYTHONPATH=str(metadata.parent),
    )
    for task in ("Connect", "Look up"):
        # The interpreter of ansible-playbook may have another name than that of pytest, such as python3.13.
        told = rf"requests 2\.28\.1 is installed for {sys.prefix}/bin/python[\d.]*, but 2\.32\.2 or newer is needed\."
        assert re.search(told, run[task].message)
    assert fleet.requests == []


def test_a_state_file_that_cannot_be_used(controller: Controller, fleet: SimulatedFleet) -> None:
    """All tasks of the run are one client to the servers, another run is another one, and there is one warning."""
    playbook = """
    - name: Connect
      psremoting.fleet.connect_pssession: {name: ITTask}
    - name: Connect again
      psremoting.fleet.connect_pssession: {name: ITTask}
    - name: Disconnect
      psremoting.fleet.disconnect_pssession: {name: ITTask}
    - name: Reconnect
      psremoting.fleet.connect_pssession: {name: ITTask}
    """
    blocked = controller.write("blocked", "a file where a folder should be") / "state.sqlite3"
    run = controller.run(playbook, "--limit", "srv01,srv02", PSSESSION_STATE_FILE=str(blocked))
    assert run.exit_code == 0, run.output
    changed = {task: {result["changed"] for result in run.of(task).values()} for task in ("Connect", "Connect again")}
    assert changed == {"Connect": {True}, "Connect again": {False}}
    assert re.sub(r"\s+", " ", run.output).count("cannot be used") == 1
    clients = {request.client_session_id for request in fleet.requests if request.operation == "Reconnect"}
    assert len(clients) == 1
    other = controller.run(playbook, "--limit", "srv01", PSSESSION_STATE_FILE=str(blocked))
    assert "another client is connected to it" in other.output
    assert len({request.client_session_id for request in fleet.requests}) == 2
