# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts that were not delivered to the end: nothing waits for ever, and nothing begins twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result, only
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.waiting import until

pytestmark = pytest.mark.timing

SCRIPTS: dict[str, Any] = {
    "long": {"regex": "^#long", "steps": [{"output": "ran"}]},
    "echo": [{"output": "begun"}, {"output_input": True}],
}
LONG = "#long " + "x" * 60_000
OBJECTS = list(range(1000))


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "job.jsonl")


@pytest.fixture
def start(controller: Controller, journal: str) -> Any:
    """Start a script in a new session `job`; requests have room for half of the script, or 288 objects."""
    controller.inventory["srv01"] = {"max_envelope_size": 32_768}

    def run(script: str, **options: Any) -> Result:
        return controller.run(
            _plugins.INVOKE,
            "srv01",
            script=script,
            in_disconnected_session=True,
            session_name=["job"],
            journal=journal,
            **options,
        )

    return run


@pytest.fixture
def receive(controller: Controller, journal: str) -> Any:
    def run(**options: Any) -> Result:
        return controller.run(_plugins.RECEIVE, "srv01", name=["job"], journal=journal, **options)

    return run


def break_off(computer: SimulatedComputer, after: int, *, can_stop: bool) -> None:
    """Have the start break off at a Send, as if the task was killed there unless it can stop the command."""
    computer.inject(Injection("Send", after=after, times=None, action="reset"))
    if not can_stop:
        computer.inject(Injection("Signal", times=None, action="reset"))


@pytest.mark.parametrize("can_stop", [True, False])
def test_a_script_that_was_not_delivered_has_not_begun_and_is_started_anew(
    computer: SimulatedComputer, start: Any, receive: Any, can_stop: bool
) -> None:
    break_off(computer, 0, can_stop=can_stop)
    broken = start(LONG)
    assert broken["failed"]
    assert "did not start, because its script was not delivered completely" in broken["msg"]
    job = computer.session("job")
    assert len(job.commands) == (0 if can_stop else 1)
    computer.injections.clear()
    again = start(LONG)
    assert again["errors"] == []
    assert only(again)["command_id"]
    assert len(job.commands) == 1
    assert only(receive())["output"] == ["ran"]


def test_a_receive_has_the_server_forget_what_has_not_begun(
    computer: SimulatedComputer, start: Any, receive: Any
) -> None:
    break_off(computer, 0, can_stop=False)
    start(LONG)
    computer.injections.clear()
    received = receive()
    assert "did not start" in received["msg"]
    assert computer.session("job").commands == []
    computer.session("job").disconnect()
    assert start(LONG)["errors"] == []
    assert only(receive())["output"] == ["ran"]


@pytest.mark.parametrize("can_stop", [True, False])
def test_a_script_whose_input_was_not_delivered_may_have_begun_and_is_stopped(
    computer: SimulatedComputer, start: Any, receive: Any, can_stop: bool
) -> None:
    break_off(computer, 1, can_stop=can_stop)
    broken = start("echo", input=OBJECTS)
    assert "did not get all of its input, only 288 to 574 of 1000 objects" in broken["msg"]
    job = computer.session("job")
    (command,) = job.commands
    assert command.state == ("Stopped" if can_stop else "Running")
    computer.injections.clear()
    for _time in range(2):
        again = start("echo", input=OBJECTS)
        assert again["failed"]
        assert "did not get all of its input, only 288 to 574 of 1000 objects" in again["msg"]
        assert [each.command_id for each in job.commands] == [command.command_id]
        until(lambda: job.commands[0].state == "Stopped", "the end of the command")
    received = receive()
    assert "did not get all of its input, only 288 to 574 of 1000 objects" in received["msg"]
    assert (only(received)["state"], only(received)["output"]) == ("Stopped", ["begun", *range(288)])
    assert len(received["errors"]) == 1


def test_what_was_delivered_is_received_as_ever(computer: SimulatedComputer, start: Any, receive: Any) -> None:
    assert start("echo", input=OBJECTS)["errors"] == []
    assert only(receive())["output"] == ["begun", *OBJECTS]
