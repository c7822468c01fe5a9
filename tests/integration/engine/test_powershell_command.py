# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions and cmdlets by their names, in a real PowerShell with a session configuration that allows no scripts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedFleet

CONFIGURATION = """@{
    SchemaVersion = '2.0.0.0'
    GUID = '0b9f7b5e-3d0f-4a62-9f0e-0b0c6d1d2a11'
    SessionType = 'RestrictedRemoteServer'
    LanguageMode = 'NoLanguage'
    VisibleCmdlets = 'Get-Date'
    VisibleFunctions = 'Get-Greeting'
    FunctionDefinitions = @(@{ Name = 'Get-Greeting'; ScriptBlock = {
        param($Name, [switch] $Loud, [securestring] $Secret)
        process { "Hello $Name $Loud $($Secret.Length) $_" }
    } })
}
"""
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def fleet(powershell: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    """A computer whose sessions have the configuration."""
    folder = tmp_path_factory.mktemp("endpoint")
    configuration, program = folder / "helpdesk.pssc", folder / "pwsh"
    configuration.write_text(CONFIGURATION)
    program.write_text(
        f'#!/bin/sh\nexec {shlex.quote(powershell)} "$@" -ConfigurationFile {shlex.quote(str(configuration))}\n'
    )
    program.chmod(0o700)
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=str(program)) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def run(fleet: SimulatedFleet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    controller = Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")
    opened = controller.run(_plugins.NEW, "srv01", name=["helpdesk"])
    assert "failed" not in opened, opened["msg"]
    return lambda **options: controller.run(_plugins.INVOKE, "srv01", name=["helpdesk"], timeout=300, **options)


def test_a_script_is_refused_with_advice(run: Run) -> None:
    refused = run(script="Get-Date")
    (error,) = refused["errors"]
    assert (error["reason"], error["fully_qualified_error_id"].split(",")[0]) == ("command_failed", "ScriptsNotAllowed")
    assert "option command" in error["hint"]


def test_a_visible_function_gets_its_parameters(run: Run) -> None:
    greeted = run(
        command="Get-Greeting",
        parameters={"Name": "you", "Loud": True},
        sensitive_parameters=[{"name": "Secret", "value": "hush"}],
    )
    assert "failed" not in greeted, greeted["msg"]
    assert (greeted["changed"], greeted["output"], greeted["error"]) == (True, ["Hello you True 4 "], [])
    assert run(command="Get-Greeting", arguments=["me"], input=[1, 2])["output"] == [
        "Hello me False 0 1",
        "Hello me False 0 2",
    ]


def test_a_visible_cmdlet_runs(run: Run) -> None:
    assert run(command="get-date", parameters={"Date": "2026-03-01", "Format": "yyyy"})["output"] == ["2026"]


@pytest.mark.parametrize("command", ["Get-Process", "Get-Date; 1", "& { 1 }", "/bin/sh"])
def test_nothing_else_runs(run: Run, command: str) -> None:
    refused = run(command=command)
    (result,) = refused["results"]
    assert (result["state"], result["output"]) == ("Failed", [])
    assert refused["errors"][0]["fully_qualified_error_id"].startswith("CommandNotFoundException")


def test_a_command_is_not_started_in_check_mode(run: Run) -> None:
    assert run(command="Get-Date", check_mode=True)["results"] == []


def test_a_session_without_limits_runs_commands_as_well(
    powershell: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=powershell) as fleet:
        controller = Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")
        controller.run(_plugins.NEW, "srv01", name=["usual"])
        found = controller.run(
            _plugins.INVOKE, "srv01", name=["usual"], command="Join-Path", arguments=["a", "b"], timeout=300
        )
        assert found["output"] == ["a/b"]
