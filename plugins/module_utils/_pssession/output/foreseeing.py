"""The sessions in which commands are run or received after connecting, and the prediction for check mode."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ..finding.finding import Found
from ..model.cmdlets import INVOKE
from ..model.sessions import PSSession
from ..task.task import Task
from ..verbs.apply import Applied
from ..verbs.disconnect import Disconnect
from ..verbs.plan import Action, Step
from ..verbs.remove import Remove


def to_go_on_with(task: Task, found: Found, applied: Applied) -> tuple[PSSession, ...]:
    """Return the connected sessions in which the task runs or receives commands. None after a fatal error."""
    if task.request.flow.stop_on_error and (found.errors or applied.errors):
        return ()
    return tuple({session.key: session for session in applied.sessions}.values())


def foreseen(task: Task, found: Found, applied: Applied) -> Applied:
    """Predict the outcome of a task that runs or receives commands from the prediction of connecting.

    The end of a command is not known, so it counts as successful.
    """
    going_on = {session.key for session in to_go_on_with(task, found, applied)}
    is_invoke = task.request.cmdlet is INVOKE
    remove, disconnect = Remove(task.request, task.context), Disconnect(task.request, task.context)
    when_done = task.request.change.when_done

    def afterwards(session: PSSession) -> PSSession:
        if session.key not in applied.changed and session.foreseen is None:
            return session
        is_completed = session.key in going_on and (is_invoke or bool(session.commands))
        if is_completed:
            session = dataclasses.replace(session, commands=())
        if when_done == "disconnect":
            return disconnect.expected(Step(session, Action.DISCONNECT))
        if when_done == "remove" and is_completed:
            return remove.expected(Step(session, Action.REMOVE))
        return session.opened() if is_completed else session

    # If this client is already connected to a session, only the script changes it.
    ahead = {session.key for session in applied.sessions if session.foreseen is not None}
    changed = (applied.changed | ahead) & going_on if is_invoke else applied.changed
    return dataclasses.replace(applied, after=tuple(map(afterwards, applied.after)), changed=changed)
