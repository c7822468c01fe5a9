# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get-PSSession as a module: what is there, by any selection, and nothing but reading."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.engine.controller import ALICE, Controller, error_ids, names, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

DAY = 86400.0


@pytest.fixture
def sessions(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    """One that is connected here, one that is free, one that another client has, and one of another account."""
    computer.add_session("mine")
    controller.connect("srv01")
    computer.add_session("free", inactivity=300)
    computer.add_session("held", state="Connected", held=True)
    computer.add_session("hers", owner=ALICE.name, inactivity=DAY, idle_timeout=7 * DAY)
    fleet.clear_requests()


@pytest.mark.usefixtures("sessions")
def test_how_each_is_shown(fleet: SimulatedFleet, controller: Controller) -> None:
    result = controller.info("srv01")
    shown = {session["name"]: session for session in result["sessions"]}
    assert {name: (session["state"], session["availability"]) for name, session in shown.items()} == {
        "mine": ("Opened", "Available"),
        "free": ("Disconnected", "None"),
        "held": ("Disconnected", "Busy"),
        "hers": ("Disconnected", "None"),
    }
    assert all(session["id"] for session in shown.values())
    assert [bool(shown[name]["expires_on"]) for name in ("mine", "free", "held", "hers")] == [False, True, False, True]
    assert shown["hers"]["owner"].endswith("alice")
    assert set(result) == {"changed", "parameter_set", "sessions", "errors", "missing", "warnings"}
    assert (result["changed"], result["errors"], result["missing"], result["warnings"]) == (False, [], [], [])
    assert operations(fleet) == ["Enumerate"]


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["free", "held", "hers", "mine"]),
        ({"state": "all"}, ["free", "held", "hers", "mine"]),
        ({"state": "opened"}, ["mine"]),
        ({"state": "disconnected"}, ["free", "held", "hers"]),
        ({"owner": ["admin"]}, ["free", "held", "mine"]),
        ({"owner": ["*\\alice", "bob"]}, ["hers"]),
        ({"minimum_age": 250}, ["free", "hers"]),
        ({"minimum_age": 3600}, ["hers"]),
        ({"minimum_age": 3600, "owner": ["admin"]}, []),
        ({"expires_within": 7200}, ["free"]),
        ({"expires_within": 6000}, []),
        ({"expires_within": 7 * 86400}, ["free", "hers"]),
        ({"name": ["h*"], "state": "disconnected"}, ["held", "hers"]),
    ],
    ids=str,
)
def test_conditions(
    fleet: SimulatedFleet, controller: Controller, conditions: dict[str, Any], expected: list[str]
) -> None:
    result = controller.info("srv01", **conditions)
    assert (names(result), result["errors"], result["changed"]) == (expected, [], False)
    assert operations(fleet) == ["Enumerate"]


def test_opened_means_that_this_controller_was_the_last_to_connect(
    computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    assert names(controller.info("srv01", state="opened")) == ["job1"]
    assert names(controller.info("srv01", state="opened", client_id="00000000-0000-0000-0000-0000000000aa")) == []
    job.disconnect()
    assert names(controller.info("srv01", state="opened")) == []


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_but_reading(fleet: SimulatedFleet, controller: Controller, check_mode: bool) -> None:
    before = {session.name: (session.state, session.owner_client) for session in fleet["srv01"].sessions}
    found = controller.info("srv01", check_mode=check_mode, diff_mode=True, list_commands=True)
    assert len(found["sessions"]) == 4
    assert "diff" not in found
    assert "what_if" not in found
    for given in ({"session": found["sessions"]}, {"name": ["*"]}, {"id": [found["sessions"][0]["id"]]}):
        assert controller.info(check_mode=check_mode, **given)["sessions"]
    assert set(operations(fleet)) == {"Enumerate"}
    assert {session.name: (session.state, session.owner_client) for session in fleet["srv01"].sessions} == before


def test_commands_on_request(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("idle")
    computer.add_session("working", commands=[{"script": "forever"}])
    without = controller.info("srv01")
    assert all("commands" not in session for session in without["sessions"])
    fleet.clear_requests()
    commands = {
        session["name"]: [command["state"] for command in session["commands"]]
        for session in controller.info("srv01", list_commands=True)["sessions"]
    }
    assert commands == {"idle": [], "working": ["Running"]}
    assert operations(fleet) == ["Enumerate"] * 3


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
    result = controller.info(**options)
    assert (result["parameter_set"], names(result), result["errors"]) == (parameter_set, ["job1"], [])
    assert result["sessions"][0]["id"] == given["id"]
    assert operations(fleet) == ["Enumerate"]


@pytest.mark.parametrize("on_missing", ["skip", "warn", "error"])
def test_finding_nothing_is_an_answer_unless_it_has_to_be_there(
    computer: SimulatedComputer, controller: Controller, on_missing: str
) -> None:
    computer.add_session("job1")
    options = {} if on_missing == "skip" else {"on_missing": on_missing}
    for result in (controller.info("srv01", name=["nosuch"], **options), controller.info(name=["nosuch"], **options)):
        assert (result["sessions"], result["missing"]) == ([], ["nosuch"])
        assert (len(result["errors"]), len(result["warnings"])) == (on_missing == "error", on_missing == "warn")


@pytest.mark.parametrize("state", ["Closed", "Broken"])
def test_one_that_ended_is_looked_for(computer: SimulatedComputer, controller: Controller, state: str) -> None:
    job = computer.add_session("job1")
    (session,) = controller.get("srv01")["sessions"]
    given = [{**session, "state": state}]
    assert names(controller.info(session=given)) == ["job1"]
    job.close()
    result = controller.info(session=given)
    assert (result["sessions"], result["errors"], result["missing"]) == ([], [], [session["instance_id"]])


def test_a_computer_that_does_not_answer_is_an_error_and_others_are_listed(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    for computer in fleet:
        computer.add_session("job1")
    fleet["srv02"].inject(Injection("Enumerate", action="status", status=503))
    result = controller.info("srv01", "srv02", "srv03")
    assert [session["computer_name"] for session in result["sessions"]] == ["srv01", "srv03"]
    assert [error["computer_name"] for error in result["errors"]] == ["srv02"]
    assert error_ids(result)[0].endswith("RemotePSSessionQueryFailed")
    assert result["failed"]
    assert result["errors"][0]["fully_qualified_error_id"].endswith("GetPSSessionCommand")
