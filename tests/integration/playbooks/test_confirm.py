# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`confirm: true` asks on a terminal as the cmdlet does."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

from tests.simulator import SimulatedFleet
from tests.waiting import until

from .controller import Controller

PROMPT = '(default is "Y"): '
# Makes standard input the controlling terminal of a session of its own, as when a user types.
AT_THE_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
CMDLET = "Microsoft.PowerShell.Commands.ConnectPSSessionCommand"
CONNECT = """
- name: Connect
  psremoting.fleet.connect_pssession: {name: "*", confirm: true}
"""


def run_on_a_terminal(
    controller: Controller, *arguments: str, answers: list[str], playbook: str = CONNECT
) -> tuple[int, str]:
    """Run a playbook on srv01 with a terminal, where a user gives one answer after the other.

    Returns:
        The exit code and all that was shown.
    """
    command = controller.command(playbook, "--limit", "srv01", *arguments)
    terminal, end = pty.openpty()
    # The same open file as the standard input of the run, which does not block while Ansible reads an answer.
    input_of_run = os.dup(end)
    with subprocess.Popen(
        [sys.executable, "-c", AT_THE_TERMINAL, *command],
        cwd=controller.folder,
        env=controller.variables(TERM="dumb", ANSIBLE_NOCOLOR="1"),
        stdin=end,
        stdout=end,
        stderr=end,
    ) as process:
        os.close(end)
        shown = ""
        left = iter(answers)
        try:
            while True:
                until(lambda: readable(terminal) or process.poll() is not None, "output or the end of the run")
                if not readable(terminal):
                    return process.returncode, shown.replace("\r\n", "\n")
                shown += os.read(terminal, 4096).decode(errors="replace")
                if shown.endswith((PROMPT, f"{PROMPT}\r\n")):
                    answer = next(left, None)
                    assert answer is not None, f"more questions than expected:\n{shown}"
                    # What is typed before Ansible reads the answer is thrown away.
                    until(lambda: not os.get_blocking(input_of_run), "that Ansible reads the answer")
                    os.write(terminal, f"{answer}\r".encode())
        finally:
            process.kill()
            os.close(input_of_run)
            os.close(terminal)


def readable(descriptor: int) -> bool:
    """Whether there is something to read."""
    return bool(select.select([descriptor], [], [], 0)[0])


def connected(fleet: SimulatedFleet) -> list[str | None]:
    return [session.name for session in fleet["srv01"].sessions if session.state == "Connected"]


def test_yes_no_and_help(controller: Controller, fleet: SimulatedFleet) -> None:
    code, shown = run_on_a_terminal(controller, answers=["perhaps", "?", "n", "y", "YES"])
    assert code == 0, shown
    assert 'Performing the operation "Connect" on target "ITTask" (srv01).' in shown
    assert "[Y] Yes  [A] Yes to All  [N] No  [L] No to All  [?] Help" in shown
    assert "Y - Do it to this session." in shown
    assert shown.count(PROMPT) == 5
    assert connected(fleet) == ["ITBackup", "Patch"]


def test_removing_is_confirmed_by_name(controller: Controller, fleet: SimulatedFleet) -> None:
    remove = CONNECT.replace("connect_pssession", "remove_pssession")
    code, shown = run_on_a_terminal(controller, answers=["n", "y", "n"], playbook=remove)
    assert code == 0, shown
    for name in ("ITTask", "ITBackup", "Patch"):
        assert f'Performing the operation "Remove" on target "srv01" ({name}).' in shown
    assert sorted(session.name or "" for session in fleet["srv01"].sessions) == ["ITTask", "Patch"]


def test_to_all(controller: Controller, fleet: SimulatedFleet) -> None:
    code, shown = run_on_a_terminal(controller, answers=["y", "L"])
    assert (code, shown.count(PROMPT)) == (0, 2), shown
    assert connected(fleet) == ["ITTask"]
    (result,) = controller.results()
    assert result.sessions == [("srv01", "ITTask")]
    code, shown = run_on_a_terminal(controller, answers=["a"])
    assert (code, shown.count(PROMPT)) == (0, 1), shown
    assert connected(fleet) == ["ITTask", "ITBackup", "Patch"]


def test_an_interruption_is_no_answer(controller: Controller, fleet: SimulatedFleet) -> None:
    code, shown = run_on_a_terminal(controller, answers=["y", "\x03"])
    assert code == 2, shown
    (result,) = controller.results()
    assert result.message == "confirm: interrupted instead of answered. Nothing was done."
    assert [error["fully_qualified_error_id"] for error in result["errors"]] == [f"InvalidOperation,{CMDLET}"]
    assert connected(fleet) == []


def test_without_a_terminal_nothing_is_connected(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(CONNECT, "--limit", "srv01")
    assert run["Connect"].outcome == "failed"
    assert "confirm: the question could not be asked" in run["Connect"].message
    assert run["Connect"]["sessions"] == []
    (error,) = run["Connect"]["errors"]
    assert error["fully_qualified_error_id"] == f"InvalidOperation,{CMDLET}"
    assert error["message"] == run["Connect"].message
    checked = controller.run(CONNECT, "--limit", "srv01", "--check")
    assert checked.exit_code == 0, checked.output
    assert len(checked["Connect"]["what_if"]) == 3
    assert connected(fleet) == []
    assert {request.operation for request in fleet.requests} == {"Enumerate"}


def test_no_question_goes_between_data(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(CONNECT, "--limit", "srv01", ANSIBLE_STDOUT_CALLBACK="document")
    assert run.stdout == "{}\n"
    assert "the stdout callback prints data" in run["Connect"].message
    assert fleet.requests_of("srv01", "Connect") == []
