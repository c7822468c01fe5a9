# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tasks learn from the registry of earlier ones, and what they leave there."""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import ADMIN, Controller, error_ids, names, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, SimulatedSession
from tests.unit.builders import endpoint, session, world

pytestmark = pytest.mark.timing

CREDENTIAL = {"username": ADMIN.name, "password": ADMIN.password}


def test_a_list_that_is_not_whole_ends_nothing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    controller.get("srv01")
    computer.inject(Injection("Enumerate", action="truncate"))
    assert controller.get("srv01")["errors"]
    assert names(controller.connect(name=["job*"])) == ["job1"]


def test_the_list_of_another_account_ends_nothing(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job1", owner="alice")
    alice = {"username": "alice", "password": "alice-secret"}
    bob = {"username": "bob", "password": "bob-secret"}
    assert names(controller.get("srv01", credential=alice)) == ["job1"]
    assert names(controller.info("srv01", credential=bob)) == []
    assert names(controller.connect(name=["job*"], credential=alice)) == ["job1"]


def test_the_list_of_another_computer_with_the_same_guids_displaces_nothing(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    mine = fleet["srv01"].add_session("job1")
    (connected,) = controller.connect("srv01")["sessions"]
    fleet["srv02"].add_session("job2", shell_id=mine.shell_id)
    (other,) = controller.get("srv02")["sessions"]
    assert (other["instance_id"], other["state"]) == (connected["instance_id"], "Disconnected")
    assert other["id"] != connected["id"]
    (again,) = controller.connect(id=[connected["id"]])["sessions"]
    assert (again["name"], again["computer_name"], again["changed"]) == ("job1", "srv01", False)
    both = controller.get(instance_id=[connected["instance_id"]])
    assert [(each["name"], each["computer_name"]) for each in both["sessions"]] == [
        ("job1", "srv01"),
        ("job2", "srv02"),
    ]


def make_older(path: Path, seconds: float) -> None:
    """Let everything in a registry have happened so many seconds earlier."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE session SET seen = seen - {seconds}, expires = expires - {seconds}")
        database.commit()


def test_a_computer_that_is_no_more_fails_one_wildcard(computer: SimulatedComputer, controller: Controller) -> None:
    """Its sessions are matched no more once they must have expired; until then it fails each task."""
    computer.add_session("job1")
    controller.get("srv01")
    gone = session(endpoint("gone", uri="http://127.0.0.1:1/wsman"), name="job2", idle_timeout=7200.0)
    with contextlib.closing(Registry(str(controller.state_file), world())) as registry:
        registry.remember([gone], "client")

    def reasons() -> list[str]:
        result = controller.connect(name=["job*"], credential=CREDENTIAL)
        return [error["reason"] for error in result["errors"]]

    assert [reasons(), reasons()] == [["unreachable"], ["unreachable"]]
    make_older(controller.state_file, 7300)
    assert [reasons(), reasons()] == [["unreachable"], []]
    result = controller.connect(name=["job*"])
    assert (names(result), result["errors"]) == (["job1"], [])
    assert error_ids(controller.connect(name=["job2"])) == ["RemoteRunspaceNotAvailableForSpecifiedName"]


@pytest.mark.parametrize("state", ["left", "silent"])
def test_one_that_another_client_took_is_not_shown_as_ours(
    controller: Controller, computer: SimulatedComputer, state: str
) -> None:
    """A client that disconnected, or that kept silent for longer than the server waits, has it no more."""
    job = computer.add_session("job1")
    controller.connect("srv01")
    (shown,) = controller.get("srv01")["sessions"]
    assert (shown["state"], shown["availability"]) == ("Opened", "Available")
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=61)
    if state == "left":
        controller.disconnect("srv01")
    else:
        controller.surroundings["world"] = World(HttpConversation, now=lambda: later)
    job.connect_elsewhere()
    for result in (controller.get("srv01"), controller.info("srv01"), controller.info(name=["job1"])):
        (shown,) = result["sessions"]
        assert (shown["state"], shown["availability"]) == ("Disconnected", "Busy")
    assert names(controller.info("srv01", state="opened")) == []


def test_looking_does_not_make_it_another_ones(controller: Controller, computer: SimulatedComputer) -> None:
    computer.add_session("job1")
    controller.connect("srv01")
    for _time in range(3):
        (shown,) = controller.info("srv01")["sessions"]
        assert shown["state"] == "Opened"


def test_each_removed_session_is_over_at_once(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    jobs: list[SimulatedSession] = [computer.add_session(f"job{number}") for number in range(2)]
    controller.get("srv01")
    controller.remove("srv01", name=["job0"])
    fleet.clear_requests()
    assert error_ids(controller.connect(name=["job0"])) == ["RemoteRunspaceNotAvailableForSpecifiedName"]
    assert operations(fleet) == []
    assert names(controller.connect(name=["job*"])) == ["job1"]
    assert jobs[1].state == "Connected"


@pytest.fixture
def encrypted(controller: Controller) -> dict[str, Any]:
    """Options that reach srv01 by HTTPS, without a check of its certificate; the inventory has neither."""
    return {"use_ssl": True, "session_option": {"skip_ca_check": True, "skip_cn_check": True}}


def test_a_session_is_reached_as_the_task_before_had_reached_it(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, encrypted: dict[str, Any]
) -> None:
    """And only this session: another one of the same computer is reached as the inventory says."""
    computer.add_session("job1")
    (connected,) = controller.connect("srv01", **encrypted)["sessions"]
    assert (connected["tls"], connected["authentication_used"]) == ("unverified", "basic")
    computer.add_session("job2")
    (other,) = controller.info("srv01", name=["job2"])["sessions"]
    assert (other["tls"], other["task_options"]) == ("none", {})
    fleet.clear_requests()
    selections: list[dict[str, Any]] = [{"id": [connected["id"]]}, {"session": [connected]}, {"name": ["job1"]}]
    for selection in selections:
        (again,) = controller.connect(**selection)["sessions"]
        assert (again["id"], again["changed"], again["tls"]) == (connected["id"], False, "unverified")
    assert {request.secure for request in fleet.requests} == {True}
    fleet.clear_requests()
    controller.connect(session=[other])
    assert {request.secure for request in fleet.requests} == {False}


def test_a_given_session_alone_weakens_nothing(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    encrypted: dict[str, Any],
    tmp_path: Path,
) -> None:
    computer.add_session("job1")
    (connected,) = controller.connect("srv01", **encrypted)["sessions"]
    fleet.clear_requests()
    elsewhere: dict[str, Any] = {"state_file": str(tmp_path / "other.sqlite3"), "session": [connected]}
    result = controller.connect(**elsewhere)
    assert fleet.requests == []
    (warning,) = result["warnings"]
    assert "sets skip_ca_check, skip_cn_check" in warning
    # The inventory does not lead there, so its password stays here. Where Kerberos is installed, the controller user's
    # tickets would do, and the check of the certificate fails, as below.
    (error,) = result["errors"]
    assert error["reason"] == "access_denied" or error["code"] == 12175
    assert controller.connect(**elsewhere, credential=CREDENTIAL)["errors"][0]["code"] == 12175
