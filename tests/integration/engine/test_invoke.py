# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invoke-Command: what scripts get, what they give, and that none is ever started twice."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output import running
from tests.integration.engine.controller import (
    ADMIN,
    ALICE,
    Controller,
    FakeTime,
    Result,
    error_ids,
    most_at_once,
    names,
    only,
    time_passing,
    waiting_receives,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.simulator.messages import from_clixml
from tests.simulator.psrp import Message, fragments_of
from tests.waiting import PATIENCE, meanwhile

pytestmark = pytest.mark.timing

UNICODE = "Grüße 😀 \U0010fffd _x0041_ _X005F_ <&> \t tab \u2028 \ufeff"
BIG = "x" * 400_000
SCRIPTS: dict[str, Any] = {
    "all streams": [
        {"output": "text"},
        {"output": {"a": 1, "nested": {"list": [1, 2.5, None, True]}}},
        {"error": {"message": "access denied", "category": "PermissionDenied", "error_id": "Denied"}},
        {"warning": "careful"},
        {"verbose": "in short"},
        {"debug": "in detail"},
        {"information": {"data": "by the way", "source": "Write-Host", "tags": ["PSHOST"]}},
        {"progress": {"activity": "Working", "status": "still", "percent": 40}},
    ],
    "fails": [{"output": "before"}, {"throw": {"message": "no such thing", "error_id": "NoSuchThing"}}],
    "asks": [{"output": "before"}, {"prompt": "Really?"}, {"output": "after"}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
    "pause": [{"output": "begun"}, {"sleep": 0.3}, {"output": "done"}],
    "unicode": [{"output": UNICODE}, {"warning": UNICODE}],
    "big": [{"output": BIG}, {"output": list(range(3000))}, {"output": BIG + "end"}],
    "quick": [{"output": "ran"}],
    "half": [{"output": "before"}, {"output": "half \ud800"}, {"output": "after"}],
    "formats": [
        {
            "output": {
                "ClassId2e4f51ef21dd47e99d3c952918aff9cd": "27c87ef9bbda4f709f6b4002fa4af63c",
                "formatEntryInfo": {"text": "one\ntwo"},
                "outOfBand": True,
            }
        },
    ],
    "chatty": [{"repeat": {"times": 100000, "steps": [{"output": "again"}, {"sleep": 0.02}]}}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01", "srv02", "srv03"], [ADMIN, ALICE], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def invoke(controller: Controller, computer: SimulatedComputer) -> Any:
    """Run a script in the session `job`, which is there."""
    computer.add_session("job")

    def run(script: str, **options: Any) -> Result:
        return controller.run(_plugins.INVOKE, "srv01", name=["job"], script=script, **options)

    return run


def test_all_streams(invoke: Any, computer: SimulatedComputer) -> None:
    result = invoke("all streams")
    assert "failed" not in result
    assert result["changed"]
    got = only(result)
    assert got["state"] == "Completed"
    assert got["output"] == ["text", {"a": 1, "nested": {"list": [1, 2.5, None, True]}}]
    (error,) = got["error"]
    assert error["exception"]["message"] == "access denied"
    assert error["category_info"]["category"] == "PermissionDenied"
    assert error["fully_qualified_error_id"].startswith("Denied")
    assert (got["warning"], got["verbose"], got["debug"]) == (["careful"], ["in short"], ["in detail"])
    (information,) = got["information"]
    assert (information["message_data"], information["tags"]) == ("by the way", ["PSHOST"])
    assert (got["progress"]["activity"], got["progress"]["percent_complete"]) == ("Working", 40)
    assert got["failure"] is None
    assert (got["name"], got["computer_name"]) == ("job", "srv01")
    assert computer.session("job").state == "Connected"
    assert computer.session("job").commands == []  # it was told that its output has arrived


def test_formatted_output_comes_as_lines_with_a_warning(invoke: Any) -> None:
    result = invoke("formats")
    assert only(result)["output"] == ["one", "two"]
    assert "is_formatted" not in only(result)
    (warning,) = result["warnings"]
    assert warning.startswith("A script formats its output, with Format-Table")
    assert invoke("quick")["warnings"] == []


def test_arguments_and_parameters_are_sent(invoke: Any, fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    computer.scripts.default = computer.scripts.find("quick")
    try:
        result = invoke("param($A, $Name)", arguments=["first", 2], parameters={"Name": "Zoë"})
    finally:
        computer.scripts.default = None
    assert only(result)["output"] == ["ran"]


def test_big_output_over_fragments_and_envelopes(invoke: Any, fleet: SimulatedFleet) -> None:
    output = only(invoke("big", max_output_objects=None))["output"]
    assert output == [BIG, *range(3000), BIG + "end"]
    assert len(fleet.requests_of(operation="Receive")) >= 4


def test_unicode_is_exact(invoke: Any) -> None:
    got = only(invoke("unicode"))
    assert (got["output"], got["warning"]) == ([UNICODE], [UNICODE])


def test_a_script_that_fails_fails_the_task(invoke: Any) -> None:
    result = invoke("fails")
    assert result["failed"]
    assert "no such thing" in result["msg"]
    assert error_ids(result) == ["NoSuchThing"]
    got = only(result)
    assert (got["state"], got["output"]) == ("Failed", ["before"])
    assert got["failure"]["exception"]["message"] == "no such thing"
    assert not invoke("fails", on_error="report").get("failed")


def test_who_asks_gets_an_error_instead_of_silence(invoke: Any, fleet: SimulatedFleet) -> None:
    got = only(invoke("asks", timeout=PATIENCE))
    assert (got["state"], got["output"]) == ("Failed", ["before"])
    assert got["failure"]["fully_qualified_error_id"] == "HostFunctionNotImplemented"
    # The question itself is only written; ReadLine is answered.
    (answer,) = fleet.requests_of(operation="Send")
    (data,) = re.findall(r"Stream[^>]*>([^<]+)<", answer.body)
    message = Message.unpack(b"".join(fragment.data for fragment in fragments_of(base64.b64decode(data))))
    assert message.type.name == "PipelineHostResponse"
    refusal = from_clixml(message.data).me
    assert refusal.FullyQualifiedErrorId == "HostFunctionNotImplemented"
    assert refusal.Exception.Message == "The script asked for input, which a task cannot give (ReadLine)"


def test_output_beyond_the_limit_is_counted(invoke: Any) -> None:
    output = only(invoke("big", max_output_objects=2))["output"]
    assert output[:2] == [BIG, 0]
    assert len(output) == 3
    assert "3000" in output[2]


def test_sessions_side_by_side_under_the_throttle(controller: Controller, fleet: SimulatedFleet) -> None:
    for computer in fleet:
        for number in range(3):
            computer.add_session(f"job{number}")
    everywhere = ["srv01", "srv02", "srv03"]
    result = controller.run(_plugins.INVOKE, *everywhere, name=["job*"], script="pause", throttle_limit=3)
    assert names(result) == sorted(["job0", "job1", "job2"] * 3)
    assert [got["output"] for got in result["results"]] == [["begun", "done"]] * 9
    waiting = [request for request in fleet.requests if request.operation == "Receive"]
    assert most_at_once(waiting) <= 3
    fleet.clear_requests()
    with meanwhile(
        lambda: len(waiting_receives(fleet)) == 9, lambda: fleet.clock.advance(3600), "nine Receives at once"
    ):
        controller.run(_plugins.INVOKE, *everywhere, name=["job*"], script="slow")
    assert Counter(request.shell_id for request in fleet.requests_of(operation="Command")).most_common(1)[0][1] == 1


def test_check_mode_starts_nothing(controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet) -> None:
    computer.add_session("job")
    result = controller.run(_plugins.INVOKE, "srv01", name=["job"], script="quick", check_mode=True)
    assert result["changed"]
    assert {request.operation for request in fleet.requests} == {"Enumerate"}
    result = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["new"],
        script="quick",
        in_disconnected_session=True,
        check_mode=True,
    )
    assert result["changed"]
    assert [session.name for session in computer.sessions] == ["job"]


def test_in_disconnected_session_starts_once(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet
) -> None:
    def run() -> Result:
        return controller.run(
            _plugins.INVOKE, "srv01", session_name=["night1", "night2"], script="slow", in_disconnected_session=True
        )

    first = run()
    assert first["changed"]
    assert names(first) == ["night1", "night2"]
    assert {session["state"] for session in first["sessions"]} == {"Disconnected"}
    assert {session.state for session in computer.sessions} == {"Disconnected"}
    second = run()
    assert not second["changed"]
    assert names(second) == ["night1", "night2"]
    assert second["warnings"] == []
    assert [len(session["commands"]) for session in second["sessions"]] == [1, 1]
    assert len(fleet.requests_of(operation="Create")) == len(fleet.requests_of(operation="Command")) == 2
    assert [[command.state for command in session.commands] for session in computer.sessions] == [["Running"]] * 2


@pytest.mark.parametrize("timeout", [0, 1])
def test_time_is_over_and_the_command_goes_on(
    invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet, timeout: int
) -> None:
    result = invoke("slow", timeout=timeout)
    assert "failed" not in result
    assert (only(result)["state"], only(result)["output"]) == ("Running", ["begun"])
    assert any("still runs" in warning for warning in result["warnings"])
    job = computer.session("job")
    assert job.state == "Disconnected"
    assert [command.state for command in job.commands] == ["Running"]
    assert result["sessions"][0]["state"] == "Disconnected"


def test_time_is_over_for_a_command_that_never_falls_silent(
    invoke: Any, computer: SimulatedComputer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.receiving.BACKLOG_SECONDS", 0.5
    )
    got = only(invoke("chatty", timeout=1))
    assert got["state"] == "Running"
    assert set(got["output"]) == {"again"}


@pytest.mark.parametrize("action", ["reset", "close_without_answer", "truncate"])
def test_connection_lost_while_receiving(
    controller: Controller, invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet, action: Any
) -> None:
    computer.replay_after_connect = True
    computer.inject(Injection("Receive", action=action))
    result = invoke("pause", recovery_timeout=0)
    assert result["failed"]
    assert "receive_pssession receives the rest" in result["msg"]
    assert computer.session("job").state == "Disconnected"
    assert len(fleet.requests_of(operation="Command")) == 1
    rest = controller.run(_plugins.RECEIVE, "srv01", name=["job"])
    assert (only(rest)["state"], only(rest)["output"]) == ("Completed", ["begun", "done"])


def waits_for_more(fleet: SimulatedFleet) -> bool:
    """Whether a client has some output of a command and waits for the rest."""
    return bool(waiting_receives(fleet)) and len(fleet.requests_of(operation="Receive")) > 1


def test_session_taken_meanwhile(invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet) -> None:
    def take() -> None:
        job = computer.session("job")
        job.disconnect()
        job.connect_elsewhere()

    with meanwhile(lambda: waits_for_more(fleet), take, "the second Receive"):
        result = invoke("slow")
    assert result["failed"]
    assert only(result)["output"] == ["begun"]
    assert "Another client is connected to the session now" in result["msg"]
    assert len(result["errors"]) == 1
    assert result["sessions"] == []
    assert computer.session("job").state == "Connected"


def test_session_that_ends_meanwhile(invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet) -> None:
    with meanwhile(lambda: waits_for_more(fleet), computer.session("job").close, "the second Receive"):
        result = invoke("slow")
    assert result["failed"]
    assert only(result)["output"] == ["begun"]


@pytest.mark.parametrize(
    ("action", "has_effect"),
    [
        ("reset", False),
        ("garbage", False),
        ("close_without_answer", True),
        ("truncate", True),
        ("wrong_relates_to", True),
    ],
)
def test_the_answer_to_a_start_gets_lost(
    invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet, action: Any, has_effect: bool
) -> None:
    """The list of commands tells whether it exists. If it does not, it is asked for once more, with the same id."""
    computer.inject(Injection("Command", action=action))
    result = invoke("quick")
    assert ("failed" in result and result["failed"], only(result)["output"]) == (False, ["ran"])
    sent = fleet.requests_of(operation="Command")
    assert [request.command_id for request in sent] == [sent[0].command_id] * (1 if has_effect else 2)


def test_a_start_that_cannot_be_seen(invoke: Any, computer: SimulatedComputer, fleet: SimulatedFleet) -> None:
    computer.inject(Injection("Command", action="close_without_answer"))
    computer.inject(Injection("Enumerate", after=2, action="fault"))
    result = invoke("quick")
    assert result["failed"]
    assert "it is not known whether the command in session job on srv01 started" in result["msg"]
    assert len(fleet.requests_of(operation="Command")) == 1


@pytest.mark.parametrize("failing", ["Enumerate", "Connect"])
@pytest.mark.parametrize(("plugin", "options"), [(_plugins.INVOKE, {"script": "quick"}), (_plugins.RECEIVE, {})])
def test_stop_at_the_first_error_also_before_the_commands(
    controller: Controller, fleet: SimulatedFleet, failing: str, plugin: _plugins.Plugin, options: dict[str, Any]
) -> None:
    for computer in fleet:
        computer.add_session("job", commands=[{"script": "quick"}] if plugin is _plugins.RECEIVE else [])
    fleet["srv02"].inject(Injection(failing, action="fault", fault_code=5, times=None))
    result = controller.run(
        plugin, "srv01", "srv02", "srv03", name=["job"], on_error="stop", throttle_limit=1, **options
    )
    assert result["failed"]
    asked = {request.operation for request in fleet.requests}
    assert asked.isdisjoint({"Command", "Receive"})


@pytest.mark.parametrize("twice", [{"name": ["job", "j*"]}, {"computer_name": ["srv01", "SRV01"]}])
def test_a_session_that_is_selected_twice_runs_the_script_once(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet, twice: dict[str, Any]
) -> None:
    """Also one that is connected already, and is not connected to twice."""
    computer.add_session("job")
    controller.connect("srv01", name=["job"])
    fleet.clear_requests()
    result = controller.run(_plugins.INVOKE, **{"computer_name": ["srv01"], "name": ["job"], **twice}, script="quick")
    assert result["changed"]
    assert len(fleet.requests_of(operation="Command")) == 1


def test_command_quota(invoke: Any, computer: SimulatedComputer) -> None:
    computer.max_commands_per_shell = 0
    result = invoke("quick")
    assert result["failed"]
    assert result["errors"][0]["code"] is not None


def test_one_that_fails_does_not_harm_the_others(controller: Controller, fleet: SimulatedFleet) -> None:
    for computer in fleet:
        computer.add_session("job")
    fleet["srv02"].inject(Injection("Command", action="fault", fault_code=0x803381CC))
    result = controller.run(_plugins.INVOKE, "srv01", "srv02", "srv03", name=["job"], script="quick")
    assert result["failed"]
    outputs = {got["computer_name"]: got["output"] for got in result["results"]}
    assert outputs == {"srv01": ["ran"], "srv02": [], "srv03": ["ran"]}


@pytest.mark.parametrize("options", [{}, {"script": "  "}])
def test_no_script(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet, options: dict[str, Any]
) -> None:
    computer.add_session("job")
    result = controller.run(_plugins.INVOKE, "srv01", name=["job"], **options)
    assert result["failed"]
    assert "script" in result["msg"]
    assert fleet.requests == []


def test_the_journal_of_invoke_is_whole(invoke: Any, controller: Controller, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    assert only(invoke("pause", journal=str(journal)))["output"] == ["begun", "done"]
    again = controller.run(_plugins.RECEIVE, "srv01", name=["job"], journal=str(journal))
    assert (only(again)["state"], only(again)["output"]) == ("Completed", ["begun", "done"])
    assert not again["changed"]


def test_more_sessions_than_the_throttle_lets_run(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet
) -> None:
    """A session that waits for its turn is silent, and the server takes it; it is taken up again."""
    for name in ("job1", "job2", "job3"):
        computer.add_session(name)
    with time_passing(fleet, 3600):
        result = controller.run(_plugins.INVOKE, "srv01", name=["job*"], script="slow", throttle_limit=1)
    assert "failed" not in result
    assert [got["output"] for got in result["results"]] == [["begun", "done"]] * 3


def test_one_that_somebody_took_while_it_waited(
    controller: Controller, computer: SimulatedComputer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = computer.add_session("job")
    start = running.Runner.start

    def late(runner: Any, session: Any, script: Any) -> Any:
        job.disconnect()
        job.connect_elsewhere()
        job.disconnect()
        return start(runner, session, script)

    monkeypatch.setattr(running.Runner, "start", late)
    result = controller.run(_plugins.INVOKE, "srv01", name=["job"], script="quick")
    assert result["failed"]
    assert error_ids(result) == ["CannotConnectMismatchSessions,PSSessionStateBroken"]
    assert job.commands == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"session_name": ["job"]}, "session_name is for new sessions and needs in_disconnected_session"),
        ({"name": ["job"], "session_name": ["job"]}, "needs in_disconnected_session"),
        ({"in_disconnected_session": True}, "set their names in session_name"),
        ({"in_disconnected_session": True, "name": ["job"]}, "set their names in session_name"),
        ({"in_disconnected_session": True, "name": ["job"], "session_name": ["new"]}, "set their names"),
        ({"in_disconnected_session": True, "session_name": ["new"], "timeout": 0}, "set it in receive_pssession"),
        ({"in_disconnected_session": True, "session_name": []}, "session_name is an empty list"),
        ({"name": ["job"], "max_output_objects": -1}, "max_output_objects: -1 is negative"),
    ],
)
def test_options_that_do_not_go_together(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet, options: dict[str, Any], message: str
) -> None:
    computer.add_session("job")
    result = controller.run(_plugins.INVOKE, "srv01", script="quick", **options)
    assert result["failed"]
    assert message in result["msg"]
    assert fleet.requests == []


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("timeout", [None, 0])
def test_nothing_is_started_beside_a_command(
    controller: Controller,
    computer: SimulatedComputer,
    fleet: SimulatedFleet,
    invoke: Any,
    timeout: int | None,
    check_mode: bool,
) -> None:
    """It would wait for the end of the first one, and then run unseen."""
    assert only(invoke("slow", timeout=0))["state"] == "Running"
    fleet.clear_requests()
    result = invoke("pause", timeout=timeout, check_mode=check_mode)
    (error,) = result["errors"]
    assert (error["reason"], error["session_name"]) == ("busy", "job")
    assert "a command still runs in it" in error["message"]
    assert "Receive the output with receive_pssession" in error["hint"]
    assert (result["changed"], result["sessions"]) == (False, [])
    assert {request.operation for request in fleet.requests} == {"Enumerate"}
    assert len(computer.session("job").commands) == 1


def test_a_command_is_waited_for_before_the_start(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet, invoke: Any, fake_time: FakeTime
) -> None:
    job = computer.session("job")
    invoke("slow", timeout=0)
    fleet.clear_requests()
    result = invoke("pause", busy_timeout=12)
    assert [error["reason"] for error in result["errors"]] == ["busy"]
    assert "after 12 seconds (busy_timeout)" in result["msg"]
    assert sum(fake_time.slept) == 12
    assert fleet.requests_of(operation="Command") == []

    sleep = fake_time.sleep

    def sleep_until_it_was_received(seconds: float) -> None:
        sleep(seconds)
        if sum(fake_time.slept) > 30:
            job.forget_commands()

    controller.surroundings["world"] = dataclasses.replace(
        controller.surroundings["world"], sleep=sleep_until_it_was_received
    )
    result = invoke("quick", busy_timeout=90)
    assert result["errors"] == []
    assert only(result)["state"] == "Completed"


def test_half_of_a_surrogate_pair_travels_both_ways(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    """What came before and after it is in the result and in the journal."""
    fleet["srv01"].add_session("job")
    options: dict[str, Any] = {"name": ["job"], "script": "half", "input": ["\ud800"], "journal": str(tmp_path / "j")}
    result = controller.run(_plugins.INVOKE, "srv01", **options)
    assert result["errors"] == []
    before, half, after = only(result)["output"]
    assert (before, after) == ("before", "after")
    assert half.encode("ascii")  # as PowerShell's escape sequence, which any reader of the result can have
