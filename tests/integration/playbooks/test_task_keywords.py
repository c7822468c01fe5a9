# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""become, async and environment: refused or warned of on the controller, and obeyed where the module runs elsewhere."""

from __future__ import annotations

import sys

import pytest

from tests.simulator import SimulatedFleet
from tests.waiting import until

from .controller import Controller
from .shipped import Shipped

BECOME = "become is not possible: a script runs as the account that opened its session. Nothing was sent."
NO_EFFECT = "become has no effect on this task. "
KEYWORD, VARIABLE = "Set become: false for the task", "Set ansible_become: false in vars of the task"


@pytest.mark.parametrize(
    ("of_play", "of_task", "remedy"),
    [
        ("become: true", "", KEYWORD),
        ("", "become: true", KEYWORD),
        ("vars: {ansible_become: true}", "", VARIABLE),
        ("", "vars: {ansible_become: 'yes'}", VARIABLE),
    ],
)
def test_become_of_a_play_or_task_is_refused(
    controller: Controller, fleet: SimulatedFleet, of_play: str, of_task: str, remedy: str
) -> None:
    run = controller.run(
        f"""
        - hosts: srv01
          gather_facts: false
          {of_play}
          tasks:
            - name: Run
              psremoting.fleet.invoke_command: {{name: ITTask, script: Get-Date}}
              ignore_errors: true
              {of_task}
            - name: Look
              psremoting.fleet.pssession_info:
              ignore_errors: true
              {of_task}
            - name: Job
              psremoting.fleet.pssession_job: {{job: connect, name: ITTask}}
              ignore_errors: true
              {of_task}
        """
    )
    for task in ("Run", "Look", "Job"):
        assert run[task].outcome == "ignored"
        assert run[task].message.startswith(BECOME)
        assert remedy in run[task].message
        assert "credential (username and password)" in run[task].message
    assert "NoneType" not in run.output
    assert fleet.requests == []


def test_what_a_message_advises_works(controller: Controller) -> None:
    run = controller.run(
        """
        - hosts: srv01
          gather_facts: false
          become: true
          tasks:
            - name: Keyword
              psremoting.fleet.pssession_info:
              become: false
            - name: Variable
              psremoting.fleet.pssession_info:
              vars: {ansible_become: false}
        """
    )
    assert run.exit_code == 0, run.output
    assert NO_EFFECT not in run.output


@pytest.mark.parametrize("way", ["variable", "setting"])
def test_become_of_the_inventory_refuses_only_what_opens_or_starts(
    controller: Controller, fleet: SimulatedFleet, way: str
) -> None:
    if way == "variable":
        controller.group_variables["ansible_become"] = True
    else:
        controller.environment["ANSIBLE_BECOME"] = "true"
    run = controller.run(
        """
        - {name: Look, psremoting.fleet.pssession_info: {}}
        - {name: Connect, psremoting.fleet.connect_pssession: {name: ITTask}}
        - {name: Job, psremoting.fleet.pssession_job: {job: collect, name: ITTask, timeout: 0}}
        - {name: Open, psremoting.fleet.new_pssession: {name: Other}, ignore_errors: true}
        - name: Start
          psremoting.fleet.pssession_job: {job: start, name: Other, script: Get-Date}
          ignore_errors: true
        """
    )
    assert run.exit_code == 0, run.output
    assert " ".join(run.stderr.split()).count(NO_EFFECT) == 1  # for three hosts and three tasks
    for task in ("Look", "Connect", "Job"):
        assert len(run.of(task)) == 3
        for result in run.of(task).values():
            assert result["warnings"][0].startswith(NO_EFFECT)
    for task in ("Open", "Start"):
        assert {result.message.startswith(BECOME) for result in run.of(task).values()} == {True}
    assert {request.operation for request in fleet.requests}.isdisjoint({"Create", "Command"})


def test_become_of_a_host_that_a_task_of_the_controller_names_refuses_this_host_alone(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    controller.inventory["all"]["children"]["windows"]["hosts"]["srv02"]["ansible_become"] = True
    run = controller.run(
        """
        - hosts: localhost
          gather_facts: false
          tasks:
            - {name: Look, psremoting.fleet.pssession_info: {computer_name: [srv01, srv02]}}
            - name: Open
              psremoting.fleet.new_pssession: {name: Other, computer_name: [srv01, srv02]}
              ignore_errors: true
            - name: Told
              psremoting.fleet.new_pssession: {name: Another, computer_name: [srv01, srv02]}
              vars: {ansible_become: false}
        """
    )
    assert run.exit_code == 0, run.output
    (error,) = run.of("Open")["localhost"]["errors"]
    assert error["computer_name"] == "srv02"
    assert "the variable ansible_become of the inventory host srv02 cannot be obeyed: a script runs" in error["message"]
    assert len(fleet.requests_of("srv01", "Create")) == 2
    assert len(fleet.requests_of("srv02", "Create")) == 1


def test_a_playbook_of_the_collection_says_so(fleet: SimulatedFleet, controller: Controller) -> None:
    shipped = Shipped(controller.folder, controller.inventory)
    shipped.group_variables["ansible_become"] = True
    run = shipped.play("start", name="Nightly", script="Get-Date")
    assert run.exit_code != 0
    assert BECOME in " ".join(run.output.split())
    assert {request.operation for request in fleet.requests}.isdisjoint({"Create", "Command"})
    assert shipped.play("list").exit_code == 0


def test_async_is_refused_with_the_way_that_works(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(
        """
        - name: Receive
          psremoting.fleet.receive_pssession: {name: ITTask}
          async: 60
          poll: 0
          ignore_errors: true
        - name: Job
          psremoting.fleet.pssession_job: {job: collect, name: ITTask}
          async: 60
          ignore_errors: true
        """,
        "--limit",
        "srv01",
    )
    for task in ("Receive", "Job"):
        assert "async is not possible" in run[task].message
        assert "in_disconnected_session: true" in run[task].message
    assert fleet.requests == []


def test_environment_gets_a_warning(controller: Controller) -> None:
    run = controller.run(
        """
        - hosts: windows
          gather_facts: false
          environment: {https_proxy: "http://proxy:3128"}
          tasks:
            - {name: Look, psremoting.fleet.pssession_info: {}}
            - {name: Job, psremoting.fleet.pssession_job: {job: connect, name: ITTask}}
        """
    )
    assert run.exit_code == 0, run.output
    assert " ".join(run.stderr.split()).count("environment has no effect on this task") == 1
    assert run.on("Job", "srv01")["warnings"]


def test_a_report_tells_that_it_is_written_by_the_own_user(controller: Controller) -> None:
    tasks = "[{name: Report, psremoting.fleet.pssession_report: {results: [], dest: report.html}, become: true}]"
    run = controller.run(tasks, "--limit", "srv01")
    assert run.exit_code == 0, run.output
    assert "become has no effect" in run["Report"]["warnings"][0]


def test_on_another_host_they_mean_what_they_mean_there(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    run = controller.run(
        f"""
        - hosts: srv01
          gather_facts: false
          module_defaults:
            group/psremoting.fleet.all:
              state_file: {controller.folder}/bastion.sqlite3
          tasks:
            - name: Connect
              psremoting.fleet.connect_pssession: {{name: ITTask}}
              delegate_to: bastion
              async: 300
              poll: 0
            - name: Environment
              psremoting.fleet.pssession_info:
              delegate_to: bastion
              environment: {{PSSESSION_STATE_FILE: /nowhere}}
            - name: Job
              psremoting.fleet.pssession_job: {{job: connect, name: ITTask}}
              delegate_to: bastion
              async: 300
              ignore_errors: true
        """
    )
    assert run.exit_code == 0, run.output
    assert run["Connect"]["ansible_job_id"]
    until(lambda: fleet["srv01"].session("ITTask").state == "Connected")
    assert "warnings" not in run["Environment"] or not run["Environment"]["warnings"]
    assert "a job is several calls of modules" in run["Job"].message
