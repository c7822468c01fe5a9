# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove-PSSession: sessions are removed, but not those that another client is connected to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.integration.engine.controller import (
    ALICE,
    IN_USE,
    UNKNOWN_SHELL,
    Controller,
    FakeTime,
    error_ids,
    most_at_once,
    names,
    operations,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

DAY = 86400.0


def left(computer: SimulatedComputer) -> list[str]:
    """The names of the sessions that are there."""
    return sorted(session.name or "" for session in computer.sessions)


def test_a_free_session_is_connected_and_deleted(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    result = controller.remove("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    (session,) = result["sessions"]
    assert (session["state"], session["availability"], session["expires_on"]) == ("Closed", "None", None)
    assert operations(fleet) == ["Enumerate", "Connect", "Delete"]
    assert job.state == "Closed"


def test_one_that_is_connected_here_is_asked_for_and_deleted(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1", commands=[{"script": "forever"}])
    controller.connect("srv01")
    fleet.clear_requests()
    result = controller.remove("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Delete"]
    assert left(computer) == []


@pytest.mark.parametrize("known", [False, True], ids=["never seen", "ours before"])
def test_one_that_another_client_holds_is_never_removed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, known: bool
) -> None:
    job = computer.add_session("job1")
    if known:
        controller.connect("srv01")
    job.connect_elsewhere()
    free = computer.add_session("free")
    fleet.clear_requests()
    result = controller.remove("srv01")
    assert (names(result), error_ids(result)) == (["free"], ["RemoveSessionCannotConnectToServer"])
    (error,) = result["errors"]
    assert error["fully_qualified_error_id"].endswith(",Microsoft.PowerShell.Commands.RemovePSSessionCommand")
    assert (error["target"], error["category"]) == (job.shell_id.lower(), "InvalidOperation")
    assert "force" in error["hint"]
    assert [request.shell_id for request in fleet.requests_of(operation="Delete")] == [free.shell_id]
    assert (job.state, free.state) == ("Connected", "Closed")


def test_one_that_is_taken_at_the_last_moment_is_not_removed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")

    def confirm(_operation: str, _target: str, _session: Any) -> bool:
        job.connect_elsewhere()
        return True

    controller.surroundings["confirm"] = confirm
    result = controller.remove("srv01")
    assert error_ids(result) == ["RemoveSessionCannotConnectToServer"]
    assert [(request.operation, request.fault_code) for request in fleet.requests] == [
        ("Enumerate", None),
        ("Connect", IN_USE),
    ]
    assert job.state == "Connected"


@pytest.mark.parametrize("state", ["Connected", "Disconnected"])
def test_force_removes_it_all_the_same(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, state: str
) -> None:
    computer.add_session("job1", state=state, held=True)
    result = controller.remove("srv01", force=True)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Delete"]
    assert left(computer) == []


def test_nothing_to_remove_is_fine(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("other")
    result = controller.remove("srv01", name=["job1"])
    assert (result["sessions"], result["changed"], result["errors"]) == ([], False, [])
    assert (result["missing"], result["warnings"]) == (["job1"], [])
    assert operations(fleet) == ["Enumerate"]
    assert left(computer) == ["other"]


@pytest.mark.parametrize("on_missing", ["error", "warn"])
def test_unless_it_has_to_be_there(computer: SimulatedComputer, controller: Controller, on_missing: str) -> None:
    computer.add_session("other")
    result = controller.remove("srv01", name=["job1"], on_missing=on_missing)
    assert error_ids(result) == (["PSSessionNameMatchFail"] if on_missing == "error" else [])
    assert len(result["warnings"]) == (on_missing == "warn")


def test_the_second_time_changes_nothing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    found = controller.get("srv01")["sessions"]
    removed = controller.remove(session=found)
    assert removed["changed"]
    for given in (found, removed["sessions"]):
        fleet.clear_requests()
        again = controller.remove(session=given)
        assert (again["sessions"], again["changed"], again["errors"]) == ([], False, [])
        assert operations(fleet) == []
    for by_memory in ({"name": ["job1"], "all_known": True}, {"id": [removed["sessions"][0]["id"]]}):
        fleet.clear_requests()
        again = controller.remove(**by_memory)
        assert (again["changed"], again["errors"], operations(fleet)) == (False, [], [])


def test_the_registry_forgets_what_was_removed_and_nothing_else(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    computer.add_session("job2").connect_elsewhere()
    controller.get("srv01")
    result = controller.remove("srv01")
    assert result["sessions"][0]["id"] is not None
    assert names(controller.info(name=["job*"])) == ["job2"]


@pytest.mark.parametrize(
    ("operation", "action", "expected"),
    [
        ("Delete", "close_without_answer", ["Enumerate", "Connect", "Delete", "Enumerate"]),
        ("Delete", "truncate", ["Enumerate", "Connect", "Delete", "Enumerate"]),
        ("Delete", "reset", ["Enumerate", "Connect", "Delete", "Enumerate", "Reconnect", "Delete"]),
        ("Connect", "close_without_answer", ["Enumerate", "Connect", "Enumerate", "Reconnect", "Delete"]),
        ("Connect", "reset", ["Enumerate", "Connect", "Enumerate", "Connect", "Delete"]),
    ],
)
def test_a_lost_answer_costs_one_look(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    operation: str,
    action: Any,
    expected: list[str],
) -> None:
    computer.add_session("job1")
    controller.get("srv01")
    fleet.clear_requests()
    computer.inject(Injection(operation, action=action))
    result = controller.remove("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert result["sessions"][0]["state"] == "Closed"
    assert operations(fleet) == expected
    assert left(computer) == []
    assert controller.info(name=["job1"])["missing"] == ["job1"]


@pytest.mark.parametrize("force", [False, True])
def test_one_that_vanishes_meanwhile_is_removed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, force: bool
) -> None:
    job = computer.add_session("job1")

    def confirm(_operation: str, _target: str, _session: Any) -> bool:
        job.close()
        return True

    controller.surroundings["confirm"] = confirm
    result = controller.remove("srv01", force=force)
    assert (names(result), result["errors"], result["sessions"][0]["state"]) == (["job1"], [], "Closed")
    assert [(request.operation, request.fault_code) for request in fleet.requests] == [
        ("Enumerate", None),
        ("Delete" if force else "Connect", UNKNOWN_SHELL),
        ("Enumerate", None),
    ]


@pytest.mark.parametrize("operation", ["Connect", "Delete"])
def test_a_refusal_is_an_error_and_others_go_on(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, operation: str
) -> None:
    refused = computer.add_session("refused")
    computer.add_session("other")
    computer.inject(Injection(operation, times=None, shell_id=refused.shell_id, fault_code=0x80540FA3))
    result = controller.remove("srv01")
    assert (names(result), error_ids(result)) == (["other"], ["-2141974621,RemoveSessionCannotConnectToServer"])
    assert left(computer) == ["refused"]


def test_busy_timeout_waits_until_a_dead_client_is_forgotten(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, fake_time: FakeTime
) -> None:
    computer.add_session("job1", state="Connected")
    result = controller.remove("srv01", busy_timeout=90)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert 55 <= sum(fake_time.slept) <= 65
    assert operations(fleet)[-2:] == ["Connect", "Delete"]


def test_busy_timeout_ends_without_removing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, fake_time: FakeTime
) -> None:
    computer.add_session("held", state="Connected", held=True)
    result = controller.remove("srv01", busy_timeout=12)
    assert error_ids(result) == ["RemoveSessionCannotConnectToServer"]
    assert "after 12 seconds" in result["errors"][0]["hint"]
    assert fake_time.slept == [5, 5, 2]
    assert "Delete" not in operations(fleet)
    assert left(computer) == ["held"]


def test_check_mode_only_looks_and_predicts(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("free")
    computer.add_session("held", state="Connected", held=True)
    result = controller.remove("srv01", check_mode=True, diff_mode=True)
    assert result["what_if"] == ['What if: Performing the operation "Remove" on target "srv01" (free).']
    assert (result["changed"], names(result)) == (True, ["free"])
    assert [(error["session_name"], error["reason"]) for error in result["errors"]] == [("held", "busy")]
    assert sorted(result["diff"]["before"].splitlines()) == [
        "free on srv01: Disconnected, None",
        "held on srv01: Disconnected, Busy",
    ]
    assert sorted(result["diff"]["after"].splitlines()) == [
        "free on srv01: Closed, None",
        "held on srv01: Disconnected, Busy",
    ]
    assert operations(fleet) == ["Enumerate"]
    assert left(computer) == ["free", "held"]


def test_check_mode_does_not_warn_of_what_force_overcomes(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("held", state="Connected", held=True)
    assert controller.remove("srv01", check_mode=True, force=True)["warnings"] == []


def test_each_session_is_confirmed(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    for name in ("yes", "no"):
        computer.add_session(name)
    asked: list[tuple[str, str]] = []

    def confirm(operation: str, target: str, session: Any) -> bool:
        asked.append((operation, target))
        return session.name == "yes"

    controller.surroundings["confirm"] = confirm
    result = controller.remove("srv01")
    assert asked == [("Remove", "srv01"), ("Remove", "srv01")]
    assert (names(result), result["errors"]) == (["yes"], [])
    assert operations(fleet) == ["Enumerate", "Connect", "Delete"]
    assert left(computer) == ["no"]


@pytest.mark.parametrize(("limit", "least", "most"), [(1, 1, 1), (4, 2, 4)])
def test_several_at_once_under_the_throttle(
    fleet: SimulatedFleet, controller: Controller, limit: int, least: int, most: int
) -> None:
    for computer in fleet:
        for number in range(4):
            computer.add_session(f"job{number}")
        computer.inject(Injection("Delete", action="delay", seconds=0.03, times=None))
    result = controller.remove("srv01", "srv02", "srv03", throttle_limit=limit)
    assert (len(result["sessions"]), result["errors"]) == (12, [])
    assert Counter(operations(fleet)) == {"Enumerate": 3, "Connect": 12, "Delete": 12}
    assert least <= most_at_once(fleet.requests) <= most
    assert [left(computer) for computer in fleet] == [[], [], []]


@pytest.mark.parametrize(
    "parameter_set",
    [
        "Session",
        "Name",
        "Id",
        "InstanceId",
        "ComputerName",
        "ComputerNameGuid",
        "ConnectionUri",
        "ConnectionUriGuid",
    ],
)
def test_by_every_parameter_set(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, parameter_set: str
) -> None:
    computer.add_session("job1")
    computer.add_session("other")
    (given,) = (session for session in controller.get("srv01")["sessions"] if session["name"] == "job1")
    fleet.clear_requests()
    ids, uri = {"instance_id": [given["instance_id"]]}, {"connection_uri": [given["connection_uri"]]}
    options: dict[str, Any] = {
        "Session": {"session": [given]},
        "Name": {"name": ["job*"]},
        "Id": {"id": [given["id"]]},
        "InstanceId": ids,
        "ComputerName": {"computer_name": ["srv01"], "name": ["job1"]},
        "ComputerNameGuid": {"computer_name": ["srv01"], **ids},
        "ConnectionUri": {**uri, "name": ["JOB1"]},
        "ConnectionUriGuid": {**uri, **ids},
    }[parameter_set]
    if parameter_set in ("Name", "InstanceId"):
        refused = controller.remove(**options)
        assert refused["errors"][0]["fully_qualified_error_id"].startswith("MissingMandatoryParameter")
        assert operations(fleet) == []
        options["all_known"] = True
    result = controller.remove(**options)
    assert (result["parameter_set"], names(result), result["errors"]) == (parameter_set, ["job1"], [])
    assert operations(fleet) == ["Enumerate", "Connect", "Delete"]
    assert left(computer) == ["other"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"minimum_age": int(DAY)}, ["old"]),
        ({"minimum_age": int(DAY) + 3600}, []),
        ({"name": ["o*"], "minimum_age": 60}, ["old"]),
        ({"state": "disconnected"}, ["fresh", "old"]),
        ({"state": "opened"}, ["mine"]),
        ({"state": "opened", "minimum_age": 1}, []),
        ({"owner": ["admin"]}, ["fresh", "mine", "old"]),
        ({"owner": ["nobody"]}, []),
    ],
    ids=str,
)
def test_conditions(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    conditions: dict[str, Any],
    expected: list[str],
) -> None:
    computer.add_session("old", inactivity=DAY + 60, idle_timeout=7 * DAY)
    computer.add_session("fresh", inactivity=10)
    computer.add_session("mine")
    controller.connect("srv01", name=["mine"])
    fleet.clear_requests()
    result = controller.remove("srv01", **conditions)
    assert (names(result), result["errors"]) == (expected, [])
    assert len(fleet.requests_of(operation="Delete")) == len(expected)
    assert left(computer) == sorted({"old", "fresh", "mine"} - set(expected))


@pytest.mark.parametrize("owner", ["alice", "ALI*", "*\\alice"])
def test_an_administrator_removes_what_others_left_behind(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, owner: str
) -> None:
    computer.add_session("hers", owner=ALICE.name, inactivity=DAY, idle_timeout=7 * DAY)
    computer.add_session("own", inactivity=DAY, idle_timeout=7 * DAY)
    result = controller.remove("srv01", owner=[owner], minimum_age=3600)
    assert (names(result), result["changed"], result["errors"]) == (["hers"], True, [])
    assert left(computer) == ["own"]
    # Only its own account can connect to it, so another listing says that no client is connected.
    assert operations(fleet) == ["Enumerate", "Connect", "Enumerate", "Delete"]


def test_an_administrator_does_not_remove_what_others_work_in(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    hers = computer.add_session("hers", owner=ALICE.name, state="Connected", held=True)
    result = controller.remove("srv01", owner=["alice"])
    assert (result["sessions"], len(result["errors"])) == ([], 1)
    assert error_ids(result)[0].endswith("RemoveSessionCannotConnectToServer")
    assert "Delete" not in operations(fleet)
    assert hers.state == "Connected"
    assert names(controller.remove("srv01", owner=["alice"], force=True)) == ["hers"]


@pytest.mark.parametrize("change", ["taken", "gone"])
def test_what_becomes_of_somebody_elses_session_before_the_last_look(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, change: str
) -> None:
    hers = computer.add_session("hers", owner=ALICE.name)

    def confirm(_operation: str, _target: str, _session: Any) -> bool:
        (hers.connect_elsewhere if change == "taken" else hers.close)()
        return True

    controller.surroundings["confirm"] = confirm
    result = controller.remove("srv01", owner=["alice"])
    assert len(result["errors"]) == (change == "taken")
    assert "Delete" not in operations(fleet)


def test_a_user_sees_and_removes_only_what_is_their_own(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("hers", owner=ALICE.name)
    computer.add_session("other")
    controller.user = ALICE
    assert names(controller.remove("srv01")) == ["hers"]
    assert left(computer) == ["other"]
