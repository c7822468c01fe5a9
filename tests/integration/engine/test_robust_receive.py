# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receiving over connections that break: it goes on over new ones, and nothing is lost or comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import (
    ADMIN,
    Controller,
    FakeTime,
    Result,
    error_ids,
    looking,
    only,
    operations,
    wait_of,
    waiting_receives,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.simulator.injection import Action
from tests.waiting import meanwhile

pytestmark = pytest.mark.timing

COUNT = 60
NUMBERS = [f"{number:04} {'x' * 1000}" for number in range(COUNT)]
SCRIPTS: dict[str, Any] = {
    "done": [{"output": "one"}, {"output": "two"}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
    "long": [{"output": "begun"}, {"sleep": 120}, {"output": "done"}],
    "lots": [{"output": NUMBERS}],
    "asks": [{"output": "before"}, {"prompt": "Really?"}, {"output": "after"}],
}
# What a broken connection, a gateway or a server in trouble does to a request.
BREAKS: dict[str, dict[str, Any]] = {
    "reset": {"action": "reset"},
    "answer lost": {"action": "close_without_answer"},
    "answer cut off": {"action": "truncate"},
    "answer to another request": {"action": "wrong_relates_to"},
    "page of a gateway": {"action": "garbage"},
    "502": {"action": "status", "status": 502},
    "503": {"action": "status", "status": 503},
    "504": {"action": "status", "status": 504},
    "shell disconnected": {"action": "fault", "fault_code": 0x803381C4},
    "stream disconnected": {"action": "fault", "fault_code": 0x803381DE},
}
# Those with which the server has given something that does not come again by itself.
LOST = ["answer lost", "answer cut off", "answer to another request"]
INTERNAL: dict[str, Any] = {"action": "fault", "fault_code": 0, "subcode": "w:InternalError"}


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def receive(controller: Controller) -> Any:
    """Receive from the session `job`; the numbers take several answers."""
    controller.inventory["srv01"] = {"max_envelope_size": 32768}

    def run(**options: Any) -> Result:
        return controller.run(_plugins.RECEIVE, "srv01", **{"name": ["job"], **options})

    return run


def plant(computer: SimulatedComputer, script: str, state: str = "finished") -> Any:
    return computer.add_session("job", commands=[{"script": script, "state": state}])


def after(fleet: SimulatedFleet, operation: str) -> list[str]:
    """What was asked of the fleet since an operation was for the first time, with it."""
    asked = operations(fleet)
    return asked[asked.index(operation) :]


def test_all_ways_to_misbehave_are_breaks_or_known_not_to_be() -> None:
    tried = {each["action"] for each in BREAKS.values()}
    assert set(get_args(Action)) - tried == {"delay", "hang", "withhold", "body"}


@pytest.mark.parametrize("passing", [0, 1])
@pytest.mark.parametrize(
    ("kind", "model"),
    [(kind, "shell") for kind in BREAKS] + [(kind, model) for kind in LOST for model in ("command", "any")],
)
def test_one_break(
    fake_time: FakeTime,
    computer: SimulatedComputer,
    receive: Any,
    tmp_path: Path,
    kind: str,
    model: str,
    passing: int,
) -> None:
    computer.configure({"replay_after_connect": model})
    job = plant(computer, "lots")
    computer.inject(Injection("Receive", after=passing, **BREAKS[kind]))
    journal = str(tmp_path / "job.jsonl")
    result = receive(journal=journal)
    assert result["errors"] == []
    assert only(result)["output"] == NUMBERS
    assert (only(result)["state"], only(result)["reconnections"]) == ("Completed", 1)
    assert 0.75 <= sum(fake_time.slept) <= 1.25
    assert job.commands == []
    assert only(receive(journal=journal))["output"] == NUMBERS


def test_requests_of_a_recovery(
    fake_time: FakeTime, computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any
) -> None:
    """Over a new connection: whose is it, Disconnect, Connect as a new client, Connect of the command."""
    computer.configure({"replay_after_connect": "shell"})
    plant(computer, "done")
    computer.inject(Injection("Receive", action="close_without_answer"))
    assert only(receive())["reconnections"] == 1
    assert after(fleet, "Receive") == ["Receive", "Reconnect", "Disconnect", "Connect", "Connect", "Receive", "Signal"]
    broken = fleet.requests_of(operation="Receive")[0].connection
    later = fleet.requests[operations(fleet).index("Reconnect") :]
    assert broken not in {request.connection for request in later}


@pytest.mark.parametrize("operation", ["Reconnect", "Disconnect", "Connect", "Receive"])
@pytest.mark.parametrize("times", [1, 4])
def test_the_new_connection_breaks_too(
    fake_time: FakeTime, computer: SimulatedComputer, receive: Any, operation: str, times: int
) -> None:
    """The waits get longer, and no answer is lost on the way."""
    computer.configure({"replay_after_connect": "shell"})
    plant(computer, "lots")
    # The first Connects are those of the session and of the command, before the break.
    passing = {"Connect": 2, "Receive": 1}.get(operation, 0)
    computer.inject(Injection("Receive", after=1, action="close_without_answer"))
    computer.inject(Injection(operation, after=passing, times=times, action="close_without_answer"))
    result = receive()
    assert only(result)["output"] == NUMBERS
    expected = sum(min(2**number, 10) for number in range(times + 1))
    assert 0.75 * expected <= sum(fake_time.slept) <= 1.25 * expected


def test_no_connection_within_the_time(fake_time: FakeTime, computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "slow", "running")
    computer.inject(Injection("Receive", after=1, times=None, action="reset"))
    for operation in ("Reconnect", "Disconnect"):
        computer.inject(Injection(operation, times=None, action="status", status=503))
    result = receive(recovery_timeout=100)
    assert error_ids(result)[0] == "WinRMHttpError,ReceivePSSessionPipelineFailed"
    assert "the connection broke before the answer was complete" in result["msg"]
    assert "attempts in 100 seconds to connect again failed" in result["msg"]
    assert "HTTP status 503" in result["msg"]
    assert (only(result)["state"], only(result)["output"]) == ("Running", ["begun"])
    assert sum(fake_time.slept) >= 100


def test_off(fake_time: FakeTime, computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "done")
    computer.inject(Injection("Receive", action="reset"))
    result = receive(recovery_timeout=0)
    assert error_ids(result) == ["WinRMHttpError,ReceivePSSessionPipelineFailed"]
    assert fake_time.slept == []
    assert only(result)["reconnections"] == 0


def test_the_time_to_wait_for_the_command_wins(fake_time: FakeTime, computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "slow", "running")
    computer.inject(Injection("Receive", times=None, action="reset"))
    result = receive(timeout=30)
    assert result["failed"]
    assert 30 <= sum(fake_time.slept) <= 31


@pytest.mark.parametrize("refused", [0x803381A6, 5, 0x80338104])
def test_a_refusal_is_final(fake_time: FakeTime, computer: SimulatedComputer, receive: Any, refused: int) -> None:
    plant(computer, "done")
    computer.inject(Injection("Receive", action="fault", fault_code=refused))
    assert receive()["failed"]
    assert fake_time.slept == []


@pytest.mark.parametrize("how", ["seen by the Receive", "seen after a break"])
def test_a_session_that_is_gone_is_final_at_once(
    fake_time: FakeTime, computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any, how: str
) -> None:
    job = plant(computer, "slow", "running")
    if how == "seen by the Receive":
        with meanwhile(lambda: waiting_receives(fleet), job.close):
            result = receive()
        assert error_ids(result) == ["WinRMOperationAborted,ReceivePSSessionPipelineFailed"]
        assert fake_time.slept == []
    else:
        reset = Injection("Receive", after=1, action="reset", seconds=1)
        computer.inject(reset)

        def end() -> None:
            job.close()
            fleet.clock.advance(1)

        with meanwhile(lambda: reset.waiting, end):
            result = receive()
        assert sum(fake_time.slept) < 2
    (error,) = result["errors"]
    assert (error["reason"], error["session_name"]) == ("expired", "job")
    assert only(result)["output"] == ["begun"]


@pytest.mark.parametrize("recovery_timeout", [240, 0])
def test_another_client_took_it(
    fake_time: FakeTime, computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any, recovery_timeout: int
) -> None:
    """One error, and nothing is asked of the session of another client but whose it is."""
    computer.configure({"foreign_disconnect_code": 0})
    job = plant(computer, "slow", "running")

    def take() -> None:
        job.disconnect()
        job.connect_elsewhere()

    with meanwhile(lambda: waiting_receives(fleet), take):
        result = receive(busy_timeout=600, recovery_timeout=recovery_timeout)
    (error,) = result["errors"]
    assert (error["reason"], error["session_name"]) == ("busy", "job")
    assert result["sessions"] == []
    assert job.state == "Connected"
    assert fleet.requests_of(operation="Disconnect") == []
    # Sessions, commands, once more after the break, and for the error.
    assert operations(fleet).count("Enumerate") == (4 if recovery_timeout else 3)
    assert sum(fake_time.slept) < 2


@pytest.mark.parametrize("operation", ["Reconnect", "Disconnect", "Connect"])
def test_the_broken_connection_of_this_client_is_waited_for(
    fake_time: FakeTime, computer: SimulatedComputer, receive: Any, operation: str
) -> None:
    """Some refusals do not say who is connected; it may be this client, whose connection broke."""
    plant(computer, "lots")
    computer.inject(Injection("Receive", after=1, action="reset"))
    computer.inject(Injection(operation, after=2 if operation == "Connect" else 0, times=3, **INTERNAL))
    result = receive()
    assert only(result)["output"] == NUMBERS
    assert only(result)["reconnections"] == 1
    assert sum(fake_time.slept) > 4


def test_a_question_whose_answer_got_lost(fake_time: FakeTime, computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "asks", "running")
    computer.inject(Injection("Send", action="reset"))
    result = only(receive())
    assert (result["state"], result["output"], result["reconnections"]) == ("Failed", ["before"], 1)


def test_a_script_that_restarts_the_computer(
    fake_time: FakeTime, computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any
) -> None:
    """All of its output is here: nothing is waited for to say so."""
    plant(computer, "done")
    for operation in ("Signal", "Reconnect"):
        computer.inject(Injection(operation, times=None, action="reset"))
    result = receive()
    assert (only(result)["state"], only(result)["output"]) == ("Completed", ["one", "two"])
    assert result["errors"] == []
    assert fake_time.slept == []


def test_the_confirmation_of_the_end_is_repeated_over_a_new_connection(
    fake_time: FakeTime, computer: SimulatedComputer, receive: Any
) -> None:
    job = plant(computer, "done")
    computer.inject(Injection("Signal", action="reset"))
    assert receive()["errors"] == []
    assert job.commands == []


def test_invoke_command(fake_time: FakeTime, computer: SimulatedComputer, controller: Controller) -> None:
    computer.configure({"replay_after_connect": "shell"})
    controller.inventory["srv01"] = {"max_envelope_size": 32768}
    computer.add_session("job")
    computer.inject(Injection("Receive", after=1, action="close_without_answer"))
    result = controller.run(_plugins.INVOKE, "srv01", name=["job"], script="lots")
    assert only(result)["output"] == NUMBERS
    assert only(result)["reconnections"] == 1


# Gateways that give up on silence


@pytest.fixture
def fleet_time(fleet: SimulatedFleet, controller: Controller) -> Iterator[None]:
    """The controller's clock is that of the fleet, and it goes on by a second whenever a Receive waits."""
    clock = fleet.clock
    controller.surroundings["world"] = World(HttpConversation, monotonic=clock.now, sleep=clock.advance)

    def look() -> None:
        if any(request.ended is None for request in fleet.requests_of(operation="Receive")):
            clock.advance(1)

    with looking(look):
        yield


@pytest.mark.parametrize("library", ["psrp", "winrm"])
@pytest.mark.parametrize(
    ("option", "inventory", "sent"),
    [
        ({}, {}, "PT20S"),
        ({"operation_timeout": 0}, {}, "PT20S"),
        ({"operation_timeout": 90}, {}, "PT90S"),
        ({}, {"operation_timeout": 60.0}, "PT60S"),
        ({"operation_timeout": 180}, {"operation_timeout": 20.0}, "PT180S"),
    ],
)
def test_how_long_a_poll_waits(
    fleet_time: None,
    computer: SimulatedComputer,
    fleet: SimulatedFleet,
    controller: Controller,
    receive: Any,
    library: str,
    option: dict[str, float],
    inventory: dict[str, float],
    sent: str,
) -> None:
    controller.inventory["srv01"] |= {"transport": library, **inventory}
    plant(computer, "long", "running")
    assert only(receive(session_option=option))["output"] == ["begun", "done"]
    polls = [each for each in fleet.requests_of(operation="Receive") if each.command_id]
    assert {wait_of(request) for request in polls} == {sent}


@pytest.mark.parametrize("answer", [504, 0])
@pytest.mark.parametrize(
    ("gives_up", "option", "breaks"),
    [(50, {}, 0), (50, {"operation_timeout": 180}, 1), (15, {}, 1), (5, {}, 2)],
)
def test_a_gateway_that_gives_up_on_silence(
    fleet_time: None,
    computer: SimulatedComputer,
    receive: Any,
    gives_up: float,
    option: dict[str, float],
    breaks: int,
    answer: int,
) -> None:
    """Each poll that it ends is a broken connection, and the next ones are shorter than it likes."""
    computer.configure({"gateway_timeout": gives_up, "gateway_answer": answer})
    plant(computer, "long", "running")
    result = receive(session_option=option)
    assert [error["message"] for error in result["errors"]] == []
    assert (only(result)["output"], only(result)["state"]) == (["begun", "done"], "Completed")
    assert only(result)["reconnections"] <= breaks
    assert (only(result)["reconnections"] > 0) == (breaks > 0)
