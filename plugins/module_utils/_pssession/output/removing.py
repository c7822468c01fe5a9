"""Removing sessions that are of no more use: their commands have completed, or could not be started in them."""

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
    """Return the keys of sessions in which each command completed, with all of its output here.

    A session that had no command, and one whose command failed, was stopped, still runs or lost output, is kept.
    """
    results = list(results)
    incomplete = {result.session.key for result in results if not result.is_complete}
    return {result.session.key for result in results} - incomplete


def remove_finished(task: Task, applied: Applied, outputs: Outputs) -> Applied:
    """Remove the sessions that are no longer needed; what another client took meanwhile is an error.

    That is a change, but for sessions whose scripts say that they changed nothing.

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
    """Remove sessions that this task has opened for a script, and in which the server refused to start it.

    The next run would find them otherwise, and could not know that nothing was ever started in them. If one cannot be
    removed, it stays, and that is no further error.

    Args:
        opened: Keys of the sessions that this task has opened.

    Returns:
        The other sessions, and what the starts gave, with errors that say so.
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
    """Remove sessions that this client is connected to, as far as it knows."""
    # Busy has Remove send a Reconnect first: the server may have given the session away meanwhile.
    steps = [
        Step(dataclasses.replace(session, availability=Availability.BUSY), Action.REMOVE, ours=True)
        for session in sessions
    ]
    task = without_waiting(task)
    return Apply(task, Remove(task.request, task.context)).run(steps)
