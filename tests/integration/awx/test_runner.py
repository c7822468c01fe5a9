# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job with a machine credential that asks for its password, and what AWX reads from the job's events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jq
import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.awx.jobs import Job, Outcome
from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, inventory_of
from tests.simulator import SimulatedFleet, User

ROOT = Path(__file__).resolve().parents[3]
QUERIES: dict[str, dict[str, str]] = yaml.safe_load(
    (ROOT / "extensions" / "audit" / "event_query.yml").read_text(encoding="utf-8")
)


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    session = {"name": "Nightly"}
    computers: list[dict[str, Any]] = [
        {"name": "srv01", "sessions": [session, {"name": "Second"}]},
        {"name": "srv02", "sessions": [session]},
        {"name": "srv03"},
        {"name": "srv04", "sessions": [session]},
    ]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], switches=PATIENT) as started:
        yield started


def run(folder: Path, fleet: SimulatedFleet, tasks: str, hosts: str = "windows", arguments: str = "") -> Outcome:
    """Run tasks with a machine credential that asks for the password. The inventory has no password, and no srv04."""
    play = {"name": "Test", "hosts": hosts, "gather_facts": False, "tasks": yaml.safe_load(tasks)}
    inventory = inventory_of(fleet, ansible_user=None, ansible_password=None)
    del inventory["all"]["children"]["windows"]["hosts"]["srv04"]
    job = Job(
        folder / "job",
        inventory,
        {"play.yml": yaml.safe_dump([play])},
        "play.yml",
        passwords={r"SSH password:\s*?$": PASSWORD},
        arguments=f"--user {USER} --ask-pass {arguments}",
    )
    (folder / "home").mkdir(parents=True)
    return job.run(folder / "home")


def counted(outcome: Outcome, task: str | None = None) -> list[tuple[str, str]]:
    """Names and identities of the nodes that AWX counts, one for each time that one is counted."""
    found = []
    for data in outcome.data():
        query = QUERIES.get(data.get("resolved_action", ""))
        if query and "res" in data and task in (None, data["task"]):
            for node in jq.compile(query["query"]).input(data["res"]).all():
                found.append((node["name"], node["canonical_facts"]["host_name"]))
    return found


def test_a_password_that_was_asked_for_gets_in_and_stays_secret(fleet: SimulatedFleet, tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        fleet,
        """
        - name: Connect
          psremoting.fleet.connect_pssession: {name: Nightly, on_missing: skip}
        """,
    )
    assert outcome.code == 0, outcome.stdout
    assert {host: len(result["sessions"]) for host, result in outcome.results("Connect").items()} == {
        "srv01": 1,
        "srv02": 1,
        "srv03": 0,
    }
    told = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "passwords"]
    assert [path for path in told if PASSWORD.encode() in path.read_bytes()] == []


def test_computers_that_a_task_acts_on_are_counted(fleet: SimulatedFleet, tmp_path: Path) -> None:
    outside = fleet["srv04"].address
    outcome = run(
        tmp_path,
        fleet,
        f"""
        - name: Connect
          psremoting.fleet.connect_pssession:
            computer_name: [srv01, srv02, srv03, {outside}]
            name: [Nightly, Second, Nowhere]
            on_error: report
            port: 5985
            authentication: basic
            session_option: {{no_encryption: true}}
            credential: {{username: {USER}, password: "{PASSWORD}"}}
          register: fleet
        - name: Look
          psremoting.fleet.pssession_info: {{computer_name: [srv01, srv02]}}
        - name: Loop
          psremoting.fleet.disconnect_pssession:
            session: "{{{{ [item] }}}}"
          loop: "{{{{ fleet.sessions | selectattr('computer_name', 'equalto', 'srv01') }}}}"
          loop_control: {{label: "{{{{ item.name }}}}"}}
        - name: Wrong
          psremoting.fleet.remove_pssession: {{computer_name: srv01, instance_id: no-guid}}
          ignore_errors: true
        - name: Censored
          psremoting.fleet.connect_pssession: {{computer_name: srv01}}
          no_log: true
        """,
        hosts="localhost",
    )
    assert outcome.code == 0, outcome.stdout
    assert sorted(counted(outcome, "Connect")) == sorted((name, name) for name in ("srv01", "srv02", outside))
    assert counted(outcome, "Loop") == [("srv01", "srv01")] * 2
    assert [counted(outcome, task) for task in ("Look", "Wrong", "Censored")] == [[], [], []]


def test_each_host_of_a_job_counts_for_itself(fleet: SimulatedFleet, tmp_path: Path) -> None:
    tasks = """
        - name: Job
          psremoting.fleet.pssession_job:
            {job: connect, name: Nightly, computer_name: [srv01, srv02, srv03], on_error: report}
          run_once: true
    """
    outcome = run(tmp_path, fleet, tasks)
    assert outcome.code == 0, outcome.stdout
    assert counted(outcome) == [("srv01", "srv01"), ("srv02", "srv02")]


def test_the_role_counts_its_hosts_where_it_does_not_only_look(fleet: SimulatedFleet, tmp_path: Path) -> None:
    tasks = """
        - name: List
          ansible.builtin.import_role: {name: psremoting.fleet.pssession, tasks_from: list, rolespec_validate: false}
    """
    outcome = run(tmp_path / "list", fleet, tasks)
    assert (outcome.code, counted(outcome)) == (0, []), outcome.stdout
    outcome = run(tmp_path / "connect", fleet, tasks.replace("list", "main"))
    assert sorted(counted(outcome)) == [("srv01", "srv01"), ("srv02", "srv02")], outcome.stdout


def test_check_mode_counts_nothing(fleet: SimulatedFleet, tmp_path: Path) -> None:
    tasks = """
        - name: Connect
          psremoting.fleet.connect_pssession: {name: Nightly, on_missing: skip}
    """
    outcome = run(tmp_path, fleet, tasks, arguments="--check")
    assert outcome.code == 0, outcome.stdout
    assert [len(result["what_if"]) for result in outcome.results("Connect").values()].count(1) == 2
    assert counted(outcome) == []


@pytest.mark.parametrize("result", [None, [], "text", {}, {"sessions": None}, {"censored": "no"}, {"what_if": None}])
def test_nothing_that_a_task_could_leave_upsets_a_query(result: Any) -> None:
    for query in QUERIES.values():
        assert jq.compile(query["query"]).input(result).all() == []


def test_a_name_in_capitals_is_the_same_computer() -> None:
    sessions = [{"inventory_hostname": None, "computer_name": name} for name in ("SRV01", "srv01")]
    for query in QUERIES.values():
        (node,) = jq.compile(query["query"]).input({"sessions": sessions}).all()
        assert node == {
            "name": "srv01",
            "canonical_facts": {"host_name": "srv01"},
            "facts": {"device_type": "Windows computer"},
        }


def test_every_module_that_acts_has_a_query() -> None:
    acting = {each.name for each in _plugins.MODULES if not each.cmdlet.is_reading}
    assert set(QUERIES) == {f"psremoting.fleet.{name}" for name in acting | {"pssession_job", "pssession_role"}}
