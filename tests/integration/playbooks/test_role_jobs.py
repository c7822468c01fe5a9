# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The jobs of the role: both ways tell each host the same, and change the same on the servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator import Injection, SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of
from .test_role_ways import WAYS, told

SCRIPTS: dict[str, Any] = {"Work": [{"output": "begun"}, {"output": "done"}]}
FINISHED = {"name": "Nightly", "commands": [{"script": "Work", "state": "finished"}]}
COMPUTERS: list[dict[str, Any]] = [
    {"name": "empty"},
    {"name": "there", "sessions": [FINISHED, {"name": "Idle", "inactivity": 6000}]},
    {"name": "other", "sessions": [{"name": "Idle", "inactivity": 6000}, {"name": "Fresh"}]},
    {"name": "overloaded", "sessions": [FINISHED]},
]
START = {"name": "Nightly", "script": "Work"}
# The variables of each entry point, and the outcomes of the hosts.
JOBS: dict[str, tuple[str, dict[str, Any], tuple[str, str, str]]] = {
    "start": ("start", START, ("changed", "ok", "changed")),
    "resume": ("resume", {**START, "adopt": True}, ("changed", "changed", "changed")),
    "extend": ("extend", {}, ("ok", "changed", "changed")),
    "show what is left behind": ("cleanup", {}, ("ok", "ok", "ok")),
    "remove what is left behind": ("cleanup", {"name": "*", "remove": True}, ("ok", "changed", "changed")),
    "list": ("list", {"list_commands": True}, ("ok", "ok", "ok")),
    "harvest": ("harvest", {"name": "Nightly", "when_done": "remove"}, ("ok", "changed", "ok")),
}


@pytest.fixture
def fleets(tmp_path: Path) -> Iterator[dict[str, tuple[SimulatedFleet, Controller]]]:
    """A fleet and a controller for each way; one computer of each is overloaded."""
    built = {way: SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)], SCRIPTS, PATIENT) for way in WAYS}
    with built[WAYS[0]] as first, built[WAYS[1]] as second:
        for fleet in (first, second):
            fleet["overloaded"].inject(Injection("Enumerate", action="status", times=None))
        yield {
            way: (fleet, Controller(tmp_path / way, inventory_of(fleet)))
            for way, fleet in zip(WAYS, (first, second), strict=True)
        }


def play(controller: Controller, way: str, entry_point: str, variables: dict[str, Any], *arguments: str) -> Run:
    given = {**variables, "way": way}
    if entry_point in ("resume", "harvest"):
        given["journal"] = str(controller.folder / "journal")
    role = {"name": "psremoting.fleet.pssession", "tasks_from": entry_point, "rolespec_validate": False}
    tasks = [
        {
            "ansible.builtin.import_role": role,
            "vars": {f"pssession_{name}": value for name, value in given.items()},
            "ignore_errors": True,
        },
        {"name": "Result", "ansible.builtin.debug": {"msg": "{{ pssession_result }}"}},
    ]
    return controller.run(yaml.safe_dump(tasks), *arguments)


def state_of(fleet: SimulatedFleet) -> dict[str, list[tuple[str | None, str, float, int]]]:
    return {
        computer.name: [
            (session.name, session.state, session.idle_timeout, len(session.commands)) for session in computer.sessions
        ]
        for computer in fleet
    }


@pytest.mark.parametrize("arguments", [("--check", "--diff"), ("--diff",)], ids=["check mode", "real"])
@pytest.mark.parametrize("job", JOBS)
def test_both_ways_do_the_same(
    fleets: dict[str, tuple[SimulatedFleet, Controller]], job: str, arguments: tuple[str, ...]
) -> None:
    entry_point, variables, expected = JOBS[job]
    runs = {
        way: play(controller, way, entry_point, variables, *arguments) for way, (_fleet, controller) in fleets.items()
    }
    for run in runs.values():
        assert run.exit_code == 0, run.output
    folders = {way: str(controller.folder) for way, (_fleet, controller) in fleets.items()}
    results = {way: json.loads(json.dumps(told(run)).replace(folders[way], "")) for way, run in runs.items()}
    per_host, at_once = (results[way] for way in WAYS)
    for host, result in per_host.items():
        assert (host, result) == (host, at_once[host])
    assert per_host.keys() == at_once.keys() == {each["name"] for each in COMPUTERS}
    if "--check" not in arguments:
        outcomes = {host: result["outcome"] for host, result in per_host.items()}
        assert outcomes == dict(zip(("empty", "there", "other"), expected, strict=True)) | {"overloaded": "unreachable"}
    assert per_host["overloaded"]["failed"] is True
    per_host_state, at_once_state = (state_of(fleets[way][0]) for way in WAYS)
    assert per_host_state == at_once_state
    per_host_requests, at_once_requests = (
        sorted((request.computer, request.operation) for request in fleets[way][0].requests) for way in WAYS
    )
    assert per_host_requests == at_once_requests
