# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was received before a surprise stays in the result: without a journal it is nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    CommandEvent,
    Event,
    InCommand,
    OutputReceived,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.gathering import Gatherer
from tests.integration.engine.controller import ADMIN, Controller, Result, only
from tests.simulator import SimulatedComputer, SimulatedFleet

# SetShouldExit takes a number.
NO_NUMBER = {"host": {"method": "SetShouldExit", "parameters": ["three"]}}
SCRIPTS: dict[str, Any] = {
    "work": [{"output": "one"}, {"output": "two"}],
    "wrong call": [{"output": "one"}, NO_NUMBER, {"output": "two"}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def job(fleet: SimulatedFleet) -> SimulatedComputer:
    """A computer with one session, in which two commands have ended."""
    computer = fleet["srv01"]
    for session in computer.sessions:
        session.close()
    computer.add_session("job", commands=[{"script": "work", "state": "finished"} for _number in range(2)])
    return computer


def receive(controller: Controller, **options: Any) -> Result:
    return controller.run(_plugins.RECEIVE, "srv01", name=["job"], **options)


def outputs(result: Result) -> list[list[str]]:
    return [each["output"] for each in result["results"]]


def test_a_call_of_the_host_that_makes_no_sense(fleet: SimulatedFleet, controller: Controller) -> None:
    fleet["srv01"].add_session("other")
    result = controller.run(_plugins.INVOKE, "srv01", name=["other"], script="wrong call")
    assert only(result)["output"] == ["one", "two"]
    assert ["could not be read" in error["message"] for error in result["errors"]] == [True]


def test_an_exception_while_output_is_gathered(
    job: SimulatedComputer, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the command in which it happens, and of the one before it in the same session."""
    add, received = Gatherer.add, 0

    def fails(gatherer: Gatherer, event: CommandEvent) -> None:
        nonlocal received
        received += isinstance(event, OutputReceived)
        if received == 4:
            raise ZeroDivisionError
        add(gatherer, event)

    monkeypatch.setattr(Gatherer, "add", fails)
    result = receive(controller)
    assert outputs(result) == [["one", "two"], ["one"]]
    (error,) = result["errors"]
    assert "unexpected ZeroDivisionError" in error["message"]
    assert result["failed"]


def test_an_exception_after_all_was_received(
    job: SimulatedComputer, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.psremoting.fleet.plugins.module_utils._pssession.engine.disconnect_afterwards",
        lambda *_given: 1 // 0,
    )
    result = receive(controller, when_done="disconnect")
    assert outputs(result) == [["one", "two"], ["one", "two"]]
    (error,) = result["errors"]
    assert (
        "the state in which the task left its sessions is not known: unexpected ZeroDivisionError" in error["message"]
    )
    assert result["failed"]


def test_a_terminal_that_is_gone(job: SimulatedComputer, controller: Controller) -> None:
    """It ends nothing, and is told once."""
    shown = 0

    def show(event: Event) -> None:
        nonlocal shown
        shown += isinstance(event, InCommand)
        if shown == 3:
            raise BrokenPipeError("Broken pipe")

    controller.surroundings["emit"] = show
    result = receive(controller)
    assert outputs(result) == [["one", "two"], ["one", "two"]]
    assert result["errors"] == []
    assert [each for each in result["warnings"] if "not shown" in each] == [
        "What the task does is not shown any more: Broken pipe"
    ]
    assert shown == 3
