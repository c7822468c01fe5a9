"""Locks sessions against other processes of this controller, and warns of computers with several names."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.codes import Reason
from ..model.errors import ControllerBusyError, ErrorRecord, error_record
from ..model.events import Waiting, Warned
from ..model.names import folded
from ..model.sessions import PSSession
from ..state.session_locks import of_session, of_start
from ..target import endpoint as endpoints_of
from ..task.task import Task
from .finding import Found

# Seconds between two attempts to take a lock.
_POLL_SECONDS = 0.5
# Seconds that a start waits for another process that starts the same session, which takes a few requests.
_START_SECONDS = 60.0


def only_here(task: Task, found: Found) -> Found:
    """Return the found sessions that no other process works with, and an error for each of the others.

    See `lock_sessions`.
    """
    sessions, errors = lock_sessions(task, found.sessions)
    if not task.context.check_mode:
        tell_other_names(task, list(dict.fromkeys(sessions)))
    return dataclasses.replace(found, sessions=tuple(sessions), errors=(*found.errors, *errors))


def lock_sessions(task: Task, sessions: t.Sequence[PSSession]) -> tuple[list[PSSession], list[ErrorRecord]]:
    """Return the sessions that this task has locked, and an error for each that another process works with.

    It waits for locked sessions until `Flow.busy_timeout` is over. In check mode nothing is locked. A session that is
    not open yet is locked by its future id.
    """
    if task.context.check_mode:
        return list(sessions), []
    world = task.context.world
    give_up_at = world.monotonic() + task.request.flow.busy_timeout
    each_once = list(dict.fromkeys(sessions))
    while taken := [each for each in each_once if not task.locks.take(of_session(each.instance_id))]:
        left = give_up_at - world.monotonic()
        if left <= 0:
            break
        task.context.emit(Waiting(tuple(taken), left))
        world.sleep(min(_POLL_SECONDS, left))
    refused = {each.key for each in taken}
    return [each for each in sessions if each.key not in refused], [_in_use(each, task) for each in taken]


def lock_starts(task: Task) -> None:
    """Lock the opening of sessions with these names on these computers, or wait for other processes that hold the lock.

    This must happen before the computers are asked. Otherwise a second process would not see the session that the first
    one opens.

    Raises:
        ControllerBusyError: Another process has not come to its end.
    """
    world = task.context.world
    give_up_at = world.monotonic() + _START_SECONDS + task.request.flow.busy_timeout
    for endpoint in endpoints_of.endpoints(task.request, task.context.settings_of):
        for name in task.request.query.new_names:
            while not task.locks.take(of_start(endpoint.key, folded(name))):
                if world.monotonic() >= give_up_at:
                    raise ControllerBusyError(
                        f"another task of this controller is opening session {name} on {endpoint.computer_name} at "
                        "this moment. Nothing was started. Run this again; it starts nothing where that session is."
                    )
                world.sleep(_POLL_SECONDS)


def tell_other_names(task: Task, sessions: list[PSSession]) -> None:
    """Warn if earlier tasks saw these sessions under another host name, because both names are one computer."""
    hosts: dict[tuple[str, str], set[str]] = {}
    for session in sessions:
        if session.endpoint.own_host:
            hosts.setdefault(session.key, set()).add(session.endpoint.own_host)
    for session in sessions:
        host = session.endpoint.own_host
        known = task.memory.of_instance(session.instance_id)
        names = {each.inventory_hostname for each in known if each.inventory_hostname and not each.is_over}
        names |= hosts.get(session.key, set())
        others = sorted(name for name in names if host is not None and name.lower() != host.lower())
        if others:
            task.context.emit(
                Warned(
                    f"{session.endpoint.inventory_hostname} and {', '.join(others)} are one computer: session "
                    f"{session.place} is known as a session of {others[0]}. Keep one of the names in the inventory; "
                    "a script that runs for both runs twice."
                )
            )


def _in_use(session: PSSession, task: Task) -> ErrorRecord:
    waited = task.request.flow.busy_timeout
    return error_record(
        "PSSessionConnectFailed",
        f"session {session.place} is in use: another task of this controller works in it or receives from it at this "
        "moment",
        cmdlet=task.request.cmdlet,
        reason=Reason.BUSY,
        target=session.instance_id,
        about=session.subject,
        hint=f"It was still so after {waited:g} seconds (busy_timeout)."
        if waited
        else "busy_timeout waits for its end.",
    )
