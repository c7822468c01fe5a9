"""Removing sessions whose commands have completed (`when_done: remove`)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.commands import CommandResult
from ..model.sessions import Availability
from ..task.task import Task
from ..verbs.apply import Applied, Apply
from ..verbs.plan import Action, Step
from ..verbs.remove import Remove
from .disconnecting import without_waiting
from .running import Outputs


def no_longer_needed(results: t.Iterable[CommandResult]) -> set[tuple[str, str]]:
    """Return the keys of sessions in which each command completed, with all of its output here.

    A session that had no command, and one whose command failed, was stopped, still runs or lost output, is kept.
    """
    results = list(results)
    incomplete = {result.session.key for result in results if not result.is_complete}
    return {result.session.key for result in results} - incomplete


def remove_finished(task: Task, applied: Applied, outputs: Outputs) -> Applied:
    """Remove the sessions that are no longer needed; what another client took meanwhile is an error.

    Returns:
        The sessions connected before, as they are now, with all errors.
    """
    finished = no_longer_needed(outputs.results)
    # Busy has Remove send a Reconnect first: the server may have given the session away while other commands ran.
    steps = [
        Step(dataclasses.replace(session, availability=Availability.BUSY), Action.REMOVE, ours=True)
        for session in applied.sessions
        if session.key in finished
    ]
    task = without_waiting(task)
    removed = Apply(task, Remove(task.request, task.context)).run(steps)
    now = {session.key: session for session in removed.sessions}
    sessions = tuple(now.get(each.key, each) for each in applied.sessions)
    return dataclasses.replace(
        applied,
        sessions=sessions,
        after=sessions,
        errors=(*applied.errors, *removed.errors),
        changed=applied.changed | removed.changed,
    )
