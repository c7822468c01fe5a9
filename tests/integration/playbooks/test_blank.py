# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blank and null are the default in every variable of role and playbooks, and in every option of the lookup.

AWX sends one or the other for an optional question of a survey without an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _known_variables, _role_variables
from tests.simulator import SimulatedFleet, User

from .conftest import COMPUTERS
from .controller import PASSWORD, PATIENT, USER, Controller
from .shipped import Shipped

ROOT = Path(__file__).resolve().parents[3]
# All but the one that sends nothing.
PLAYBOOKS = sorted(
    path.stem for path in (ROOT / "playbooks").glob("*.yml") if path.stem not in ("journal", "compare_connections")
)
BLANK = pytest.mark.parametrize("blank", ["", None], ids=["blank", "null"])
# What each playbook needs, and what of it a requested change has to say.
NEEDED: dict[str, dict[str, Any]] = {
    "start": {"pssession_name": "Nightly", "pssession_script": "quick"},
    "resume": {"pssession_name": "Nightly", "pssession_script": "quick"},
    "collect": {"pssession_name": "*", "pssession_journal": "journals"},
    "harvest": {"pssession_name": "*", "pssession_journal": "journals"},
    "journal": {"pssession_journal": "journals"},
}


def variables_of(playbook: str) -> set[str]:
    """All variables of a playbook: those of the role's entry point, and those of playbooks."""
    entry_point = "main" if playbook == "connect" else playbook
    return {*_known_variables.OF_PLAYBOOKS, *_role_variables.named(_role_variables.SPECS[entry_point])}


def idle_timeout(body: str) -> str:
    return body.partition("IdleTimeOut>")[2].partition("<")[0]


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """The computers of the other tests, with a script."""
    scripts: dict[str, Any] = {"quick": [{"output": "ran"}]}
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)], scripts, switches=PATIENT) as started:
        yield started


@pytest.fixture
def shipped(controller: Controller) -> Shipped:
    return Shipped(controller.folder, controller.inventory)


@BLANK
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_with_blank_variables_does_what_it_does_without(
    shipped: Shipped, fleet: SimulatedFleet, playbook: str, blank: str | None
) -> None:
    needed = NEEDED.get(playbook, {})
    given = {**dict.fromkeys(variables_of(playbook), blank), **needed}
    asked = []
    for variables in (needed, given):
        before = len(fleet.requests)
        run = shipped.run(playbook, "--check", "--extra-vars", json.dumps(variables), hosts="")
        assert run.exit_code == 0, run.output
        sent = sorted((each.computer, each.operation) for each in fleet.requests[before:])
        told = sorted((each.task, each.host, each.outcome, bool(each.values.get("changed"))) for each in run.results)
        asked.append((sent, told))
    assert asked[0][0]
    assert asked[1] == asked[0]


@BLANK
def test_the_playbook_that_only_reads_journals_shows_them(shipped: Shipped, blank: str | None) -> None:
    assert shipped.play("resume", name="Nightly", script="quick", journal="journals").exit_code == 0
    given = {**dict.fromkeys(variables_of("journal"), blank), **NEEDED["journal"]}
    run = shipped.run("journal", "--extra-vars", json.dumps(given), hosts="")
    assert run.exit_code == 0, run.output
    assert run.stdout.count("  ran\n") == 1  # equal on all hosts
    assert "3 ok" in run.stdout.splitlines()


@BLANK
def test_sessions_are_opened_with_the_default_idle_timeout(
    shipped: Shipped, fleet: SimulatedFleet, blank: str | None
) -> None:
    given = {**dict.fromkeys(variables_of("start"), blank), **NEEDED["start"]}
    shipped.run("start", "--extra-vars", json.dumps(given), hosts="")
    created = fleet.requests_of("srv01", "Create")
    assert [idle_timeout(request.body) for request in created] == ["PT86400.000S"]


@BLANK
@pytest.mark.parametrize(
    ("playbook", "name"), [("start", "pssession_name"), ("resume", "pssession_name"), ("collect", "pssession_journal")]
)
def test_what_is_required_must_not_be_blank(shipped: Shipped, playbook: str, name: str, blank: str | None) -> None:
    given = {**NEEDED[playbook], name: blank}
    run = shipped.run(playbook, "--extra-vars", json.dumps(given), hosts="")
    assert run.exit_code != 0
    assert f"missing required arguments: {name}" in " ".join(run.output.split())


def test_zero_is_not_blank(shipped: Shipped, fleet: SimulatedFleet) -> None:
    run = shipped.play("cleanup", "--check", name="ITTask", minimum_age=0)
    assert run.exit_code == 0, run.output
    assert 'What if: Performing the operation "Remove"' in run.stdout


@BLANK
@pytest.mark.parametrize("way", ["per_host", "fleet"])
def test_the_role_with_blank_variables_connects_to_all_sessions(
    controller: Controller, fleet: SimulatedFleet, way: str, blank: str | None
) -> None:
    variables = _role_variables.named(_role_variables.SPECS["main"])
    given = {**dict.fromkeys(variables, blank), **({"pssession_way": way} if way == "fleet" else {})}
    run = controller.run(
        """
        - hosts: windows
          gather_facts: false
          roles: [psremoting.fleet.pssession]
        """,
        "--extra-vars",
        json.dumps(given),
    )
    assert run.exit_code == 0, run.output
    assert all(session.state == "Connected" for computer in fleet for session in computer.sessions)


def test_the_lookup_takes_blank_options_and_variables_for_defaults(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    names = [name for name in _plugins.LOOKUP.spec if name not in ("computer_name", "endpoints")]
    variables = {f"pssession_{name}": None if number % 2 else "" for number, name in enumerate(names)}
    quoted = ", ".join(f"{name}=x" for name in names)
    run = controller.run(
        f"""
        - {{name: Without, ansible.builtin.debug: {{msg: "{{{{ query('psremoting.fleet.pssession', 'srv01') }}}}"}}}}
        - name: Blank
          ansible.builtin.debug: {{msg: "{{{{ query('psremoting.fleet.pssession', 'srv01', {quoted}) }}}}"}}
          vars: {{x: ''}}
        - name: "Null"
          ansible.builtin.debug: {{msg: "{{{{ query('psremoting.fleet.pssession', 'srv01', {quoted}) }}}}"}}
          vars: {{x: null}}
        - name: Suboptions
          ansible.builtin.debug:
            msg: >-
              {{{{ query('psremoting.fleet.pssession', 'srv01', session_option=dict(idle_timeout='', culture=none)) }}}}
        """,
        "--limit",
        "srv01",
        "--extra-vars",
        json.dumps(variables),
    )
    assert run.exit_code == 0, run.output
    results = [run[task]["msg"] for task in ("Without", "Blank", "Null", "Suboptions")]
    found = [sorted(session["instance_id"] for session in result) for result in results]
    assert len(found[0]) == 3
    assert found[1:] == [found[0]] * 3


@BLANK
def test_null_in_a_module_is_the_default_and_a_blank_name_is_refused(
    controller: Controller, fleet: SimulatedFleet, blank: str | None
) -> None:
    given = {"name": "Nightly", "busy_timeout": None, "throttle_limit": None, "on_missing": None, "on_error": None}
    tasks: list[dict[str, Any]] = [
        {"name": "Null", "psremoting.fleet.connect_pssession": {**given, "name": "ITTask"}},
        {"name": "Name", "psremoting.fleet.remove_pssession": {"name": blank}, "ignore_errors": True},
    ]
    run = controller.run(yaml.safe_dump(tasks), "--limit", "srv01")
    assert run["Null"]["changed"] is True
    assert run["Name"].outcome == "ignored"
    assert fleet.requests_of("srv01", "Delete") == []
