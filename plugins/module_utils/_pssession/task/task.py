"""Task: one request, and the objects that its steps share."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import functools
import typing as t
from dataclasses import dataclass

from ..model.events import Warned
from ..request.request import Request
from ..state.journal_lock import JournalLock
from ..state.journals import AnyJournal, HostJournals, journal_at
from ..state.memory import Memory
from ..state.session_locks import SessionLocks
from ..system.world import JobPool
from ..target.lockout import LockoutGuard
from ..wsman.pool import ClientPool, half_of_the_files
from .context import Context


@dataclass(frozen=True)
class Task:
    """One call of the engine: the request, and the objects that carry it out.

    Attributes:
        memory: The registry of known sessions.
        pool: The conversations with the computers.
        journal: Starts and output are written there first.
        locks: Keep other processes of this controller from the sessions of this task.
    """

    request: Request
    context: Context
    memory: Memory
    pool: ClientPool
    journal: AnyJournal
    locks: SessionLocks

    @functools.cached_property
    def throttle(self) -> JobPool:
        """Return the throttle that runs the jobs of the task."""
        return self.context.world.job_pool(self.request.flow.throttle_limit)

    @property
    def guard(self) -> LockoutGuard:
        """Return the lockout guard. Its records are the world's."""
        return LockoutGuard(self.context.world, self.request.flow.lockout_guard)


@contextlib.contextmanager
def task_of(request: Request, context: Context) -> t.Iterator[Task]:
    """Provide the task of a request; conversations that are still open are closed in the end, or left to the next call.

    Raises:
        JournalError: The journal cannot be used, or another run works with it; nothing was sent.
        FormatError: A newer version wrote the journal; nothing was sent.
    """
    request = _within_open_files(request, context)
    run_client_id = context.run_client_id or context.world.new_guid
    memory = Memory(context.registry, context.client_id or run_client_id, context.emit, context.world)
    has_journal = request.run.journal is not None or context.journals is not None
    lock = JournalLock(context.world, run_client_id()) if has_journal and not context.check_mode else None
    with contextlib.ExitStack() as stack:
        if lock is not None:
            stack.callback(lock.release)
        journal = _journal_of(request, context, lock)
        locks = SessionLocks(context.registry.place, context.world)
        stack.callback(locks.release)
        if context.opened is not None:
            pool = context.opened.pool(memory.client_id, context.world)
        else:
            pool = stack.enter_context(contextlib.closing(ClientPool(memory.client_id, context.world)))
        yield Task(request, context, memory, pool, journal, locks)


def _journal_of(request: Request, context: Context, lock: JournalLock | None) -> AnyJournal:
    """Return the journal of a task. In check mode it is not locked, and only an existing journal is read."""
    path, disk = request.run.journal, context.world.disk
    if context.journals is not None:
        return HostJournals(context.journals, disk, lock)
    if path is None and context.kept_output is not None and not context.check_mode:
        return context.kept_output
    is_new = path is not None and not disk.exists(path)
    return journal_at(None if context.check_mode and is_new else path, disk, lock)


def _within_open_files(request: Request, context: Context) -> Request:
    """Return the request with a throttle limit that the open files of this process allow."""
    most = half_of_the_files(context.world)
    if request.flow.throttle_limit <= most:
        return request
    context.emit(
        Warned(
            f"throttle_limit is {most} instead of {request.flow.throttle_limit}: each request is an open file, and "
            "requests may have half of the files that this process may open. Raise that limit (ulimit -n), or lower "
            "throttle_limit."
        )
    )
    return dataclasses.replace(request, flow=dataclasses.replace(request.flow, throttle_limit=most))
