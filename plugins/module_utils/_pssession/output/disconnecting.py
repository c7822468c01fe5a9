"""Disconnecting around commands: before receiving, afterwards, and when the task is interrupted.

All of them use `disconnect`, which applies the verb Disconnect to sessions that this client is connected to.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..model.codes import Reason
from ..model.events import Interrupted, Warned
from ..model.sessions import Availability, PSSession, SessionKey, State
from ..task.task import Task
from ..verbs.apply import Applied, Apply, Done
from ..verbs.disconnect import Disconnect
from ..verbs.plan import Action, Step
from ..wsman.pool import ClientPool
from .running import Outputs

# Seconds for each disconnect when the task is interrupted: the user or the controller waits for its end.
_INTERRUPTED_SECONDS = 10.0
# Seconds; work that is left running with a shorter idle timeout is hardly found again.
_SHORT_IDLE_TIMEOUT = 15 * 60


def warn_of_expiry(task: Task, sessions: t.Iterable[PSSession]) -> None:
    """Warn of disconnected sessions that their server removes soon if no client connects to them."""
    soon = [
        f"{session.place} at {session.expires_on:%Y-%m-%dT%H:%M:%SZ}"
        for session in sessions
        if session.expires_on is not None and (session.shell.idle_timeout or 0) < _SHORT_IDLE_TIMEOUT
    ]
    if not soon:
        return
    count = "1 session expires" if len(soon) == 1 else f"{len(soon)} sessions expire"
    listed = ", ".join(soon[:3]) + (f" and {len(soon) - 3} more" if len(soon) > 3 else "")
    task.context.emit(
        Warned(
            f"{count} soon if no client connects, and the work there ends: {listed}. "
            "A longer idle_timeout gives more time."
        )
    )


def disconnect(task: Task, sessions: t.Iterable[PSSession], action: Action = Action.DISCONNECT) -> Applied:
    """Disconnect from sessions that this client is connected to; the others stay as they are.

    If another client holds one of them by now, the task does not wait for that client.

    Args:
        action: `Action.DISCONNECT_IF_OURS` where this task has not connected to the sessions by itself.
    """
    steps = [Step(session, action, ours=True) for session in sessions if session.state is State.OPENED]
    task = without_waiting(task)
    return Apply(task, Disconnect(task.request, task.context)).run(steps)


def without_waiting(task: Task) -> Task:
    """Return the task for changes to connected sessions: it does not wait for a client that took one meanwhile."""
    flow = dataclasses.replace(task.request.flow, busy_timeout=0)
    return dataclasses.replace(task, request=dataclasses.replace(task.request, flow=flow))


def disconnect_to_connect_anew(task: Task, sessions: t.Sequence[PSSession]) -> tuple[PSSession, ...]:
    """Disconnect from sessions with a command that this client is connected to, so that it connects to them anew.

    Only a new connection can connect to a command. If an earlier task was killed while it received, its last answer
    may be lost: the server still has it, and sends it again to a new connection only.
    """
    ours = [each for each in task.memory.as_remembered(sessions) if each.state is State.OPENED and each.commands]
    applied = disconnect(task, ours, Action.DISCONNECT_IF_OURS)
    free = {each.key for each in applied.sessions if each.availability is Availability.NONE}
    return tuple(
        dataclasses.replace(each, availability=Availability.NONE) if each.key in free else each for each in sessions
    )


def disconnect_afterwards(task: Task, applied: Applied, outputs: Outputs, every_session: bool = False) -> Applied:
    """Disconnect from sessions whose command still runs, and from all if the task asks for that.

    Returns:
        The sessions connected before the work with their commands, as they are now, with all errors.
    """
    running = {
        result.session.key
        for result in outputs.results
        if result.command_id and result.is_news and not result.output.is_finished
    }
    finished = {result.session.key for result in outputs.results if result.output.is_finished} - running
    # The errors say for themselves what becomes of those that failed on the way.
    failed = {result.session.key for result in outputs.results if result.error}
    reported = {result.session.subject for result in outputs.results if result.error}
    connected = [
        dataclasses.replace(session, commands=(), connected_at=task.context.world.now().timestamp()).opened()
        if session.key in finished
        else session
        for session in applied.sessions
    ]
    everything = every_session or task.request.change.when_done == "disconnect"
    to_disconnect = [each for each in connected if everything or each.key in running]
    may_be_lost = {result.session.key for result in outputs.results if result.may_be_lost}
    doubtful = [each for each in to_disconnect if each.key in may_be_lost and not every_session]
    for session in to_disconnect:
        if session.key in running - failed and not every_session:
            task.context.emit(
                Warned(
                    f"The command in session {session.place} still runs. The session is disconnected, so that it can "
                    "go on; receive_pssession takes the rest."
                )
            )
    done = (
        disconnect(task, [each for each in to_disconnect if each not in doubtful]),
        disconnect(task, doubtful, Action.DISCONNECT_IF_OURS),
    )
    disconnected = [session for each in done for session in each.sessions]
    warn_of_expiry(task, disconnected)
    # Where a session ended with its command, or another client took it, that is reported already.
    lost = {
        error.about
        for each in done
        for error in each.errors
        if error.about in reported and error.reason in (Reason.BUSY, Reason.EXPIRED)
    }
    now = {session.key: session for session in disconnected}
    sessions = tuple(now.get(each.key, each) for each in connected if each.subject not in lost)
    errors = [error for each in done for error in each.errors if error.about not in lost]
    return dataclasses.replace(
        applied, sessions=sessions, after=sessions, errors=(*applied.errors, *outputs.errors, *errors)
    )


@contextlib.contextmanager
def disconnect_on_interrupt(task: Task) -> t.Iterator[t.Callable[[Done], Done]]:
    """Disconnect from sessions when the block is interrupted, for instance by the task's time limit.

    Without it the server disconnects them after a minute of silence.

    Yields:
        What notes a session that the block has connected to, as the `then` of `carry_out`; threads may call it.
    """
    connected: dict[SessionKey, PSSession] = {}

    def note_connected(done: Done) -> Done:
        connected[done.session.key] = done.session
        return done

    try:
        yield note_connected
    except BaseException:
        _disconnect_at_once(task, list(connected.values()))
        raise


def _disconnect_at_once(task: Task, sessions: t.Sequence[PSSession]) -> None:
    task.pool.close()
    limited = []
    for session in sessions:
        option = dataclasses.replace(session.endpoint.option, open_timeout=_INTERRUPTED_SECONDS)
        limited.append(dataclasses.replace(session, endpoint=dataclasses.replace(session.endpoint, option=option)))
    with contextlib.closing(ClientPool(task.memory.client_id, task.context.world)) as pool:
        applied = disconnect(dataclasses.replace(task, pool=pool), limited)
    task.context.emit(Interrupted(len(applied.sessions), len(applied.errors)))
