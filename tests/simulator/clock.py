# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that runs by itself and that tests can push forward."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .loop_thread import LoopThread


class Wakeup:
    """Tells every waiting coroutine at once that something changed; it carries no value.

    Belongs to one event loop: ``notify`` is called in that loop's thread (or before anything waits).
    """

    def __init__(self, callback: Callable[[], None] | None = None) -> None:
        """Make one that calls ``callback``, too, at each ``notify``."""
        self._callback = callback
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Wake all current waiters."""
        if self._callback is not None:
            self._callback()
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout: float | None = None) -> None:
        """Return at the next ``notify``, or after ``timeout`` seconds of real time, whichever is first."""
        with self.waiter() as waiter:
            await asyncio.wait({waiter}, timeout=timeout)

    @contextmanager
    def waiter(self) -> Iterator[asyncio.Future[None]]:
        """A future that is done at the first ``notify`` from now on."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            yield waiter
        finally:
            self._waiters.discard(waiter)
            waiter.cancel()


class FleetClock:
    """Monotonic seconds for a whole fleet; ``advance`` makes time pass without waiting for it.

    All timers of the simulator (operation timeouts, silence, idle timeouts, sleeping scripts) use it, so a test
    sees in a millisecond what takes a server two hours.
    """

    def __init__(self, loop_thread: LoopThread) -> None:
        self._loop_thread = loop_thread
        self._offset = 0.0
        self._moved = Wakeup()

    def now(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once; from any thread.

        Raises:
            ValueError: time cannot run backwards.
        """
        if seconds < 0:
            raise ValueError(f"the clock cannot go back ({seconds} s)")

        def move() -> None:
            self._offset += seconds
            self._moved.notify()

        self._loop_thread.call(move)

    async def sleep_until(self, deadline: float) -> None:
        """Return when this clock shows ``deadline`` (seconds)."""
        while (remaining := deadline - self.now()) > 0:
            await self._moved.wait(remaining)

    async def wait(self, change: Wakeup, deadline: float) -> None:
        """Return at the next ``change`` or at ``deadline`` (seconds of this clock), whichever is first."""
        # A task would begin to wait a moment later, and miss a change in between.
        with change.waiter() as changed:
            expired = asyncio.ensure_future(self.sleep_until(deadline))
            try:
                await asyncio.wait({changed, expired}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                expired.cancel()
