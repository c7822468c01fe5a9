# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditions of a script in a real PowerShell: creates, removes, chdir, error_action. Nothing of them stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import Controller, Result, operations
from tests.integration.engine.real_powershell import CONSTRAIN, Run, one_computer, runner, shared_controller
from tests.simulator import SimulatedFleet

STATE = (
    "$ErrorActionPreference; (Get-Location).Path; (Get-Variable -Scope Global).Name -like '__pssession*'; "
    "Test-Path function:__pssession*"
)
fleet = pytest.fixture(one_computer, scope="module", name="fleet")
controller = pytest.fixture(shared_controller, scope="module", name="controller")


@pytest.fixture(scope="module")
def runners(controller: Controller) -> dict[str, Run]:
    """Run a script in a session of either language mode."""
    found = {name: runner(controller, name) for name in ("full", "constrained")}
    assert "failed" not in found["constrained"](CONSTRAIN)
    return found


@pytest.fixture(params=["full", "constrained"])
def run(request: pytest.FixtureRequest, runners: dict[str, Run]) -> Iterator[Run]:
    """Run a script; afterwards the session has to be as it was."""
    found = runners[request.param]
    before = found(STATE)["output"]
    yield found
    assert found(STATE)["output"] == before


def failure(result: Result) -> tuple[str, str]:
    (command,) = result["results"]
    return command["state"], command["failure"]["exception"]["message"]


def test_a_script_does_not_run_where_a_path_exists(run: Run, tmp_path: Path) -> None:
    (tmp_path / "done.txt").touch()
    (tmp_path / "done[1]").touch()
    for name in ("done.txt", "d?ne.*", "done[1]"):
        skipped = run("'ran'", creates=str(tmp_path / name))
        assert "failed" not in skipped, skipped["msg"]
        assert (skipped["changed"], skipped["output"]) == (False, [])
        assert skipped["msg"] == skipped["results"][0]["skip_reason"] == f"skipped, since {tmp_path / name} exists"
    assert run("'ran'", creates=str(tmp_path / "other"))["output"] == ["ran"]


def test_a_script_does_not_run_where_a_path_does_not_exist(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there.txt").touch()
    assert run("'ran'", removes=str(tmp_path / "there.*"))["output"] == ["ran"]
    skipped = run("'ran'", removes=str(tmp_path / "gone"))
    assert (skipped["changed"], skipped["output"]) == (False, [])
    assert skipped["msg"] == f"skipped, since {tmp_path / 'gone'} does not exist"


def test_a_path_is_no_source(run: Run, tmp_path: Path) -> None:
    name = str(tmp_path / "a'b $(throw 1) `c")
    Path(name).touch()
    for given in (name, name.replace("`", "``")):
        assert run("'ran'", creates=given)["output"] == []
    assert run("(Get-Location).Path", chdir=str(tmp_path))["output"] == [str(tmp_path)]


def test_a_script_starts_in_a_location(run: Run, tmp_path: Path) -> None:
    assert run("(Get-Location).Path; Set-Location /", chdir=str(tmp_path))["output"] == [str(tmp_path)]
    state, message = failure(run("'ran'", chdir=str(tmp_path / "gone")))
    assert (state, "gone" in message) == ("Failed", True)
    assert failure(run("throw 'over'", chdir=str(tmp_path))) == ("Failed", "over")


def test_an_error_record_may_end_a_script(run: Run) -> None:
    script = "'before'\nWrite-Error 'wrong'; 'after'"
    failed = run(script, error_action="stop")
    assert (failed["failed"], failed["output"], failure(failed)) == (True, ["before"], ("Failed", "wrong"))
    assert failed["results"][0]["failure"]["script_stack_trace"].splitlines()[0].endswith("line 2")
    quiet = run(script, error_action="silently_continue")
    assert (quiet["output"], quiet["error"]) == (["before", "after"], [])
    usual = run(script, error_action="continue")
    assert (usual["output"], len(usual["error"])) == (["before", "after"], 1)


def test_a_preference_of_the_script_itself_does_not_stay(run: Run) -> None:
    assert "failed" not in run("$ErrorActionPreference = 'Stop'", error_action="continue")


def test_a_script_gets_what_it_gets_without_conditions(run: Run, tmp_path: Path) -> None:
    script = (
        "param($a, [switch] $Force, $n = 'default', [securestring] $s) begin { $Ansible.Changed = $false } "
        'process { "$a $Force $($null -eq $n) $($s.Length) $($args.Count) $($args[0]) $_" } '
        "end { $kept = 'kept'; exit 3 }"
    )
    options: dict[str, Any] = {
        "parameters": {"a": "x", "Force": True, "n": None},
        "arguments": ["-dash", ["list"]],
        "sensitive_parameters": [{"name": "s", "value": "hush"}],
        "expected_return_code": [3],
    }
    for given, expected in (
        (None, ["x True True 4 2 -dash "]),
        ([1, None], ["x True True 4 2 -dash 1", "x True True 4 2 -dash "]),
    ):
        plain = run(script, input=given, **options)
        under = run(script, input=given, chdir=str(tmp_path), **options)
        assert plain["output"] == under["output"] == expected
        assert (plain["rc"], under["rc"], under["changed"]) == (3, 3, False)
    assert run("$kept")["output"] == ["kept"]


def test_conditions_take_no_further_requests(runners: dict[str, Run], fleet: SimulatedFleet, tmp_path: Path) -> None:
    seen = []
    for options in ({}, {"creates": str(tmp_path / "gone"), "chdir": str(tmp_path), "error_action": "stop"}):
        fleet.clear_requests()
        runners["full"]("'ran'", **options)
        seen.append([each for each in operations(fleet) if each != "Receive"])
    assert seen[0] == seen[1]
    assert "Command" in seen[0]


def test_another_run_knows_that_a_script_was_skipped(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["skipped"],
        in_disconnected_session=True,
        script="'ran'",
        creates=str(tmp_path),
    )
    other = Controller(fleet, tmp_path / "other.sqlite3")
    received = other.run(_plugins.RECEIVE, "srv01", name=["skipped"], when_done="remove", timeout=300)
    assert (received["changed"], received["msg"]) == (False, f"skipped, since {tmp_path} exists")
