# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fleet for all tests of the engine, swept clean before each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import ADMIN, ALICE, BOB, Controller, FakeTime
from tests.integration.engine.logons import HOST
from tests.kerberos import need_kerberos
from tests.simulator import Realm, SimulatedComputer, SimulatedFleet
from tests.simulator.switches import Switches

SCRIPTS = {"forever": [{"output": "begun"}, {"sleep": 1e9}]}


@pytest.fixture(scope="session")
def running_fleet() -> Iterator[SimulatedFleet]:
    """Three computers with an administrator and two users."""
    with SimulatedFleet.build(["srv01", "srv02", "srv03"], [ADMIN, ALICE, BOB], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def fleet(running_fleet: SimulatedFleet) -> SimulatedFleet:
    """The fleet without sessions, quirks and past."""
    for computer in running_fleet:
        for session in computer.sessions:
            session.close()
        computer.injections.clear()
        computer.configure(asdict(Switches()))
        computer.redirect(None)
    for name in list(running_fleet.failed_logons):
        running_fleet.unlock(name)
    running_fleet.clear_requests()
    return running_fleet


@pytest.fixture
def computer(fleet: SimulatedFleet) -> SimulatedComputer:
    """The first computer, `srv01`."""
    return fleet["srv01"]


@pytest.fixture(scope="module")
def realm() -> Iterator[Realm]:
    """A KDC that knows the administrator and the first computer; KRB5CCNAME names no tickets."""
    need_kerberos()
    with Realm() as started:
        started.add_user(ADMIN.name, ADMIN.password)
        started.add_computer(HOST)
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """A controller with an empty registry."""
    return Controller(fleet, tmp_path / "registry" / "registry.sqlite3")


@pytest.fixture
def fake_time(fleet: SimulatedFleet, controller: Controller) -> FakeTime:
    """The controller does not wait; time passes for the fleet all the same."""
    fake = FakeTime(fleet)
    controller.surroundings["world"] = World(HttpConversation, monotonic=fake.clock, sleep=fake.sleep)
    return fake
