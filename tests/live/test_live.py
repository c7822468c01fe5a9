# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of real servers, against the simulated fleet: they find what it does, also where it does otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.powershell import need_powershell

from .checks import CHECKS
from .lab import Lab
from .simulated import simulated_lab
from .table import run_check
from .verdicts import Outcome

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
# A PowerShell on Linux has no program `winrm`.
UNKNOWN_HERE = {"Q3"}
# With this switch, the simulated server does otherwise than the engine assumes.
REFUTING: dict[str, dict[str, Any]] = {
    "A3": {"running_command_is_activity": True},
    "A7": {"foreign_user_code": 87},
    "A10": {"foreign_disconnect_code": 0},
    "A11": {"delete_disconnected": False},
    "A20": {"replay_after_connect": "never"},
}


@pytest.fixture(scope="module")
def bare_lab() -> Iterator[Lab]:
    """A server without a PowerShell, whose sessions take no time to open."""
    with simulated_lab(None) as lab:
        yield lab


@pytest.fixture(scope="module")
def powershell_lab() -> Iterator[Lab]:
    with simulated_lab(need_powershell()) as lab:
        yield lab


@pytest.fixture
def lab(identity: str, request: pytest.FixtureRequest) -> Lab:
    """The simplest server for a check."""
    found: Lab = request.getfixturevalue("powershell_lab" if CHECKS[identity].needs_powershell else "bare_lab")
    return found


@pytest.mark.parametrize("identity", CHECKS)
def test_the_simulated_server_does_what_is_assumed(lab: Lab, identity: str) -> None:
    found = run_check(CHECKS[identity], lab).verdict
    assert found.outcome is (Outcome.UNKNOWN if identity in UNKNOWN_HERE else Outcome.HOLDS), found.evidence


@pytest.mark.parametrize("identity", REFUTING)
def test_a_server_that_does_otherwise_is_noticed(identity: str) -> None:
    check = CHECKS[identity]
    with simulated_lab(need_powershell() if check.needs_powershell else None, REFUTING[identity]) as lab:
        found = run_check(check, lab).verdict
    assert found.outcome is Outcome.REFUTED, found.evidence


def test_each_assumption_and_question_has_its_check() -> None:
    page = PROTOCOL.read_text(encoding="utf-8")
    assert set(CHECKS) == set(re.findall(r"^\| ([AQ]\d+) \|", page, re.MULTILINE))
    assert set(re.findall(r"\bA\d+\b", page)) <= set(CHECKS)


def test_what_is_only_assumed_has_a_number() -> None:
    rows = [
        line
        for line in PROTOCOL.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| | ")
    ]
    unsure = [row for row in rows if re.search(r"\| [^|]*(assumed|seen there only)[^|]*\| [^|]*\|$", row)]
    assert len(unsure) >= 10
    assert [row for row in unsure if not re.search(r"\bA\d+\b", row)] == []
