# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Much of everything from a real PowerShell, and processes that are killed at random: with `make conformance` only."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.conformance.powershell.conftest import Extent
from tests.conformance.powershell.session import Run
from tests.integration.engine.controller import Controller, Result
from tests.simulator import SimulatedFleet

pytestmark = [pytest.mark.timeout(7200), pytest.mark.usefixtures("full_extent")]

KILLS = 20


def test_100000_objects(run: Run) -> None:
    assert run("1..100000") == list(range(1, 100_001))


def test_10000_errors(invoke: Callable[..., Result]) -> None:
    got = invoke("foreach ($number in 1..10000) { Write-Error $number }; 'done'")
    assert got["output"] == ["done"]
    assert [error["exception"]["message"] for error in got["error"]] == [str(number) for number in range(1, 10_001)]


def test_a_script_of_a_megabyte(run: Run) -> None:
    lines = [f"$text += '{number:06} {'x' * 90}'" for number in range(10_000)]
    (text,) = run("\n".join(["$text = ''", *lines, "$text; Remove-Variable text"]))
    assert text == "".join(f"{number:06} {'x' * 90}" for number in range(10_000))


def test_a_text_of_ten_megabytes(run: Run) -> None:
    (text,) = run("'0123456789' * 1000000")
    assert text == "0123456789" * 1_000_000


def test_wide_characters_where_fragments_end(run: Run) -> None:
    """Fragments end anywhere in the bytes of a character."""
    (text,) = run("([char] 0xd83d + [string] [char] 0xde00 + '\u20acx') * 200000")
    assert text == "\U0001f600\u20acx" * 200_000


@pytest.mark.parametrize("number", range(KILLS))
def test_a_process_that_is_killed_at_random(
    controller: Controller, fleet: SimulatedFleet, extent: Extent, number: int
) -> None:
    name = f"killed-{number}"
    opened = controller.run(_plugins.NEW, "srv01", name=[name])
    assert "failed" not in opened, opened["msg"]
    last = random.Random(f"{extent.seed}-{number}").randint(0, 20_000)
    script = f"foreach ($number in 0..20000) {{ if ($number -eq {last}) {{ kill -9 $PID; Start-Sleep 60 }}; $number }}"
    result = controller.run(_plugins.INVOKE, "srv01", name=[name], script=script, timeout=300, max_output_objects=None)
    (got,) = result["results"]
    assert got["output"] == list(range(len(got["output"]))), f"seed {extent.seed}, killed at {last}"
    assert len(got["output"]) <= last
    assert got["state"] == "Running"
    (error,) = result["errors"]
    assert error["reason"] == "expired"
    assert name not in [session.name for session in fleet["srv01"].sessions]
