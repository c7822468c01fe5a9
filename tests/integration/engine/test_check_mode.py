# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode predicts for random fleets is what the same task then does, in a world of memory."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.foreseen import ForeseenSessions
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import LocalRecords
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.throttle import outcome_of
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.integration.engine.test_world import Simulation
from tests.simulator import SimulatedFleet

COMPUTERS = ["srv01", "srv02", "srv03"]
NAMES = ["day", "night", "week"]
HISTORIES = 120
MAYBE = "If another client than this one is connected"
SCRIPTS = {
    "quick": [{"output": "done"}],
    "checked": {"regex": "SupportsShouldProcess.*-WhatIf True", "steps": [{"output": "planned"}]},
}
CHECKED = "[CmdletBinding(SupportsShouldProcess)] param()"


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(COMPUTERS, [ADMIN], SCRIPTS) as fleet:
        yield fleet


class InOrder:
    """Runs each job to its end, in order: with on_error: stop the outcome depends on it."""

    def map(
        self, work: Callable[[Any], Any], jobs: Sequence[Any], go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[Any, Any]]:
        for job in jobs:
            yield job, outcome_of(work, job)
            if not go_on():
                return


def populate(fleet: SimulatedFleet, chance: random.Random) -> None:
    """Open sessions in every state that a task may find: free, with a command, and with another client."""
    for computer in fleet:
        for session in computer.sessions:
            session.close()
        for name in chance.sample(NAMES, chance.randint(0, len(NAMES))):
            options: dict[str, Any] = chance.choice([{}, {"state": "Connected", "held": True}])
            commands = chance.choice([[], [{"script": "quick"}]]) if not options else []
            computer.add_session(name, idle_timeout=chance.choice([300.0, 7200.0]), commands=commands, **options)


def a_task(chance: random.Random) -> tuple[_plugins.Plugin, dict[str, Any]]:
    """Return a module with options, sensible and not."""
    named = {
        "computer_name": chance.choice([chance.sample(COMPUTERS, chance.randint(1, 3)), ["srv01", "SRV01"]]),
        "on_error": chance.choice(["fail_at_end", "stop", "report"]),
        "throttle_limit": 1,
    }
    select: dict[str, Any] = {
        **named,
        "name": chance.choice([["*"], ["night"], ["night", "n*"], ["day", "nowhere"]]),
        "on_missing": chance.choice(["error", "warn", "skip"]),
        "require_each": chance.choice([True, False]),
    }
    new = {**named, "session_name": chance.sample(NAMES, chance.randint(1, 2))}
    when_done = chance.choice(["keep", "disconnect", "remove"])
    return chance.choice(
        [
            (_plugins.CONNECT, select),
            (_plugins.DISCONNECT, {**select, "idle_timeout": chance.choice([None, 600, 2_000_000])}),
            (_plugins.REMOVE, {**select, "force": chance.choice([True, False])}),
            (_plugins.INVOKE, {**select, "script": "quick", "when_done": when_done}),
            (_plugins.RECEIVE, {**select, "when_done": when_done}),
            (_plugins.NEW, {**new, "name": new["session_name"], "session_name": None}),
            (_plugins.INVOKE, {**new, "script": "quick", "in_disconnected_session": True, "journal": "/journal"}),
        ]
    )


def outcome(result: Result) -> dict[str, Any]:
    """Return what check mode predicts; of sessions that do not exist yet, the name and the computer."""

    def place(session: dict[str, Any]) -> tuple[str, str]:
        return session["computer_name"].lower(), session["name"]

    return {
        "changed": sorted({place(session) for session in result["sessions"] if session["changed"]}),
        "sessions": sorted({place(session) for session in result["sessions"]}),
        "errors": sorted((error["message"], error["reason"]) for error in result["errors"]),
        "failed": bool(result.get("failed")),
        "missing": sorted(result["missing"]),
        "after": sorted(result["diff"]["after"].splitlines()),
    }


def check_lines(predicted: Result) -> None:
    """Check that the lines of a result are those of its sessions, in their order, each with the right target."""
    lines = [session["what_if"] for session in predicted["sessions"] if session["what_if"]]
    assert sorted(set(predicted["what_if"])) == sorted(set(lines))
    for session in predicted["sessions"]:
        line = session["what_if"] or ""
        assert not line or f'"{session["name"]}"' in line or f'"{session["computer_name"]}"' in line


def check_both_outcomes(predicted: Result, done: Result, story: str, *, all_tried: bool) -> None:
    """Check that sessions which may be this client's came to one of two outcomes, and the others to the one predicted.

    Args:
        all_tried: Whether the task went on after errors.
    """
    maybe = [session for session in predicted["sessions"] if MAYBE in (session["what_if"] or "")]
    assert not any(session["changed"] for session in maybe), story
    doubtful = {(session["computer_name"].lower(), session["name"]) for session in maybe}
    failed = {(str(error["computer_name"]).lower(), error["session_name"]) for error in done["errors"]}
    expected, came = outcome(predicted), outcome(done)
    if all_tried:
        assert doubtful <= {*came["sessions"], *failed}, story
        for what in ("changed", "sessions"):
            assert set(expected[what]) - doubtful == set(came[what]) - doubtful, story


@pytest.mark.parametrize("block", range(3))
def test_check_mode_predicts_what_the_run_does(
    fleet: SimulatedFleet, controller: Controller, block: int, request: pytest.FixtureRequest
) -> None:
    for seed in range(block * HISTORIES // 3, (block + 1) * HISTORIES // 3):
        chance = random.Random(seed)
        simulation = Simulation(fleet, seed)
        request.addfinalizer(simulation.disk.close)
        controller.surroundings["world"] = dataclasses.replace(simulation.world, job_pool=lambda _limit: InOrder())
        populate(fleet, chance)
        for _earlier in range(chance.randint(0, 2)):
            plugin, options = a_task(chance)
            controller.run(plugin, **options)
            simulation.sleep(chance.choice([0.0, 30.0]))
        plugin, options = a_task(chance)
        before = len(simulation.changes)
        predicted = controller.run(plugin, check_mode=True, diff_mode=True, **options)
        story = f"seed {seed}: {plugin.name} {options}"
        assert len(simulation.changes) == before, story
        check_lines(predicted)
        done = controller.run(plugin, diff_mode=True, **options)
        if any(MAYBE in line for line in predicted["what_if"]):
            check_both_outcomes(predicted, done, story, all_tried=options["on_error"] != "stop")
            continue
        assert outcome(predicted) == outcome(done), story


@pytest.mark.parametrize("block", range(3))
def test_a_run_in_check_mode_predicts_what_its_tasks_do_one_after_the_other(
    fleet: SimulatedFleet, controller: Controller, block: int, request: pytest.FixtureRequest
) -> None:
    """A task finds the sessions as the tasks before it would have left them."""
    chained = 0
    for seed in range(block * HISTORIES // 3, (block + 1) * HISTORIES // 3):
        chance = random.Random(f"chain {seed}")
        simulation = Simulation(fleet, seed)
        request.addfinalizer(simulation.disk.close)
        controller.surroundings["world"] = dataclasses.replace(simulation.world, job_pool=lambda _limit: InOrder())
        populate(fleet, chance)
        tasks = [a_task(chance) for _number in range(chance.randint(2, 4))]
        before = len(simulation.changes)
        controller.surroundings["foreseen"] = ForeseenSessions(LocalRecords())
        predicted = [controller.run(plugin, check_mode=True, diff_mode=True, **given) for plugin, given in tasks]
        assert len(simulation.changes) == before
        controller.surroundings["foreseen"] = None
        for number, ((plugin, given), expected) in enumerate(zip(tasks, predicted, strict=True), start=1):
            story = f"seed {seed}, task {number}: {[(each.name, options) for each, options in tasks]}"
            check_lines(expected)
            done = controller.run(plugin, diff_mode=True, **given)
            if any(MAYBE in line for line in expected["what_if"]):
                break
            assert outcome(expected) == outcome(done), story
            chained += number > 1
    assert chained >= HISTORIES // 6


def test_sessions_that_a_run_in_check_mode_would_open_can_be_handed_on(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    populate(fleet, random.Random(0))
    controller.surroundings["foreseen"] = ForeseenSessions(LocalRecords())
    opened = controller.run(_plugins.NEW, "srv01", name=["new"], check_mode=True)
    given = {"session": opened["sessions"], "check_mode": True}
    done = controller.run(_plugins.INVOKE, script="quick", when_done="disconnect", **given)
    assert (done["errors"], done["changed"], done["sessions"][0]["changed"]) == ([], True, True)
    again = controller.run(_plugins.CONNECT, **given)
    assert (again["errors"], again["changed"]) == ([], True)
    removed = controller.run(_plugins.REMOVE, **given)
    assert (removed["errors"], removed["changed"]) == ([], True)
    gone = controller.run(_plugins.CONNECT, "srv01", name=["new"], check_mode=True)
    assert [error["reason"] for error in gone["errors"]] == ["missing"]
    assert [session.name for session in fleet["srv01"].sessions if session.name == "new"] == []


def test_a_script_that_supports_check_mode_does_not_run_where_its_session_is_foreseen(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    for computer in fleet:
        for session in computer.sessions:
            session.close()
    fleet["srv01"].add_session("there")
    controller.surroundings["foreseen"] = ForeseenSessions(LocalRecords())
    controller.run(_plugins.NEW, "srv01", name=["new"], check_mode=True)
    result = controller.run(_plugins.INVOKE, "srv01", name=["*"], script=CHECKED, check_mode=True)
    assert result["errors"] == []
    assert sorted(session["name"] for session in result["sessions"]) == ["new", "there"]
    assert [each["name"] for each in result["results"]] == ["there"]


def test_what_a_task_really_did_is_foreseen_no_longer(fleet: SimulatedFleet, controller: Controller) -> None:
    """As a task with check_mode: false in a run in check mode does."""
    for session in fleet["srv01"].sessions:
        session.close()
    fleet["srv01"].add_session("night")
    controller.surroundings["foreseen"] = ForeseenSessions(LocalRecords())
    controller.run(_plugins.REMOVE, "srv01", name=["night"], check_mode=True)
    assert controller.info("srv01", check_mode=True)["sessions"] == []
    controller.run(_plugins.CONNECT, "srv01", name=["night"])
    listed = controller.info("srv01", check_mode=True)
    assert [session["name"] for session in listed["sessions"]] == ["night"]


def sessions_of(fleet: SimulatedFleet) -> list[tuple[object, ...]]:
    """Return what a task may change about the sessions of a fleet."""
    return [
        (computer.name, each.name, each.state, each.idle_timeout, each.buffer_mode, len(each.commands))
        for computer in fleet
        for each in computer.sessions
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_script_that_supports_check_mode_leaves_all_sessions_as_they_were(
    fleet: SimulatedFleet, controller: Controller, seed: int, request: pytest.FixtureRequest
) -> None:
    """It runs where a task without check mode would run it, and that is the one case in which check mode sends more."""
    chance = random.Random(seed)
    simulation = Simulation(fleet, seed)
    request.addfinalizer(simulation.disk.close)
    controller.surroundings["world"] = dataclasses.replace(simulation.world, job_pool=lambda _limit: InOrder())
    populate(fleet, chance)
    options: dict[str, Any] = {
        "computer_name": COMPUTERS,
        "name": chance.choice([["*"], ["night"]]),
        "on_missing": "skip",
        "throttle_limit": 1,
    }
    if chance.choice([True, False]):
        controller.run(_plugins.CONNECT, **options)
    change: dict[str, Any] = {
        "when_done": chance.choice(["keep", "disconnect", "remove"]),
        "session_option": {"idle_timeout": 600, "output_buffering_mode": "drop"},
        "journal": "/journal",
    }
    before = sessions_of(fleet)
    quick = controller.run(_plugins.INVOKE, script="quick", check_mode=True, **options, **change)
    checked = controller.run(_plugins.INVOKE, script=CHECKED, check_mode=True, **options, **change)
    assert sessions_of(fleet) == before
    assert [result["output"] for result in checked["results"]] == [["planned"]] * len(checked["results"])
    ran = sorted((result["computer_name"], result["name"]) for result in checked["results"])
    assert ran == sorted((session["computer_name"], session["name"]) for session in quick["sessions"])
    assert not simulation.disk.exists("/journal")
