# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kerberos tickets that end while a conversation lasts: it logs on anew, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import Remoting
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target.endpoint import endpoints
from tests.integration.engine.controller import ADMIN, Controller, time_passing
from tests.integration.engine.logons import DEMANDING, HOST, set_up
from tests.kerberos import need_kerberos
from tests.simulator import Realm, SimulatedComputer, SimulatedFleet
from tests.waiting import until

pytestmark = pytest.mark.timing

# Seconds. Requests may take longer, so the keys of each log-on may end before the answer to the next request.
LIFETIME = 30
TICKING: list[dict[str, Any]] = [step for number in range(5) for step in ({"output": number}, {"sleep": 30.0})]
WAYS = [
    ("Kerberos, password", "psrp"),
    ("Negotiate", "psrp"),
    ("Kerberos, ticket", "psrp"),
    ("Kerberos, ticket", "winrm"),
]


@pytest.fixture(scope="module")
def realm() -> Iterator[Realm]:
    """A KDC whose tickets are short."""
    need_kerberos()
    with Realm(ticket_lifetime=f"{LIFETIME}s") as started:
        started.add_user(ADMIN.name, ADMIN.password)
        started.add_computer(HOST)
        yield started


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """A computer whose command takes longer than a ticket."""
    with SimulatedFleet.build(["srv01"], [ADMIN], {"ticking": TICKING}) as started:
        yield started


@pytest.fixture
def ticket(realm: Realm, tmp_path: Path) -> Iterator[Path]:
    """A cache with a ticket, for those who have no password."""
    cache = tmp_path / "cache"
    shutil.copy(realm.kinit(ADMIN.name, ADMIN.password), cache)
    with realm.using(cache):
        yield cache


@pytest.mark.parametrize(("way", "library"), WAYS)
def test_a_receive_outlives_its_tickets(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    ticket: Path,
    way: str,
    library: str,
) -> None:
    computer.configure(DEMANDING)
    computer.add_session({"name": "job1", "commands": [{"script": "ticking"}]})
    set_up(controller, fleet, way, transport=library)
    with time_passing(fleet, 31.0):
        result = controller.run(_plugins.RECEIVE, "srv01", name=["job1"])
    assert result["errors"] == []
    assert [each["output"] for each in result["results"]] == [[0, 1, 2, 3, 4]]
    handshakes = [each for each in fleet.requests if each.operation == "Handshake"]
    receives = [each for each in fleet.requests if each.operation == "Receive"]
    assert len(handshakes) > len(receives) > 2
    assert {each.encrypted for each in receives} == {True}


@pytest.mark.parametrize("renewed", [True, False])
@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_a_conversation_whose_ticket_has_ended(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    realm: Realm,
    ticket: Path,
    library: str,
    renewed: bool,
) -> None:
    """With a renewed ticket in the same cache it goes on; without one the error says so."""
    computer.configure(DEMANDING)
    computer.add_session("job1")
    shutil.copy(realm.kinit(ADMIN.name, ADMIN.password, lifetime="5s"), ticket)
    set_up(controller, fleet, "Kerberos, ticket", transport=library)
    settings = HostSettings.from_options(controller.settings_of("srv01", None))
    (place,) = endpoints(Request.from_options({"computer_name": ["srv01"]}), lambda _name, _host: settings)
    with Remoting() as remoting:
        assert [each.name for each in remoting.get(place)] == ["job1"]
        until(lambda: realm.has_ended(ticket), "the end of the ticket")
        if renewed:
            replacement = realm.kinit(ADMIN.name, ADMIN.password)
            shutil.copy(replacement, ticket)
            assert [each.name for each in remoting.get(place)] == ["job1"]
            return
        with pytest.raises(TransportError) as raised:
            remoting.get(place)
    assert raised.value.code == Code.AUTHENTICATION_FAILED
    assert "expired" in raised.value.message or library == "winrm"  # pykerberos has no words for that
