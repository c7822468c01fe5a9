# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine with sessions in which a real PowerShell runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, error_ids
from tests.simulator import SimulatedFleet
from tests.waiting import meanwhile, until


@pytest.fixture(scope="module")
def fleet(powershell: str) -> Iterator[SimulatedFleet]:
    patient = {"silence_timeout": 1e6}
    with SimulatedFleet.build(["srv01", "srv02"], [ADMIN], switches=patient, powershell=powershell) as started:
        yield started


@pytest.fixture
def evening(fleet: SimulatedFleet, tmp_path: Path) -> Iterator[Controller]:
    """A controller; its sessions are gone afterwards."""
    yield Controller(fleet, tmp_path / "evening.sqlite3")
    for computer in fleet:
        for session in computer.sessions:
            session.close()


@pytest.fixture
def morning(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """Another controller, which knows nothing of the first."""
    return Controller(fleet, tmp_path / "morning.sqlite3")


def test_whole_life(fleet: SimulatedFleet, evening: Controller, morning: Controller, tmp_path: Path) -> None:
    """Opened, used, left at work; found, connected to and received by another controller, removed."""
    go = tmp_path / "go"
    made = evening.run(_plugins.NEW, "srv01", "srv02", name=["ITTask"])
    assert made["errors"] == []
    run = evening.run(_plugins.INVOKE, session=made["sessions"], script="$answer = 42; 'ü', [pscustomobject]@{a = 1}")
    assert (run["errors"], [result["output"] for result in run["results"]]) == ([], [["ü", {"a": 1}]] * 2)
    script = f"'begun'; while (-not (Test-Path '{go}')) {{ Start-Sleep -Milliseconds 20 }}; $answer; Write-Warning 'w'"
    started = evening.run(_plugins.INVOKE, session=made["sessions"], script=script, timeout=0)
    assert (started["errors"], {result["state"] for result in started["results"]}) == ([], {"Running"})
    assert {session.state for computer in fleet for session in computer.sessions} == {"Disconnected"}
    assert {command.state for computer in fleet for command in computer.session("ITTask").commands} == {"Running"}

    connected = morning.connect("srv01", "srv02", name=["ITTask"], application_private_data=True)
    assert (connected["errors"], len(connected["sessions"])) == ([], 2)
    told = [session["application_private_data"]["PSVersionTable"] for session in connected["sessions"]]
    assert [table["PSEdition"] for table in told] == ["Core", "Core"]
    go.touch()
    received = morning.run(_plugins.RECEIVE, session=connected["sessions"])
    assert received["errors"] == []
    # The first controller may have received the beginning before it left.
    assert [result["output"][-1] for result in received["results"]] == [42, 42]
    assert [result["warning"] for result in received["results"]] == [["w"], ["w"]]
    assert {result["state"] for result in received["results"]} == {"Completed"}
    removed = morning.remove(session=received["sessions"])
    assert (removed["errors"], len(removed["sessions"])) == ([], 2)
    until(lambda: fleet.powershell_processes == 0, "the end of the processes")


def test_secrets_cross_in_both_directions_and_after_a_connect(evening: Controller, morning: Controller) -> None:
    """A client that connects makes a key of its own, and the process takes it."""

    def secrets(password: str) -> list[dict[str, str]]:
        return [{"name": "c", "username": "ACME\\u", "password": password}, {"name": "s", "value": password}]

    script = "param([pscredential] $c, [securestring] $s) $c.GetNetworkCredential().Password.Length; $c.UserName; $s"
    made = evening.run(_plugins.NEW, "srv01", name=["Secrets"])
    first = evening.run(
        _plugins.INVOKE, session=made["sessions"], script=script, sensitive_parameters=secrets("very secret")
    )
    assert first["errors"] == []
    assert first["results"][0]["output"][:2] == [11, "ACME\\u"]
    evening.disconnect(session=first["sessions"])
    found = morning.connect("srv01", name=["Secrets"])
    second = morning.run(
        _plugins.INVOKE, session=found["sessions"], script=script, sensitive_parameters=secrets("other")
    )
    assert second["errors"] == []
    assert second["results"][0]["output"][:2] == [5, "ACME\\u"]
    assert "other" not in str(second)


def test_a_killed_process_is_an_error(fleet: SimulatedFleet, evening: Controller) -> None:
    """Its session is gone: the error says so, and nothing waits for ever."""
    made = evening.run(_plugins.NEW, "srv01", name=["Removed"])
    session = fleet["srv01"].session("Removed")
    with meanwhile(
        lambda: session.commands != [],
        lambda: os.kill(session.process_id, signal.SIGKILL),
        "the command",
    ):
        result = evening.run(_plugins.INVOKE, session=made["sessions"], script="Start-Sleep 1000", timeout=600)
    assert "-2144108284,ReceivePSSessionPipelineFailed" in error_ids(result)
    assert fleet["srv01"].sessions == []
    assert evening.get("srv01", name=["Removed"])["sessions"] == []
