# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Output of a real PowerShell that two journals share: each run knows whether it has the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedFleet
from tests.waiting import until

SECONDS = 60


@pytest.fixture(scope="module")
def fleet(powershell: str) -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=powershell) as fleet:
        yield fleet


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(fleet, tmp_path / "registry.sqlite3")


@pytest.fixture(scope="module")
def invoking(fleet: SimulatedFleet, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """A controller with a session that tests share."""
    controller = Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")
    opened = controller.run(_plugins.NEW, "srv01", name=["plain"])
    assert not opened.get("failed"), opened
    return controller


@pytest.fixture
def other_controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """To the server, another client."""
    return Controller(fleet, tmp_path / "other" / "registry.sqlite3")


def only(result: Result) -> Result:
    (found,) = result["results"]
    return found


def begin(controller: Controller, tmp_path: Path, name: str, **options: Any) -> Path:
    """Start a command that writes one object, and another one when the file is there."""
    file = tmp_path / "go on"
    started = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=[name],
        script="param($file) 'one'; while (-not (Test-Path $file)) { Start-Sleep -Milliseconds 50 }; $null; 'two'",
        parameters={"file": str(file)},
        in_disconnected_session=True,
        **options,
    )
    assert not started.get("failed"), started
    return file


def receive(controller: Controller, name: str, **options: Any) -> Result:
    return controller.run(_plugins.RECEIVE, "srv01", name=[name], **{"timeout": SECONDS, **options})


def receive_the_beginning(controller: Controller, name: str, **options: Any) -> None:
    """Receive until the first object is there, as a run that is killed then."""
    found: list[Result] = []

    def has_come() -> bool:
        found.append(only(receive(controller, name, timeout=1, when_done="disconnect", **options)))
        return found[-1]["output"] == ["one"]

    until(has_come)
    assert found[-1]["state"] == "Running"
    # Without a journal, an earlier receive may have got the mark alone.
    assert True in [each["beginning_received"] for each in found]
    assert found[-1]["beginning_received"] is True or "journal" not in options


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_another_journal_gets_the_rest_and_says_so(
    controller: Controller, other_controller: Controller, tmp_path: Path, is_elsewhere: bool
) -> None:
    name = f"shared {is_elsewhere}"
    file = begin(controller, tmp_path, name)
    receive_the_beginning(controller, name, journal=str(tmp_path / "a"))
    file.touch()
    other = other_controller if is_elsewhere else controller
    result = receive(other, name, journal=str(tmp_path / "b"), when_done="remove")
    got = only(result)
    assert (got["state"], got["output"], got["beginning_received"]) == ("Completed", [None, "two"], False)
    (error,) = result["errors"]
    assert "the beginning of the output" in error["message"]
    assert "journal" in error["hint"]
    (kept,) = other.info("srv01", name=[name])["sessions"]
    assert kept["instance_id"] == got["instance_id"]
    # The journal tells the same, with no request for output.
    again = receive(other, name, journal=str(tmp_path / "b"), when_done="remove")
    assert (only(again)["beginning_received"], len(again["errors"])) == (False, 1)


def test_the_same_journal_gets_all(controller: Controller, other_controller: Controller, tmp_path: Path) -> None:
    file = begin(controller, tmp_path, "whole")
    journal = str(tmp_path / "a")
    receive_the_beginning(controller, "whole", journal=journal)
    file.touch()
    result = receive(other_controller, "whole", journal=journal, when_done="remove")
    got = only(result)
    assert (got["output"], got["beginning_received"], result["errors"]) == (["one", None, "two"], True, [])
    assert not controller.info("srv01", name=["whole"])["sessions"]


def test_a_task_without_a_journal_may_receive_in_pieces(controller: Controller, tmp_path: Path) -> None:
    file = begin(controller, tmp_path, "pieces")
    receive_the_beginning(controller, "pieces")
    file.touch()
    result = receive(controller, "pieces", when_done="remove")
    assert (only(result)["output"], only(result)["beginning_received"]) == ([None, "two"], False)
    assert (result["errors"], ["beginning of the output" in each for each in result["warnings"]]) == ([], [True])


@pytest.mark.parametrize(
    ("options", "output", "expected"),
    [
        ({"script": "$null; 1"}, [None, 1], True),
        ({"script": "[CmdletBinding(SupportsShouldProcess)] param() $WhatIfPreference"}, [False], True),
        ({"script": "@($input).Count", "input": [1, 2]}, [2], True),
        ({"script": "'never'", "creates": "/"}, [], True),
        ({"script": "'ran'", "removes": "/"}, ["ran"], True),
        ({"script": "'done'; exit 0"}, ["done"], True),
        ({"script": "1 | Format-Table -HideTableHeaders"}, ["1"], True),
        # No statements are around a command.
        ({"command": "Write-Output", "arguments": ["said"]}, ["said"], None),
    ],
)
def test_who_receives_all_of_it_knows(
    invoking: Controller, options: dict[str, Any], output: list[Any], expected: bool | None
) -> None:
    result = invoking.run(_plugins.INVOKE, "srv01", name=["plain"], timeout=SECONDS, **options)
    assert not result.get("failed"), result
    got = only(result)
    assert ([each for each in got["output"] if each != ""], got["beginning_received"]) == (output, expected)


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_script_cannot_write_the_mark(
    controller: Controller, other_controller: Controller, tmp_path: Path, is_elsewhere: bool
) -> None:
    """It writes one of its own, with the id of its command, which a script with `creates` can read."""
    name = f"fake {is_elsewhere}"
    file = tmp_path / "go on"
    started = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=[name],
        script="param($file) 'one'; while (-not (Test-Path $file)) { Start-Sleep -Milliseconds 50 }; "
        "@{ 'psremoting.fleet' = $__pssession.Command; begin = 'mine' }; "
        "@{ 'psremoting.fleet' = $__pssession.Command; has_begin = 'mine'; changed = $false }",
        parameters={"file": str(file)},
        creates=str(tmp_path / "not there"),
        in_disconnected_session=True,
    )
    assert not started.get("failed"), started
    receive_the_beginning(controller, name, journal=str(tmp_path / "a"))
    file.touch()
    if is_elsewhere:
        got = only(receive(other_controller, name, journal=str(tmp_path / "b")))
        assert (got["beginning_received"], got["changed"]) == (False, True)
    else:
        got = only(receive(controller, name, journal=str(tmp_path / "a")))
        assert (got["beginning_received"], got["changed"], len(got["output"])) == (True, True, 3)
        assert [each["psremoting.fleet"] for each in got["output"][1:]] == [got["command_id"]] * 2
