# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""$Ansible in a real PowerShell: what scripts find in it, what a task makes of it, and what stays of it afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import Controller, only, operations
from tests.integration.engine.real_powershell import (
    CONSTRAIN,
    Run,
    one_computer,
    open_session,
    runner,
    shared_controller,
)
from tests.simulator import SimulatedFleet
from tests.waiting import until

# A script that supports check mode.
CHECKED = """[CmdletBinding(SupportsShouldProcess)]
param ([string] $Name)
"$($Ansible.CheckMode) $WhatIfPreference"
if ($PSCmdlet.ShouldProcess($Name)) { $global:Done = $Name }
$Ansible.Changed = $Name -ne 'same'
"""
fleet = pytest.fixture(one_computer, scope="module", name="fleet")
controller = pytest.fixture(shared_controller, scope="module", name="controller")


@pytest.fixture(scope="module")
def run(controller: Controller) -> Run:
    """Run a script in a session that the tests share."""
    return runner(controller, "ansible")


@pytest.fixture(scope="module")
def run_constrained(controller: Controller) -> Run:
    """Likewise, in a session in which scripts call methods of core types only."""
    found = runner(controller, "constrained")
    assert "failed" not in found(CONSTRAIN)
    return found


@pytest.fixture(params=["full", "constrained"])
def run_in(request: pytest.FixtureRequest, run: Run, run_constrained: Run) -> Run:
    return run if request.param == "full" else run_constrained


def test_a_script_decides_whether_it_has_changed_something(run_in: Run) -> None:
    unchanged = run_in("$Ansible.Changed = $false; 'looked'")
    assert (unchanged["changed"], unchanged["output"]) == (False, ["looked"])
    assert [session["changed"] for session in unchanged["sessions"]] == [False]
    assert run_in("'done'")["changed"] is True
    assert run_in("function told { $Ansible.Changed = 0 }; told")["changed"] is False


def test_a_script_decides_whether_it_has_failed(run_in: Run) -> None:
    failed = run_in("$Ansible.Failed = $true; $Ansible.Result.why = 'full'; 'last words'")
    assert failed["failed"] is True
    (error,) = failed["errors"]
    assert (error["reason"], error["fully_qualified_error_id"].split(",")[0]) == ("command_failed", "ScriptFailed")
    assert (failed["output"], failed["result"], only(failed)["state"]) == (["last words"], {"why": "full"}, "Completed")


def test_result_and_diff_are_what_a_script_leaves(run_in: Run) -> None:
    found = run_in(
        "$Ansible.Result = @{ list = 1, @{ a = 'b' }; day = [DayOfWeek]::Monday }; "
        "$Ansible.Diff.before = 'old'; $Ansible.Diff['after'] = 'new'",
        diff_mode=True,
    )
    assert found["result"] == {"list": [1, {"a": "b"}], "day": "Monday"}
    assert found["diff"] == only(found)["diff"] == {"before": "old", "after": "new"}
    assert run_in("$Ansible.Result = $null")["result"] is None
    assert run_in("1")["result"] == {}


def test_a_script_finds_out_how_it_runs(controller: Controller, run_in: Run) -> None:
    controller.surroundings["verbosity"] = 3
    try:
        assert run_in("$Ansible.Verbosity, $Ansible.CheckMode")["output"] == [3, False]
    finally:
        del controller.surroundings["verbosity"]


def test_a_temporary_folder_is_there_as_long_as_the_script(run_in: Run) -> None:
    folder, there = run_in("$Ansible.Tmpdir; Set-Content (Join-Path $Ansible.Tmpdir a) 1; Test-Path $Ansible.Tmpdir")[
        "output"
    ]
    assert there is True
    assert not Path(folder).exists()


def test_no_temporary_folder_is_made_that_no_script_asks_for(run: Run) -> None:
    assert run("(Get-ChildItem ([IO.Path]::GetTempPath()) -Filter ansible-*).Count")["output"] == [0]


def test_a_script_that_throws_leaves_no_folder(run: Run) -> None:
    (folder,) = only(run("$Ansible.Tmpdir; throw 'over'"))["output"]
    run("1")
    assert not Path(folder).exists()


def test_the_next_command_removes_the_folder_of_a_script_that_was_stopped(
    controller: Controller,
) -> None:
    started = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["stopped"],
        in_disconnected_session=True,
        script="$Ansible.Tmpdir; Start-Sleep 1000",
    )
    name = f"ansible-{started['sessions'][0]['instance_id']}"
    until(lambda: bool(list(Path(tempfile.gettempdir()).glob(f"simulated-powershell-*/{name}"))))
    (folder,) = only(controller.run(_plugins.RECEIVE, "srv01", name=["stopped"], stop=True))["output"]
    assert Path(folder).exists()
    again = controller.run(_plugins.INVOKE, "srv01", name=["stopped"], script="1", timeout=300, when_done="remove")
    assert again["output"] == [1]
    assert not Path(folder).exists()


def test_nothing_stays_in_the_session(run_in: Run) -> None:
    before = run_in("(Get-Variable -Scope Global).Name | Where-Object { $_ -ne 'Ansible' }; $Error.Count")["output"]
    run_in("$Ansible.Tmpdir > $null; $Ansible.Result.a = 1", input=[1])
    after = run_in("(Get-Variable -Scope Global).Name | Where-Object { $_ -ne 'Ansible' }; $Error.Count")["output"]
    assert after == before


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('param($a) "$a $($args.Count) $($MyInvocation.ExpectingInput) $?"', ["x 0 False True"]),
        ("'one'\n\n$MyInvocation.ScriptLineNumber; 'two'; exit 3", ["one", 0, "two"]),
        ("break; 'never'", []),
        ("$kept = 'kept'; 1", [1]),
        ("$kept", ["kept"]),
    ],
)
def test_the_script_is_as_if_it_were_alone(run: Run, script: str, expected: list[Any]) -> None:
    parameters = {"a": "x"} if "param" in script else None
    found = run(script, parameters=parameters, expected_return_code=[3])
    assert (only(found)["output"], only(found)["state"]) == (expected, "Completed")
    assert found.get("rc") == (3 if "exit" in script else None)


def test_an_error_that_ends_the_script_ends_the_command(run: Run) -> None:
    for script, options in (("'a'\n\nthrow 'over'", {}), ("'a'\n\nthrow 'over'", {"input": [1, 2]})):
        failed = only(run(script, **options))
        assert (failed["state"], failed["output"], failed["error"], failed["result"]) == ("Failed", ["a"], [], {})
        assert failed["failure"]["exception"]["message"] == "over"
        assert failed["failure"]["script_stack_trace"].endswith("line 3")


def test_a_script_that_cannot_be_parsed_says_where(run: Run) -> None:
    failed = only(run("'a'\nif ("))
    assert failed["state"] == "Failed"
    assert failed["failure"]["exception"]["message"].startswith("Missing condition in if statement")


def test_what_a_script_does_to_the_variable_harms_only_itself(run: Run) -> None:
    for script in ("$Ansible = 5", "$Ansible = $null", "Remove-Variable Ansible -Scope Global", "$Ansible.Diff = 5"):
        found = run(f"Set-StrictMode -Version Latest; {script}; 'goes on'")
        assert ("failed" not in found, found["changed"], found["output"]) == (True, True, ["goes on"])
        assert only(found)["diff"] == {}
    assert run("Set-StrictMode -Off; $Ansible.Changed = $false")["changed"] is False


def test_input_reaches_the_script_one_by_one(run_in: Run) -> None:
    script = "begin { 'begin' } process { ConvertTo-Json $_ -Compress } end { $Ansible.Changed = $false; 'end' }"
    found = run_in(script, input=[1, None, [1, 2], {"a": [1]}, "x"])
    assert found["output"] == ["begin", "1", "null", "[1,2]", '{"a":[1]}', '"x"', "end"]
    assert found["changed"] is False
    assert run_in("@($input).Count, $MyInvocation.ExpectingInput", input=[])["output"] == [0, True]


def test_another_run_that_collects_the_result_knows_the_same(controller: Controller, fleet: SimulatedFleet) -> None:
    script = "$Ansible.Changed = $false; $Ansible.Result.found = 7; 'out'"
    started = controller.run(
        _plugins.INVOKE, "srv01", session_name=["collected"], in_disconnected_session=True, script=script
    )
    assert started["changed"] is True
    other = Controller(fleet, controller.state_file.with_name("other.sqlite3"))
    received = other.run(_plugins.RECEIVE, "srv01", name=["collected"], when_done="remove", timeout=300)
    assert "failed" not in received, received["msg"]
    assert (received["changed"], received["result"], received["output"]) == (False, {"found": 7}, ["out"])
    assert "collected" not in [session.name for session in fleet["srv01"].sessions]


def test_the_journal_gives_the_same_again(controller: Controller, tmp_path: Path) -> None:
    open_session(controller, "journal")
    options: dict[str, Any] = {"name": ["journal"], "journal": str(tmp_path / "journal")}
    script = "$Ansible.Changed = $false; $Ansible.Result = 'kept'"
    controller.run(_plugins.INVOKE, "srv01", script=script, timeout=300, **options)
    again = controller.run(_plugins.RECEIVE, "srv01", **options)
    assert (only(again)["changed"], again["result"]) == (False, "kept")


# Check mode


def test_a_script_that_supports_check_mode_runs_in_it(controller: Controller, run: Run) -> None:
    found = run(CHECKED, parameters={"Name": "checked"}, check_mode=True)
    assert (found["changed"], found["output"]) == (True, ["True True"])
    assert "What if: " in found["host_out"]
    assert run(CHECKED, parameters={"Name": "same"}, check_mode=True)["changed"] is False
    assert run("$global:Done, $WhatIfPreference, $ConfirmPreference")["output"] == [None, False, "High"]
    assert run(CHECKED, parameters={"Name": "done"})["output"] == ["False False"]
    assert run("$global:Done")["output"] == ["done"]


def test_such_a_script_asks_for_no_confirmation(run: Run) -> None:
    script = "[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param() $PSCmdlet.ShouldProcess('it')"
    assert run(script)["output"] == [True]


def test_check_mode_leaves_the_session_as_it_was(controller: Controller, fleet: SimulatedFleet, tmp_path: Path) -> None:
    open_session(controller, "left")
    controller.disconnect("srv01", name=["left"])
    before = controller.info("srv01", name=["left"])["sessions"][0]
    fleet.clear_requests()
    found = controller.run(
        _plugins.INVOKE,
        "srv01",
        name=["left"],
        script=CHECKED,
        check_mode=True,
        timeout=300,
        when_done="remove",
        journal=str(tmp_path / "journal"),
        session_option={"idle_timeout": 600, "output_buffering_mode": "drop"},
    )
    assert "failed" not in found, found["msg"]
    assert found["what_if"] == ['What if: Performing the operation "Connect" on target "left".']
    asked = [name for name in operations(fleet) if name != "Receive"]
    assert asked == ["Enumerate", "Enumerate", "Reconnect", "Command", "Signal", "Disconnect"]
    after = controller.info("srv01", name=["left"])["sessions"][0]
    for value in ("state", "availability", "idle_timeout", "output_buffering_mode"):
        assert after[value] == before[value], value
    assert not (tmp_path / "journal").exists()


def test_check_mode_opens_no_session_and_skips_other_scripts(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet.clear_requests()
    planned = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["never"],
        in_disconnected_session=True,
        script=CHECKED,
        check_mode=True,
    )
    assert planned["changed"] is True
    skipped = controller.run(
        _plugins.INVOKE, "srv01", name=["ansible"], script="Stop-Process -Id $PID", check_mode=True
    )
    assert skipped["results"] == []
    assert set(operations(fleet)) == {"Enumerate"}
