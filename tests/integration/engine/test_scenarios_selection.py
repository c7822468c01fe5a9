# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Acceptance scenarios: which sessions are meant, on computers and among those known."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.integration.engine.controller import ALICE, BOB, UNKNOWN_SHELL, Controller, error_ids, names, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

SILENT: dict[str, Any] = {"on_missing": "skip"}


def test_scenario_01_connect_by_name(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1")
    result = controller.connect("srv01", name=["job1"])
    (session,) = result["sessions"]
    assert (session["name"], session["state"], session["availability"]) == ("job1", "Opened", "Available")
    assert session["instance_id"] == job.shell_id.lower()
    assert (session["disconnected_on"], session["expires_on"]) == (None, None)
    assert (result["changed"], result["errors"], "failed" in result) == (True, [], False)
    assert job.state == "Connected"


def test_scenario_02_wildcard_ignores_case(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    for name in ("job1", "job2", "other"):
        computer.add_session(name)
    assert names(controller.connect("srv01", name=["JOB*"])) == ["job1", "job2"]
    assert computer.session("other").state == "Disconnected"
    assert len(fleet.requests_of(operation="Connect")) == 2


def test_scenario_03_without_name_all_are_meant(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("one")
    computer.add_session("two")
    assert names(controller.connect("srv01")) == ["one", "two"]


@pytest.mark.parametrize(("missing", "expected"), [({}, ["PSSessionNameMatchFail"]), (SILENT, [])])
def test_scenario_04_no_session_at_all(controller: Controller, missing: dict[str, Any], expected: list[str]) -> None:
    result = controller.connect("srv01", name=["x"], **missing)
    assert (result["sessions"], error_ids(result), result["missing"]) == ([], expected, ["x"])
    assert result.get("failed", False) is bool(expected)


@pytest.mark.parametrize("on_missing", ["skip", "warn", "error", None])
def test_a_lookup_that_found_nothing_is_nothing_to_connect_to(
    fleet: SimulatedFleet, controller: Controller, on_missing: str | None
) -> None:
    result = controller.connect(session=[], on_missing=on_missing)
    allowed = on_missing in ("skip", "warn")
    assert (result["sessions"], result["changed"], fleet.requests) == ([], False, [])
    assert error_ids(result) == ([] if allowed else ["ParameterArgumentValidationErrorEmptyArrayNotAllowed"])
    assert result.get("failed", False) is not allowed
    assert result["parameter_set"] == ("Session" if allowed else "")


@pytest.mark.parametrize(("missing", "expected"), [({}, ["PSSessionNameMatchFail"]), (SILENT, [])])
def test_scenario_05_only_another_configuration(
    computer: SimulatedComputer, controller: Controller, missing: dict[str, Any], expected: list[str]
) -> None:
    job = computer.add_session("job1", configuration="A")
    result = controller.connect("srv01", name=["job1"], configuration_name="B", **missing)
    assert (result["sessions"], error_ids(result)) == ([], expected)
    assert job.state == "Disconnected"


@pytest.mark.parametrize("name", ["nosuch", "zz*"], ids=["scenario_06", "scenario_07"])
def test_scenario_06_07_unmatched_name_or_pattern(
    computer: SimulatedComputer, controller: Controller, name: str
) -> None:
    job = computer.add_session("job1")
    result = controller.connect("srv01", name=[name])
    (error,) = result["errors"]
    assert error_ids(result) == ["PSSessionNameMatchFail"]
    assert (error["target"], error["category"]) == (name, "InvalidOperation")
    assert job.state == "Disconnected"


def test_scenario_06_a_missing_name_does_not_stop_the_others(
    computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    result = controller.connect("srv01", name=["nosuch", "job1"])
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionNameMatchFail"])
    assert result["failed"]


def test_scenario_08_instance_ids(computer: SimulatedComputer, controller: Controller) -> None:
    job, absent = computer.add_session("job1"), str(uuid.uuid4())
    result = controller.connect("srv01", instance_id=[job.shell_id, absent])
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionIdMatchFail"])
    assert result["errors"][0]["target"] == absent


def test_scenario_09_command_shells_are_no_sessions(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_cmd_shell()
    assert controller.connect("srv01", list_commands=True, **SILENT)["sessions"] == []
    assert operations(fleet) == ["Enumerate"]


def test_scenario_10_two_commands_are_left_out(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1", commands=[{"script": "forever"}, {"script": "forever"}])
    result = controller.connect("srv01", list_commands=True)
    assert result["sessions"] == []
    assert job.state == "Disconnected"
    assert "has 2 commands" in result["warnings"][0]


def test_scenario_11_a_running_command_makes_it_busy(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1", commands=[{"script": "forever"}])
    (session,) = controller.connect("srv01", list_commands=True)["sessions"]
    assert (session["state"], session["availability"]) == ("Opened", "Busy")
    assert [command["command_id"].upper() for command in session["commands"]] == [
        command.command_id for command in job.commands
    ]


def test_scenario_12_one_computer_unreachable(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1")
    controller.inventory["srv02"] = {"port": 1}
    result = controller.connect("srv02", "srv01")
    assert (names(result), error_ids(result)) == (["job1"], ["CannotConnect,RemotePSSessionQueryFailed"])
    assert result["errors"][0]["computer_name"] == "srv02"


def test_scenario_13_names_are_matched_over_all_computers(fleet: SimulatedFleet, controller: Controller) -> None:
    fleet["srv01"].add_session("other")
    fleet["srv02"].add_session("job1")
    result = controller.connect("srv01", "srv02", name=["job1"])
    assert (names(result), result["errors"]) == (["job1"], [])
    assert error_ids(controller.connect("srv01", "srv02", name=["x"])) == ["PSSessionNameMatchFail"]


@pytest.mark.parametrize(
    ("configuration_name", "matches"),
    [
        ("HTTP://SCHEMAS.MICROSOFT.COM/powershell/MICROSOFT.PowerShell", True),
        ("microsoft.powershell", True),
        ("Micro*", False),
        ("", True),
    ],
)
def test_scenario_14_configuration_name(
    computer: SimulatedComputer, controller: Controller, configuration_name: str, matches: bool
) -> None:
    computer.add_session("job1")
    result = controller.connect("srv01", configuration_name=configuration_name, **SILENT)
    assert names(result) == (["job1"] if matches else [])


def test_scenario_14_an_empty_configuration_name_is_the_default_one(
    computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1", configuration="JEARole")
    assert names(controller.connect("srv01", configuration_name="", **SILENT)) == []


def test_scenario_14_a_custom_configuration_is_connected_by_its_own_uri(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1", configuration="JEARole")
    (session,) = controller.connect("srv01")["sessions"]
    assert session["configuration_name"] == "JEARole"
    assert [request.resource_uri for request in fleet.requests_of(operation="Connect")] == [job.resource_uri]


def test_scenario_15_a_nameless_session(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session(None)
    assert controller.connect("srv01", name=["job1"], **SILENT)["sessions"] == []
    (session,) = controller.connect("srv01", name=["*"])["sessions"]
    assert (session["name"], session["instance_id"]) == ("", job.shell_id.lower())


def test_scenario_16_three_pages(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.page_size = 2
    for number in range(6):
        computer.add_session(f"job{number}")
    assert len(controller.get("srv01")["sessions"]) == 6
    assert operations(fleet) == ["Enumerate", "Pull", "Pull"]


def test_scenario_17_one_vanishes_while_commands_are_listed(
    computer: SimulatedComputer, controller: Controller
) -> None:
    for number in range(20):
        computer.add_session(f"job{number}")
    computer.inject(Injection("Enumerate", after=7, fault_code=UNKNOWN_SHELL))
    result = controller.get("srv01", list_commands=True)
    assert (len(result["sessions"]), result["errors"], result["warnings"]) == (19, [], [])


def test_scenario_18_ids_are_never_used_again(computer: SimulatedComputer, controller: Controller) -> None:
    for number in range(5):
        computer.add_session(f"job{number}")
    first = {session["name"]: session["id"] for session in controller.connect("srv01", name=["job[01]"])["sessions"]}
    everything = {session["name"]: session["id"] for session in controller.connect("srv01")["sessions"]}
    assert len(set(everything.values())) == 5
    assert first.items() <= everything.items()
    assert min(set(everything.values()) - set(first.values())) > max(first.values())


def test_scenario_33_a_known_session_by_name_is_taken_up_again(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    (before,) = controller.connect("srv01")["sessions"]
    job.disconnect()
    fleet.clear_requests()
    result = controller.connect(name=["job1"])
    assert result["parameter_set"] == "Name"
    assert [session["id"] for session in result["sessions"]] == [before["id"]]
    assert result["changed"]
    assert operations(fleet) == ["Enumerate", "Reconnect"]


@pytest.mark.parametrize("by", ["id", "instance_id", "session"])
def test_scenario_33_the_other_local_sets(computer: SimulatedComputer, controller: Controller, by: str) -> None:
    computer.add_session("job1")
    (known,) = controller.get("srv01")["sessions"]
    given: dict[str, Any] = {by: [known if by == "session" else known[by]]}
    result = controller.connect(**given)
    assert names(result) == ["job1"]
    assert result["sessions"][0]["id"] == known["id"]


@pytest.mark.parametrize(("name", "missing"), [("nosuch", {}), ("no*", {}), ("no*", SILENT)])
def test_scenario_34_an_unknown_name(
    fleet: SimulatedFleet, controller: Controller, name: str, missing: dict[str, Any]
) -> None:
    result = controller.connect(name=[name], **missing)
    assert error_ids(result) == ([] if missing else ["RemoteRunspaceNotAvailableForSpecifiedName"])
    assert (result["sessions"], result["missing"], fleet.requests) == ([], [name], [])


def test_scenario_35_an_unknown_id(fleet: SimulatedFleet, controller: Controller) -> None:
    result = controller.connect(id=[999, 0])
    assert error_ids(result) == ["RemoteRunspaceNotAvailableForSpecifiedSessionId"] * 2
    assert {(error["category"], error["target"]) for error in result["errors"]} == {
        ("InvalidArgument", "999"),
        ("InvalidArgument", "0"),
    }
    assert fleet.requests == []


def test_scenario_36_an_unknown_instance_id(controller: Controller) -> None:
    absent = str(uuid.uuid4())
    result = controller.connect(instance_id=[absent])
    assert error_ids(result) == ["RemoteRunspaceNotAvailableForSpecifiedRunspaceId"]
    assert result["errors"][0]["target"] == absent


def test_scenario_59_an_expired_session_is_gone(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1", idle_timeout=60)
    assert names(controller.get("srv01")) == ["job1"]
    fleet.clock.advance(90)
    assert controller.get("srv01", **SILENT)["sessions"] == []
    # The listing said so, and it is not asked for again.
    fleet.clear_requests()
    for selection in ({"name": ["job1"]}, {"id": [1]}):
        result = controller.connect(**selection)
        assert error_ids(result)[0].startswith("RemoteRunspaceNotAvailableForSpecified")
        assert [error["reason"] for error in result["errors"]] == ["expired"]
        assert "job1 no longer exists on srv01" in result["errors"][0]["message"]
    assert error_ids(controller.connect(name=["job*"])) == ["RemoteRunspaceNotAvailableForSpecifiedName"]
    assert fleet.requests == []
    computer.add_session("job2")
    assert names(controller.get("srv01")) == ["job2"]
    assert names(controller.connect(name=["job*"])) == ["job2"]


def test_scenario_60_times_of_listed_sessions(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("free", inactivity=62)
    computer.add_session("busy", state="Connected", held=True)
    sessions = {session["name"]: session for session in controller.get("srv01")["sessions"]}
    assert sessions["free"]["idle_timeout"] == 7200
    assert sessions["free"]["disconnected_on"] < sessions["free"]["expires_on"]
    assert (sessions["busy"]["disconnected_on"], sessions["busy"]["expires_on"]) == (None, None)
    assert {name: session["availability"] for name, session in sessions.items()} == {"free": "None", "busy": "Busy"}


def test_scenario_66_sessions_of_others(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1", owner="alice")
    controller.user = BOB
    assert controller.get("srv01", on_missing="skip")["sessions"] == []
    controller.user = ALICE
    assert names(controller.get("srv01")) == ["job1"]


def test_scenario_66_an_administrator_sees_and_cannot_connect(
    computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1", owner="alice")
    assert names(controller.get("srv01")) == ["job1"]
    assert error_ids(controller.connect("srv01")) == ["AccessDenied,PSSessionConnectFailed"]
    assert job.state == "Disconnected"
