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
from .command_errors import with_fate
from .connecting import hurried
from .last_look import look
from .running import Outputs

# Seconds. With a shorter idle timeout, running work may expire before anyone connects again.
_SHORT_IDLE_TIMEOUT = 15 * 60


def warn_of_expiry(task: Task, sessions: t.Iterable[PSSession]) -> None:
    """Warn of disconnected sessions that the server will remove soon if no client connects."""
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
    """Disconnect from sessions that this client is connected to. The others do not change.

    If another client has connected to one of them meanwhile, the task does not wait for that client.

    Args:
        action: `Action.DISCONNECT_IF_OURS` where this task has not connected to the sessions by itself.
    """
    steps = [Step(session, action, ours=True) for session in sessions if session.state is State.OPENED]
    task = without_waiting(task)
    return Apply(task, Disconnect(task.request, task.context)).run(steps)


def without_waiting(task: Task) -> Task:
    """Return the task for changes of connected sessions. It does not wait for other clients."""
    flow = dataclasses.replace(task.request.flow, busy_timeout=0)
    return dataclasses.replace(task, request=dataclasses.replace(task.request, flow=flow))


def disconnect_to_connect_anew(task: Task, sessions: t.Sequence[PSSession]) -> tuple[PSSession, ...]:
    """Disconnect from connected sessions with a command, so that the task connects to them as a new client.

    Only a new client can connect to a command. If an earlier task was killed while it received, its last answer may be
    lost. The server still has it, and sends it again only to a new client. In check mode only sessions are known to
    which an earlier task of the run would have connected.
    """
    if task.context.check_mode:
        free = {each.key for each in sessions if each.foreseen is not None and each.commands}
    else:
        ours = [each for each in task.memory.as_remembered(sessions) if each.state is State.OPENED and each.commands]
        applied = disconnect(task, ours, Action.DISCONNECT_IF_OURS)
        free = {each.key for each in applied.sessions if each.availability is Availability.NONE}
    return tuple(
        dataclasses.replace(each, availability=Availability.NONE) if each.key in free else each for each in sessions
    )


def disconnect_afterwards(
    task: Task,
    applied: Applied,
    outputs: Outputs,
    every_session: bool = False,
    also: t.Container[SessionKey] = frozenset(),
) -> Applied:
    """Disconnect from sessions whose command still runs, and from all if the task asks for that.

    Sessions whose command could not be received are listed first, and their errors get their state.

    Args:
        also: Keys of further sessions to disconnect from.

    Returns:
        The sessions connected before the work with their commands, as they are now, with all errors.
    """
    running = {
        result.session.key
        for result in outputs.results
        if result.command_id and result.is_news and not result.output.is_finished
    }
    finished = {result.session.key for result in outputs.results if result.output.is_finished} - running
    everything = every_session or task.request.change.when_done == "disconnect"
    keys = [session.key for session in applied.sessions]
    leave = {key for key in keys if everything or key in running or key in also}
    doubtful = {result.session.key: result for result in outputs.results if result.may_be_lost}
    seen = look(task, doubtful.values(), leave)
    connected = [
        dataclasses.replace(session, commands=(), connected_at=task.context.world.now().timestamp()).opened()
        if session.key in finished
        else session
        for session in applied.sessions
    ]
    done = disconnect(task, [each for each in connected if each.key in leave and each.key not in seen])
    now = {session.key: session for session in done.sessions}
    if not every_session:
        failed = {result.session.key for result in outputs.results if result.error}
        for key in now.keys() & (running - failed):
            task.context.emit(Warned(_still_runs(now[key])))
    now |= {key: each.session for key, each in seen.items() if each.session is not None}
    warn_of_expiry(task, [session for session in now.values() if session.state is State.DISCONNECTED])
    # A session in an unknown state, or of another client, is not one of this task's sessions.
    lost = {key for key, each in seen.items() if each.session is None}
    sessions = tuple(now.get(each.key, each) for each in connected if each.key not in lost)
    results = [
        with_fate(result, seen[result.session.key], task.request) if result.may_be_lost else result
        for result in outputs.results
    ]
    errors = (*applied.errors, *Outputs(tuple(results)).errors, *done.errors)
    return dataclasses.replace(applied, sessions=sessions, after=sessions, errors=errors)


def _still_runs(session: PSSession) -> str:
    return (
        f"The command in session {session.place} still runs. The session is disconnected, so that it can go on; "
        "receive_pssession receives the rest."
    )


class Connections:
    """The sessions that a task has connected to, and those that it is connecting to. Threads may note them.

    Attributes:
        connected, under_way: By key.
    """

    def __init__(self) -> None:
        self.connected: dict[SessionKey, PSSession] = {}
        self.under_way: dict[SessionKey, PSSession] = {}

    def note(self, done: Done) -> Done:
        """Note a session that the task has connected to, as the `then` of `carry_out`."""
        self.connected[done.session.key] = done.session
        return done

    @contextlib.contextmanager
    def during(self, session: PSSession) -> t.Iterator[None]:
        """Note a session while the task works on its connection, as the `during` of `carry_out`."""
        self.under_way[session.key] = session
        try:
            yield
        finally:
            del self.under_way[session.key]


@contextlib.contextmanager
def disconnect_on_interrupt(task: Task) -> t.Iterator[Connections]:
    """Disconnect from sessions when the block is interrupted, for instance by the task's time limit.

    Otherwise the server would disconnect them after about a minute. A request to connect may have taken effect although
    its answer was lost. So the task first finds out whether it is connected to these sessions.

    Yields:
        The object to which the block reports its connections.
    """
    connections = Connections()
    try:
        yield connections
    except BaseException as error:
        connected = dict(connections.connected)
        under_way = {key: each for key, each in list(connections.under_way.items()) if key not in connected}
        counts = _disconnect_at_once(task, connected.values(), under_way.values())
        task.context.emit(Interrupted(*counts, by_signal=isinstance(error, KeyboardInterrupt)))
        raise


def _disconnect_at_once(
    task: Task, connected: t.Iterable[PSSession], under_way: t.Iterable[PSSession]
) -> tuple[int, int]:
    """Disconnect from sessions in a bounded time.

    Returns:
        Numbers of sessions that are disconnected, and of those that are not.
    """
    task.pool.close()
    steps = [Step(hurried(each), Action.DISCONNECT, ours=True) for each in connected if each.state is State.OPENED]
    uncertain = [Step(hurried(each), Action.DISCONNECT_IF_OURS, ours=True) for each in under_way]
    with contextlib.closing(ClientPool(task.memory.client_id, task.context.world)) as pool:
        task = without_waiting(dataclasses.replace(task, pool=pool))
        applied = Apply(task, Disconnect(task.request, task.context)).run([*steps, *uncertain])
    # After a request to connect without effect, there is nothing to disconnect from.
    asked = {step.session.subject for step in uncertain}
    without = {error.about for error in applied.errors if error.reason in (Reason.BUSY, Reason.EXPIRED)} & asked
    still_connected = [error for error in applied.errors if error.about not in without]
    return len(applied.sessions), len(still_connected)
