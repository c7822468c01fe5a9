# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters, input and scripts as a real PowerShell gets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.scripts import decoded
from tests.integration.engine.controller import Controller, Result
from tests.integration.engine.real_powershell import one_computer, open_session, shared_controller
from tests.simulator import Injection, SimulatedFleet

fleet = pytest.fixture(one_computer, scope="module", name="fleet")
UNICODE = "Grüße 😀 \U0010fffd _x0041_ _X005F_ <&> \t tab \u2028 \ufeff"


@pytest.fixture(scope="module")
def shared(fleet: SimulatedFleet, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """A controller, which all tests share."""
    return shared_controller(fleet, tmp_path_factory)


@pytest.fixture
def controller(shared: Controller, fleet: SimulatedFleet) -> Iterator[Controller]:
    """The controller, with a session `input` in which nothing runs. Tests share it while they leave it like that."""
    if not fleet["srv01"].sessions:
        open_session(shared, "input")
    yield shared
    fleet["srv01"].injections.clear()
    (session,) = fleet["srv01"].sessions
    if session.commands:
        shared.run(_plugins.REMOVE, "srv01", name=["input"])


def run(controller: Controller, script: str, **options: Any) -> Result:
    return controller.run(_plugins.INVOKE, "srv01", name=["input"], script=script, timeout=60, **options)


def only(result: Result) -> Result:
    assert "failed" not in result, result["msg"]
    (found,) = result["results"]
    assert found["state"] == "Completed"
    return found


def output(controller: Controller, script: str, **options: Any) -> Any:
    return only(run(controller, script, **options))["output"]


@pytest.mark.parametrize(
    ("declared", "options", "expected"),
    [
        ("param($v) $null -eq $v", {"parameters": {"v": None}}, [True]),
        ("param($v) $PSBoundParameters.ContainsKey('v')", {"parameters": {"v": None}}, [True]),
        ("param($v) $null -eq $v", {"arguments": [None]}, [True]),
        ("param([switch] $s) $s.IsPresent", {"parameters": {"s": True}}, [True]),
        ("param([switch] $s) $s.IsPresent; $PSBoundParameters.Count", {"parameters": {"s": False}}, [False, 1]),
        ("param([switch] $s, $t) $s.IsPresent; $t", {"parameters": {"s": False, "t": "x"}}, [False, "x"]),
        ("param([switch] $s, $t) $s.IsPresent; $t", {"parameters": {"s": True}, "arguments": ["x"]}, [True, "x"]),
        ("param([bool] $b) $b", {"parameters": {"b": False}}, [False]),
        ("param(${a-b}) ${a-b}", {"parameters": {"a-b": "x"}}, ["x"]),
        ("$args.Count; $args", {"arguments": ["-x", "y z", None]}, [3, "-x", "y z", None]),
    ],
    ids=str,
)
def test_parameters(controller: Controller, declared: str, options: dict[str, Any], expected: list[Any]) -> None:
    assert output(controller, declared, **options) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([None, 1, None], [3, True, False, True]),
        ([None], [1, True]),
        ([], [0]),
        ([[1, None, 2], None], [2, False, True]),
    ],
    ids=str,
)
def test_null_in_the_input(controller: Controller, values: list[Any], expected: list[Any]) -> None:
    script = "$all = @($input); $all.Count; foreach ($each in $all) { $null -eq [object] $each }"
    assert output(controller, script, input=values) == expected


def test_large_input_comes_whole_and_in_few_requests(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet.clear_requests()
    script = "$count = 0; $sum = 0; foreach ($each in $input) { $count++; $sum += $each }; $count; $sum"
    assert output(controller, script, input=list(range(10_000))) == [10_000, sum(range(10_000))]
    assert len(fleet.requests_of(operation="Send")) == 2


def test_large_objects_and_a_long_script_come_whole(controller: Controller) -> None:
    values = [UNICODE * 10_000, None, "x" * 1_000_000]
    script = f"# {'€' * 300_000}\n$input | ForEach-Object {{ if ($null -eq $_) {{ -1 }} else {{ $_.Length }} }}"
    lengths = [len(value.encode("utf-16-le")) // 2 if value else -1 for value in values]
    assert output(controller, script, input=values) == lengths


def test_a_script_whose_input_broke_off_waits_and_can_be_stopped(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv01"].inject(Injection("Send", after=1, fault_code=5))
    result = run(controller, "$input; Start-Sleep 600", input=list(range(10_000)))
    assert result["failed"]
    assert "only 5026 of 10000 objects" in result["msg"]
    stopped = controller.run(_plugins.RECEIVE, "srv01", name=["input"], stop=True, timeout=60)
    (found,) = stopped["results"]
    assert found["state"] == "Stopped"
    assert output(controller, "'again'") == ["again"]


@pytest.mark.parametrize("text", ["\ufeff'Grüße'", "\ufeff# comment\r\n'Grüße'"], ids=ascii)
def test_a_script_that_begins_with_a_byte_order_mark_runs(controller: Controller, text: str) -> None:
    assert output(controller, text) == ["Grüße"]


def test_a_script_file_in_utf16_runs(controller: Controller, tmp_path: Path) -> None:
    path = tmp_path / "script.ps1"
    path.write_text("'Grüße 😀'\r\n", encoding="utf-16")
    assert output(controller, decoded(path.read_bytes())) == ["Grüße 😀"]


def test_requirements_are_ignored(controller: Controller) -> None:
    """If this ever fails, PowerShell checks them, and the warning can go."""
    result = run(controller, "#requires -Version 99\n#requires -Modules NoSuchModule\n'ran'")
    assert only(result)["output"] == ["ran"]
    (warning,) = result["warnings"]
    assert "#requires -Version 99, #requires -Modules NoSuchModule" in warning


def test_preferences_stay_set_in_a_session(controller: Controller) -> None:
    assert output(controller, "$ErrorActionPreference = 'Stop'; Set-StrictMode -Version 3.0") == []
    try:
        assert output(controller, "$ErrorActionPreference.ToString()") == ["Stop"]
        assert "has not been set" in run(controller, "$never.Set")["msg"]
    finally:
        assert output(controller, "$ErrorActionPreference = 'Continue'; Set-StrictMode -Off") == []
