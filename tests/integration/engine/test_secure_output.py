# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that give SecureStrings: the server gets the key it asks for, and their contents are never shown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result, operations, time_passing
from tests.integration.engine.test_secrets import assert_absent
from tests.simulator import SimulatedComputer, SimulatedFleet, SimulatedSession
from tests.waiting import until

pytestmark = pytest.mark.timing

SECRET = "Geheimes-\N{KEY}-π"
GIVE = [
    {"output": "begun"},
    {"output": {"$secure": SECRET}},
    {"output": {"user": "x", "password": {"$secure": SECRET}}},
    {"output": "done"},
]
GIVEN = ["begun", "(secure string)", {"user": "x", "password": "(secure string)"}, "done"]
# Seconds of the fleet's time that a Receive without output waits. Then the engine reads the shell's own stream.
OPERATION_TIMEOUT = 20
OPTIONS: dict[str, Any] = {"session_option": {"operation_timeout": OPERATION_TIMEOUT}}
SCRIPTS: dict[str, Any] = {
    "give": GIVE,
    "soon": {"regex": "^param.+soon", "steps": [{"sleep": 2.5 * OPERATION_TIMEOUT}, *GIVE]},
    "give later": [{"output": "here"}, {"sleep": 3600}, *GIVE],
    "take and give": {"regex": r"^param\(\$Password\)", "steps": GIVE},
    "silent": [{"sleep": 1.5 * OPERATION_TIMEOUT}, {"output": "done"}],
    "quick": [{"output": "done"}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01", "srv02", "srv03"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def quickly(fleet: SimulatedFleet) -> Iterator[None]:
    """A Receive that brings nothing ends at once."""
    with time_passing(fleet, OPERATION_TIMEOUT):
        yield


@pytest.fixture
def job(computer: SimulatedComputer) -> SimulatedSession:
    return computer.add_session("job")


@pytest.fixture
def asking_job(computer: SimulatedComputer) -> SimulatedSession:
    """A session on a server that asks for a key."""
    computer.asks_for_key = True
    return computer.add_session("job")


def invoke(controller: Controller, *computers: str, **options: Any) -> Result:
    return controller.run(_plugins.INVOKE, *(computers or ["srv01"]), **{"name": ["job"], **OPTIONS, **options})


def receive(controller: Controller, **options: Any) -> Result:
    return controller.run(_plugins.RECEIVE, "srv01", name=["job"], **OPTIONS, **options)


def outputs(result: Result) -> list[Any]:
    return [command["output"] for command in result["results"]]


def keys_given(fleet: SimulatedFleet) -> int:
    return len([request for request in fleet.requests_of(operation="Send") if request.command_id is None])


def test_the_secret_is_not_shown(
    fleet: SimulatedFleet, job: SimulatedSession, controller: Controller, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.jsonl"
    result = invoke(controller, script="give", journal=str(journal))
    assert (outputs(result), result["results"][0]["state"]) == ([GIVEN], "Completed")
    assert_absent(json.dumps(result) + journal.read_text(), SECRET)
    assert operations(fleet) == ["Enumerate", "Enumerate", "Connect", "Command", "Receive", "Signal"]
    invoke(controller, script="give later", timeout=0)
    fleet.clock.advance(3600)
    result = receive(controller, client_id=str(uuid.uuid4()))
    assert outputs(result) == [GIVEN]
    assert keys_given(fleet) == 0


def test_the_server_gets_a_key_and_nobody_sees_the_secret(
    fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.jsonl"
    for number in range(2):  # the second time it has the key already
        result = invoke(controller, script="give", journal=str(journal))
        assert "failed" not in result
        assert (outputs(result), result["results"][0]["state"]) == ([GIVEN], "Completed")
        assert_absent(json.dumps(result), SECRET)
        assert keys_given(fleet) == 1, number
    assert_absent(journal.read_text(), SECRET)
    assert asking_job.commands == []


def test_in_many_sessions(fleet: SimulatedFleet, controller: Controller) -> None:
    for each in fleet:
        each.asks_for_key = True
        each.add_session("job")
    assert outputs(invoke(controller, "srv01", "srv02", "srv03", script="give")) == [GIVEN] * 3
    assert keys_given(fleet) == 3


def test_a_key_from_sensitive_parameters_is_good_for_output(
    fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller
) -> None:
    result = invoke(controller, script="param($Password)", sensitive_parameters=[{"name": "Password", "value": SECRET}])
    assert outputs(result) == [GIVEN]
    assert keys_given(fleet) == 1


def test_asked_while_nobody_was_there(
    fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller
) -> None:
    """The client that was the last one reconnects, and finds the question."""
    assert outputs(invoke(controller, script="give later", timeout=0)) == [["here"]]
    fleet.clock.advance(3600)
    wait_until_waiting(asking_job)
    assert outputs(receive(controller)) == [GIVEN]


def test_asked_of_one_who_does_not_wait_long(
    fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller
) -> None:
    invoke(controller, script="give later", timeout=0)
    fleet.clock.advance(3600)
    wait_until_waiting(asking_job)
    assert outputs(receive(controller, timeout=60)) == [GIVEN]


def test_asked_of_a_new_client(fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller) -> None:
    script = "param($Unused) 'soon'"
    invoke(
        controller, script=script, sensitive_parameters=[{"name": "Unused", "value": SECRET}], timeout=0
    )  # the client before had a key
    result = receive(controller, client_id=str(uuid.uuid4()))
    assert outputs(result) == [GIVEN]
    assert keys_given(fleet) == 2


def test_a_new_client_comes_too_late(
    fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller
) -> None:
    """A server that waits for a key of one client refuses others; the error is that of the connect."""
    invoke(controller, script="give later", timeout=0)
    fleet.clock.advance(3600)
    wait_until_waiting(asking_job)
    result = receive(controller, client_id=str(uuid.uuid4()))
    assert result["failed"]
    assert "a key exchange is under way" in result["msg"]
    assert outputs(receive(controller)) == [GIVEN]


def test_others_are_not_looked_at(fleet: SimulatedFleet, asking_job: SimulatedSession, controller: Controller) -> None:
    """A command that gives something costs no request more; one that keeps silent costs one each time."""
    invoke(controller, script="quick")
    assert operations(fleet) == ["Enumerate", "Enumerate", "Connect", "Command", "Receive", "Signal"]
    fleet.clear_requests()
    assert outputs(invoke(controller, script="silent")) == [["done"]]
    looks = [request for request in fleet.requests_of(operation="Receive") if request.command_id is None]
    assert 1 <= len(looks) <= 2
    assert keys_given(fleet) == 0


def wait_until_waiting(job: SimulatedSession) -> None:
    """Wait until the script has come to where it cannot go on without a key."""
    until(lambda: job.waits_for_key, "a request for a key")
