# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disconnect-PSSession: sessions are left with what is running in them, and only by their own client."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from typing import Any

import pytest

from tests.integration.engine.controller import (
    Controller,
    FakeTime,
    error_ids,
    most_at_once,
    names,
    operations,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, SimulatedSession
from tests.waiting import meanwhile

pytestmark = pytest.mark.timing

HELD_BY_ANOTHER = 0x803381CD


@pytest.fixture
def job(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> SimulatedSession:
    """A session this controller is connected to, as it was a moment ago; only what follows is in the log."""
    session = computer.add_session("job1")
    assert not controller.connect("srv01")["errors"]
    fleet.clear_requests()
    return session


def body_of(fleet: SimulatedFleet) -> str:
    """What is in the only Disconnect, without prefixes and space."""
    (request,) = fleet.requests_of(operation="Disconnect")
    body = re.search(r"<(\w+):Body>(.*)</\1:Body>", request.body, re.DOTALL)
    assert body is not None
    return re.sub(r"\s|xmlns:\w+=\"[^\"]*\"|(?<=[</])\w+:", "", body[2])


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("options", "body", "idle_timeout", "buffer_mode"),
    [
        ({}, "<Disconnect></Disconnect>", 7200, "Block"),
        ({"idle_timeout": 86400}, "<Disconnect><IdleTimeOut>PT86400S</IdleTimeOut></Disconnect>", 86400, "Block"),
        ({"output_buffering_mode": "drop"}, "<Disconnect><BufferMode>Drop</BufferMode></Disconnect>", 7200, "Drop"),
        ({"output_buffering_mode": "none"}, "<Disconnect></Disconnect>", 7200, "Block"),
        (
            {"idle_timeout": 60, "output_buffering_mode": "drop"},
            "<Disconnect><IdleTimeOut>PT60S</IdleTimeOut><BufferMode>Drop</BufferMode></Disconnect>",
            60,
            "Drop",
        ),
        (
            {"session_option": {"idle_timeout": 90}},
            "<Disconnect><IdleTimeOut>PT90S</IdleTimeOut></Disconnect>",
            90,
            "Block",
        ),
        (
            {"idle_timeout": 86400, "session_option": {"idle_timeout": 120}},
            "<Disconnect><IdleTimeOut>PT86400S</IdleTimeOut></Disconnect>",
            86400,
            "Block",
        ),
        ({"session_option": {"idle_timeout": -1}}, "<Disconnect></Disconnect>", 7200, "Block"),
    ],
    ids=["nothing", "idle timeout", "drop", "none", "both", "session option", "both idle timeouts", "server's default"],
)
def test_only_what_was_given_is_on_the_wire(
    fleet: SimulatedFleet,
    controller: Controller,
    job: SimulatedSession,
    options: dict[str, Any],
    body: str,
    idle_timeout: float,
    buffer_mode: str,
) -> None:
    result = controller.disconnect("srv01", **options)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Disconnect"]
    assert body_of(fleet) == body
    (session,) = result["sessions"]
    assert (session["state"], session["availability"]) == ("Disconnected", "None")
    assert (session["idle_timeout"], session["output_buffering_mode"]) == (idle_timeout, buffer_mode)
    assert (job.state, job.idle_timeout, job.buffer_mode) == ("Disconnected", idle_timeout, buffer_mode)


def test_what_is_told_is_what_is_found_afterwards(controller: Controller, job: SimulatedSession) -> None:
    began = datetime.datetime.now(datetime.timezone.utc)
    (told,) = controller.disconnect("srv01", idle_timeout=3600, output_buffering_mode="drop")["sessions"]
    (found,) = controller.get("srv01")["sessions"]
    ended = datetime.datetime.now(datetime.timezone.utc)
    assert (told.pop("changed"), found.pop("changed")) == (True, False)
    times = ("disconnected_on", "expires_on")
    assert {name: value for name, value in told.items() if name not in times} == {
        name: value for name, value in found.items() if name not in times
    }
    for session in (told, found):
        disconnected_on, expires_on = (moment(session[name]) for name in times)
        # Results have whole seconds.
        assert began - datetime.timedelta(seconds=2) < disconnected_on <= ended
        assert expires_on - disconnected_on == datetime.timedelta(hours=1)
    assert told["id"] is not None


def test_a_disconnected_session_stays_as_it_is(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1", inactivity=30)
    result = controller.disconnect("srv01", idle_timeout=86400)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], False, [])
    assert operations(fleet) == ["Enumerate"]
    assert (result["sessions"][0]["idle_timeout"], job.idle_timeout) == (7200, 7200)
    assert result["sessions"][0]["expires_on"]


def test_the_second_time_changes_nothing(fleet: SimulatedFleet, controller: Controller, job: SimulatedSession) -> None:
    assert controller.disconnect("srv01", diff_mode=True)["changed"]
    fleet.clear_requests()
    again = controller.disconnect("srv01", diff_mode=True)
    assert (names(again), again["changed"], again["errors"]) == (["job1"], False, [])
    assert again["diff"]["before"] == again["diff"]["after"] == "job1 on srv01: Disconnected, None\n"
    assert operations(fleet) == ["Enumerate"]


@pytest.mark.parametrize("refused", [HELD_BY_ANOTHER, 0], ids=["refused by the server", "carried out by the server"])
@pytest.mark.parametrize("past", ["never seen", "ours before", "left"])
def test_one_that_another_client_holds_is_an_error(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, past: str, refused: int
) -> None:
    """A server may carry out what another client than the connected one asks for, so it is not asked for that."""
    computer.configure({"foreign_disconnect_code": refused})
    job = computer.add_session("job1")
    if past != "never seen":
        controller.connect("srv01")
    if past == "left":
        controller.disconnect("srv01")
    job.connect_elsewhere()
    fleet.clear_requests()
    result = controller.disconnect("srv01")
    assert (result["sessions"], result["changed"]) == ([], False)
    assert error_ids(result) == ["CannotDisconnectSessionWhenNotOpened"]
    (error,) = result["errors"]
    assert error["fully_qualified_error_id"].endswith(",Microsoft.PowerShell.Commands.DisconnectPSSessionCommand")
    assert (error["target"], error["category"]) == (job.shell_id.lower(), "InvalidOperation")
    assert [(request.operation, request.fault_code) for request in fleet.requests] == [
        ("Enumerate", None),
        ("Reconnect", HELD_BY_ANOTHER),
    ]
    assert job.state == "Connected"


def test_busy_timeout_waits_until_the_other_client_has_gone(
    computer: SimulatedComputer, controller: Controller, fake_time: FakeTime
) -> None:
    computer.add_session("job1", state="Connected")
    result = controller.disconnect("srv01", busy_timeout=90)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], False, [])
    assert 55 <= sum(fake_time.slept) <= 65


@pytest.mark.parametrize(("seconds", "limit"), [(3601, "3600 at most"), (86400, "3600 at most")])
def test_an_idle_timeout_that_does_not_suit_is_refused_unsent(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, seconds: int, limit: str
) -> None:
    strict = computer.add_session("strict", max_idle_timeout=3600)
    controller.connect("srv01")
    fleet.clear_requests()
    result = controller.disconnect("srv01", idle_timeout=seconds)
    assert error_ids(result) == ["CannotDisconnectSessionWithInvalidIdleTimeout"]
    (error,) = result["errors"]
    assert (error["category"], error["target"]) == ("InvalidArgument", strict.shell_id.lower())
    assert f"{seconds} seconds" in error["message"]
    assert limit in error["message"]
    assert operations(fleet) == ["Enumerate"]
    assert strict.state == "Connected"


@pytest.mark.parametrize("seconds", [60, 3600])
def test_the_limits_themselves_suit(computer: SimulatedComputer, controller: Controller, seconds: int) -> None:
    strict = computer.add_session("strict", max_idle_timeout=3600)
    controller.connect("srv01")
    assert controller.disconnect("srv01", idle_timeout=seconds)["errors"] == []
    assert strict.idle_timeout == seconds


def test_one_session_that_does_not_suit_hinders_no_other(computer: SimulatedComputer, controller: Controller) -> None:
    strict = computer.add_session("strict", max_idle_timeout=3600)
    free = computer.add_session("free")
    controller.connect("srv01")
    result = controller.disconnect("srv01", idle_timeout=7200)
    assert (names(result), error_ids(result)) == (["free"], ["CannotDisconnectSessionWithInvalidIdleTimeout"])
    assert (strict.state, free.state) == ("Connected", "Disconnected")


def test_a_short_idle_timeout_is_a_warning_with_the_time_of_expiry(
    controller: Controller, job: SimulatedSession
) -> None:
    (warning,) = controller.disconnect("srv01", idle_timeout=899)["warnings"]
    (session,) = controller.get("srv01")["sessions"]
    assert warning.startswith(
        "1 session expires soon if no client connects, and the work there ends: job1 on srv01 at "
    )
    (text,) = re.findall(r"20\S+Z", warning)
    assert abs(moment(text) - moment(session["expires_on"])) <= datetime.timedelta(minutes=2)


def test_many_short_idle_timeouts_are_one_warning(computer: SimulatedComputer, controller: Controller) -> None:
    for number in range(5):
        computer.add_session(f"short{number}", idle_timeout=300)
    computer.add_session("long", idle_timeout=900)
    controller.connect("srv01")
    (warning,) = controller.disconnect("srv01")["warnings"]
    assert warning.startswith("5 sessions expire soon")
    assert "and 2 more" in warning
    (job,) = (session for session in computer.sessions if session.name == "long")
    controller.connect("srv01", name=["long"])
    assert controller.disconnect("srv01", name=["long"])["warnings"] == []
    assert job.state == "Disconnected"


@pytest.mark.parametrize("seconds", [-2, 0, 59, 2147484, 86400000])
@pytest.mark.parametrize("place", ["option", "session option"])
def test_an_impossible_idle_timeout_is_refused_before_anything(
    fleet: SimulatedFleet, controller: Controller, job: SimulatedSession, seconds: int, place: str
) -> None:
    options = {"idle_timeout": seconds}
    result = controller.disconnect("srv01", **(options if place == "option" else {"session_option": options}))
    assert error_ids(result) == ["ParameterArgumentValidationError"]
    assert f"idle_timeout: {seconds} is" in result["msg"]
    assert fleet.requests == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("close_without_answer", ["Enumerate", "Reconnect", "Disconnect", "Enumerate"]),
        ("truncate", ["Enumerate", "Reconnect", "Disconnect", "Enumerate"]),
        ("reset", ["Enumerate", "Reconnect", "Disconnect", "Enumerate", "Reconnect", "Disconnect"]),
    ],
)
def test_a_lost_answer_costs_one_look(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    job: SimulatedSession,
    action: Any,
    expected: list[str],
) -> None:
    computer.inject(Injection("Disconnect", action=action))
    result = controller.disconnect("srv01", idle_timeout=600)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == expected
    assert (job.state, job.idle_timeout) == ("Disconnected", 600)
    assert result["sessions"][0]["idle_timeout"] == 600


def test_one_that_disconnects_by_itself_at_the_last_moment_is_fine(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, job: SimulatedSession
) -> None:
    """What the server says afterwards is in the result, and when the session expires."""
    late = Injection("Disconnect", action="delay", seconds=5)
    computer.inject(late)

    def disconnect_and_go_on() -> None:
        job.disconnect()
        fleet.clock.advance(5)

    with meanwhile(lambda: late.waiting, disconnect_and_go_on):
        result = controller.disconnect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], False, [])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Disconnect", "Enumerate"]
    (session,) = result["sessions"]
    assert (session["state"], session["availability"]) == ("Disconnected", "None")
    assert moment(session["expires_on"]) - moment(session["disconnected_on"]) == datetime.timedelta(hours=2)


def test_another_refusal_is_an_error_and_others_go_on(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    refused, other = computer.add_session("refused"), computer.add_session("other")
    controller.connect("srv01")
    computer.inject(Injection("Disconnect", shell_id=refused.shell_id, fault_code=5))
    result = controller.disconnect("srv01")
    assert (names(result), error_ids(result)) == (["other"], ["AccessDenied,PSSessionDisconnectFailed"])
    assert (refused.state, other.state) == ("Connected", "Disconnected")
    assert len(fleet.requests_of(operation="Disconnect")) == 2


def test_check_mode_only_looks_and_predicts(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, job: SimulatedSession
) -> None:
    computer.add_session("left")
    computer.add_session("held", state="Connected", held=True)
    result = controller.disconnect("srv01", check_mode=True, diff_mode=True)
    assert sorted(result["what_if"]) == [
        'What if: Performing the operation "Disconnect" on target "job1". If another client than this one is connected '
        "to the session, this fails and changes nothing.",
        'What if: Performing the operation "Disconnect" on target "left".',
    ]
    assert [session["what_if"] for session in result["sessions"]] == result["what_if"]
    # Only a Reconnect, which check mode does not send, would tell whether job1 is still ours.
    assert (result["changed"], names(result)) == (False, ["job1", "left"])
    assert [(error["session_name"], error["reason"]) for error in result["errors"]] == [("held", "busy")]
    assert {session["name"]: session["state"] for session in result["sessions"]} == {
        "job1": "Opened",
        "left": "Disconnected",
    }
    assert result["diff"]["before"] == result["diff"]["after"]
    assert operations(fleet) == ["Enumerate"]
    assert job.state == "Connected"


def test_check_mode_where_there_is_nothing_to_do(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("left")
    result = controller.disconnect("srv01", check_mode=True, diff_mode=True)
    assert (result["changed"], len(result["what_if"])) == (False, 1)
    assert result["diff"]["before"] == result["diff"]["after"]


def test_each_session_is_confirmed(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    for name in ("yes", "no"):
        computer.add_session(name)
    controller.connect("srv01")
    asked: list[tuple[str, str]] = []

    def confirm(operation: str, target: str, session: Any) -> bool:
        asked.append((operation, target))
        return session.name == "yes"

    controller.surroundings["confirm"] = confirm
    fleet.clear_requests()
    result = controller.disconnect("srv01")
    assert sorted(asked) == [("Disconnect", "no"), ("Disconnect", "yes")]
    assert (names(result), result["errors"]) == (["yes"], [])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Disconnect"]


@pytest.mark.parametrize(("limit", "least", "most"), [(1, 1, 1), (4, 2, 4)])
def test_several_at_once_under_the_throttle(
    fleet: SimulatedFleet, controller: Controller, limit: int, least: int, most: int
) -> None:
    for computer in fleet:
        for number in range(4):
            computer.add_session(f"job{number}")
    controller.connect("srv01", "srv02", "srv03")
    for computer in fleet:
        computer.inject(Injection("Disconnect", action="delay", seconds=0.03, times=None))
    fleet.clear_requests()
    result = controller.disconnect("srv01", "srv02", "srv03", throttle_limit=limit)
    assert (len(result["sessions"]), result["errors"]) == (12, [])
    assert Counter(operations(fleet)) == {"Enumerate": 3, "Reconnect": 12, "Disconnect": 12}
    assert least <= most_at_once(fleet.requests) <= most


def test_on_error_stop_starts_no_further(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    for number in range(4):
        computer.add_session(f"job{number}")
    controller.connect("srv01")
    computer.inject(Injection("Disconnect", after=1, fault_code=5))
    fleet.clear_requests()
    result = controller.disconnect("srv01", on_error="stop", throttle_limit=1)
    assert (len(result["sessions"]), error_ids(result)) == (1, ["AccessDenied,PSSessionDisconnectFailed"])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Disconnect", "Reconnect", "Disconnect"]


PARAMETER_SETS = [
    "Session",
    "Name",
    "Id",
    "InstanceId",
    "ComputerName",
    "ComputerNameGuid",
    "ConnectionUri",
    "ConnectionUriGuid",
]


def selecting(parameter_set: str, session: dict[str, Any]) -> dict[str, Any]:
    """The options of a parameter set that select one session."""
    ids, uri = {"instance_id": [session["instance_id"]]}, {"connection_uri": [session["connection_uri"]]}
    options: dict[str, dict[str, Any]] = {
        "Session": {"session": [session]},
        "Name": {"name": ["job*"]},
        "Id": {"id": [session["id"]]},
        "InstanceId": ids,
        "ComputerName": {"computer_name": ["srv01"], "name": ["job1"]},
        "ComputerNameGuid": {"computer_name": ["srv01"], **ids},
        "ConnectionUri": {**uri, "name": ["JOB1"]},
        "ConnectionUriGuid": {**uri, **ids},
    }
    return options[parameter_set]


@pytest.mark.parametrize("parameter_set", PARAMETER_SETS)
def test_by_every_parameter_set(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, parameter_set: str
) -> None:
    job, other = computer.add_session("job1"), computer.add_session("other")
    for session in controller.connect("srv01")["sessions"]:
        if session["name"] == "job1":
            given = session
    fleet.clear_requests()
    result = controller.disconnect(**selecting(parameter_set, given))
    assert (result["parameter_set"], names(result), result["errors"]) == (parameter_set, ["job1"], [])
    assert result["sessions"][0]["id"] == given["id"]
    assert operations(fleet) == ["Enumerate", "Reconnect", "Disconnect"]
    assert (job.state, other.state) == ("Disconnected", "Connected")


def test_a_session_given_twice(fleet: SimulatedFleet, controller: Controller, job: SimulatedSession) -> None:
    (session,) = controller.get("srv01")["sessions"]
    fleet.clear_requests()
    result = controller.disconnect(session=[session, session])
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionDisconnectFailed"])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Disconnect"]


@pytest.mark.parametrize("on_missing", ["error", "warn", "skip"])
def test_what_is_not_there(controller: Controller, job: SimulatedSession, on_missing: str) -> None:
    result = controller.disconnect("srv01", name=["job1", "nosuch"], on_missing=on_missing)
    assert (names(result), result["missing"]) == (["job1"], ["nosuch"])
    assert error_ids(result) == (["PSSessionNameMatchFail"] if on_missing == "error" else [])
    assert len(result["warnings"]) == (on_missing == "warn")


def test_one_that_has_ended(fleet: SimulatedFleet, controller: Controller, job: SimulatedSession) -> None:
    (session,) = controller.get("srv01")["sessions"]
    fleet.clear_requests()
    ended = controller.disconnect(session=[{**session, "state": "Broken"}])
    assert error_ids(ended) == ["CannotDisconnectSessionWhenNotOpened"]
    assert fleet.requests == []
    job.close()
    gone = controller.disconnect(session=[session])
    assert error_ids(gone) == ["PSSessionDisconnectFailed"]
    assert "no longer exists on srv01" in gone["errors"][0]["message"]


def test_a_session_that_runs_something_is_left_with_it(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1", commands=[{"script": "forever"}])
    controller.connect("srv01", list_commands=True)
    result = controller.disconnect("srv01", list_commands=True)
    (session,) = result["sessions"]
    assert (session["state"], session["availability"], len(session["commands"])) == ("Disconnected", "None", 1)
    assert [command.state for command in job.commands] == ["Running"]


def test_coming_back_is_a_reconnect(fleet: SimulatedFleet, controller: Controller, job: SimulatedSession) -> None:
    controller.disconnect("srv01")
    fleet.clear_requests()
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Reconnect"]
    assert job.state == "Connected"


def test_it_lives_as_long_as_it_was_given(
    fleet: SimulatedFleet, controller: Controller, job: SimulatedSession, fake_time: FakeTime
) -> None:
    controller.disconnect("srv01", idle_timeout=600)
    fleet.clock.advance(590)
    assert names(controller.get("srv01")) == ["job1"]
    fleet.clock.advance(60)
    assert names(controller.get("srv01")) == []


def test_an_idle_timeout_beyond_any_calendar(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1", idle_timeout=1e15)
    controller.connect("srv01")
    result = controller.disconnect("srv01")
    assert (names(result), result["errors"]) == (["job1"], [])
    assert result["sessions"][0]["expires_on"] is None
    assert job.state == "Disconnected"
