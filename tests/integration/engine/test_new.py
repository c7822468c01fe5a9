# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""New-PSSession: one session for each name, computer and user, opened as the task says."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ALICE, Controller, Result, error_ids, names, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.simulator.messages import from_clixml
from tests.simulator.psrp import Message, fragments_of

EVERYWHERE = ["srv01", "srv02", "srv03"]


@pytest.fixture
def new(controller: Controller) -> Any:
    def run(*computers: str, **options: Any) -> Result:
        return controller.run(_plugins.NEW, *(computers or ("srv01",)), **{"name": ["job"], **options})

    return run


def create(fleet: SimulatedFleet) -> str:
    (request,) = fleet.requests_of(operation="Create")
    return request.body


def test_one_for_each_name_and_computer_once(fleet: SimulatedFleet, new: Any) -> None:
    first = new(*EVERYWHERE, name=["a", "b"])
    assert "failed" not in first
    assert first["changed"]
    assert names(first) == sorted(["a", "b"] * 3)
    assert {(each["state"], each["availability"]) for each in first["sessions"]} == {("Opened", "Available")}
    assert all(each["id"] for each in first["sessions"])
    second = new(*EVERYWHERE, name=["A", "b"])
    assert not second["changed"]
    assert names(second) == names(first)
    assert {each["instance_id"] for each in second["sessions"]} == {each["instance_id"] for each in first["sessions"]}
    assert operations(fleet).count("Create") == 6


def test_a_session_that_is_left_is_connected_to(computer: SimulatedComputer, fleet: SimulatedFleet, new: Any) -> None:
    job = computer.add_session("job")
    result = new()
    assert result["changed"]
    assert result["sessions"][0]["instance_id"] == job.shell_id.lower()
    assert job.state == "Connected"
    assert "Create" not in operations(fleet)


def test_a_session_of_another_user_does_not_count(computer: SimulatedComputer, new: Any) -> None:
    theirs = computer.add_session("job", owner=ALICE.name)
    result = new()
    assert "failed" not in result
    assert len(computer.sessions) == 2
    assert theirs.state == "Disconnected"


def test_a_session_of_another_configuration_counts_unless_one_is_given(computer: SimulatedComputer, new: Any) -> None:
    computer.add_session("job", configuration="Other")
    assert len(new()["sessions"]) == len(computer.sessions) == 1
    new(configuration_name="Microsoft.PowerShell")
    assert len(computer.sessions) == 2


def test_held_elsewhere(computer: SimulatedComputer, fleet: SimulatedFleet, new: Any) -> None:
    computer.add_session("job", state="Connected", held=True)
    result = new()
    assert "failed" not in result
    assert names(result) == ["job"]
    assert "another client is connected" in result["warnings"][0]
    assert "Create" not in operations(fleet)


def test_options_on_the_wire(computer: SimulatedComputer, fleet: SimulatedFleet, new: Any) -> None:
    result = new(
        name=["Nächtlich"],
        session_option={
            "idle_timeout": 3600,
            "output_buffering_mode": "drop",
            "no_machine_profile": True,
            "application_arguments": {"Ticket": "ü4711"},
            "culture": "de-DE",
            "ui_culture": "fr-FR",
        },
    )
    assert "failed" not in result
    body = create(fleet)
    assert 'Name="Nächtlich"' in body
    assert re.search(r"IdleTimeOut>PT3600(\.000)?S<", body)
    assert "BufferMode>Drop<" in body
    assert re.search(r'Option Name="WINRS_NOPROFILE"[^>]*>TRUE<', body)
    assert re.search(r'DataLocale [^>]*xml:lang="de-DE"', body)
    assert re.search(r'w\w*:Locale [^>]*xml:lang="fr-FR"', body)
    (xml,) = re.findall(r"creationXml[^>]*>([^<]+)<", body)
    _capability, init = (Message.unpack(each.data) for each in fragments_of(base64.b64decode(xml)))
    assert from_clixml(init.data).ApplicationArguments["Ticket"] == "ü4711"
    (session,) = computer.sessions
    assert (session.idle_timeout, session.buffer_mode) == (3600, "Drop")
    assert result["sessions"][0]["idle_timeout"] == 3600


def test_nothing_that_was_not_asked_for_is_on_the_wire(fleet: SimulatedFleet, new: Any) -> None:
    new()
    body = create(fleet)
    assert not [word for word in ("IdleTimeOut", "BufferMode", "WINRS_NOPROFILE") if word in body]


def test_check_mode(computer: SimulatedComputer, fleet: SimulatedFleet, new: Any) -> None:
    result = new(check_mode=True, diff_mode=True)
    assert result["changed"]
    assert [(each["name"], each["state"]) for each in result["sessions"]] == [("job", "Closed")]
    assert result["what_if"] == ['What if: Performing the operation "New" on target "job".']
    assert computer.sessions == []
    assert {request.operation for request in fleet.requests} == {"Enumerate"}


def test_quota(computer: SimulatedComputer, new: Any) -> None:
    computer.max_shells_per_user = 1
    result = new(name=["a", "b"])
    assert result["failed"]
    assert len(result["sessions"]) == 1
    (error,) = result["errors"]
    assert (error["code"], error["category"]) == (0x803381A5, "OpenError")
    assert error_ids(result) == ["-2144108123,PSSessionOpenFailed"]
    assert "Remove some" in error["hint"]


def test_idle_timeout_below_the_least(computer: SimulatedComputer, new: Any) -> None:
    computer.min_idle_timeout = 7200
    result = new(session_option={"idle_timeout": 60})
    # The server names no limit below, and takes its own default.
    assert [session["idle_timeout"] for session in result["sessions"]] == [7200]


def test_broken_opening_leaves_nothing(computer: SimulatedComputer, fleet: SimulatedFleet, new: Any) -> None:
    computer.inject(Injection("Receive", action="fault", fault_code=0x803381C4, times=None))
    result = new()
    assert result["failed"]
    assert computer.sessions == []


@pytest.mark.parametrize("action", ["close_without_answer", "truncate", "reset"])
def test_lost_answer_to_create(computer: SimulatedComputer, fleet: SimulatedFleet, new: Any, action: Any) -> None:
    computer.inject(Injection("Create", action=action))
    result = new()
    again = result if not result.get("failed") else new()
    assert "failed" not in again
    assert names(again) == ["job"]
    assert [session.name for session in computer.sessions] == ["job"]


def test_names_that_are_given_twice(computer: SimulatedComputer, new: Any) -> None:
    assert names(new(name=["job", "job"])) == ["job"]
    assert len(computer.sessions) == 1


def test_unreachable_computer_does_not_harm_the_others(fleet: SimulatedFleet, new: Any) -> None:
    fleet["srv02"].inject(Injection("Create", action="status", status=503, times=None))
    result = new(*EVERYWHERE)
    assert result["failed"]
    assert sorted(each["computer_name"] for each in result["sessions"]) == ["srv01", "srv03"]


def test_what_is_new_is_known_by_its_id(controller: Controller, new: Any, tmp_path: Path) -> None:
    (session,) = new()["sessions"]
    assert names(controller.disconnect(id=[session["id"]])) == ["job"]
