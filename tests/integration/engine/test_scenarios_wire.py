# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Acceptance scenarios: parameters on their way to the wire, and what servers send after a Connect."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.integration.engine.controller import (
    ADMIN,
    PASSWORD,
    Controller,
    end_time_after,
    error_ids,
    names,
    operations,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

RSP = "{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}"
CREDENTIAL = {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("options", "error_id"),
    [
        pytest.param(
            {"credential": CREDENTIAL, "certificate_thumbprint": "ff"}, "ParameterBindingFailed", id="scenario_39"
        ),
        pytest.param(
            {"authentication": "basic", "certificate_thumbprint": "ff"}, "ParameterBindingFailed", id="scenario_40"
        ),
        pytest.param(
            {"authentication": "negotiate_with_implicit_credential", "credential": CREDENTIAL},
            "ParameterBindingFailed",
            id="scenario_40_implicit",
        ),
        pytest.param({"port": 0}, "ParameterArgumentValidationError", id="scenario_41"),
        pytest.param({"port": 65536}, "ParameterArgumentValidationError", id="scenario_41_high"),
        pytest.param({"id": [1], "name": ["a"]}, "AmbiguousParameterSet", id="scenario_42"),
        pytest.param({"connection_uri": ["http://u"]}, "AmbiguousParameterSet", id="scenario_42_uri"),
    ],
)
def test_scenario_39_to_42_bad_parameters_cause_no_traffic(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, options: dict[str, Any], error_id: str
) -> None:
    computer.add_session("job1")
    result = controller.connect("srv01", **options)
    assert error_ids(result) == [error_id]
    assert (result["failed"], result["sessions"], fleet.requests) == (True, [], [])


def test_scenario_43_a_connection_uri_is_used_literally(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1")
    computer.application_name = "other"
    result = controller.connect(connection_uri=[computer.uri], name=["job1"])
    assert result["parameter_set"] == "ConnectionUri"
    assert [session["connection_uri"] for session in result["sessions"]] == [computer.uri]


def test_scenario_44_use_ssl(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1")
    controller.inventory["srv01"] = {"ca_cert": str(fleet.ca_file), "message_encryption": None}
    (session,) = controller.connect("srv01", use_ssl=True)["sessions"]
    assert (session["port"], session["use_ssl"]) == (5986, True)


def test_scenario_44_a_certificate_nobody_trusts(computer: SimulatedComputer, controller: Controller) -> None:
    result = controller.connect("srv01", use_ssl=True)
    assert error_ids(result) == ["12175,RemotePSSessionQueryFailed"]
    controller.inventory["srv01"] = {"verify_certificate": False}
    computer.add_session("job1")
    assert names(controller.connect("srv01", use_ssl=True)) == ["job1"]


def test_scenario_45_application_name(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1")
    computer.application_name = "foo"
    assert error_ids(controller.connect("srv01")) == ["URLNotAvailable,RemotePSSessionQueryFailed"]
    assert names(controller.connect("srv01", application_name="foo")) == ["job1"]


def connect_element(fleet: SimulatedFleet) -> ET.Element:
    (request,) = fleet.requests_of(operation="Connect")
    found = ET.fromstring(request.body).find(f".//{RSP}Connect")
    assert found is not None
    return found


def test_scenario_48_an_idle_timeout_is_not_for_connecting(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01", session_option={"idle_timeout": 120})
    assert [child.tag.rpartition("}")[2] for child in connect_element(fleet)] == ["connectXml"]
    assert job.idle_timeout == 7200


@pytest.mark.parametrize(("mode", "element"), [("drop", "Drop"), ("block", "Block"), ("none", None)])
def test_scenario_49_output_buffering_mode(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, mode: str, element: str | None
) -> None:
    job = computer.add_session("job1", buffer_mode="Block" if mode == "drop" else "Drop")
    before = job.buffer_mode
    controller.connect("srv01", session_option={"output_buffering_mode": mode})
    assert connect_element(fleet).findtext(f"{RSP}BufferMode") == element
    assert job.buffer_mode == (element or before)


def test_scenario_49_output_buffering_mode_when_taken_up_again(
    computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    unchanged = controller.connect("srv01", session_option={"output_buffering_mode": "drop"})
    assert (unchanged["changed"], job.buffer_mode) == (False, "Block")
    job.disconnect()
    assert controller.connect("srv01", session_option={"output_buffering_mode": "drop"})["changed"]
    assert job.buffer_mode == "Drop"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_scenario_50_a_redirection_is_not_followed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, status: int
) -> None:
    trap = fleet["srv03"]
    computer.inject(Injection(action="status", status=status, headers={"Location": trap.uri}, times=None))
    result = controller.connect(connection_uri=[computer.uri])
    assert error_ids(result) == ["RedirectInformationRequired,RemotePSSessionQueryFailed"]
    assert trap.address in result["errors"][0]["message"]
    assert fleet.requests_of("srv03") == []


SWITCHES = {
    "scenario_51": {"replay_after_connect": True},
    "scenario_52": {},
    "scenario_54": {"tail_fragments_after_connect": True},
    "state_sent_too": {"runspacepool_state_after_connect": True},
    "everything": {
        "replay_after_connect": True,
        "tail_fragments_after_connect": True,
        "runspacepool_state_after_connect": True,
    },
}


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_scenario_51_52_54_what_comes_after_connect(
    computer: SimulatedComputer, controller: Controller, switches: dict[str, bool]
) -> None:
    computer.add_session("job1", application_private_data={"Answer": 42})
    computer.configure(switches)
    result = controller.connect("srv01", application_private_data=True)
    (session,) = result["sessions"]
    assert (session["state"], session["application_private_data"]) == ("Opened", {"Answer": 42})
    assert (result["errors"], result["warnings"]) == ([], [])


def test_scenario_53_the_first_receive_times_out(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1", application_private_data={"Answer": 42})
    computer.inject(Injection("Receive", fault_code=0x80338029, subcode="w:TimedOut"))
    (session,) = controller.connect("srv01", application_private_data=True)["sessions"]
    assert session["application_private_data"] == {"Answer": 42}
    assert operations(fleet) == ["Enumerate", "Connect", "Receive", "Receive"]


def test_private_data_that_never_comes_is_a_warning(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    computer.private_data_after_connect = False
    computer.inject(Injection("Receive", fault_code=0x80338029, subcode="w:TimedOut", times=None))
    end_time_after(controller, fleet, "Receive")
    result = controller.connect("srv01", application_private_data=True)
    assert (names(result), result["errors"]) == (["job1"], [])
    assert "private data did not come" in result["warnings"][0]


@pytest.mark.parametrize("swapped", [True, False])
def test_scenario_57_limits_in_either_order(computer: SimulatedComputer, controller: Controller, swapped: bool) -> None:
    computer.swap_min_max = swapped
    computer.add_session("job1", min_runspaces=1, max_runspaces=5)
    assert names(controller.connect("srv01")) == ["job1"]


def test_credentials_and_options_may_come_from_the_task_alone(
    computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    logon: dict[str, Any] = {
        "credential": {"username": ADMIN.name, "password": PASSWORD},
        "authentication": "basic",
        "session_option": {"no_encryption": True},
    }
    controller.inventory["srv01"] = dict.fromkeys(("username", "password", "authentication", "message_encryption"))
    found = controller.get(connection_uri=[computer.uri], **logon)
    assert names(found) == ["job1"]
    # The registry keeps no credentials, so a local set takes them as well.
    assert names(controller.connect(name=["job1"], **logon)) == ["job1"]
