# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large results are: AWX cuts them, and what the documentation says of it holds.

Results for more hosts than a test can run for are made of what the modules return, by the functions that role and
playbooks make them with.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.action.pssession_role import _told
from ansible_collections.psremoting.fleet.plugins.action.pssession_summary import summarised
from ansible_collections.psremoting.fleet.plugins.plugin_utils._job_action import Done
from ansible_collections.psremoting.fleet.plugins.plugin_utils._job_output import JobOutput
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Order, Told
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary import Kind, Line, Summary
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary_details import details
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


HOSTS = [f"server{number:04}.example.com" for number in range(2000)]
NOW = datetime.datetime(2026, 11, 25, 8, 0, tzinfo=datetime.timezone.utc)


def received(hosts: Iterable[str], errors: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what receive_pssession gives for some hosts with long output."""
    about = {host: {"computer_name": host, "inventory_hostname": host, "instance_id": f"ID-{host}"} for host in hosts}
    session = {"name": "Nightly maintenance", "state": "Opened", "availability": "Available", "changed": True}
    result = {"name": "Nightly maintenance", "state": "Completed", "output": [LINE] * (OUTPUT // 100), "error": []}
    return {
        "sessions": [{**session, **each} for each in about.values()],
        "results": [{**result, **each, "command_id": f"C-{host}"} for host, each in about.items()],
        "errors": [{**about[host], **error} for host, error in errors.items()],
    }


def error_of(number: int) -> dict[str, Any]:
    """Return an error whose message is another one for each host, as of scripts that fail."""
    message = f"the command in session Nightly maintenance failed: disk {number} has {number * 7} MB left, not enough"
    return {"message": message, "reason": "command_failed", "hint": f"See line {number} of its output."}


@pytest.mark.parametrize(
    "errors",
    [
        {},
        {host: {"message": "another client is connected", "reason": "busy", "hint": "Wait."} for host in HOSTS},
        {host: error_of(number) for number, host in enumerate(HOSTS)},
    ],
    ids=["all well", "all alike", "all different"],
)
def test_of_two_thousand_hosts_each_result_is_whole_in_awx(errors: Mapping[str, Mapping[str, Any]]) -> None:
    order = Order(HOSTS, {"output_lines": 10, "journal": "/var/lib/nightly/"}, now=NOW.timestamp())
    told = Told.of(HOSTS)
    told.add(received(HOSTS, errors))
    shown = JobOutput(order).keep(told)
    done = Done(told.by_host(), [], shown)
    results = [_told(done, host, {"on_error": "error"}) for host in HOSTS]
    assert {OUTPUT < size(result) < OUTPUT + 6000 for result in results} == {True}

    summary = Summary.of(results)
    noticed = [Line(text, Kind.NEUTRAL) for text in details(results, NOW)]
    whole = summarised(summary, [*noticed, *summary.lines(has_file=False)])
    assert size(whole) < 300 * len(HOSTS) < LIMIT
    assert LINE not in json.dumps(whole)
    assert whole["stdout_lines"][-1] == summary.lines(has_file=False)[-1].text
