# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables with the collection's prefix that nothing knows are refused or warned of, and all others pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _known_variables
from tests.simulator import SimulatedFleet, User

from .conftest import COMPUTERS
from .controller import PASSWORD, PATIENT, USER, Controller, Run

CONNECT = {"name": "Connect", "import_playbook": "psremoting.fleet.connect", "vars": {"pssession_name": ["ITTask"]}}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """The computers of the other tests, with a script."""
    scripts: dict[str, Any] = {"quick": [{"output": "ran"}]}
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)], scripts, switches=PATIENT) as started:
        yield started


def messages(run: Run) -> list[str]:
    return [result.message for result in run.results if result.values.get("entry_point") == "main"]


@pytest.mark.parametrize("way", ["per_host", "fleet"])
def test_an_unknown_extra_variable_is_refused_before_anything_is_sent(
    controller: Controller, fleet: SimulatedFleet, way: str
) -> None:
    given = {"pssession_names": "ITTask", "pssession_way": way}
    run = controller.run(yaml.safe_dump([CONNECT]), "--extra-vars", json.dumps(given))
    assert run.exit_code == 2
    assert len(messages(run)) == 3
    for message in messages(run):
        assert "does not know pssession_names (an extra variable). Did you mean pssession_name? Nothing was" in message
    assert fleet.requests == []


@pytest.mark.parametrize("where", ["vars", "set_fact"])
def test_an_unknown_variable_of_the_play_is_refused(controller: Controller, fleet: SimulatedFleet, where: str) -> None:
    role = {"name": "Connect", "ansible.builtin.import_role": {"name": "psremoting.fleet.pssession"}}
    wrong = {"pssession_bussy_timeout": 5}
    play: dict[str, Any] = {"hosts": "windows", "gather_facts": False, "tasks": [role]}
    if where == "vars":
        play["vars"] = wrong
    else:
        play["tasks"] = [{"name": "Set", "ansible.builtin.set_fact": wrong}, role]
    run = controller.run(yaml.safe_dump([play]))
    assert run.exit_code == 2
    assert len(messages(run)) == 3
    for message in messages(run):
        assert "pssession_bussy_timeout (a variable of the play). Did you mean pssession_busy_timeout?" in message
    assert fleet.requests == []


@pytest.mark.parametrize("way", ["per_host", "fleet"])
def test_an_unknown_variable_of_the_inventory_is_warned_of_once(
    controller: Controller, fleet: SimulatedFleet, way: str
) -> None:
    group = controller.inventory["all"]["children"]["windows"]
    group["vars"]["pssession_nmae"] = "ITTask"
    first, *others = group["hosts"].values()
    first["pssession_colour"] = "red"
    for number, host in enumerate(others):
        host["pssession_sise"] = number
    run = controller.run(yaml.safe_dump([CONNECT, CONNECT]), "--extra-vars", json.dumps({"pssession_way": way}))
    assert run.exit_code == 0, run.output
    told = " ".join(run.stderr.split())
    assert told.count("does not know pssession_nmae (a variable of the inventory). Did you mean pssession_name?") == 1
    assert told.count("does not know pssession_colour (a variable of the inventory).") == 1
    assert told.count("does not know pssession_sise (a variable of the inventory).") == 1
    assert len(fleet.requests_of(operation="Connect")) == 3


def test_a_result_that_a_task_registered_passes(controller: Controller, fleet: SimulatedFleet) -> None:
    task = {"name": "Look", "psremoting.fleet.pssession_info": {"name": "ITTask"}, "register": "pssession_found"}
    play = {"hosts": "windows", "gather_facts": False, "tasks": [task]}
    run = controller.run(yaml.safe_dump([play, CONNECT]))
    assert run.exit_code == 0, run.output


def test_variables_of_everything_else_in_the_collection_pass(controller: Controller, fleet: SimulatedFleet) -> None:
    of_others = ("pssession_remove", "pssession_with_commands", "pssession_awx_slices", "pssession_extras")
    known = dict.fromkeys((*_known_variables.OF_LOOKUPS, *of_others), "")
    run = controller.run(yaml.safe_dump([CONNECT]), "--extra-vars", json.dumps(known))
    assert run.exit_code == 0, run.output


def artifacts(run: Run) -> dict[str, Any]:
    """What a job of AWX would keep of a run: all that set_stats left."""
    assert run.exit_code == 0, run.output
    data: dict[str, Any] = json.loads(run.stdout.partition("RUN: ")[2].strip())
    return data


def test_artifacts_of_all_earlier_nodes_of_a_workflow_pass(controller: Controller, fleet: SimulatedFleet) -> None:
    """AWX gives a node the answers to the workflow's survey, and the artifacts of all nodes before it."""
    answers = {"pssession_hosts": "windows", "pssession_name": "Nightly", "pssession_script": "quick"}
    journal = {"pssession_journal": str(controller.folder / "journal")}
    given: dict[str, Any] = {}
    for playbook, more in (("start", {}), ("connect", {}), ("collect", journal), ("harvest", journal), ("list", {})):
        book = [{"name": "Node", "import_playbook": f"psremoting.fleet.{playbook}"}]
        run = controller.run(
            yaml.safe_dump(book),
            "--extra-vars",
            json.dumps({**answers, **more, **given}),
            ANSIBLE_SHOW_CUSTOM_STATS="1",
        )
        given |= artifacts(run)
        assert set(given) == _known_variables.ARTIFACTS
    assert given["pssession_outcomes"] == {"ok": ["srv01", "srv02", "srv03"]}
