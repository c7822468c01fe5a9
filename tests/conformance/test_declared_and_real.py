# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same scripts in a declared session and in a real PowerShell give the engine the same results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedFleet

# Parts of a result that differ between two runs of one script in one PowerShell.
VOLATILE = ("command_id", "instance_id", "time_generated")
# A declared script runs without the statements before and after it, so nothing marks its beginning.
OF_STATEMENTS = ("beginning_received",)
# Where an error happened: a declared script has no lines. Its `output` has the line, too, and the category and the id.
PLACES = ("script_stack_trace", "pipeline_iteration_info", "output")


@dataclass(frozen=True)
class Case:
    """One script, as PowerShell reads it and as the simulator's language declares it.

    Attributes:
        text: The script, which is also the name of the declared one.
        steps: What the declared one does.
        options: Of invoke_command.
    """

    text: str
    steps: Sequence[Any]
    options: dict[str, Any] = field(default_factory=dict)


CASES = {
    "output": Case(
        "'text'; 1; 2.5; $true; $null; @{ key = @(1, 2) }; [pscustomobject]@{ name = 'value' }",
        [{"output": ["text", 1, 2.5, True, None, {"$hashtable": {"key": [1, 2]}}, {"name": "value"}]}],
    ),
    "streams of text": Case(
        "Write-Warning 'careful'; Write-Verbose 'in short' -Verbose; Write-Debug 'in detail' -Debug",
        [{"warning": "careful"}, {"verbose": "in short"}, {"debug": "in detail"}],
    ),
    "information": Case(
        "Write-Information 'by the way' -Tags one, two",
        [{"information": {"data": "by the way", "tags": ["one", "two"]}}],
    ),
    "progress": Case(
        "Write-Progress 'Working' -Status 'still' -PercentComplete 40",
        [{"progress": {"activity": "Working", "status": "still", "percent": 40}}],
    ),
    "error": Case(
        "Write-Error 'an error' -Category ObjectNotFound -ErrorId NotThere -TargetObject 'it'; 'after'",
        [
            {
                "error": {
                    "message": "an error",
                    "category": "ObjectNotFound",
                    "error_id": "NotThere",
                    "target": "it",
                }
            },
            {"output": "after"},
        ],
    ),
    "throw": Case("'before'; throw 'it broke'", [{"output": "before"}, {"throw": "it broke"}]),
    "exit code": Case("'before'; exit 3; 'after'", [{"output": "before"}, {"exit": 3}]),
    "text for the host": Case("'shown' | Out-Host", [{"host": {"method": "WriteLine2", "parameters": ["shown"]}}]),
    "Write-Host": Case("Write-Host 'host'; Write-Host 'again'", [{"write_host": "host"}, {"write_host": "again"}]),
    "question": Case(
        "'before'; Read-Host; 'after'",
        [{"output": "before"}, {"prompt": {"method": "ReadLine"}}, {"output": "after"}],
    ),
    "question without a user interface": Case(
        "'before'; Read-Host; 'never'",
        [{"output": "before"}, {"prompt": {"method": "ReadLine"}}, {"output": "never"}],
        {"host_ui": False},
    ),
    "repeat": Case("1..3 | ForEach-Object { 'again' }", [{"repeat": {"times": 3, "steps": [{"output": "again"}]}}]),
    "input": Case("$input | ForEach-Object { , $_ }", [{"output_input": True}], {"input": ["a", 1, None, [1, 2]]}),
    "no input": Case("@($input).Count", [{"output": 0}]),
    "parameter": Case(
        "param($Name) @{ secure = $Name -is [securestring]; length = $Name.Length }",
        [{"output_parameter": "Name"}],
        {"parameters": {"Name": "Zoë"}},
    ),
    "secure parameter": Case(
        "param($Secret) @{ secure = $Secret -is [securestring]; length = $Secret.Length }",
        [{"output_parameter": "Secret"}],
        {"sensitive_parameters": [{"name": "Secret", "value": "hidden"}]},
    ),
    "secure output": Case("ConvertTo-SecureString 'hidden' -AsPlainText -Force", [{"output": [{"$secure": "hidden"}]}]),
    "variable set": Case("$number = 42", [{"set": {"number": 42}}]),
    "variable used": Case("$number", [{"output_variable": "number"}]),
}
WAITS = Case("'begun'; Start-Sleep 3600; 'done'", [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}])


class Session:
    """A session `job` and a controller for it."""

    def __init__(self, fleet: SimulatedFleet, state_file: Path) -> None:
        self._controller = Controller(fleet, state_file)
        opened = self._controller.run(_plugins.NEW, "srv01", name=["job"])
        assert "failed" not in opened, opened["msg"]

    def run(self, plugin: _plugins.Plugin, **options: Any) -> dict[str, Any]:
        """Return what is not volatile of a result."""
        return _steady(self._controller.run(plugin, "srv01", name=["job"], **options))


@pytest.fixture(scope="module")
def sessions(powershell: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Session]]:
    """A declared session, and one in a real PowerShell."""
    # The text of a declared script has its parameters behind it.
    scripts = {
        case.text: {"regex": rf"^{re.escape(case.text)}( -\w+ \S+)?$", "steps": case.steps}
        for case in (*CASES.values(), WAITS)
    }
    folder = tmp_path_factory.mktemp("registries")
    with (
        SimulatedFleet.build(["srv01"], [ADMIN], scripts) as declared,
        SimulatedFleet.build(["srv01"], [ADMIN], powershell=powershell) as real,
    ):
        yield Session(declared, folder / "declared.sqlite3"), Session(real, folder / "real.sqlite3")


def _steady(result: Result) -> dict[str, Any]:
    (got,) = result["results"]
    return {
        "failed": result.get("failed", False),
        "changed": result["changed"],
        "error_ids": [error["fully_qualified_error_id"] for error in result["errors"]],
        **_without(got, (*VOLATILE, *OF_STATEMENTS)),
    }


def _without(value: Any, names: Sequence[str]) -> Any:
    """Return a value without parts of such names, and without the places of errors."""
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    left_out = {*names}
    if "exception" in value:
        left_out.update(PLACES)
    if "hresult" in value:
        left_out.add("source")  # the assembly that the exception comes from; of a stopped command, any
    return {name: _without(each, names) for name, each in value.items() if name not in left_out}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_results_are_the_same(sessions: Sequence[Session], case: Case) -> None:
    declared, real = (session.run(_plugins.INVOKE, script=case.text, **case.options) for session in sessions)
    assert declared == real


def test_a_stopped_command_has_the_same_result(sessions: Sequence[Session]) -> None:
    for session in sessions:
        begun = session.run(_plugins.INVOKE, script=WAITS.text, timeout=0)["output"]
        while not begun:
            begun = session.run(_plugins.RECEIVE, timeout=0)["output"]
        assert begun == ["begun"]
    declared, real = (session.run(_plugins.RECEIVE, stop=True) for session in sessions)
    assert declared == real
    assert (real["state"], real["output"]) == ("Stopped", [])


def test_an_unknown_command_has_the_same_result(sessions: Sequence[Session]) -> None:
    """A script that is not declared fails as PowerShell does with an unknown command, but for the message."""
    declared, real = (
        _without(session.run(_plugins.INVOKE, script="Get-NoSuchThing"), ["message"]) for session in sessions
    )
    assert declared == real
