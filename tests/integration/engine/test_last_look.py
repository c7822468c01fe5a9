# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words about work come from what was seen: what an error says of a session after a receive that broke for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, FakeTime, Result, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, SimulatedSession
from tests.waiting import meanwhile

SCRIPTS: dict[str, Any] = {"slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}]}
# The process of the session is dead, the computer shuts down, or its service was restarted.
FAULTS = [995, 1115, 1726, 0x800706BE, 0x8033805B, 0x803380F7, 0x80338104]


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def job(computer: SimulatedComputer, fake_time: FakeTime) -> SimulatedSession:
    return computer.add_session("job", commands=[{"script": "slow", "state": "running"}])


@pytest.fixture
def break_off(
    computer: SimulatedComputer, fleet: SimulatedFleet, controller: Controller, fake_time: FakeTime
) -> Callable[..., Result]:
    """Receive from the session `job`, and answer the second Receive with a fault, after something else happened."""

    def run(code: int, happens: Callable[[], object] = lambda: None, **options: Any) -> Result:
        injection = Injection("Receive", after=1, fault_code=code, seconds=1)
        computer.inject(injection)

        def happen() -> None:
            happens()
            fleet.clock.advance(1)

        with meanwhile(lambda: injection.waiting, happen):
            return controller.run(_plugins.RECEIVE, "srv01", **{"name": ["job"], **options})

    return run


def only_error(result: Result) -> dict[str, Any]:
    """The only record, which promises nothing; what was received is there."""
    (error,) = result["errors"]
    (received,) = result["results"]
    assert (received["output"], received["state"]) == (["begun"], "Running")
    assert error["message"].startswith("receiving from session job on srv01 failed: ")
    assert "goes on" not in error["hint"]
    assert "still runs" not in str(result["warnings"])
    assert result["failed"]
    return error


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("when_done", ["keep", "remove", "disconnect"])
def test_the_session_is_gone(job: SimulatedSession, break_off: Any, code: int, when_done: str) -> None:
    result = break_off(code, job.close, when_done=when_done)
    error = only_error(result)
    assert (error["reason"], error["code"]) == ("expired", code)
    assert "The process of the session ended" in error["hint"] or "no longer exists" in error["hint"]
    assert result["sessions"] == []


@pytest.mark.parametrize("code", FAULTS)
def test_the_session_and_its_command_are_there(job: SimulatedSession, break_off: Any, code: int) -> None:
    result = break_off(code)
    error = only_error(result)
    assert error["reason"] == "failed"
    assert error["hint"] == (
        "The session and its command still exist, disconnected; receive_pssession receives the rest."
    )
    assert [session["state"] for session in result["sessions"]] == ["Disconnected"]
    assert job.state == "Disconnected"


@pytest.mark.parametrize("code", FAULTS)
def test_another_client_took_the_session(
    job: SimulatedSession, fleet: SimulatedFleet, break_off: Any, code: int
) -> None:
    def take() -> None:
        job.disconnect()
        job.connect_elsewhere()

    result = break_off(code, take, busy_timeout=600)
    error = only_error(result)
    assert (error["reason"], result["sessions"]) == ("busy", [])
    assert error["hint"].startswith("Another client is connected to the session now.")
    assert job.state == "Connected"
    assert "Disconnect" not in operations(fleet)


@pytest.mark.parametrize("code", FAULTS)
def test_the_computer_does_not_answer(
    computer: SimulatedComputer, job: SimulatedSession, break_off: Any, code: int
) -> None:
    result = break_off(code, lambda: computer.inject(Injection(times=None, action="reset")))
    error = only_error(result)
    assert (error["reason"], result["sessions"]) == ("unreachable", [])
    assert error["hint"].startswith("The state of the session is unknown: the computer does not answer (")


@pytest.mark.parametrize("code", [0x8033805B, 995])
def test_the_command_is_gone(
    job: SimulatedSession, fleet: SimulatedFleet, break_off: Any, tmp_path: Path, code: int
) -> None:
    def receive_elsewhere() -> None:
        job.disconnect()
        elsewhere = Controller(fleet, tmp_path / "elsewhere" / "registry.sqlite3")
        elsewhere.run(_plugins.RECEIVE, "srv01", name=["job"], stop=True, when_done="disconnect")

    result = break_off(code, receive_elsewhere)
    error = only_error(result)
    assert error["reason"] == "expired"
    assert error["hint"].startswith("The session still exists, but the command does not")
    assert job.state == "Disconnected"


def test_a_session_that_failed_did_not_go_well(
    computer: SimulatedComputer, job: SimulatedSession, break_off: Any
) -> None:
    """The message counts the sessions that no error is about."""
    computer.add_session("held", state="Connected", held=True)
    computer.add_session("idle")
    result = break_off(1115, name=["*"])
    assert len(result["sessions"]) == 2
    assert result["msg"].startswith("2 errors, 1 session went well.\n")


def test_a_stop_that_may_not_have_arrived(
    job: SimulatedSession, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.inject(Injection("Signal", fault_code=1115))
    result = controller.run(_plugins.RECEIVE, "srv01", name=["job"], stop=True)
    (error,) = result["errors"]
    assert error["hint"].startswith(
        "It is not known whether the command stopped. The session and its command still exist"
    )


@pytest.mark.parametrize("gone", [True, False])
def test_a_command_that_could_not_be_started(
    computer: SimulatedComputer, controller: Controller, fake_time: FakeTime, fleet: SimulatedFleet, gone: bool
) -> None:
    idle = computer.add_session("job")
    injection = Injection("Command", fault_code=1115, seconds=1)
    computer.inject(injection)

    def happens() -> None:
        if gone:
            idle.close()
        fleet.clock.advance(1)

    with meanwhile(lambda: injection.waiting, happens):
        result = controller.run(_plugins.INVOKE, "srv01", name=["job"], script="slow")
    (error,) = result["errors"]
    assert error["reason"] == ("expired" if gone else "failed")
    assert len(result["sessions"]) == (0 if gone else 1)
    assert error["hint"] == (
        "The session no longer exists: it expired, was removed, or ended with its process or the computer."
        if gone
        else "The session still exists, and this controller is connected to it."
    )
