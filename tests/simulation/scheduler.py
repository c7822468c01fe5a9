# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual time, and threads of which one runs at a time, in an order of chance.

The servers are coroutines of one event loop whose clock jumps to the next timer. Tasks are blocking code, so each of
their jobs has a thread. A thread runs until it waits for something in the loop. Only when all wait, time goes on.
"""

from __future__ import annotations

import asyncio
import functools
import math
import random
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.throttle import outcome_of

T = TypeVar("T")


class Killed(BaseException):
    """The process of this thread was killed; nothing that it still does has an effect."""


class Stuck(AssertionError):
    """The threads wait for something that never happens."""


class _Jump(selectors.BaseSelector):
    """Waits for no file; where the loop would wait, its clock goes on instead."""

    def __init__(self) -> None:
        self.now = 0.0
        self.latest = math.inf
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck("all wait for something that never happens")
        if timeout > 0:
            self.now = max(self.now + timeout, math.nextafter(self.now, math.inf))
            if self.now > self.latest:
                raise Stuck("it waits again and again for something that never happens")
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._keys.setdefault(fileobj, selectors.SelectorKey(fileobj, 0, events, data))

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual, in seconds since its beginning."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    def run_at_most(self, seconds: float) -> None:
        """Let the time go on for so many seconds at most; after that, who waits is stuck."""
        self._jump.latest = self._jump.now + seconds


@dataclass(eq=False)
class Process:
    """A process of a controller: its threads end together when it is killed.

    Attributes:
        on_kill: Called once, when it is killed.
        interrupted_at: When it was interrupted, in seconds since the beginning.
        has_workers: Whether each job has a thread, as on a real controller. Without it a single job has none, which is
            faster and no different, unless the process is interrupted.
    """

    is_killed: bool = False
    interrupted_at: float | None = None
    threads: list[Thread] = field(default_factory=list)
    on_kill: Callable[[], None] = lambda: None
    is_new: bool = True
    has_workers: bool = False

    def check(self) -> None:
        """Go on, unless it was killed.

        Raises:
            Killed: It was.
        """
        if self.is_killed:
            raise Killed

    def kill(self) -> None:
        """Kill it; each of its threads ends when its turn comes."""
        if not self.is_killed:
            self.is_killed = True
            for thread in self.threads:
                thread.is_ready = True
            self.on_kill()


def _taken_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Thread:
    """A thread that runs only when it is its turn."""

    def __init__(self, scheduler: Scheduler, process: Process, work: Callable[[], Any]) -> None:
        self.process = process
        self.is_ready = True
        self.is_first = process.is_new
        self.is_interrupted = False
        process.is_new = False
        self.ended: asyncio.Future[None] = scheduler.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None
        self._scheduler = scheduler
        self._work = work
        # A plain lock is much cheaper than a semaphore, and any thread may release it.
        self._turn = _taken_lock()
        process.threads.append(self)
        threading.Thread(target=self._run, daemon=True).start()

    def take_turn(self) -> None:
        """Let it run until it waits or ends; called by the scheduler."""
        self.is_ready = False
        self._turn.release()
        self._scheduler.back.acquire()

    def check(self) -> None:
        """Go on, unless an end came from outside.

        Raises:
            Killed: The process was killed.
            KeyboardInterrupt: It was interrupted.
        """
        self.process.check()
        if self.is_interrupted:
            self.is_interrupted = False
            raise KeyboardInterrupt

    def wait(self) -> None:
        """Give the turn back and wait for the next one; called in this thread."""
        self._scheduler.back.release()
        self._turn.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self.process.check()
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the thread is waited for
            self.error = error
        self.process.threads.remove(self)
        self._scheduler.forget(self)
        self._scheduler.back.release()


class Scheduler:
    """Gives the threads their turns.

    Attributes:
        loop: Where servers and timers are.
        back: Released by a thread that gives its turn back.
    """

    def __init__(self, chance: random.Random) -> None:
        self.loop = VirtualLoop()
        self.back = _taken_lock()
        self._chance = chance
        self._threads: list[Thread] = []
        self._current: Thread | None = None
        self._woken: asyncio.Future[None] | None = None

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.loop.time()

    def start(self, process: Process, work: Callable[[], Any]) -> Thread:
        """Make a thread that is ready for its first turn."""
        thread = Thread(self, process, work)
        self._threads.append(thread)
        return thread

    def forget(self, thread: Thread) -> None:
        """Note that a thread has ended."""
        self._threads.remove(thread)
        thread.ended.set_result(None)

    def run(self) -> None:
        """Give turns until all threads have ended.

        Raises:
            Stuck: They wait for something that never happens.
        """
        while self._threads:
            ready = [thread for thread in self._threads if thread.is_ready]
            if ready:
                self._current = self._chance.choice(ready)
                self._current.take_turn()
                self._current = None
            else:
                self._go_on()

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait in the current thread until a coroutine of the loop has ended, and return or raise what it gives.

        Raises:
            Killed, KeyboardInterrupt: That happened meanwhile; the coroutine goes on without it.
        """
        thread = self._current
        assert thread is not None
        try:
            thread.check()
        except BaseException:
            coroutine.close()
            raise
        task = self.loop.create_task(coroutine)
        task.add_done_callback(lambda _task: self._wake(thread))
        # Where nothing waits for it any more, its failure is of no interest.
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        while not task.done():
            thread.wait()
            thread.check()
        return task.result()

    def interrupt(self, process: Process) -> None:
        """Have the first thread of a process raise KeyboardInterrupt, as Ctrl-C does; the others go on."""
        first = next((thread for thread in process.threads if thread.is_first), None)
        if first is not None and process.interrupted_at is None and not process.is_killed:
            process.interrupted_at = self.now
            first.is_interrupted = True
            self._wake(first)

    def close(self) -> None:
        """End what is left in the loop."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    def _go_on(self) -> None:
        """Let the loop go on until a thread is ready."""

        async def until_ready() -> None:
            self._woken = self.loop.create_future()
            await self._woken

        self.loop.run_until_complete(until_ready())

    def _wake(self, thread: Thread) -> None:
        """Make a thread ready that waited for something in the loop."""
        thread.is_ready = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


class Jobs:
    """Runs at most so many jobs at once, each in a thread of the scheduler; the `JobPool` of a world."""

    def __init__(self, scheduler: Scheduler, process: Process, limit: int) -> None:
        self._scheduler = scheduler
        self._process = process
        self._limit = max(1, limit)

    def map(
        self, work: Callable[[Any], Any], jobs: Sequence[Any], go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[Any, Any]]:
        self._process.check()
        if (len(jobs) == 1 or self._limit == 1) and not self._process.has_workers:
            for job in jobs:
                yield job, outcome_of(work, job)
                if not go_on():
                    return
            return
        waiting = list(jobs)
        at_work: dict[Thread, Any] = {}

        def start(count: int) -> None:
            for job in waiting[:count]:
                at_work[self._scheduler.start(self._process, functools.partial(outcome_of, work, job))] = job
            del waiting[:count]

        start(self._limit)
        while at_work:
            self._scheduler.wait_for(_first_of([thread.ended for thread in at_work]))
            for thread in [each for each in at_work if each.ended.done()]:
                job = at_work.pop(thread)
                if thread.error is not None:
                    raise thread.error
                yield job, thread.result
                if go_on():
                    start(1)


async def _first_of(futures: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
