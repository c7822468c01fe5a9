# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Acceptance scenarios: what becomes of a session by its state, its client, and what the server says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Progressed
from tests.integration.engine.controller import (
    CONNECT_FAILED,
    IN_USE,
    MISMATCH,
    UNKNOWN_SHELL,
    Controller,
    FakeTime,
    error_ids,
    names,
    operations,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, SimulatedSession


def take_before_connect(controller: Controller, session: SimulatedSession) -> None:
    """Let another client take the session between discovery and Connect: that is when confirmation is asked."""

    def confirm(_operation: str, _target: str, _session: Any) -> bool:
        session.connect_elsewhere()
        return True

    controller.surroundings["confirm"] = confirm


@pytest.mark.parametrize(
    ("scenario", "commands"), [(19, []), (20, [{"script": "forever"}])], ids=["scenario_19", "scenario_20_busy"]
)
def test_scenario_19_20_an_opened_session_given_is_asked_about_and_returned(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, scenario: int, commands: list[Any]
) -> None:
    job = computer.add_session("job1", commands=commands)
    given = controller.connect("srv01")["sessions"]
    fleet.clear_requests()
    result = controller.connect(session=given)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], False, [])
    assert result["sessions"][0]["state"] == "Opened"
    assert operations(fleet) == ["Enumerate", "Reconnect"]
    assert job.state == "Connected"


def test_scenario_21_connected_to_another_client(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1", state="Connected", held=True)
    holder = job.owner_client
    result = controller.connect("srv01")
    (error,) = result["errors"]
    assert error_ids(result) == ["PSSessionConnectFailed"]
    assert (error["target"], error["category"]) == (job.shell_id.lower(), "InvalidOperation")
    assert (result["sessions"], result["changed"]) == ([], False)
    assert "Connect" not in operations(fleet)
    assert job.owner_client == holder


@pytest.mark.parametrize("state", ["Broken", "Closed"])
def test_scenario_22_a_session_that_ended(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, state: str
) -> None:
    computer.add_session("job1")
    (session,) = controller.get("srv01")["sessions"]
    fleet.clear_requests()
    result = controller.connect(session=[{**session, "state": state}])
    assert error_ids(result) == ["PSSessionConnectFailed"]
    assert state in result["errors"][0]["message"]
    assert fleet.requests == []


@pytest.mark.parametrize("computer_type", ["VirtualMachine", "Container"])
def test_scenario_23_a_session_on_something_else(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, computer_type: str
) -> None:
    computer.add_session("job1")
    (session,) = controller.get("srv01")["sessions"]
    fleet.clear_requests()
    result = controller.connect(session=[{**session, "computer_type": computer_type}])
    assert error_ids(result) == ["CannotConnectVMContainerSession"]
    assert result["errors"][0]["target"] == session["instance_id"]
    assert fleet.requests == []


def test_scenario_24_taken_and_free_again(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    (known,) = controller.get("srv01")["sessions"]
    computer.inject(Injection("Connect", fault_code=IN_USE))
    fleet.clear_requests()
    result = controller.connect("srv01")
    (session,) = result["sessions"]
    assert (session["id"], session["name"], session["state"]) == (known["id"], "job1", "Opened")
    assert (result["errors"], result["changed"]) == ([], True)
    assert operations(fleet) == ["Enumerate", "Connect", "Enumerate", "Connect"]


def test_scenario_25_taken_and_kept(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1")
    take_before_connect(controller, job)
    result = controller.connect("srv01")
    (error,) = result["errors"]
    assert error_ids(result) == ["PSSessionConnectFailed"]
    assert error["target"] is None
    assert "another client connected to it first" in error["message"]
    assert operations(fleet).count("Connect") == 1


def test_scenario_25_in_use_again_at_the_second_try(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    computer.inject(Injection("Connect", times=None, fault_code=IN_USE))
    result = controller.connect("srv01")
    assert error_ids(result) == ["CannotConnectAlreadyConnected,PSSessionConnectFailed"]
    assert operations(fleet).count("Connect") == 2


def test_scenario_26_taken_and_vanished(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1")
    computer.inject(Injection("Connect", fault_code=IN_USE))
    connected = Progressed(1, 1, "sessions")
    controller.surroundings["emit"] = lambda event: job.close() if event == connected else None
    result = controller.connect("srv01")
    assert error_ids(result) == ["PSSessionConnectFailed"]
    assert "no longer exists on srv01" in result["errors"][0]["message"]


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        pytest.param(UNKNOWN_SHELL, "CannotConnectTargetSessionDoesNotExist", id="scenario_27"),
        pytest.param(5, "AccessDenied", id="scenario_28"),
        pytest.param(CONNECT_FAILED, "-2141974621", id="scenario_29"),
    ],
)
def test_scenario_27_28_29_a_refused_connect_is_not_repeated_and_others_go_on(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, code: int, prefix: str
) -> None:
    refused, other = computer.add_session("refused"), computer.add_session("other")
    computer.inject(Injection("Connect", times=None, fault_code=code, shell_id=refused.shell_id))
    result = controller.connect("srv01")
    assert (names(result), error_ids(result)) == (["other"], [f"{prefix},PSSessionConnectFailed"])
    (error,) = result["errors"]
    assert (error["category"], error["target"], error["code"]) == ("InvalidOperation", None, code)
    assert len(fleet.requests_of(operation="Connect")) == 2
    assert other.state == "Connected"


def test_scenario_30_one_computer_by_two_names(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    result = controller.connect("srv01", computer.address)
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionConnectFailed"])
    assert len(fleet.requests_of(operation="Connect")) == 1
    job.disconnect()
    by_id = controller.connect("srv01", computer.address, instance_id=[job.shell_id])
    assert (names(by_id), by_id["errors"]) == (["job1"], [])


@pytest.mark.parametrize("options", [{}, {"name": ["job1"]}], ids=["all", "name"])
def test_scenario_30_a_computer_named_twice_selects_its_sessions_twice(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, options: dict[str, Any]
) -> None:
    job = computer.add_session("job1")
    result = controller.connect("srv01", "srv01", **options)
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionConnectFailed"])
    assert result["errors"][0]["target"] is None
    assert operations(fleet) == ["Enumerate", "Connect"]
    job.disconnect()
    by_id = controller.connect("srv01", "srv01", instance_id=[job.shell_id])
    assert (names(by_id), by_id["errors"]) == (["job1"], [])


def test_scenario_31_overlapping_names(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    result = controller.connect("srv01", name=["j*", "job1"])
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionConnectFailed"])
    assert result["errors"][0]["target"] is None
    assert len(fleet.requests_of(operation="Connect")) == 1


def test_scenario_32_a_session_given_twice(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1")
    (session,) = controller.get("srv01")["sessions"]
    result = controller.connect(session=[session, session])
    assert (names(result), error_ids(result)) == (["job1"], ["PSSessionConnectFailed"])
    again = controller.connect(session=[session, session])
    assert (names(again), again["errors"], again["changed"]) == (["job1", "job1"], [], False)


def test_scenario_37_known_here_and_taken_by_another(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    job.connect_elsewhere()
    result = controller.connect("srv01")
    assert (result["sessions"], error_ids(result)) == ([], ["PSSessionConnectFailed"])
    assert result["errors"][0]["target"] == job.shell_id.lower()


def test_scenario_38_connected_here_already(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    controller.connect("srv01")
    fleet.clear_requests()
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], False, [])
    assert operations(fleet) == ["Enumerate", "Reconnect"]


def test_scenario_47_check_mode(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("free")
    computer.add_session("busy", state="Connected", held=True)
    result = controller.connect("srv01", check_mode=True, diff_mode=True)
    assert result["what_if"] == ['What if: Performing the operation "Connect" on target "free".']
    assert (result["changed"], result["failed"], names(result)) == (True, True, ["free"])
    assert [(error["session_name"], error["reason"]) for error in result["errors"]] == [("busy", "busy")]
    # What a real run would find afterwards; sessions of other clients stay as they are.
    assert result["diff"]["before"] == "free on srv01: Disconnected, None\nbusy on srv01: Disconnected, Busy\n"
    assert result["diff"]["after"] == "free on srv01: Opened, Available\nbusy on srv01: Disconnected, Busy\n"
    assert {session["state"] for session in result["sessions"]} == {"Disconnected"}
    assert operations(fleet) == ["Enumerate"]


def test_a_session_that_is_ours_is_shown_as_opened(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1")
    found = controller.get("srv01")["sessions"][0]
    assert (found["state"], found["availability"]) == ("Disconnected", "None")
    controller.connect("srv01")
    for look in (controller.get("srv01"), controller.connect("srv01", check_mode=True)):
        assert look["changed"] is False
        (seen,) = look["sessions"]
        assert (seen["id"], seen["state"], seen["availability"]) == (found["id"], "Opened", "Available")
    # To another client it is one that a client is connected to.
    other = "00000000-0000-0000-0000-0000000000aa"
    (seen,) = controller.get("srv01", client_id=other)["sessions"]
    assert (seen["state"], seen["availability"]) == ("Disconnected", "Busy")
    job.disconnect()
    for look in (controller.get("srv01"), controller.connect("srv01", check_mode=True)):
        (seen,) = look["sessions"]
        assert (seen["state"], seen["availability"]) == ("Disconnected", "None")


def test_scenario_55_ours_and_still_connected(computer: SimulatedComputer, controller: Controller) -> None:
    job = computer.add_session("job1")
    first = controller.connect("srv01", client_id="00000000-0000-0000-0000-0000000000AA")
    again = controller.connect(id=[first["sessions"][0]["id"]], client_id="00000000-0000-0000-0000-0000000000aa")
    assert (again["changed"], again["errors"]) == (False, [])
    assert job.owner_client == "00000000-0000-0000-0000-0000000000AA"


def test_scenario_56_another_client_was_here_meanwhile(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    job.connect_elsewhere()
    job.disconnect()
    fleet.clear_requests()
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert [(request.operation, request.fault_code) for request in fleet.requests] == [
        ("Enumerate", None),
        ("Reconnect", MISMATCH),
        ("Connect", None),
    ]


@pytest.mark.parametrize("action", ["fault", "status", "reset"])
def test_scenario_62_a_failed_connect_deletes_nothing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, action: Any
) -> None:
    job = computer.add_session("job1")
    computer.inject(Injection("Connect", times=None, action=action, fault_code=CONNECT_FAILED))
    assert controller.connect("srv01")["failed"]
    assert set(operations(fleet)) == {"Enumerate", "Connect"}
    assert job.state == "Disconnected"


def test_scenario_67_silence_disconnects_and_it_is_taken_up_again(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    fleet.clock.advance(61)
    assert job.state == "Disconnected"
    fleet.clear_requests()
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Reconnect"]


@pytest.mark.parametrize("again", [False, True])
def test_a_name_whose_session_was_seen_and_is_gone_is_expired(
    fleet: SimulatedFleet, controller: Controller, again: bool
) -> None:
    """Only a name that this controller has never seen on a computer is missing there."""
    for computer in fleet:
        computer.add_session("job")
    first = controller.connect("srv01", "srv02", name=["job"])
    for computer in fleet:
        computer.session("job").close()
    fleet["srv02"].add_session("job")
    options: dict[str, Any] = {"name": ["JOB", "never"], "require_each": True, "on_missing": "error"}
    result: dict[str, Any] = {}
    for _time in range(1 + again):  # the second time the registry knows that it is over
        result = controller.run(_plugins.DISCONNECT, "srv01", "srv03", **options)
    of_job = {each["computer_name"]: each for each in result["errors"] if "never" not in each["message"]}
    assert {name: each["reason"] for name, each in of_job.items()} == {"srv01": "expired", "srv03": "missing"}
    assert of_job["srv01"]["message"] == "session job no longer exists on srv01"
    assert of_job["srv01"]["instance_id"] in [each["instance_id"] for each in first["sessions"]]
    others = {each["reason"] for each in result["errors"] if "never" in each["message"]}
    assert others == {"missing"}


def test_a_name_whose_session_was_removed_here_is_missing(computer: SimulatedComputer, controller: Controller) -> None:
    """Nothing of it was lost, also where one of the name before it was."""
    computer.add_session("job")
    controller.connect("srv01", name=["job"])
    computer.session("job").close()
    computer.add_session("job")
    controller.remove("srv01", name=["job"])
    result = controller.run(_plugins.DISCONNECT, "srv01", name=["job"], on_missing="error")
    assert [each["reason"] for each in result["errors"]] == ["missing"]


def test_an_instance_id_that_was_seen_and_is_gone_is_expired(
    computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job")
    (seen,) = controller.connect("srv01")["sessions"]
    computer.session("job").close()
    result = controller.run(_plugins.DISCONNECT, "srv01", instance_id=[seen["instance_id"]])
    assert [each["reason"] for each in result["errors"]] == ["expired"]


@pytest.mark.parametrize("code", [14, 995, 1115, 1726, 0x800706BE, 0x803380F7, 0x803381A6])
@pytest.mark.parametrize("plugin", [_plugins.CONNECT, _plugins.DISCONNECT, _plugins.NEW, _plugins.REMOVE])
def test_an_internal_error_of_the_server_is_not_another_client(
    fake_time: FakeTime, computer: SimulatedComputer, controller: Controller, plugin: _plugins.Plugin, code: int
) -> None:
    """Servers send the subcode InternalError with whatever goes wrong inside them; only codes tell of other clients."""
    controller.run(_plugins.NEW, "srv01", name=["mine"])
    computer.inject(Injection("Reconnect", fault_code=code, subcode="w:InternalError"))
    result = controller.run(plugin, "srv01", name=["mine"], busy_timeout=90)
    (error,) = result["errors"]
    assert (result["failed"], error["code"], error["reason"]) == (True, code, "failed")
    assert "another client" not in error["message"] + error["hint"]
    assert fake_time.slept == []


def test_an_internal_error_without_a_code_is_another_client(
    computer: SimulatedComputer, controller: Controller
) -> None:
    """It is what MS-WSMV 3.1.4.16 says of a Reconnect from another client."""
    controller.run(_plugins.NEW, "srv01", name=["mine"])
    computer.inject(Injection("Reconnect", times=None, fault_code=0, subcode="w:InternalError"))
    (error,) = controller.connect("srv01", name=["mine"])["errors"]
    assert (error["code"], error["reason"]) == (None, "busy")
