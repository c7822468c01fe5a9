# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that repeat, and two tasks for one session: nothing is started twice, and no output is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import kill
from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, USER, Controller, Run

# Each receive with timeout 0 takes one piece: the script waits for the clock of the fleet in between.
STEPS: list[dict[str, Any]] = [
    {"output": "one"},
    {"sleep": 100},
    {"output": "two"},
    {"sleep": 100},
    {"output": "three"},
]
SCRIPTS: dict[str, Any] = {"slow": STEPS, "quick": [{"output": "ran"}], "long": [{"output": "begun"}, {"sleep": 36000}]}
# Lets the fleet's time pass between two attempts: the condition of `until` is evaluated after each.
START = """
- name: Start
  psremoting.fleet.invoke_command: {script: slow, in_disconnected_session: true, session_name: Nightly}
"""


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """A computer with a session `job`."""
    computers = [{"name": "srv01", "sessions": [{"name": "job"}]}]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


QUICK = """
- name: Receive
  psremoting.fleet.receive_pssession: {name: Nightly}
  ignore_errors: true
- name: Run
  psremoting.fleet.invoke_command: {name: Nightly, script: quick}
  ignore_errors: true
"""


def receives(fleet: SimulatedFleet) -> int:
    """How many requests for the output of a command there were. Opening a session takes two that are for none."""
    return len([each for each in fleet.requests_of("srv01", "Receive") if each.command_id])


def another(controller: Controller) -> Controller:
    """A second process of the same controller: it has the same home folder."""
    other = Controller(controller.folder.parent / "folder-2", controller.inventory)
    other.environment["ANSIBLE_HOME"] = controller.environment["ANSIBLE_HOME"]
    return other


def assert_busy(run: Run) -> None:
    """Both tasks of `QUICK` were told that another process works with the session."""
    for task in ("Receive", "Run"):
        (error,) = run[task]["errors"]
        assert (error["reason"], error["session_name"]) == ("busy", "Nightly")
        assert "another task of this controller works in it or receives from it" in error["message"]


def attempt(controller: Controller, fleet: SimulatedFleet, task: str, *, at: str = "Disconnect") -> Any:
    """Run a task that repeats itself, and let time of the fleet pass whenever its command waits.

    Args:
        at: The request after which the command waits: with a timeout the one that ends an attempt, without one Receive.
    """
    process = controller.started(START + task, "--limit", "srv01")
    seen = 0

    def step() -> bool:
        nonlocal seen
        requests = len(fleet.requests_of("srv01", at))
        if requests > seen:
            seen = requests
            fleet.clock.advance(101)
        return process.poll() is not None

    until(step)
    return controller.ended(process)


@pytest.mark.parametrize("more", ["", ", when_done: remove"], ids=["keep", "remove"])
def test_until_has_the_output_of_all_attempts(controller: Controller, fleet: SimulatedFleet, more: str) -> None:
    run = attempt(
        controller,
        fleet,
        f"""
- name: Receive
  psremoting.fleet.receive_pssession: {{name: Nightly, timeout: 0{more}}}
  register: received
  until: received.results[0].state == 'Completed'
  retries: 200
  delay: 0
""",
    )
    assert run.exit_code == 0, run.output
    (result,) = run["Receive"]["results"]
    assert (result["output"], result["state"]) == (["one", "two", "three"], "Completed")


def test_until_that_is_never_fulfilled_keeps_the_output(controller: Controller, fleet: SimulatedFleet) -> None:
    run = attempt(
        controller,
        fleet,
        """
- name: Receive
  psremoting.fleet.receive_pssession: {name: Nightly, when_done: remove}
  register: received
  until: false
  retries: 3
  delay: 0
  ignore_errors: true
""",
        at="Receive",
    )
    (result,) = run["Receive"]["results"]
    assert result["output"] == ["one", "two", "three"]
    assert len(fleet.requests_of("srv01", "Delete")) == 1


def test_until_of_a_job_has_the_output_of_all_attempts(controller: Controller, fleet: SimulatedFleet) -> None:
    run = attempt(
        controller,
        fleet,
        """
- name: Collect
  psremoting.fleet.pssession_job: {job: collect, name: Nightly, timeout: 0}
  register: collected
  until: collected.hosts.srv01.results[0].state == 'Completed'
  retries: 200
  delay: 0
""",
    )
    assert run.exit_code == 0, run.output
    assert run["Collect"]["hosts"]["srv01"]["results"][0]["output"] == ["one", "two", "three"]


@pytest.mark.parametrize("repeating", ["until: false", "retries: 2"])
def test_a_script_with_a_timeout_is_not_repeated(controller: Controller, fleet: SimulatedFleet, repeating: str) -> None:
    run = controller.run(
        f"""
        - name: Run
          psremoting.fleet.invoke_command: {{name: job, script: long, timeout: 0}}
          {repeating}
          delay: 0
          ignore_errors: true
        - name: Start
          psremoting.fleet.invoke_command: {{script: long, in_disconnected_session: true, session_name: New}}
          {repeating}
          delay: 0
          ignore_errors: true
        """
    )
    assert "until and retries cannot be used with timeout here" in run["Run"].message
    assert "in_disconnected_session: true" in run["Run"].message
    assert len(fleet.requests_of("srv01", "Command")) == 1  # of the second task, however often it was repeated


def test_a_script_that_ended_is_run_again_as_until_asks(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.run(
        """
        - name: Run
          psremoting.fleet.invoke_command: {name: job, script: quick}
          until: false
          retries: 2
          delay: 0
          ignore_errors: true
        """
    )
    assert len(fleet.requests_of("srv01", "Command")) == 3


def test_repeated_receives_on_another_host_need_a_journal(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    run = controller.run(
        """
        - name: Receive
          psremoting.fleet.receive_pssession: {name: job, timeout: 0}
          delegate_to: bastion
          until: false
          retries: 1
          delay: 0
          ignore_errors: true
        """
    )
    assert "need journal where the module runs on another host" in run["Receive"].message
    assert fleet.requests == []


def test_one_machine_under_two_names_is_started_once_with_a_word(controller: Controller, fleet: SimulatedFleet) -> None:
    hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
    hosts["alias01"] = {"ansible_host": fleet["srv01"].address}
    tasks = """
        - name: Start
          psremoting.fleet.invoke_command: {script: long, in_disconnected_session: true, session_name: Nightly}
        """
    run = controller.run(tasks, "--forks", "2")
    assert run.exit_code == 0, run.output
    assert len(fleet.requests_of("srv01", "Create")) == 1
    assert "are one computer: session Nightly" in " ".join(run.output.split())


def test_two_names_in_one_task_are_started_once_with_a_word(controller: Controller, fleet: SimulatedFleet) -> None:
    hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
    hosts["alias01"] = {"ansible_host": fleet["srv01"].address}
    run = controller.run(
        """
        - name: Start
          psremoting.fleet.invoke_command:
            computer_name: [srv01, alias01]
            script: long
            in_disconnected_session: true
            session_name: Nightly
          run_once: true
        """
    )
    assert run.exit_code == 0, run.output
    assert len(fleet.requests_of("srv01", "Create")) == 1
    assert "srv01 and alias01 are one computer" in " ".join(run.output.split())


def test_a_session_is_received_by_one_process_at_a_time(controller: Controller, fleet: SimulatedFleet) -> None:
    other = another(controller)
    receiving = other.started(START + "- {name: Receive, psremoting.fleet.receive_pssession: {name: Nightly}}")
    until(lambda: receives(fleet) > 1)
    assert_busy(controller.run(QUICK))
    fleet.clock.advance(101)
    until(lambda: receives(fleet) > 2)
    fleet.clock.advance(101)
    ended = other.ended(receiving)
    assert ended.exit_code == 0, ended.output
    assert ended["Receive"]["results"][0]["output"] == ["one", "two", "three"]
    # Its end has released the session.
    assert (
        controller.run("[{name: Run, psremoting.fleet.invoke_command: {name: Nightly, script: quick}}]").exit_code == 0
    )


@pytest.mark.parametrize("held", ["Command", "Disconnect"])
def test_a_session_is_left_alone_while_a_script_is_started_in_it(
    controller: Controller, fleet: SimulatedFleet, held: str
) -> None:
    """It is listed as soon as it is open: before its script is there, and before its client has disconnected."""
    injection = Injection(held, action="delay", seconds=10)
    fleet["srv01"].inject(injection)
    other = another(controller)
    starting = other.started(START)
    until(lambda: injection.waiting)
    assert_busy(controller.run(QUICK))
    assert len(fleet.requests_of("srv01", "Command")) == 1
    fleet.clock.advance(10)
    ended = other.ended(starting)
    assert ended.exit_code == 0, ended.output
    # Its end has released the session.
    run = controller.run("[{name: Receive, psremoting.fleet.receive_pssession: {name: Nightly, timeout: 0}}]")
    assert run["Receive"]["results"][0]["output"] == ["one"]


def test_a_kill_releases_the_session(controller: Controller, fleet: SimulatedFleet) -> None:
    process = controller.started(START + "- {name: Receive, psremoting.fleet.receive_pssession: {name: Nightly}}")
    until(lambda: receives(fleet) > 1)
    kill(process)
    run = controller.run("[{name: Receive, psremoting.fleet.receive_pssession: {name: Nightly, timeout: 0}}]")
    assert run.exit_code == 0, run.output
