# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks and their verdicts."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lab import Lab


class Outcome(enum.Enum):
    """Whether an assumption holds on the server; UNKNOWN if that could not be tried there."""

    HOLDS = "holds"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """What a check found, and the observation behind it in one line."""

    outcome: Outcome
    evidence: str


def verdict(holds: bool, evidence: str) -> Verdict:
    """Return that the assumption holds, or that it is refuted."""
    return Verdict(Outcome.HOLDS if holds else Outcome.REFUTED, evidence)


def unknown(why: str) -> Verdict:
    """Return that nothing was learnt."""
    return Verdict(Outcome.UNKNOWN, why)


@dataclass(frozen=True)
class Check:
    """A check of one assumption or question of docs/protocol.md.

    Attributes:
        id: As in docs/protocol.md.
        claim: The assumption in a few words, or the question with the answer that is expected.
        needs_powershell: Whether it runs scripts of its own, so that a simulated server needs a PowerShell for it.
    """

    id: str
    claim: str
    run: Callable[[Lab], Verdict]
    needs_powershell: bool


CHECKS: dict[str, Check] = {}


def check(
    identity: str, claim: str, *, needs_powershell: bool = True
) -> Callable[[Callable[[Lab], Verdict]], Callable[[Lab], Verdict]]:
    """Register a function as the check of an assumption or question."""

    def register(function: Callable[[Lab], Verdict]) -> Callable[[Lab], Verdict]:
        assert identity not in CHECKS, f"{identity} has two checks"
        CHECKS[identity] = Check(identity, claim, function, needs_powershell)
        return function

    return register
