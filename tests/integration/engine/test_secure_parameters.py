# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secure parameters arrive as SecureStrings, in sessions of any past, and are seen nowhere else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import session_key
from tests.integration.engine.controller import ADMIN, ALICE, Controller, Result, end_time_after, error_ids, operations
from tests.integration.engine.test_secrets import assert_absent, assert_absent_from_log, log_everything
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

SECRET = "Geheimes-\N{KEY}-πάντα"
SCRIPT = "param($Name, $Password)"
SCRIPTS: dict[str, Any] = {
    "received": {
        "regex": r"^param\(",
        "steps": [{"output_parameter": "Password"}, {"output_parameter": "Name"}],
    }
}
RECEIVED = [{"secure": True, "length": len(SECRET)}, {"secure": False, "length": 1}]
OPTIONS: dict[str, Any] = {
    "script": SCRIPT,
    "parameters": {"Name": "x"},
    "sensitive_parameters": [{"name": "Password", "value": SECRET}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01", "srv02", "srv03"], [ADMIN, ALICE], SCRIPTS) as fleet:
        yield fleet


def invoke(controller: Controller, *computers: str, **options: Any) -> Result:
    return controller.run(_plugins.INVOKE, *(computers or ["srv01"]), **{"name": ["job"], **OPTIONS, **options})


def outputs(result: Result) -> list[Any]:
    return [command["output"] for command in result["results"]]


def test_in_a_session_just_connected(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """The private data that comes after a Connect is no trouble, and neither is what an old client left unread."""
    computer.add_session("job")
    computer.configure({"replay_after_connect": True, "tail_fragments_after_connect": True})
    result = invoke(controller)
    assert (outputs(result), result["errors"]) == ([RECEIVED], [])
    asked = operations(fleet)
    assert asked.index("Connect") < asked.index("Send") < asked.index("Receive") < asked.index("Command")


def test_again_in_the_same_session(computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job")
    assert [outputs(invoke(controller)) for _time in range(2)] == [[RECEIVED], [RECEIVED]]
    computer.session("job").disconnect()
    assert outputs(invoke(controller)) == [RECEIVED]


def test_in_a_new_session_that_is_left_behind(computer: SimulatedComputer, controller: Controller) -> None:
    started = invoke(controller, name=None, session_name=["job"], in_disconnected_session=True)
    assert started["errors"] == []
    assert computer.session("job").state == "Disconnected"
    assert outputs(controller.run(_plugins.RECEIVE, "srv01", name=["job"])) == [RECEIVED]


def test_in_many_sessions(fleet: SimulatedFleet, controller: Controller) -> None:
    for each in fleet:
        each.add_session("job")
    assert outputs(invoke(controller, "srv01", "srv02", "srv03")) == [RECEIVED] * 3


def test_scenario_68_a_new_client_needs_a_new_key(
    computer: SimulatedComputer, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[session_key.SessionKey] = []
    exchange = session_key.exchange

    def remembered(*given: Any) -> session_key.SessionKey:
        keys.append(exchange(*given))
        return keys[-1]

    monkeypatch.setattr(session_key, "exchange", remembered)
    computer.add_session("job")
    assert outputs(invoke(controller)) == [RECEIVED]
    computer.session("job").disconnect()
    assert outputs(invoke(controller, client_id=str(uuid.uuid4()))) == [RECEIVED]
    assert len({key.key for key in keys}) == 2

    # What was encrypted under a key from before is of no use to the server.
    computer.session("job").disconnect()
    monkeypatch.setattr(session_key, "exchange", lambda *_given: keys[0])
    result = invoke(controller, client_id=str(uuid.uuid4()))
    assert (result["failed"], outputs(result)) == (True, [[]])


def test_a_server_that_gives_no_key(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller) -> None:
    computer.add_session("job")
    computer.private_data_after_connect = False
    computer.inject(Injection("Receive", fault_code=0x80338029, subcode="w:TimedOut", times=None))
    end_time_after(controller, fleet, "Receive")
    result = invoke(controller)
    assert error_ids(result) == ["WinRMOperationTimeout,PSSessionStateBroken"]
    assert "Command" not in operations(fleet)
    assert_absent(json.dumps(result), SECRET)


def test_a_secret_is_seen_nowhere(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    log_everything(caplog)
    for each in fleet:
        each.add_session("job")
    fleet["srv02"].inject(Injection("Command", action="fault", fault_code=5))
    fleet["srv03"].inject(Injection("Send", action="garbage"))
    journal = tmp_path / "journal"
    results = [
        invoke(controller, "srv01", "srv02", "srv03", journal=str(journal), diff_mode=True, list_commands=True),
        invoke(controller, sensitive_parameters=[{"name": "Password", "value": [SECRET]}]),
        invoke(controller, parameters={"Password": "x"}),
    ]
    assert RECEIVED in outputs(results[0])
    assert len(results[0]["errors"]) == 2
    assert_absent(repr(results) + json.dumps(results), SECRET)
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert_absent(file.read_bytes().decode("latin-1"), SECRET)
    assert_absent_from_log(caplog, "pypsrp", password=SECRET)
    assert fleet.requests_of(operation="Command")
    for request in fleet.requests:
        assert_absent(request.body, SECRET)
