# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance id at two addresses: two sessions of two servers, or one session of a computer with two addresses."""

from __future__ import annotations

import dataclasses
import ipaddress
import uuid
from collections import Counter
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedComputer, SimulatedFleet

ID = str(uuid.UUID(int=7)).upper()
VERBS = [
    (_plugins.CONNECT, "Connect"),
    (_plugins.DISCONNECT, "Disconnect"),
    (_plugins.REMOVE, "Delete"),
    (_plugins.INVOKE, "Command"),
    (_plugins.RECEIVE, "Receive"),
]


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    scripts = {"quick": [{"output": "done"}]}
    # Of a domain, so that both computers show the same owner.
    with SimulatedFleet.build(["srv01", "srv02"], [dataclasses.replace(ADMIN, domain="LAB")], scripts) as fleet:
        yield fleet


def run(controller: Controller, plugin: _plugins.Plugin, uris: list[str], **options: Any) -> Result:
    options |= {"script": "quick"} if plugin is _plugins.INVOKE else {}
    return controller.run(
        plugin,
        connection_uri=uris,
        name=["job"],
        credential={"username": ADMIN.name, "password": ADMIN.password},
        authentication="basic",
        session_option={"no_encryption": True},
        throttle_limit=1,
        **options,
    )


def other_address(computer: SimulatedComputer) -> str:
    """The URI of a computer by another spelling of its address, which no client can know to be the same."""
    return computer.uri.replace(computer.address, str(int(ipaddress.IPv4Address(computer.address))))


def plant(computer: SimulatedComputer, plugin: _plugins.Plugin) -> None:
    commands = [{"script": "quick", "state": "finished"}] if plugin is _plugins.RECEIVE else []
    computer.add_session("job", shell_id=ID, commands=commands)


@pytest.mark.parametrize(("plugin", "operation"), VERBS)
def test_two_servers(fleet: SimulatedFleet, controller: Controller, plugin: _plugins.Plugin, operation: str) -> None:
    uris = [computer.uri for computer in fleet]
    for computer in fleet:
        plant(computer, plugin)
    if plugin is _plugins.DISCONNECT:
        run(controller, _plugins.CONNECT, uris)
    fleet.clear_requests()
    predicted = run(controller, plugin, uris, check_mode=True)
    assert (predicted["errors"], len(predicted["sessions"])) == ([], 2)
    result = run(controller, plugin, uris)
    assert (result["errors"], len(result["sessions"])) == ([], 2)
    asked = Counter(request.computer for request in fleet.requests_of(operation=operation))
    assert set(asked) == {"srv01", "srv02"}


@pytest.mark.parametrize(("plugin", "operation"), VERBS)
def test_one_computer_with_two_addresses(
    fleet: SimulatedFleet, controller: Controller, plugin: _plugins.Plugin, operation: str
) -> None:
    computer = fleet["srv01"]
    uris = [computer.uri, other_address(computer)]
    plant(computer, plugin)
    if plugin is _plugins.DISCONNECT:
        run(controller, _plugins.CONNECT, uris[:1])
    fleet.clear_requests()
    predicted = run(controller, plugin, uris, check_mode=True)
    assert "are one computer, this fails" in predicted["what_if"][1]
    result = run(controller, plugin, uris)
    (error,) = result["errors"]
    assert "was selected twice" in error["message"]
    assert len(fleet.requests_of(operation="Command")) == (1 if plugin is _plugins.INVOKE else 0)


def test_a_script_does_not_run_in_the_second_of_two_that_are_connected(
    fleet: SimulatedFleet, controller: Controller
) -> None:
    """Nothing changes when they are asked for, so nothing tells them apart."""
    computer = fleet["srv01"]
    uris = [computer.uri, other_address(computer)]
    plant(computer, _plugins.INVOKE)
    run(controller, _plugins.CONNECT, uris[:1])
    result = run(controller, _plugins.INVOKE, uris)
    assert ["was selected twice" in error["message"] for error in result["errors"]] == [True]
    assert len(fleet.requests_of(operation="Command")) == 1
