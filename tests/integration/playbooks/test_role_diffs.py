# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diff mode of jobs: what scripts leave in `$Ansible.Diff`, for each host and in both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of
from .test_job import job
from .test_role_jobs import play
from .test_role_ways import WAYS

# What a script left on each host. Ansible knows diffs with before and after, and those that are ready to be shown.
DIFFS = {"first": {"before": "a\n", "after": "b\n"}, "second": {"prepared": "+ new"}, "silent": {}}


def script_of(host: str) -> str:
    return f"Work on {host}"


def status_of(host: str) -> dict[str, Any]:
    """What the last statement of a command writes."""
    return {"psremoting.fleet": command_id_of(host), "changed": True, "failed": False, "diff": DIFFS[host]}


def command_id_of(host: str) -> str:
    return f"7d9ee1c2-0000-0000-0000-00000000000{list(DIFFS).index(host)}"


def command_of(host: str) -> dict[str, str]:
    return {"script": script_of(host), "state": "finished", "command_id": command_id_of(host)}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    computers = [
        {"name": host, "sessions": [{"name": "Nightly", "commands": [command_of(host)]}, {"name": "Idle"}]}
        for host in DIFFS
    ]
    scripts = {script_of(host): [{"output": "done"}, {"output": status_of(host)}] for host in DIFFS}
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], scripts, PATIENT) as started:
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(tmp_path, inventory_of(fleet))


def of_script(host: str) -> dict[str, str]:
    place = f"Nightly on {host}"
    return {"before_header": place, "after_header": place, **DIFFS[host]}


@pytest.mark.parametrize("way", WAYS)
def test_each_host_has_the_diffs_of_its_own_scripts(controller: Controller, way: str) -> None:
    run = play(controller, way, "harvest", {"name": "Nightly"}, "--diff")
    assert run.exit_code == 0, run.output
    results = {host: result["msg"] for host, result in run.of("Result").items()}
    assert {host: result["outcome"] for host, result in results.items()} == dict.fromkeys(DIFFS, "changed")
    # A call has the diffs of its scripts, or else that of its sessions. The third host has one where it works alone.
    assert {host: result.get("diff") for host, result in results.items() if host != "silent"} == {
        "first": [of_script("first")],
        "second": [of_script("second")],
    }


def test_a_job_for_all_hosts_has_the_diffs_of_all_scripts(controller: Controller) -> None:
    options = {"job": "collect", "name": ["Nightly"], "computer_name": list(DIFFS)}
    run = job(controller, "--diff", keywords={"run_once": True}, **options)
    assert run.exit_code == 0, run.output
    assert sorted(run["Job"]["diff"], key=str) == sorted(map(of_script, ("first", "second")), key=str)
