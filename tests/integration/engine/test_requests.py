# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests it takes, counted in the log of the server, and how many of them at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.integration.engine.controller import (
    IN_USE,
    Controller,
    FakeTime,
    error_ids,
    most_at_once,
    names,
    operations,
)
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

pytestmark = pytest.mark.timing

READING = {"Enumerate", "Pull", "Get"}


@pytest.mark.parametrize("count", [1, 5])
def test_find_by_name_and_connect_is_one_request_and_one_for_each_session(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, count: int
) -> None:
    for number in range(count):
        computer.add_session(f"job{number}")
    computer.add_session("other")
    assert len(controller.connect("srv01", name=["job*"])["sessions"]) == count
    assert Counter(operations(fleet)) == {"Enumerate": 1, "Connect": count}


def test_a_warm_connection_serves_all_of_a_session(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    controller.connect("srv01", application_private_data=True, list_commands=True)
    assert operations(fleet) == ["Enumerate", "Enumerate", "Connect", "Receive"]
    assert len({request.connection for request in fleet.requests}) == 1


def test_several_computers_are_one_listing_each(fleet: SimulatedFleet, controller: Controller) -> None:
    for computer in fleet:
        computer.add_session("job1")
    assert len(controller.connect("srv01", "srv02", "srv03", name=["job1"])["sessions"]) == 3
    assert all(operations(fleet, computer.name) == ["Enumerate", "Connect"] for computer in fleet)


@pytest.mark.parametrize("by", ["computer_name", "name", "id", "session"])
def test_connected_already_costs_a_listing_and_a_reconnect_each(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, by: str
) -> None:
    for number in range(3):
        computer.add_session(f"job{number}")
    first = controller.connect("srv01")["sessions"]
    fleet.clear_requests()
    options: dict[str, Any] = {
        "computer_name": ["srv01"],
        "name": ["job*"],
        "id": [session["id"] for session in first],
        "session": first,
    }
    result = controller.connect(**{by: options[by]})
    assert (len(result["sessions"]), result["changed"]) == (3, False)
    assert Counter(operations(fleet)) == {"Enumerate": 1, "Reconnect": 3}


@pytest.mark.parametrize("options", [{}, {"list_commands": True}, {"name": ["job*"]}])
def test_check_mode_and_listing_only_read(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, options: dict[str, Any]
) -> None:
    computer.page_size = 2
    for number in range(3):
        computer.add_session(f"job{number}")
    computer.add_session("job-busy", state="Connected", held=True)
    assert controller.connect("srv01", check_mode=True, **options)["changed"]
    assert len(controller.get("srv01", **options)["sessions"]) == 4
    assert set(operations(fleet)) <= READING


def test_check_mode_by_a_local_set_only_reads(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    assert not controller.connect(name=["job1"], check_mode=True)["changed"]
    job.disconnect()
    fleet.clear_requests()
    result = controller.connect(name=["job1"], check_mode=True)
    assert (result["changed"], operations(fleet), job.state) == (True, ["Enumerate"], "Disconnected")


def test_pages_of_one_session(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.page_size = 1
    for number in range(4):
        computer.add_session(f"job{number}")
    assert len(controller.connect("srv01")["sessions"]) == 4
    assert Counter(operations(fleet)) == {"Enumerate": 1, "Pull": 3, "Connect": 4}


@pytest.mark.parametrize(("limit", "sessions", "least", "most"), [(1, 3, 1, 1), (4, 12, 2, 4), (0, 12, 5, 32)])
def test_scenario_46_throttle_limit(
    fleet: SimulatedFleet, controller: Controller, limit: int, sessions: int, least: int, most: int
) -> None:
    for computer in fleet:
        for number in range(sessions // 3):
            computer.add_session(f"job{number}")
        computer.inject(Injection(action="delay", seconds=0.03, times=None))
    assert len(controller.connect("srv01", "srv02", "srv03", throttle_limit=limit)["sessions"]) == sessions
    assert least <= most_at_once(fleet.requests_of(operation="Connect")) <= most
    assert most_at_once(fleet.requests) <= most


def test_scenario_46_output_in_order_of_completion(computer: SimulatedComputer, controller: Controller) -> None:
    slow, _quick = computer.add_session("slow"), computer.add_session("quick")
    computer.inject(Injection("Connect", action="delay", seconds=0.2, shell_id=slow.shell_id))
    assert [session["name"] for session in controller.connect("srv01")["sessions"]] == ["quick", "slow"]


def test_sessions_with_commands_are_listed_under_the_throttle(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    for number in range(6):
        computer.add_session(f"job{number}")
    computer.inject(Injection(action="delay", seconds=0.02, times=None))
    controller.get("srv01", list_commands=True, throttle_limit=2)
    assert len(fleet.requests) == 7
    assert most_at_once(fleet.requests) == 2


def test_a_session_that_vanished_costs_one_listing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    (session,) = controller.get("srv01")["sessions"]
    job.close()
    fleet.clear_requests()
    result = controller.connect(session=[session])
    assert error_ids(result) == ["PSSessionConnectFailed"]
    assert "no longer exists" in result["errors"][0]["message"]
    assert operations(fleet) == ["Enumerate"]


def test_in_use_is_looked_at_once_more_for_all_sessions_together(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    for number in range(3):
        computer.add_session(f"job{number}")
    computer.inject(Injection("Connect", times=3, fault_code=IN_USE))
    assert len(controller.connect("srv01")["sessions"]) == 3
    assert Counter(operations(fleet)) == {"Enumerate": 2, "Connect": 6}


def test_the_answer_to_connect_gets_lost(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    computer.inject(Injection("Connect", action="close_without_answer"))
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Connect", "Enumerate", "Reconnect"]
    assert job.state == "Connected"
    # It counts as ours from now on.
    assert not controller.connect("srv01")["changed"]


@pytest.mark.parametrize("action", ["truncate", "wrong_relates_to"])
def test_the_answer_to_connect_is_no_good(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, action: Any
) -> None:
    computer.add_session("job1")
    computer.inject(Injection("Connect", action=action))
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet).count("Connect") == 1


def test_the_connect_itself_gets_lost(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    computer.inject(Injection("Connect", action="reset"))
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Connect", "Enumerate", "Connect"]


def test_a_lost_reconnect_of_our_own_session(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    job = computer.add_session("job1")
    controller.connect("srv01")
    job.disconnect()
    computer.inject(Injection("Reconnect", action="close_without_answer"))
    fleet.clear_requests()
    result = controller.connect("srv01")
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert operations(fleet) == ["Enumerate", "Reconnect", "Enumerate", "Reconnect"]


def test_busy_timeout_waits_until_a_dead_client_is_forgotten(
    computer: SimulatedComputer, controller: Controller, fake_time: FakeTime
) -> None:
    computer.add_session("job1", state="Connected")
    result = controller.connect("srv01", busy_timeout=90)
    assert (names(result), result["changed"], result["errors"]) == (["job1"], True, [])
    assert 55 <= sum(fake_time.slept) <= 65


def test_busy_timeout_ends(computer: SimulatedComputer, controller: Controller, fake_time: FakeTime) -> None:
    computer.add_session("held", state="Connected", held=True)
    computer.add_session("free")
    result = controller.connect("srv01", busy_timeout=12)
    assert (names(result), error_ids(result)) == (["free"], ["PSSessionConnectFailed"])
    assert fake_time.slept == [5, 5, 2]
    assert "after 12 seconds" in result["errors"][0]["hint"]


def test_without_busy_timeout_nothing_waits(
    computer: SimulatedComputer, controller: Controller, fake_time: FakeTime
) -> None:
    computer.add_session("held", state="Connected", held=True)
    result = controller.connect("srv01")
    assert fake_time.slept == []
    assert "busy_timeout" in result["errors"][0]["hint"]


def test_on_error_stop_connects_nothing_more(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    for number in range(4):
        computer.add_session(f"job{number}")
    computer.inject(Injection("Connect", after=1, fault_code=5))
    result = controller.connect("srv01", on_error="stop", throttle_limit=1)
    assert (len(result["sessions"]), error_ids(result)) == (1, ["AccessDenied,PSSessionConnectFailed"])
    assert operations(fleet) == ["Enumerate", "Connect", "Connect"]
    assert result["failed"]


@pytest.mark.parametrize("lost", [False, True])
def test_on_error_stop_leaves_no_session_that_was_tried_without_a_record(
    fleet: SimulatedFleet, controller: Controller, lost: bool
) -> None:
    """Sessions in use, or whose answer got lost, wait for a second look, which does not come after an error."""
    for name in ("srv01", "srv02"):
        fleet[name].add_session("job")
        how: dict[str, Any] = {"action": "close_without_answer"} if lost else {"fault_code": IN_USE}
        fleet[name].inject(Injection("Connect", **how))
    fleet["srv03"].add_session("job")
    fleet["srv03"].inject(Injection("Connect", fault_code=5))
    result = controller.connect("srv01", "srv02", "srv03", on_error="stop", throttle_limit=1)
    assert sorted((error["computer_name"], error["reason"]) for error in result["errors"]) == [
        ("srv01", "unreachable" if lost else "busy"),
        ("srv02", "unreachable" if lost else "busy"),
        ("srv03", "access_denied"),
    ]


def test_on_error_stop_at_the_second_look(fleet: SimulatedFleet, controller: Controller) -> None:
    for name in ("srv01", "srv02"):
        fleet[name].add_session("job")
        fleet[name].inject(Injection("Connect", fault_code=IN_USE))
    fleet["srv01"].inject(Injection("Enumerate", after=1, fault_code=5))
    result = controller.connect("srv01", "srv02", on_error="stop", throttle_limit=1)
    assert sorted((error["computer_name"], error["reason"]) for error in result["errors"]) == [
        ("srv01", "access_denied"),
        ("srv02", "busy"),
    ]


def test_on_error_stop_waits_for_what_is_under_way(computer: SimulatedComputer, controller: Controller) -> None:
    slow, refused = computer.add_session("slow"), computer.add_session("refused")
    computer.inject(Injection("Connect", fault_code=5, shell_id=refused.shell_id))
    computer.inject(Injection("Connect", action="delay", seconds=0.3, shell_id=slow.shell_id))
    result = controller.connect("srv01", on_error="stop")
    assert (names(result), error_ids(result)) == (["slow"], ["AccessDenied,PSSessionConnectFailed"])


def test_on_error_stop_asks_no_further_computer(fleet: SimulatedFleet, controller: Controller) -> None:
    for computer in fleet:
        computer.add_session("job1")
    fleet["srv01"].inject(Injection("Enumerate", fault_code=5))
    result = controller.connect("srv01", "srv02", "srv03", on_error="stop", throttle_limit=1)
    assert (result["sessions"], error_ids(result)) == ([], ["AccessDenied,RemotePSSessionQueryFailed"])
    assert [request.computer for request in fleet.requests] == ["srv01"]


@pytest.mark.parametrize("on_error", ["fail_at_end", "report"])
def test_other_values_of_on_error_try_everything(
    computer: SimulatedComputer, controller: Controller, on_error: str
) -> None:
    for number in range(3):
        computer.add_session(f"job{number}")
    computer.inject(Injection("Connect", fault_code=5))
    result = controller.connect("srv01", on_error=on_error, throttle_limit=1)
    assert (len(result["sessions"]), len(result["errors"])) == (2, 1)
    assert result.get("failed", False) is (on_error == "fail_at_end")


def test_sessions_nobody_confirmed_are_left_alone(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("yes")
    no = computer.add_session("no")
    controller.surroundings["confirm"] = lambda _operation, _target, session: session.name == "yes"
    result = controller.connect("srv01")
    assert (names(result), result["errors"], no.state) == (["yes"], [], "Disconnected")
    assert operations(fleet) == ["Enumerate", "Connect"]
