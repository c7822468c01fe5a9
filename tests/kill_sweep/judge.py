# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the connection promises of a task whose controller was killed, by its options."""

from __future__ import annotations

from collections.abc import Iterator

from tests.kill_sweep.bench import Told
from tests.kill_sweep.cases import Case

# What such a task says.
LOST = "may have gone to the controller of that run"


def faults_of(case: Case, told: Told) -> Iterator[str]:
    """Yield what is not as promised, as sentences."""
    is_started = "Command" in after_opening(told)
    if told.late and (is_started or told.late != ["Delete"]):  # a session without a command may be removed
        yield f"the killed run sent {', '.join(told.late)} after the kill"
    if told.run.exit_code != 0:
        if not is_told_lost(case, told):
            yield f"the run after the kill failed:\n{told.run.output}"
        return
    if told.result != told.expected:
        yield f"the result is {told.result}, without a kill it is {told.expected}"
    most = most_starts(case, told)
    if not 1 <= told.starts <= most:
        yield f"the work began {told.starts} times, and at most {most} is right"
    if is_started and "Delete" not in told.operations and told.left == 0:
        yield "the session of the killed run is gone"


def most_starts(case: Case, told: Told) -> int:
    """Return how often the work may begin.

    Only a durable task is joined, unless its result had been received and signalled away. The controller that received
    it has a file of it until the task has ended.
    """
    operations = after_opening(told)
    if case.mode != "durable":
        return 1 + ("Command" in operations)
    return 1 + ("Signal" in operations and not (case.is_same and case.operation == "Signal"))


def is_told_lost(case: Case, told: Told) -> bool:
    """Tell whether a durable task has failed because the killed run may have received what is missing, and says so.

    The killed controller has a file of what it had received to the end; another one has not.
    """
    is_answer_lost = case.operation == "Receive" and case.is_carried_out
    received = is_answer_lost or (not case.is_same and "Receive" in after_opening(told))
    return case.mode == "durable" and received and told.starts == 1 and LOST in told.run.output


def after_opening(told: Told) -> list[str]:
    """Return what the killed run sent after it had opened a session; a command before that finds none."""
    opened = told.operations.index("Create") if "Create" in told.operations else len(told.operations)
    return told.operations[opened:]
