# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receive-PSSession: everything that commands give, once."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import (
    ADMIN,
    Controller,
    Result,
    error_ids,
    names,
    only,
    time_passing,
    wait_of,
    waiting_receives,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.waiting import meanwhile, until

pytestmark = pytest.mark.timing

SCRIPTS: dict[str, Any] = {
    "done": [{"output": "one"}, {"output": "two"}],
    "soon": [{"output": "begun"}, {"sleep": 0.5}, {"output": "done"}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
    "fails": [{"output": "before"}, {"throw": "broken"}],
    "asks": [{"output": "before"}, {"prompt": "Really?"}, {"output": "after"}],
    "large": [{"output": "small"}, {"output": "x" * 200_000}],
    "damaged": [
        {"output": "before"},
        {"clixml": "<S>torn"},
        {"output": "between"},
        {"clixml": "no"},
        {"output": "after"},
    ],
    "lots": [{"output": [f"{number:04} {'x' * 1000}" for number in range(500)]}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01", "srv02"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def receive(controller: Controller) -> Any:
    """Receive from the session `job`."""

    def run(**options: Any) -> Result:
        return controller.run(_plugins.RECEIVE, "srv01", **{"name": ["job"], **options})

    return run


def plant(computer: SimulatedComputer, script: str, state: str = "running", name: str = "job", **options: Any) -> Any:
    return computer.add_session(name, commands=[{"script": script, "state": state}], **options)


def test_scenarios_11_and_63_finished(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    job = plant(computer, "done", "finished")
    result = receive()
    assert (only(result)["state"], only(result)["output"]) == ("Completed", ["one", "two"])
    assert result["changed"]
    (session,) = result["sessions"]
    assert (session["state"], session["availability"]) == ("Opened", "Available")
    assert (job.state, job.commands) == ("Connected", [])
    assert "signal/terminate" in fleet.requests_of(operation="Signal")[0].body
    again = receive()
    assert only(again)["state"] is None
    assert only(again)["output"] == []
    assert not again["changed"]


def test_running_is_waited_for(computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "soon")
    assert only(receive())["output"] == ["begun", "done"]


def test_a_command_that_is_silent_for_longer_than_the_open_timeout(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Receive is given up before the server may answer that there is nothing."""
    limits: list[float] = []
    send = HttpConversation.send

    def noted(transport: HttpConversation, message: bytes, **given: Any) -> str:
        if b"shell/Receive" in message:
            limits.append(transport.time_limit)
        return send(transport, message, **given)

    monkeypatch.setattr(HttpConversation, "send", noted)
    plant(computer, "slow")
    with time_passing(fleet, 1800):
        result = receive(session_option={"open_timeout": 60, "operation_timeout": 1800})
    assert only(result)["output"] == ["begun", "done"]
    assert {wait_of(request) for request in fleet.requests_of(operation="Receive") if request.command_id} == {"PT1800S"}
    assert max(limits) > 1800


def test_failed(computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "fails", "finished")
    result = receive()
    assert result["failed"]
    assert (only(result)["state"], only(result)["output"]) == ("Failed", ["before"])
    assert "broken" in result["msg"]
    assert error_ids(result) == ["broken"]


def test_only_what_is_there_and_the_rest_later(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any
) -> None:
    computer.replay_after_connect = True
    job = plant(computer, "slow")
    first = receive(timeout=0)
    assert {wait_of(request) for request in fleet.requests_of(operation="Receive")} == {"PT0.5S"}
    assert (only(first)["state"], only(first)["output"]) == ("Running", ["begun"])
    assert job.state == "Disconnected"
    assert (first["sessions"][0]["state"], first["sessions"][0]["availability"]) == ("Disconnected", "None")
    assert "still runs" in first["warnings"][0]
    fleet.clock.advance(3600)
    assert only(receive())["output"][-1:] == ["done"]


def test_without_a_journal_output_comes_once(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    plant(computer, "slow")
    assert only(receive(timeout=0))["output"] == ["begun"]
    fleet.clock.advance(3600)
    assert only(receive())["output"] == ["done"]


def test_with_a_journal_the_whole_comes_each_time(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any, tmp_path: Path
) -> None:
    computer.replay_after_connect = True
    journal = str(tmp_path / "journals" / "job.jsonl")
    plant(computer, "slow")
    assert only(receive(timeout=0, journal=journal))["output"] == ["begun"]
    assert only(receive(timeout=0, journal=journal))["output"] == ["begun"]
    fleet.clock.advance(3600)
    assert only(receive(journal=journal))["output"] == ["begun", "done"]
    again = receive(journal=journal)
    assert (only(again)["state"], only(again)["output"]) == ("Completed", ["begun", "done"])
    assert not again["changed"]


def test_stop(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    job = plant(computer, "slow")
    result = receive(stop=True)
    assert (only(result)["state"], only(result)["output"]) == ("Stopped", ["begun"])
    assert "failed" not in result
    assert job.commands == []
    first, second = fleet.requests_of(operation="Signal")
    assert ("crtl_c" in first.body, "terminate" in second.body) == (True, True)


def test_a_stop_that_is_not_answered(computer: SimulatedComputer, receive: Any) -> None:
    """The server never answers the signal, and the next request would have minutes."""
    plant(computer, "slow")
    computer.inject(Injection("Signal", action="hang"))
    result = receive(stop=True, session_option={"cancel_timeout": 0.2})
    assert error_ids(result) == ["WinRMOperationTimeout,ReceivePSSessionPipelineFailed"]
    assert "It is not known whether the command stopped" in result["msg"]


@pytest.mark.parametrize(
    ("script", "option", "error_id"),
    [
        ("lots", "maximum_received_data_size_per_command", "ReceivedDataSizeExceededMaximumClient"),
        ("large", "maximum_received_object_size", "ReceivedObjectSizeExceededMaximumClient"),
    ],
)
def test_more_than_the_session_option_allows(
    computer: SimulatedComputer, receive: Any, tmp_path: Path, script: str, option: str, error_id: str
) -> None:
    plant(computer, script, "finished")
    journal = str(tmp_path / "job.jsonl")
    result = receive(journal=journal, session_option={option: 10_000})
    assert error_ids(result) == [error_id]
    assert f"session_option.{option} is 10000" in result["msg"]
    assert "Raise the limit." in result["msg"]
    assert len("".join(only(result)["output"])) <= 10_000
    whole = receive(journal=journal, session_option={option: 10_000_000})
    assert whole["errors"] == []
    assert only(whole)["state"] == "Completed"
    assert len("".join(only(whole)["output"])) > 100_000


def test_leave_it_disconnected(computer: SimulatedComputer, receive: Any) -> None:
    job = plant(computer, "done", "finished")
    result = receive(when_done="disconnect")
    assert only(result)["output"] == ["one", "two"]
    assert result["sessions"][0]["state"] == job.state == "Disconnected"
    assert result["warnings"] == []


def test_a_session_connected_to_before(
    computer: SimulatedComputer, controller: Controller, fleet: SimulatedFleet, receive: Any
) -> None:
    plant(computer, "soon")
    connected = controller.run(_plugins.CONNECT, "srv01", name=["job"], list_commands=True)
    assert connected["sessions"][0]["availability"] == "Busy"
    assert only(receive())["output"] == ["begun", "done"]
    # It is connected to as a command, too, which servers want.
    assert any(request.command_id for request in fleet.requests_of(operation="Connect"))


def test_question_from_before(computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "asks")
    got = only(receive(timeout=20))
    assert (got["state"], got["output"]) == ("Failed", ["before"])


def test_session_without_a_command(computer: SimulatedComputer, receive: Any) -> None:
    job = computer.add_session("job")
    result = receive()
    assert (only(result)["command_id"], only(result)["state"], only(result)["output"]) == (None, None, [])
    assert job.state == "Connected"


def test_several_commands(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    """All are received, each with an entry of its own, the oldest first."""
    scripts = ("done", "fails", "slow")
    job = computer.add_session("job", commands=[{"script": script, "state": "running"} for script in scripts])
    until(lambda: job.commands[1].state == "Failed", "the end of the second command")
    result = receive(timeout=0)
    assert [(each["state"], each["output"]) for each in result["results"]] == [
        ("Completed", ["one", "two"]),
        ("Failed", ["before"]),
        ("Running", ["begun"]),
    ]
    assert error_ids(result) == ["broken"]
    assert job.state == "Disconnected"
    assert [command.state for command in job.commands] == ["Running"]
    fleet.clock.advance(3600)
    (rest,) = receive()["results"]
    assert (rest["state"], rest["output"]) == ("Completed", ["done"])


def test_when_the_session_of_several_commands_is_gone_one_error_is_enough(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any
) -> None:
    job = computer.add_session("job", commands=[{"script": "slow"}, {"script": "slow"}])

    def take() -> None:
        job.disconnect()
        job.connect_elsewhere()

    with meanwhile(lambda: waiting_receives(fleet), take):
        result = receive()
    assert [error["reason"] for error in result["errors"]] == ["busy"]
    assert len(result["results"]) == 1


@pytest.mark.parametrize(
    ("fault", "reason"), [(0x8033805B, "expired"), (5, "access_denied")], ids=["vanished", "refused"]
)
def test_commands_that_cannot_be_listed_are_an_error_of_their_session(
    computer: SimulatedComputer, controller: Controller, fault: int, reason: str
) -> None:
    for name in ("a", "b"):
        plant(computer, "done", "finished", name=name)
    computer.inject(Injection("Enumerate", fault_code=fault, shell_id=computer.session("a").shell_id))
    result = controller.run(_plugins.RECEIVE, "srv01", name=["*"])
    assert result["failed"]
    (error,) = result["errors"]
    assert (error["reason"], error["session_name"]) == (reason, "a")
    assert [got["output"] for got in result["results"]] == [["one", "two"]]


def test_many_at_once(controller: Controller, fleet: SimulatedFleet) -> None:
    for computer in fleet:
        for number in range(4):
            plant(computer, "slow", name=f"job{number}")
    with meanwhile(
        lambda: len(waiting_receives(fleet)) == 8, lambda: fleet.clock.advance(3600), "eight Receives at once"
    ):
        result = controller.run(_plugins.RECEIVE, "srv01", "srv02", name=["*"])
    assert names(result) == sorted(["job0", "job1", "job2", "job3"] * 2)
    assert [got["output"] for got in result["results"]] == [["begun", "done"]] * 8


def test_more_sessions_than_the_throttle_lets_receive(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet
) -> None:
    """A session that waits for its turn is silent, and the server takes it; it is taken up again."""
    for number in range(3):
        plant(computer, "slow", name=f"job{number}")
    with time_passing(fleet, 3600):
        result = controller.run(_plugins.RECEIVE, "srv01", name=["*"], throttle_limit=1)
    assert "failed" not in result
    assert [got["output"] for got in result["results"]] == [["begun", "done"]] * 3


def test_check_mode(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    plant(computer, "done", "finished")
    result = receive(check_mode=True)
    assert result["changed"]
    assert result["results"] == []
    assert {request.operation for request in fleet.requests} == {"Enumerate"}


def test_held_by_another_client(computer: SimulatedComputer, receive: Any) -> None:
    computer.add_session("job", state="Connected", held=True, commands=[{"script": "slow"}])
    result = receive()
    assert result["failed"]
    assert result["results"] == []


def test_connecting_to_the_command_fails(computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "done", "finished")
    computer.inject(Injection("Connect", after=1, action="fault", fault_code=0x803381CC))
    result = receive()
    assert result["failed"]
    assert error_ids(result)[0].endswith("ReceivePSSessionPipelineFailed")
    assert computer.session("job").state == "Disconnected"


@pytest.mark.parametrize("model", ["shell", "command", "any"])
@pytest.mark.parametrize("after", range(3))
@pytest.mark.parametrize("journalled", [False, True])
def test_answers_that_get_lost_come_again(
    computer: SimulatedComputer, receive: Any, tmp_path: Path, model: str, after: int, journalled: bool
) -> None:
    """Whatever answer is lost, nothing is missing at the end and nothing is there twice."""
    computer.configure({"replay_after_connect": model})
    plant(computer, "lots", "finished")
    computer.inject(Injection("Receive", after=after, action="close_without_answer"))
    options: dict[str, Any] = {"journal": str(tmp_path / "job.jsonl")} if journalled else {}
    options["recovery_timeout"] = 0
    output: list[str] = []
    result = receive(**options)
    assert bool(result.get("failed")) is (after < 2)
    output = only(result)["output"]
    if result.get("failed"):
        rest = receive(**options)
        assert "failed" not in rest
        output = only(rest)["output"] if journalled else output + only(rest)["output"]
    assert [text[:4] for text in output] == [f"{number:04}" for number in range(500)]


@pytest.mark.usefixtures("fake_time")
@pytest.mark.parametrize("model", ["shell", "command", "any"])
def test_a_break_alone_misses_nothing(computer: SimulatedComputer, receive: Any, model: str) -> None:
    computer.configure({"replay_after_connect": model})
    plant(computer, "lots", "finished")
    for after in (1, 2):
        computer.inject(Injection("Receive", after=after, action="close_without_answer"))
    result = receive(recovery_timeout=60)
    assert "failed" not in result
    assert [text[:4] for text in only(result)["output"]] == [f"{number:04}" for number in range(500)]


@pytest.mark.parametrize("model", ["shell", "command", "any"])
def test_replay_after_a_quiet_end(computer: SimulatedComputer, receive: Any, tmp_path: Path, model: str) -> None:
    """What the server gives again, because nothing said that it had arrived, is not there twice."""
    computer.configure({"replay_after_connect": model})
    plant(computer, "lots", "finished")
    computer.inject(Injection("Receive", after=1, action="reset"))
    journal = str(tmp_path / "job.jsonl")
    assert receive(journal=journal, recovery_timeout=0)["failed"]
    assert [text[:4] for text in only(receive(journal=journal))["output"]] == [f"{number:04}" for number in range(500)]


@pytest.mark.parametrize("model", ["shell", "command", "any"])
def test_connected_before_by_a_task_that_did_not_write_it_down(
    computer: SimulatedComputer, controller: Controller, receive: Any, model: str
) -> None:
    """A task that was killed right after its Connect leaves a session that is ours, and an answer that got lost."""
    computer.configure({"replay_after_connect": model})
    plant(computer, "lots", "finished")
    computer.inject(Injection("Receive", after=1, action="close_without_answer"))
    output = only(receive(recovery_timeout=0))["output"]
    controller.connect("srv01", name=["job"])
    with sqlite3.connect(controller.state_file) as registry:
        registry.execute("DELETE FROM session")
    output += only(receive())["output"]
    assert [text[:4] for text in output] == [f"{number:04}" for number in range(500)]


def test_scenario_64_drop(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    computer.buffer_size = 20_000
    job = computer.add_session("job", buffer_mode="Drop", commands=[{"script": "lots"}])
    until(lambda: job.commands[0].state == "Completed", "the end of the command")
    output = only(receive())["output"]
    assert output[-1].startswith("0499")
    assert 0 < len(output) < 500


def test_scenario_64_block(computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any) -> None:
    computer.buffer_size = 20_000
    job = computer.add_session("job", buffer_mode="Block", commands=[{"script": "lots"}])
    assert [command.state for command in job.commands] == ["Running"]
    assert len(only(receive())["output"]) == 500


def test_negative_timeout(fleet: SimulatedFleet, receive: Any) -> None:
    result = receive(timeout=-1)
    assert result["failed"]
    assert fleet.requests == []


def test_the_rest_went_to_another_client(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any, tmp_path: Path
) -> None:
    journal = str(tmp_path / "job.jsonl")
    plant(computer, "slow")
    receive(timeout=0, journal=journal)
    fleet.clock.advance(3600)
    assert only(receive())["output"] == ["done"]
    result = receive(journal=journal)
    assert result["failed"]
    assert "the journal does not have the end" in result["msg"]
    assert only(result)["output"] == ["begun"]
    assert result["warnings"] == []
    assert computer.session("job").state == "Connected"


@pytest.mark.parametrize("past", ["never seen", "ours before", "left"])
def test_the_session_of_another_client_is_left_alone(
    receive: Any, fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, past: str
) -> None:
    """Even on a server that would carry out the Disconnect of a client that is not connected."""
    computer.configure({"foreign_disconnect_code": 0})
    job = plant(computer, "slow")
    if past != "never seen":
        controller.connect("srv01")
    if past == "left":
        controller.disconnect("srv01")
    job.connect_elsewhere()
    fleet.clear_requests()
    result = receive()
    assert [(error["reason"], error["session_name"]) for error in result["errors"]] == [("busy", "job")]
    assert (job.state, result["results"]) == ("Connected", [])
    refused = [request for request in fleet.requests if request.fault_code is not None]
    assert fleet.requests_of(operation="Disconnect") == []
    assert {request.operation for request in refused} == {"Reconnect"}


@pytest.mark.parametrize("journalled", [False, True])
def test_messages_that_cannot_be_read(
    computer: SimulatedComputer, receive: Any, tmp_path: Path, journalled: bool
) -> None:
    """They are one error, once, and all that can be read is in the result."""
    plant(computer, "damaged", "finished")
    options = {"journal": str(tmp_path / "job.jsonl")} if journalled else {}
    result = receive(**options)
    assert (only(result)["state"], only(result)["output"]) == ("Completed", ["before", "between", "after"])
    (error,) = result["errors"]
    assert "2 messages of the command in session job on srv01 could not be read" in error["message"]
    assert (error["reason"], result["failed"]) == ("failed", True)
    assert computer.session("job").commands == []
    again = receive(**options)
    assert again["errors"] == []
    if journalled:
        assert only(again)["output"] == ["before", "between", "after"]
        assert "An earlier task reported them." in again["warnings"][0]


def test_a_message_that_cannot_be_read_keeps_its_session(computer: SimulatedComputer, receive: Any) -> None:
    plant(computer, "damaged", "finished")
    assert receive(when_done="remove")["failed"]
    assert computer.session("job").state == "Connected"


def test_a_command_that_another_program_stopped(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any
) -> None:
    job = plant(computer, "slow")
    with meanwhile(lambda: waiting_receives(fleet), job.stop_commands):
        result = receive()
    assert (only(result)["state"], only(result)["output"]) == ("Stopped", ["begun"])
    (error,) = result["errors"]
    assert error["fully_qualified_error_id"].startswith("PipelineStopped,")
    assert (error["reason"], error["message"]) == (
        "command_failed",
        "the command in session job on srv01 was stopped before its end",
    )
