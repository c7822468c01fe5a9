# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role and playbooks read no variable without their prefix, and none that an earlier play of the run left."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of

ROOT = Path(__file__).resolve().parents[3]
# What plays and roles with the same jobs mostly call their variables, registered results and facts.
COMMON = """
    account accounts asked blank by_outcome changed computers done expiring failed failed_result found fleet granted
    hosts_done is_of_the_role items jobs lines mine nothing outcome outcomes outputs reconnect reconnect_result request
    requests required result results sessions soon summary table told values variables wanted way
    __pssession_job __pssession_told __reconnect_asked __reconnect_collects __reconnect_computers __reconnect_done
    __reconnect_is_windows __reconnect_job __reconnect_request __reconnect_requests __reconnect_summary __reconnect_way
    __reconnect_why role_result entry_point options spec task_result state status
"""
# Values that would do something else wherever one of these variables was read.
POISON: Sequence[Any] = (True, "poison", {"failed": True, "changed": True, "sessions": []}, ["srv02"], 60, "")
SCRIPTS: dict[str, Any] = {"quick": [{"output": "done"}]}
# All playbooks, each with its variables.
STEPS: dict[str, dict[str, Any]] = {
    "list": {},
    "start": {"pssession_name": "New", "pssession_script": "quick"},
    "connect": {"pssession_name": ["Idle"]},
    "collect": {"pssession_name": ["Done"], "pssession_journal": "journals"},
    "harvest": {"pssession_name": ["Other"], "pssession_journal": "journals"},
    "resume": {"pssession_name": "Work", "pssession_script": "quick", "pssession_journal": "work"},
    "extend": {"pssession_name": ["Expiring"], "pssession_expires_within": 3600, "pssession_idle_timeout": 7200},
    "cleanup": {"pssession_name": ["Left"]},
}
# A computer takes more or fewer of these for the same output.
VARYING = ("Receive",)


def computer(name: str) -> dict[str, Any]:
    """A computer with something to do for each playbook."""
    return {
        "name": name,
        "sessions": [
            {"name": "Idle"},
            {"name": "Done", "commands": [{"script": "quick", "state": "finished"}]},
            {"name": "Other", "commands": [{"script": "quick", "state": "finished"}]},
            {"name": "Expiring", "inactivity": 5400},
            {"name": "Left", "inactivity": 4000},
        ],
    }


def names() -> list[str]:
    """Some 250 names: those above, and what options and results of the modules are called."""
    specs = [each.spec for each in (*_plugins.MODULES, _plugins.LOOKUP)]
    specs += [_arguments.PSSESSION_JOB, _arguments.REPORT, _arguments.SUMMARY]
    found = {*COMMON.split()}
    for spec in specs:
        found |= {name for option, each in spec.items() for name in (option, *each.get("options", {}))}
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.psremoting.fleet.plugins.modules.{path.stem}")
        found |= set(returned(yaml.safe_load(module.RETURN)))
    found |= {f"{prefix}_{name}" for prefix in ("_pssession", "role", "job") for name in _arguments.JOB}
    # Ansible itself reads variables that begin like the first, and this one.
    return sorted(name for name in found - {"inventory_hostname"} if not name.startswith(("ansible_", "pssession_")))


def returned(values: Mapping[str, Any] | None) -> Iterator[str]:
    for name, value in (values or {}).items():
        yield name
        yield from returned(value.get("contains"))


def poisoned() -> dict[str, Any]:
    return {name: POISON[number % len(POISON)] for number, name in enumerate(names())}


def book(order: Sequence[str], first: Sequence[Any] = ()) -> str:
    imports = [
        {"name": step, "import_playbook": f"psremoting.fleet.{step}", "vars": STEPS[step]} for step in order if step
    ]
    return yaml.safe_dump([*first, *imports])


def setting(variables: Mapping[str, Any]) -> dict[str, Any]:
    """A play that sets facts."""
    task = {"name": "Set", "ansible.builtin.set_fact": dict(variables)}
    return {"name": "Set facts", "hosts": "windows", "gather_facts": False, "tasks": [task]}


def registering() -> dict[str, Any]:
    """A play that registers a result under each of the common names."""
    tasks = [
        {"name": "Register", "ansible.builtin.debug": {"msg": "poison"}, "register": name} for name in COMMON.split()
    ]
    return {"name": "Register results", "hosts": "windows", "gather_facts": False, "tasks": tasks}


@contextmanager
def started(folder: Path) -> Iterator[tuple[SimulatedFleet, Controller]]:
    """A new fleet in the same state, with a new controller."""
    computers = [computer(name) for name in ("srv01", "srv02")]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as fleet:
        yield fleet, Controller(folder, inventory_of(fleet))


def told(runs: Sequence[Run]) -> list[Any]:
    """What the role said about each host, without what differs from run to run."""
    found = [
        (
            values["entry_point"],
            result.host,
            result.outcome,
            values["outcome"],
            values["changed"],
            sorted((session["name"], session["changed"]) for session in values["sessions"]),
            sorted((each["name"], each["state"], str(each["output"])) for each in values["results"]),
            [error["message"] for error in values["errors"]],
        )
        for run in runs
        for result in run.results
        if "entry_point" in (values := result.values)
    ]
    return sorted(found, key=str)


def requests(fleet: SimulatedFleet) -> Counter[tuple[str, str]]:
    return Counter(
        (request.computer, request.operation) for request in fleet.requests if request.operation not in VARYING
    )


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Counter[tuple[str, str]]]:
    """What all playbooks say and send, one after the other in one run, without any other variable."""
    with started(tmp_path_factory.mktemp("expected")) as (fleet, controller):
        run = controller.run(book(list(STEPS)))
        assert run.exit_code == 0, run.output
        return told([run]), requests(fleet)


def test_there_are_many_names() -> None:
    assert len(set(names()) - set(COMMON.split())) >= 200
    assert {name for name in names() if name.startswith("pssession_")} == set()


def test_each_playbook_has_something_to_do(expected: tuple[list[Any], Any]) -> None:
    assert {step: changed for step, host, _ok, _outcome, changed, *_rest in expected[0] if host == "srv01"} == {
        **dict.fromkeys(("main", "start", "collect", "harvest", "resume", "extend"), True),
        **dict.fromkeys(("list", "cleanup"), False),
    }


@pytest.mark.parametrize("kind", ["extra variables", "facts", "registered results"])
def test_other_variables_change_nothing(
    tmp_path: Path, expected: tuple[list[Any], Counter[tuple[str, str]]], kind: str
) -> None:
    with started(tmp_path) as (fleet, controller):
        if kind == "extra variables":
            run = controller.run(book(list(STEPS)), "--extra-vars", json.dumps(poisoned()))
        else:
            first = setting(poisoned()) if kind == "facts" else registering()
            run = controller.run(book(list(STEPS), [first]))
        assert run.exit_code == 0, run.output
        assert told([run]) == expected[0]
        assert requests(fleet) == expected[1]


@pytest.mark.parametrize("order", [list(reversed(STEPS)), [*list(STEPS)[3:], *list(STEPS)[:3]]], ids=["back", "turned"])
def test_playbooks_in_one_run_do_what_they_do_alone(tmp_path: Path, order: list[str]) -> None:
    with started(tmp_path / "alone") as (fleet, controller):
        runs = [controller.run(book([step])) for step in order]
        assert [run.exit_code for run in runs] == [0] * len(order), [run.output for run in runs if run.exit_code]
        alone = told(runs), requests(fleet)
    with started(tmp_path / "together") as (fleet, controller):
        run = controller.run(book(order))
        assert run.exit_code == 0, run.output
        assert (told([run]), requests(fleet)) == alone
