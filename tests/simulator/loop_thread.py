# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One event loop in a thread of its own, and the way into it for everybody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: How long a caller waits for the loop before it reports a hang, in seconds.
CALL_TIMEOUT = 60.0


class LoopThread:
    """Owner of all simulator state: nothing of it is touched by two threads.

    The loop's own code works on the state directly; tests and the control interface go through ``call``. That
    needs no lock, and a caller always sees the effect of what it called.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the loop has been started and not stopped."""
        return self._loop is not None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the loop runs, and the caller is in another thread, so that it may wait for ``run``."""
        return self.running and threading.current_thread() is not self._thread

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop.

        Raises:
            RuntimeError: it is not running.
        """
        if self._loop is None:
            raise RuntimeError("the fleet is not started")
        return self._loop

    def start(self) -> None:
        """Start the thread and wait until its loop runs."""
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.call_soon(ready.set)
            loop.run_forever()

        self._thread = threading.Thread(target=run, name="simulated-fleet", daemon=True)
        self._thread.start()
        ready.wait(CALL_TIMEOUT)
        self._loop = loop

    def stop(self) -> None:
        """Cancel what still runs in the loop, end the thread and close the loop."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return

        async def drain() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await loop.shutdown_asyncgens()

        self.run(drain())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CALL_TIMEOUT)
        loop.close()
        self._loop = self._thread = None

    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` in the loop's thread and return its result (directly, when there is no loop yet)."""
        if self._loop is None or threading.current_thread() is self._thread:
            return function()

        async def carry_out() -> T:
            return function()

        return self.run(carry_out())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run ``coroutine`` in the loop and return its result. Not for callers inside the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(CALL_TIMEOUT)
