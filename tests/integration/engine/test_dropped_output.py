# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Output that is not received in time: a session with the mode Drop loses the oldest, and the result says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedComputer, SimulatedFleet
from tests.waiting import until

SCRIPTS: dict[str, Any] = {
    "many": [{"repeat": {"times": 3000, "steps": [{"output": "x"}]}}, {"output": "end"}],
    "few": [{"output": "x" * 3000}, {"output": "y" * 3000}, {"output": "end"}],
    "quick": [{"output": "end"}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def computer(fleet: SimulatedFleet) -> SimulatedComputer:
    """A computer that keeps little output."""
    fleet["srv01"].buffer_size = 4000
    return fleet["srv01"]


def received(controller: Controller, **options: Any) -> tuple[Result, bool]:
    """What the session `job` gives, and whether a warning tells of dropped output."""
    result = controller.run(_plugins.RECEIVE, "srv01", name=["job"], **options)
    (got,) = result["results"]
    assert got["output"][-1] == "end"
    return got, any("dropped output of session job on srv01" in text for text in result["warnings"])


def start(controller: Controller, script: str, mode: str) -> None:
    result = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["job"],
        in_disconnected_session=True,
        script=script,
        session_option={"output_buffering_mode": mode},
    )
    assert "failed" not in result, result["msg"]


@pytest.mark.parametrize(
    ("script", "mode", "dropped"),
    [("many", "block", False), ("many", "drop", True), ("few", "drop", None), ("quick", "drop", None)],
)
def test_by_another_client(
    controller: Controller,
    computer: SimulatedComputer,
    fleet: SimulatedFleet,
    tmp_path: Path,
    script: str,
    mode: str,
    dropped: bool | None,
) -> None:
    start(controller, script, mode)
    if mode == "drop":
        until(lambda: fleet["srv01"].session("job").commands[0].state == "Completed")
    other = Controller(fleet, tmp_path / "other" / "registry.sqlite3")
    journal = str(tmp_path / "journal.jsonl")
    got, is_told = received(other, journal=journal)
    assert (got["output_dropped"], is_told) == (dropped, dropped is True)
    assert (len(got["output"]) == 3001) == (script == "many" and mode == "block")
    # The journal tells the same.
    again, is_told_again = received(other, journal=journal)
    assert (again["output"], again["output_dropped"], is_told_again) == (got["output"], dropped, is_told)


def test_commands_before_are_not_taken_for_dropped_output(controller: Controller, computer: SimulatedComputer) -> None:
    """Their messages have numbers, too."""
    computer.add_session("job", buffer_mode="Drop")
    for script in ("many", "quick"):
        result = controller.run(_plugins.INVOKE, "srv01", name=["job"], script=script)
        (got,) = result["results"]
        assert (got["output"][-1], got["output_dropped"]) == ("end", None)
