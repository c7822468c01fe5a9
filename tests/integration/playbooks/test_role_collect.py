# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role collects, and disconnects from the sessions or removes them afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import processes_of
from tests.simulator import SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of
from .test_role_ways import WAYS, recap

HOUR = 3600
SCRIPTS: dict[str, Any] = {
    "done": [{"output": "done"}],
    "slow": [{"output": "begun"}, {"sleep": HOUR}, {"output": "done"}],
    "broken": [{"throw": "no way"}],
}
ways = pytest.mark.parametrize("way", WAYS)


def session(script: str, state: str = "finished") -> dict[str, Any]:
    return {"name": "Nightly", "commands": [{"script": script, "state": state}]}


COMPUTERS: list[dict[str, Any]] = [
    {"name": "done", "sessions": [session("done")]},
    {"name": "slow", "sessions": [session("slow", "running")]},
    {"name": "broken", "sessions": [session("broken")]},
    {"name": "idle", "sessions": [{"name": "Nightly"}]},
]


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


def play(way: str, entry_point: str = "collect", **variables: Any) -> str:
    given = {"pssession_name": ["Nightly"], "pssession_way": way, **variables}
    if entry_point != "main":
        given.setdefault("pssession_journal", "journal")
    return f"""
    - hosts: windows
      gather_facts: false
      tasks:
        - ansible.builtin.import_role: {{name: psremoting.fleet.pssession, tasks_from: {entry_point}}}
          vars: {given}
        - name: Result
          ansible.builtin.debug:
            msg: "{{{{ pssession_result }}}}"
    """


def outputs(run: Run) -> dict[str, list[Any]]:
    return {
        host: [output for got in result["msg"]["results"] for output in got["output"]]
        for host, result in run.of("Result").items()
    }


def states(fleet: SimulatedFleet) -> dict[str, list[str]]:
    return {computer.name: [each.state for each in computer.sessions] for computer in fleet}


@ways
def test_collect_and_remove_what_is_finished(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    wanted = play(way, pssession_timeout=0, pssession_when_done="remove", pssession_fail_on=["unreachable"])
    checked = controller.run(wanted, "--check")
    assert checked.exit_code == 0, checked.output
    assert {host: result["msg"]["results"] for host, result in checked.of("Result").items()} == {
        computer.name: [] for computer in fleet
    }
    assert fleet.requests_of(operation="Receive") == []

    run = controller.run(wanted)
    assert run.exit_code == 0, run.output
    assert outputs(run) == {"done": ["done"], "slow": ["begun"], "broken": [], "idle": []}
    assert states(fleet) == {"done": [], "slow": ["Disconnected"], "broken": ["Connected"], "idle": ["Connected"]}
    results = {host: result["msg"] for host, result in run.of("Result").items()}
    assert [each["state"] for each in results["done"]["sessions"]] == ["Closed"]
    assert [got["state"] for got in results["slow"]["results"]] == ["Running"]
    assert {host: result["pending"] for host, result in results.items()} == {
        "done": 0,
        "slow": 1,
        "broken": 0,
        "idle": 0,
    }
    assert results["broken"]["outcome"] == "command_failed"

    fleet.clock.advance(HOUR)
    assert outputs(controller.run(wanted))["slow"] == ["begun", "done"]
    assert states(fleet)["slow"] == []
    again = controller.run(wanted)
    assert {host: result["msg"]["outcome"] for host, result in again.of("Result").items()} == {
        "done": "missing",
        "slow": "missing",
        "broken": "command_failed",  # as the journal remembers it
        "idle": "ok",
    }
    assert {changed for changed, _rescued in recap(again).values()} == {0}


@ways
def test_disconnect_for_a_day(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    """Connecting and disconnecting starts the idle time anew, so it is a change each time."""
    wanted = play(way, "main", pssession_when_done="disconnect", pssession_idle_timeout=24 * HOUR)
    checked = controller.run(wanted, "--check")
    assert [len(result["msg"]["what_if"]) for result in checked.of("Result").values()] == [2, 2, 2, 2]
    assert {each.idle_timeout for computer in fleet for each in computer.sessions} == {2 * HOUR}
    for _time in range(2):
        run = controller.run(wanted)
        assert run.exit_code == 0, run.output
        assert {tuple(each) for each in states(fleet).values()} == {("Disconnected",)}
        assert {each.idle_timeout for computer in fleet for each in computer.sessions} == {24 * HOUR}
        assert len(run.of("Result")) == 4
        for result in run.of("Result").values():
            assert (result["msg"]["outcome"], result["msg"]["results"]) == ("changed", [])
            assert [each["state"] for each in result["msg"]["sessions"]] == ["Disconnected"]


@ways
def test_what_still_runs_is_left_with_the_idle_timeout_asked_for(
    controller: Controller, fleet: SimulatedFleet, way: str
) -> None:
    wanted = play(way, pssession_timeout=0, pssession_when_done="disconnect", pssession_idle_timeout=24 * HOUR)
    run = controller.run(wanted, "--limit", "done,slow")
    assert run.exit_code == 0, run.output
    assert outputs(run) == {"done": ["done"], "slow": ["begun"]}
    for name in ("done", "slow"):
        (left,) = fleet[name].sessions
        assert (left.state, left.idle_timeout) == ("Disconnected", 24 * HOUR)
    assert [command.state for command in fleet["slow"].sessions[0].commands] == ["Running"]


@pytest.mark.parametrize(("first", "second"), [WAYS, WAYS[::-1]])
def test_either_way_goes_on_where_the_other_was_killed(tmp_path: Path, first: str, second: str) -> None:
    computers = [{"name": name, "sessions": [session("slow", "running")]} for name in ("srv01", "srv02", "srv03")]
    switches = {"replay_after_connect": True, **PATIENT}
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches) as fleet:
        controller = Controller(tmp_path / "killed", inventory_of(fleet))
        journal = tmp_path / "journal"
        variables = {"pssession_journal": str(journal), "pssession_when_done": "remove"}
        command = controller.command(play(first, **variables))
        with subprocess.Popen(command, env=controller.variables(), stdout=subprocess.DEVNULL) as process:
            until(lambda: sum(file.stat().st_size > 0 for file in journal.glob("*.jsonl")) == len(computers), "output")
            for pid in processes_of(process.pid):  # its workers, too: they would go on receiving
                os.kill(pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert states(fleet) == {name: ["Connected"] for name in ("srv01", "srv02", "srv03")}

        for computer in fleet:
            computer.sessions[0].disconnect()  # the servers have noticed that the client is gone
        fleet.clock.advance(HOUR)
        later = Controller(tmp_path / "later", inventory_of(fleet))  # another machine or pod, with the same journal
        run = later.run(play(second, **variables))
        assert run.exit_code == 0, run.output
        assert outputs(run) == {name: ["begun", "done"] for name in ("srv01", "srv02", "srv03")}
        assert states(fleet) == {name: [] for name in ("srv01", "srv02", "srv03")}


@ways
def test_harvest_takes_what_has_ended_and_waits_for_nothing(
    controller: Controller, fleet: SimulatedFleet, way: str
) -> None:
    fleet["idle"].session("Nightly").close()
    fleet["idle"].add_session("Nightly").connect_elsewhere()
    wanted = play(way, "harvest", pssession_when_done="remove", pssession_fail_on=["failed"])
    first = controller.run(wanted)
    assert first.exit_code == 0, first.output
    results = {host: result["msg"] for host, result in first.of("Result").items()}
    assert outputs(first) == {"done": ["done"], "slow": [], "broken": [], "idle": []}
    assert {host: (result["outcome"], result["pending"]) for host, result in results.items()} == {
        "done": ("changed", 0),
        "slow": ("changed", 1),
        "broken": ("command_failed", 0),
        "idle": ("busy", 1),
    }
    assert states(fleet) == {"done": [], "slow": ["Disconnected"], "broken": ["Connected"], "idle": ["Connected"]}

    fleet.clock.advance(HOUR)
    fleet["idle"].session("Nightly").close()
    second = controller.run(wanted)
    assert second.exit_code == 0, second.output
    results = {host: result["msg"] for host, result in second.of("Result").items()}
    assert {host: (result["outcome"], result["pending"]) for host, result in results.items()} == {
        "done": ("ok", 0),
        "slow": ("changed", 0),
        "broken": ("command_failed", 0),
        "idle": ("ok", 0),
    }
    assert outputs(second)["slow"] == ["begun", "done"]


@ways
def test_harvest_needs_to_know_what(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    run = controller.run(play(way, "harvest", pssession_name=[]))
    assert run.exit_code == 2
    assert "'*' means all sessions" in run.output
    assert fleet.requests == []
