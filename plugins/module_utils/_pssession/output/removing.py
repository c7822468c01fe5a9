"""Removes sessions that are no longer needed: their command completed, or could not be started."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.commands import CommandResult
from ..model.sessions import Availability, PSSession, SessionKey
from ..task.task import Task
from ..verbs.apply import Applied, Apply
from ..verbs.plan import Action, Step
from ..verbs.remove import Remove
from .command_errors import with_fate
from .disconnecting import without_waiting
from .last_look import Fate, Seen
from .running import Outputs


def no_longer_needed(results: t.Iterable[CommandResult]) -> set[tuple[str, str]]:
    """Return the keys of sessions in which each command completed and all output was received.

    Sessions without a command are kept, and sessions whose command failed, was stopped, still runs or lost output.
    """
    results = list(results)
    incomplete = {result.session.key for result in results if not result.is_complete}
    return {result.session.key for result in results} - incomplete


def remove_finished(task: Task, applied: Applied, outputs: Outputs) -> Applied:
    """Remove the sessions that are no longer needed. If another client has connected to one, this is an error.

    This counts as a change, except for sessions whose scripts report that they changed nothing.

    Returns:
        The sessions connected before, as they are now, with all errors.
    """
    finished = no_longer_needed(outputs.results)
    removed = _remove(task, [session for session in applied.sessions if session.key in finished])
    now = {session.key: session for session in removed.sessions}
    sessions = tuple(now.get(each.key, each) for each in applied.sessions)
    return dataclasses.replace(
        applied,
        sessions=sessions,
        after=sessions,
        errors=(*applied.errors, *removed.errors),
        changed=applied.changed | (removed.changed - outputs.unchanged),
    )


def remove_unstarted(task: Task, applied: Applied, opened: t.Container[SessionKey]) -> tuple[Applied, Outputs]:
    """Remove sessions that this task opened for a script if the server refused to start the script.

    Otherwise the next run would find them, and could not know that nothing was started in them. If the removal fails,
    this is not another error.

    Args:
        opened: Keys of the sessions that this task has opened.

    Returns:
        The other sessions, and the results of the starts, whose errors report the removal.
    """
    refused = {
        result.session.key: result for result in applied.results if result.session.key in opened and result.is_refused
    }
    removed = _remove(task, [result.session for result in refused.values()])
    gone = {session.key: Seen(Fate.REMOVED, session) for session in removed.sessions}
    results = [
        dataclasses.replace(with_fate(result, gone[result.session.key], task.request), cause=None)
        if result.session.key in gone
        else result
        for result in applied.results
    ]
    task.memory.remember(removed.sessions)
    sessions = tuple(session for session in applied.sessions if session.key not in gone)
    applied = dataclasses.replace(applied, sessions=sessions, after=sessions, changed=applied.changed - gone.keys())
    return applied, Outputs(tuple(results))


def _remove(task: Task, sessions: t.Iterable[PSSession]) -> Applied:
    """Remove sessions to which this client is probably connected."""
    # With Busy, Remove sends a Reconnect first, because another client may have connected meanwhile.
    steps = [
        Step(dataclasses.replace(session, availability=Availability.BUSY), Action.REMOVE, ours=True)
        for session in sessions
    ]
    task = without_waiting(task)
    return Apply(task, Remove(task.request, task.context)).run(steps)
