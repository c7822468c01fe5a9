# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions behind a redirection or a forwarded port are found again, and only the credential of the task goes there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from tests.integration.engine.controller import ADMIN, Controller, Result, error_ids, names, operations
from tests.simulator import RecordingServer, SimulatedComputer, SimulatedFleet

pytestmark = pytest.mark.timing

CREDENTIAL = {"username": ADMIN.name, "password": ADMIN.password}
BY = ["session", "id", "name", "instance_id"]


@pytest.fixture
def trap() -> Iterator[RecordingServer]:
    """A port of the controller itself, at which no password may arrive."""
    with RecordingServer() as started:
        yield started


def selecting(opened: Result, by: str) -> dict[str, Any]:
    """The option that selects the session that a task has opened or found."""
    (session,) = opened["sessions"]
    return {by: [session if by == "session" else session[by]]}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("opened_there", [False, True])
def test_after_a_redirection(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, by: str, opened_there: bool
) -> None:
    """A balancer may lead elsewhere the next time; the session is where it was."""
    place = fleet["srv02"]
    computer.redirect(place.uri)
    verb = _plugins.CONNECT
    options: dict[str, Any] = {"credential": CREDENTIAL}
    if opened_there:
        verb, options = _plugins.NEW, {**options, "name": ["job1"]}
    else:
        place.add_session("job1")
    opened = controller.run(verb, connection_uri=[computer.uri], allow_redirection=True, **options)
    assert [each["connection_uri"] for each in opened["sessions"]] == [place.uri]
    assert opened["sessions"][0]["computer_name"] == computer.address
    controller.disconnect(session=opened["sessions"], credential=CREDENTIAL)
    computer.redirect(fleet["srv03"].uri)
    fleet.clear_requests()
    taken = controller.connect(**selecting(opened, by), credential=CREDENTIAL)
    assert (names(taken), taken["errors"]) == (["job1"], [])
    assert fleet.requests_of("srv01") == fleet.requests_of("srv03") == []


def test_one_log_on_for_the_place(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    """The connection that was redirected is that of the place."""
    fleet["srv02"].add_session("job1")
    computer.redirect(fleet["srv02"].uri)
    connected = controller.connect(connection_uri=[computer.uri], allow_redirection=True)
    assert names(connected) == ["job1"]
    assert len({request.connection for request in fleet.requests_of("srv02")}) == 1
    assert operations(fleet).count("Redirected") == 1


@pytest.mark.parametrize("by", BY)
def test_the_place_gets_only_the_credential_of_the_task(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, by: str
) -> None:
    """The inventory's password is for the computer that it names."""
    fleet["srv02"].add_session("job1")
    computer.redirect(fleet["srv02"].uri)
    opened = controller.connect(connection_uri=[computer.uri], allow_redirection=True, credential=CREDENTIAL)
    controller.disconnect(session=opened["sessions"], credential=CREDENTIAL)
    fleet.clear_requests()
    refused = controller.connect(**selecting(opened, by))
    assert error_ids(refused) == ["ExplicitCredentialsRequired,RemotePSSessionQueryFailed"]
    assert fleet.requests == []


@pytest.mark.parametrize("location", ["/wsman/srv", "srv", "/wsman/srv?x=1"])
def test_a_relative_location_stays_on_the_server(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, location: str
) -> None:
    computer.redirect(location, times=1)
    controller.get(connection_uri=[computer.uri], allow_redirection=True, credential=CREDENTIAL)
    assert [request.status for request in fleet.requests_of("srv01")] == [302, 404]
    assert len(fleet.requests) == 2


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("remembered", [False, True])
def test_a_port_of_the_controller_gets_no_password_of_the_inventory(
    controller: Controller, trap: RecordingServer, name: str, remembered: bool
) -> None:
    """An inventory may have the fleet's password for localhost, too: in [all:vars]."""

    def settings_of(computer_name: str, _host: str | None) -> HostSettings | None:
        return HostSettings(
            computer_name=computer_name,
            inventory_hostname="localhost",
            authentication="basic",
            message_encryption="never",
            username=ADMIN.name,
            password=ADMIN.password,
        )

    def run(**options: Any) -> Result:
        defaults = {each: spec["default"] for each, spec in _plugins.LOOKUP.spec.items() if "default" in spec}
        given = {**defaults, "state_file": str(controller.state_file), **options}
        return _plugins.LOOKUP(given, settings_of=settings_of)

    uri = f"http://{name}:{trap.port}/wsman"
    session = {
        "instance_id": "1a2b3c4d-0000-0000-0000-123456789abc",
        "computer_name": name,
        "connection_uri": uri,
        "task_options": {"connection_uri": uri},
    }
    refused = run(session=[session]) if remembered else run(connection_uri=[uri])
    assert error_ids(refused) == ["ExplicitCredentialsRequired,RemotePSSessionQueryFailed"]
    # Where Kerberos is installed, a request without a log-on asks which ones the server offers.
    assert trap.authorizations == []
