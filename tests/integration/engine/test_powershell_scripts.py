# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole scripts in a real PowerShell: all streams, ways to fail and to stop, other clients, the end of the process."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import Controller, error_ids, only
from tests.integration.engine.real_powershell import (
    Run,
    invoke,
    one_computer,
    open_session,
    runner,
    shared_controller,
)
from tests.simulator import SimulatedFleet
from tests.waiting import until

fleet = pytest.fixture(one_computer, scope="module", name="fleet")
controller = pytest.fixture(shared_controller, scope="module", name="controller")


@pytest.fixture
def other_controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """A controller with a registry of its own: to the server, another client."""
    return Controller(fleet, tmp_path / "registry.sqlite3")


@pytest.fixture(scope="module")
def run(controller: Controller) -> Run:
    """Run a script in the session `scripts`, which tests share that leave nothing in it."""
    return runner(controller, "scripts")


def test_all_streams(run: Run) -> None:
    got = only(
        run(
            "Write-Progress 'Copying' -Status 'half' -PercentComplete 50 -Id 7; 'output'; Write-Error 'an error'; "
            "Write-Warning 'a warning'; Write-Verbose 'verbose' -Verbose; Write-Debug 'debug' -Debug; "
            "Write-Information 'information' -Tags one; Write-Host 'host'"
        )
    )
    assert (got["state"], got["output"]) == ("Completed", ["output"])
    assert [error["exception"]["message"] for error in got["error"]] == ["an error"]
    assert (got["warning"], got["verbose"], got["debug"]) == (["a warning"], ["verbose"], ["debug"])
    first, second = got["information"]
    assert (first["message_data"], first["tags"]) == ("information", ["one"])
    assert second["tags"] == ["PSHOST"]
    progress = got["progress"]
    assert (progress["activity"], progress["status"], progress["percent_complete"]) == ("Copying", "half", 50)


@pytest.mark.parametrize(
    ("script", "error_id", "output"),
    [
        ("'before'; throw 'it broke'; 'after'", "it broke", ["before"]),
        ("'before'; throw [IO.FileNotFoundException]::new('gone'); 'after'", "gone", ["before"]),
        (
            "'before'; Write-Error 'it broke' -ErrorId Broken -ErrorAction Stop; 'after'",
            "Broken",
            ["before"],
        ),
        (
            "& { $ErrorActionPreference = 'Stop'; 'before'; Get-Item /no/such/path; 'after' }",
            "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand",
            ["before"],
        ),
        ("trap { 'trapped'; break }; 'before'; throw 'it broke'", "it broke", ["before", "trapped"]),
        ("try { 'before'; throw 'it broke' } finally { 'cleaned' }", "it broke", ["before", "cleaned"]),
    ],
)
def test_a_script_that_fails(run: Run, script: str, error_id: str, output: list[str]) -> None:
    result = run(script)
    got = only(result)
    assert result["failed"]
    assert (got["state"], got["output"]) == ("Failed", output)
    assert got["failure"]["fully_qualified_error_id"] == error_id


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("trap { 'trapped'; continue }; throw 'it broke'; 'after'", ["trapped", "after"]),
        ("try { throw 'it broke' } catch { \"caught $_\" } finally { 'cleaned' }", ["caught it broke", "cleaned"]),
        ("Get-Item /no/such/path; 'after'", ["after"]),
    ],
)
def test_a_script_that_goes_on(run: Run, script: str, output: list[str]) -> None:
    got = only(run(script))
    assert (got["state"], got["output"]) == ("Completed", output)


def test_a_stop_runs_finally(run: Run, controller: Controller, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    script = (
        "param($Begun) try { $null = New-Item $Begun; Start-Sleep 3600; 'done' } finally { $global:cleaned = 'yes' }"
    )
    assert only(run(script, parameters={"Begun": str(begun)}, timeout=0))["state"] == "Running"
    until(begun.exists, "the begin of the script")
    stopped = only(controller.run(_plugins.RECEIVE, "srv01", name=["scripts"], stop=True))
    assert stopped["state"] == "Stopped"
    assert only(run("$cleaned; Remove-Variable cleaned -Scope Global"))["output"] == ["yes"]


def test_another_client_takes_over_what_is_left(
    controller: Controller, other_controller: Controller, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    script = (
        "param($Release) $total = 0; foreach ($number in 1..1000) { $number; $total += $number }; "
        "while (-not (Test-Path $Release)) { Start-Sleep -Milliseconds 50 }; $total"
    )
    open_session(controller, "taken")
    begun = only(invoke(controller, "taken", script, parameters={"Release": str(release)}, timeout=0))
    assert begun["state"] == "Running"
    release.touch()
    received = only(other_controller.run(_plugins.RECEIVE, "srv01", name=["taken"]))
    assert received["state"] == "Completed"
    assert [*begun["output"], *received["output"]] == [*range(1, 1001), 500500]
    # It is connected there now, as after every receive.
    assert error_ids(controller.run(_plugins.RECEIVE, "srv01", name=["taken"])) == ["PSSessionConnectFailed"]


def test_a_second_command_is_refused_while_the_first_runs(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    waits = "param($Release) 'first'; while (-not (Test-Path $Release)) { Start-Sleep -Milliseconds 50 }"
    open_session(controller, "two")
    first = only(invoke(controller, "two", waits, parameters={"Release": str(release)}, timeout=0))
    assert first["state"] == "Running"
    started = len(fleet.requests_of(operation="Command"))
    second = invoke(controller, "two", "'second'", timeout=0)
    assert (second["results"], [error["reason"] for error in second["errors"]]) == ([], ["busy"])
    assert started
    assert len(fleet.requests_of(operation="Command")) == started
    release.touch()
    rest = only(controller.run(_plugins.RECEIVE, "srv01", name=["two"]))
    assert (rest["state"], [*first["output"], *rest["output"]]) == ("Completed", ["first"])
    third = only(invoke(controller, "two", "'third'"))
    assert (third["state"], third["output"]) == ("Completed", ["third"])


@pytest.mark.parametrize("seed", range(3))
def test_a_process_that_is_killed(controller: Controller, fleet: SimulatedFleet, seed: int) -> None:
    name = f"killed-{seed}"
    open_session(controller, name)
    last = random.Random(seed).randint(1, 3000)
    script = f"foreach ($number in 1..3000) {{ $number; if ($number -eq {last}) {{ kill -9 $PID; Start-Sleep 60 }} }}"
    result = invoke(controller, name, script)
    got = only(result)
    # What the process had written is there, whole objects in their order; some may have been lost with it.
    assert got["output"] == list(range(1, len(got["output"]) + 1))
    assert len(got["output"]) <= last
    assert (got["state"], got["failure"]) == ("Running", None)
    (error,) = result["errors"]
    assert error["reason"] == "expired"
    assert "The result has the output received until then." in error["hint"]
    assert name not in [session.name for session in fleet["srv01"].sessions]
