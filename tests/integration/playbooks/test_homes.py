# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the controller keeps what it knows: Ansible's home folder, none, or a registry that another process holds."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from tests.simulator import SimulatedFleet

from .controller import Controller
from .shipped import Shipped, extra

TASKS = """
- {name: Connect, psremoting.fleet.connect_pssession: {name: ITTask}}
- {name: Again, psremoting.fleet.connect_pssession: {name: ITTask}}
- {name: Look, ansible.builtin.debug: {msg: "{{ query('psremoting.fleet.pssession', name='ITTask') }}"}}
"""


def clients(fleet: SimulatedFleet) -> set[str | None]:
    return {request.client_session_id for request in fleet.requests}


def test_home_of_the_configuration_counts(controller: Controller, fleet: SimulatedFleet) -> None:
    del controller.environment["ANSIBLE_HOME"]
    home = controller.folder / "other-home"
    config = controller.write("other.cfg", f"[defaults]\nhome = {home}\n")
    run = controller.run(TASKS, ANSIBLE_CONFIG=str(config))
    assert run.exit_code == 0, run.output
    assert (home / "pssession" / "state.sqlite3").exists()
    assert len(clients(fleet)) == 1


def test_without_a_home_the_run_is_one_client_with_one_warning(controller: Controller, fleet: SimulatedFleet) -> None:
    """HOME is `~`, which Python makes of no HOME for a user ID without an entry in the passwd file."""
    del controller.environment["ANSIBLE_HOME"]
    controller.environment["ANSIBLE_LOCAL_TEMP"] = str(controller.folder / "local-temp")
    run = controller.run(TASKS, HOME="~")
    assert run.exit_code == 0, run.output
    assert not (controller.folder / "~").exists()
    assert " ".join(run.output.split()).count("there is no home folder for the state file") == 1
    assert len(clients(fleet)) == 1
    assert {result["changed"] for result in run.of("Connect").values()} == {True}
    assert {result["changed"] for result in run.of("Again").values()} == {False}


def test_a_path_in_no_home_is_refused(controller: Controller, fleet: SimulatedFleet) -> None:
    del controller.environment["ANSIBLE_HOME"]
    controller.environment["ANSIBLE_LOCAL_TEMP"] = str(controller.folder / "local-temp")
    run = controller.run(
        """
        - name: Journal
          psremoting.fleet.receive_pssession: {name: ITTask, journal: ~/journals/}
          ignore_errors: true
        - name: Job
          psremoting.fleet.pssession_job: {job: resume, name: ITTask, script: x, journal: ~/journals/}
          ignore_errors: true
        - name: Report
          psremoting.fleet.pssession_report: {results: [], dest: ~/report.html}
          ignore_errors: true
        """,
        "--limit",
        "srv01",
        HOME="~",
    )
    for task, option in (("Journal", "journal"), ("Job", "journal"), ("Report", "dest")):
        assert run[task].message.startswith(f"{option}: ~/"), run.output
        assert "the user of this process has none" in run[task].message
    assert not (controller.folder / "~").exists()
    assert fleet.requests == []


def test_a_path_of_a_playbook_in_the_home_folder(controller: Controller) -> None:
    shipped = Shipped(controller.folder, controller.inventory)
    home = controller.folder / "me"
    run = shipped.run("list", *extra(report="~/fleet.html"), hosts="", HOME=str(home))
    assert run.exit_code == 0, run.output
    assert (home / "fleet.html").exists()
    assert not (controller.folder / "~").exists()


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
def test_a_held_registry_costs_one_warning_and_no_identity(
    controller: Controller, fleet: SimulatedFleet, is_known: bool
) -> None:
    if is_known:
        assert controller.run(TASKS).exit_code == 0
    controller.registry.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(controller.registry)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        run = controller.run(TASKS)
    assert run.exit_code == 0, run.output
    assert " ".join(run.output.split()).count("cannot be used: database is locked") == 1
    assert controller.run(TASKS).exit_code == 0
    assert len(clients(fleet)) == 1
