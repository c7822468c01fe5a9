# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account that is refused everywhere is tried on three computers, and a good one costs a fleet two round trips."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target import lockout
from tests.integration.engine.controller import ADMIN, Controller, error_ids, names
from tests.simulator import Injection, SimulatedFleet
from tests.waiting import until

pytestmark = pytest.mark.timing

COMPUTERS = [f"srv{number:02}" for number in range(1, 13)]
ACCOUNT = f"LAB\\{ADMIN.name}"
SETTINGS = {"authentication": "negotiate", "message_encryption": "auto"}


@pytest.fixture(scope="module")
def twelve() -> Iterator[SimulatedFleet]:
    """Twelve computers of a domain, with a session each."""
    with SimulatedFleet.build(COMPUTERS, [ADMIN], authentication=["negotiate", "basic"]) as started:
        for computer in started:
            computer.add_session("job1")
        yield started


@pytest.fixture
def fleet(twelve: SimulatedFleet) -> SimulatedFleet:
    """The twelve, with no past."""
    for computer in twelve:
        computer.injections.clear()
    twelve.clear_requests()
    return twelve


def log_on(controller: Controller, **settings: Any) -> None:
    """Have the inventory log on everywhere with the account of the domain."""
    for name in COMPUTERS:
        controller.inventory[name] = {**SETTINGS, "username": ACCOUNT, **settings}


def tried(fleet: SimulatedFleet, controller: Controller, **options: Any) -> tuple[int, dict[str, Any]]:
    """How many log-ons failed, and the result."""
    before = sum(fleet.failed_logons.values())
    result = controller.get(*COMPUTERS, **options)
    return sum(fleet.failed_logons.values()) - before, result


@pytest.mark.parametrize("soon", [lockout.SOON, 0.0], ids=["usual", "slow"])
def test_a_wrong_password_is_tried_three_times(
    fleet: SimulatedFleet, controller: Controller, monkeypatch: pytest.MonkeyPatch, soon: float
) -> None:
    """However long a connection takes: no log-on counts until its connection is open."""
    monkeypatch.setattr(lockout, "SOON", soon)
    log_on(controller, password="wrong")
    failures, result = tried(fleet, controller)
    assert failures == 3
    refused = [error for error in result["errors"] if "computers" not in error]
    (grouped,) = (error for error in result["errors"] if "computers" in error)
    assert [error["code"] for error in refused] == [5, 5, 5]
    assert (grouped["reason"], grouped["target"]) == ("access_denied", ACCOUNT)
    assert grouped["message"].startswith("9 computers were not asked for their sessions (")
    assert f"3 log-ons with {ACCOUNT} were refused, and none was accepted" in grouped["message"]
    assert "lockout_guard: false" in grouped["hint"]
    asked = {each.computer for each in fleet.requests}
    assert {each["computer_name"] for each in grouped["computers"]} == set(COMPUTERS) - asked
    assert "wrong" not in repr(result)


def test_the_option_lifts_the_guard(fleet: SimulatedFleet, controller: Controller) -> None:
    log_on(controller, password="wrong")
    failures, result = tried(fleet, controller, lockout_guard=False)
    assert failures == 12
    assert error_ids(result) == ["AccessDenied,RemotePSSessionQueryFailed"] * 12


@pytest.mark.parametrize("username", [ADMIN.name, f".\\{ADMIN.name}"])
def test_local_accounts_are_not_guarded(fleet: SimulatedFleet, controller: Controller, username: str) -> None:
    log_on(controller, username=username, password="wrong")
    assert tried(fleet, controller)[0] == 12


def test_other_accounts_are_asked_all_the_same(fleet: SimulatedFleet, controller: Controller) -> None:
    log_on(controller, password="wrong")
    for name in COMPUTERS[8:]:
        controller.inventory[name] |= {"password": ADMIN.password}
    failures, result = tried(fleet, controller)
    assert (failures, len(result["sessions"])) == (3, 4)


def test_one_computer_that_refuses_a_good_account_stops_nobody(fleet: SimulatedFleet, controller: Controller) -> None:
    log_on(controller)
    controller.inventory["srv01"] |= {"message_encryption": "never"}  # is refused with HTTP 401
    _failures, result = tried(fleet, controller)
    assert (len(result["sessions"]), len(result["errors"])) == (11, 1)


def test_a_good_account_costs_two_round_trips(fleet: SimulatedFleet, controller: Controller) -> None:
    """Three computers are asked; as soon as one of them has answered, all the others are, at the same time."""
    log_on(controller, authentication="basic", message_encryption="never")
    held = [Injection("Enumerate", action="delay", seconds=10.0) for _computer in COMPUTERS]
    for computer, injection in zip(fleet, held, strict=True):
        computer.inject(injection)
    with ThreadPoolExecutor(1) as executor:
        run = executor.submit(controller.get, *COMPUTERS)
        until(lambda: sum(injection.waiting for injection in held) == 3)
        fleet.clock.advance(10.0)
        until(lambda: sum(injection.waiting for injection in held) == 9)
        fleet.clock.advance(10.0)
        result = run.result()
    assert (names(result), result["errors"]) == (["job1"] * 12, [])


def test_a_log_on_with_keys_is_accepted_before_its_request_is_answered(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    log_on(controller)
    silent = [Injection("Enumerate", action="delay", seconds=10.0) for _computer in COMPUTERS[:5]]
    for name, injection in zip(COMPUTERS, silent, strict=False):
        fleet[name].inject(injection)
    with ThreadPoolExecutor(1) as executor:
        run = executor.submit(controller.get, *COMPUTERS)
        until(lambda: len({each.computer for each in fleet.requests if each.user}) == 12)
        fleet.clock.advance(10.0)
        assert len(run.result()["sessions"]) == 12


def test_computers_that_cannot_be_connected_to_do_not_hold_up_the_others(
    fleet: SimulatedFleet, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockout, "SOON", 0.05)
    log_on(controller)
    with socket.create_server(("", 0)) as silent, ThreadPoolExecutor(1) as executor:
        # It answers no handshake of TLS.
        port = silent.getsockname()[1]
        for number, name in enumerate(COMPUTERS[:5], start=1):
            controller.inventory[name] |= {"address": f"127.1.0.{number}", "port": port, "use_ssl": True}
        run = executor.submit(controller.get, *COMPUTERS)
        until(lambda: run.done() or len({each.computer for each in fleet.requests if each.user}) == 7)
        silent.close()
        result = run.result()
    assert (len(result["sessions"]), len(result["errors"])) == (7, 5)


def test_a_throttle_of_one_needs_no_waiting(fleet: SimulatedFleet, controller: Controller, tmp_path: Path) -> None:
    log_on(controller, password="wrong")
    assert tried(fleet, controller, throttle_limit=1)[0] == 3
    log_on(controller)
    assert len(tried(fleet, controller, throttle_limit=1)[1]["sessions"]) == 12
