"""Idle sessions: those without a command, in which a script may be started."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.codes import Reason
from ..model.errors import ErrorRecord, error_record
from ..model.events import Waiting
from ..model.sessions import PSSession
from ..task.task import Task
from .discovery import list_commands
from .finding import Found

# Seconds between two requests for the commands of sessions while the task waits for them.
POLL_SECONDS = 5.0


def only_idle(task: Task, found: Found) -> Found:
    """Return the found sessions without those that have a command. Each session with a command is an error.

    A second command would wait in the session until the first one ends, and then run unnoticed. Sessions with a command
    are listed again until `Flow.busy_timeout` is over, but not in check mode.
    """
    world = task.context.world
    give_up_at = world.monotonic() + (0 if task.context.check_mode else task.request.flow.busy_timeout)
    idle: set[tuple[str, str]] = set()
    busy: list[PSSession] = list(dict.fromkeys(found.sessions))
    errors: list[ErrorRecord] = []
    while True:
        listed, failed = list_commands(busy, task, several=True)
        errors += failed
        idle |= {session.key for session in listed if not session.commands}
        busy = [session for session in listed if session.commands]
        left = give_up_at - world.monotonic()
        if not busy or left <= 0:
            break
        task.context.emit(Waiting(tuple(busy), left))
        world.sleep(min(POLL_SECONDS, left))
    errors += (_busy(session, task) for session in busy)
    return dataclasses.replace(
        found,
        sessions=tuple(session for session in found.sessions if session.key in idle),
        errors=(*found.errors, *errors),
    )


def _busy(session: PSSession, task: Task) -> ErrorRecord:
    commands: t.Sequence[object] = session.commands or ()
    what = "a command" if len(commands) == 1 else f"{len(commands)} commands"
    waited = task.request.flow.busy_timeout
    has_waited = waited and not task.context.check_mode
    hint = f"The command was still there after {waited:g} seconds (busy_timeout). " if has_waited else ""
    return error_record(
        "PSSessionStateBroken",
        f"nothing was started in session {session.place}: {what} still runs in it, or its output was not all received",
        cmdlet=task.request.cmdlet,
        reason=Reason.BUSY,
        target=session.instance_id,
        about=session.subject,
        hint=f"{hint}Receive the output with receive_pssession, and run this task again.",
    )
