# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large results are: AWX cuts them, and what the documentation says of it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of
from .test_role_ways import WAYS

# AWX keeps so many bytes of a result.
LIMIT = 700_000
OUTPUT = 20_000
# As plugins/doc_fragments/_result.py has it, without output and with some.
SESSIONS, WITH_COMMANDS, WITH_OUTPUT = 600, 450, 20
COUNT = WITH_OUTPUT
LINE = "x" * 99
FINISHED = {"state": "finished"}


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(tmp_path, inventory_of(fleet))


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """Computers with long names, and in the sessions of each a command with short output and one with long output."""
    scripts: dict[str, Any] = {"short": [{"output": "done"}], "long": [{"output": [LINE] * (OUTPUT // 100)}]}
    sessions = [
        {"name": "Nightly maintenance", "commands": [{"script": "short", **FINISHED}]},
        {"name": "Long", "commands": [{"script": "long", **FINISHED}]},
    ]
    declared = {"name": "server{:04}.example.com", "count": COUNT, "sessions": sessions}
    with SimulatedFleet.build([declared], [User(USER, PASSWORD)], scripts, switches=PATIENT) as started:
        yield started


def size(result: Mapping[str, Any]) -> int:
    return len(json.dumps(dict(result)))


def test_as_many_sessions_fit_as_the_modules_say(controller: Controller) -> None:
    computers = {"computer_name": "{{ ansible_play_hosts }}"}
    short = {**computers, "name": "Nightly maintenance"}
    tasks = {
        "info": ("pssession_info", {**short, "list_commands": True}),
        "connect": ("connect_pssession", short),
        "receive": ("receive_pssession", short),
        "job": ("pssession_job", {**short, "job": "collect", "journal": "journal"}),
        "long": ("receive_pssession", {**computers, "name": "Long"}),
        "disconnect": ("disconnect_pssession", short),
        "remove": ("remove_pssession", short),
    }
    run = controller.run(
        json.dumps(
            [
                {"name": name, f"psremoting.fleet.{module}": options, "run_once": True}
                for name, (module, options) in tasks.items()
            ]
        )
    )
    assert run.exit_code == 0, run.output
    most = {**dict.fromkeys(tasks, SESSIONS), **dict.fromkeys(("receive", "job"), WITH_COMMANDS), "long": WITH_OUTPUT}
    for name, count in most.items():
        assert size(run[name].values) / COUNT * count < LIMIT, name


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("entry_point", ["collect", "resume"])
def test_role_and_playbooks_have_the_output_of_a_host_once(controller: Controller, entry_point: str, way: str) -> None:
    variables = {"pssession_name": "Long", "pssession_way": way, "pssession_journal": "journal"}
    if entry_point == "resume":
        variables |= {"pssession_name": "Begun now", "pssession_script": "long"}
    imported = [{"import_playbook": f"psremoting.fleet.{entry_point}", "vars": variables}]
    run = controller.run(json.dumps(imported))
    assert run.exit_code == 0, run.output
    shown = [result for result in run.results if "host" in result]
    assert len(shown) == COUNT
    # The first ten lines are in stdout and in stdout_lines as well.
    assert {OUTPUT < size(result.values) < OUTPUT + 6000 for result in shown} == {True}
    # The result for all hosts: the summary.
    (summary,) = (result for result in run.results if "host" not in result)
    assert size(summary.values) < 300 * COUNT
    assert LINE not in json.dumps(dict(summary.values))
