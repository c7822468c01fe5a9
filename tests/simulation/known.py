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
from tests.simulation.simulation import NEVER_BEGAN, Played


@dataclass(frozen=True)
class KnownFault:
    """One fault.

    Attributes:
        reason: Why it is there.
        history: One that shows it.
        matches: Tells whether a violation is of this fault, by the history as it was played.
    """

    reason: str
    history: History
    matches: Callable[[Played, Violation], bool]


def _is_about_an_unbegun_command(played: Played, violation: Violation) -> bool:
    is_green = violation.promise == "green" and "start says ok" in violation.text and "never ran" in violation.text
    is_late = violation.promise == "late" and NEVER_BEGAN in violation.text
    has_start = any(step.kind == "start" for step in played.history.steps)
    return has_start and ((is_green and played.history.work.size > 0) or is_late)


KNOWN: tuple[KnownFault, ...] = (
    KnownFault(
        "a Command that arrives when the command was repeated, ended and was received starts the script again",
        History(
            1,
            ("srv01",),
            Work(),
            (Step("start", ("srv01",), faults=(HappeningFault(1, "late", "Command"),)), Step("collect", ("srv01",))),
            {"replay_after_connect": "command"},
        ),
        lambda played, violation: violation.promise in ("twice", "lost") and is_late(played, "Command"),
    ),
    KnownFault(
        "a start that is killed between the requests of a long script leaves a command that never begins; another "
        "start takes it for the work, and a receive without a time limit waits for it",
        History(
            1,
            ("srv01",),
            Work(size=9000),
            (
                Step("start", ("srv01",), faults=(HappeningFault(1, "kill_before", "Send"),)),
                Step("collect", ("srv01",), wait=70.0),
            ),
            {"replay_after_connect": "any"},
        ),
        _is_about_an_unbegun_command,
    ),
    KnownFault(
        "a Receive that arrives late counts as the confirmation of the answer to a later one, which was lost",
        History(
            202431,
            ("srv01",),
            Work(),
            (
                Step(
                    "resume",
                    ("srv01",),
                    faults=(HappeningFault(3, "late", "Receive"), HappeningFault(4, "stalled_answer", "Receive")),
                ),
            ),
            {"replay_after_connect": "command", "empty_receive_on_timeout": True},
        ),
        lambda played, violation: violation.promise == "lost" and is_late(played, "Receive"),
    ),
)


def is_late(played: Played, operation: str) -> bool:
    """Tell whether a request with an operation arrived after its connection had broken."""
    return any(
        (fault.kind, what) == ("late", operation)
        for outcome in played.outcomes
        for fault, what, _where in outcome.happened
    )


def unknown(played: Played) -> list[Violation]:
    """Return the violations of no known fault."""
    return [each for each in played.violations if not any(fault.matches(played, each) for fault in KNOWN)]
