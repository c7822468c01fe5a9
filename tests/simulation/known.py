# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the collection that are known and not mended yet: the simulation goes on in spite of them.

Each has a history that shows it. When that history shows nothing any more, the fault is gone, and a test asks to delete
its entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.history import HappeningFault, History, Step
from tests.simulation.outcome import Violation
from tests.simulation.servers import Work
from tests.simulation.simulation import Played


@dataclass(frozen=True)
class KnownFault:
    """One fault.

    Attributes:
        reason: Why it is there.
        history: One that shows it.
        matches: Tells whether a violation is of this fault.
    """

    reason: str
    history: History
    matches: Callable[[Violation], bool]


KNOWN: tuple[KnownFault, ...] = (
    KnownFault(
        "a Create that arrives after the next run has opened a session leaves a second session of the name",
        History(
            1,
            ("srv01",),
            Work(2, 50.0),
            tuple(
                Step("resume", ("srv01",), timeout=0, faults=faults) for faults in ((HappeningFault(3, "late"),), ())
            ),
            {"replay_after_connect": "any"},
        ),
        lambda violation: violation.promise == "stuck" and "2 sessions of this name" in violation.text,
    ),
)


def unknown(played: Played) -> list[Violation]:
    """Return the violations of no known fault."""
    return [each for each in played.violations if not any(fault.matches(each) for fault in KNOWN)]
