# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for events: a test continues when something has happened, on a fast and on a slow machine alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

# Seconds until a wait is given up: far longer than any event takes. A wait that succeeds costs nothing of it.
PATIENCE = 300.0
POLL_SECONDS = 0.01


def until(condition: Callable[[], object], what: str = "an event") -> None:
    """Return as soon as something is the case.

    Args:
        condition: Asked again and again. It may raise, which ends the wait.
        what: Names the event in the failure.

    Raises:
        AssertionError: It did not happen within `PATIENCE`.
    """
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up_at, f"{what} did not happen within {PATIENCE:.0f} s"
        time.sleep(POLL_SECONDS)


@contextmanager
def meanwhile(condition: Callable[[], object], action: Callable[[], object], what: str = "an event") -> Iterator[None]:
    """Do something in another thread as soon as something is the case, while a block runs.

    Args:
        condition: See `until`.
        action: What to do then, once.

    Raises:
        AssertionError: The block ended and it had not happened by then.
    """
    over = threading.Event()
    done = threading.Event()

    def wait_and_act() -> None:
        until(lambda: over.is_set() or condition(), what)
        if not over.is_set():
            action()
            done.set()

    with ThreadPoolExecutor(1, thread_name_prefix="meanwhile") as executor:
        acting = executor.submit(wait_and_act)
        try:
            yield
        finally:
            over.set()
        acting.result()
    assert done.is_set(), f"{what} did not happen before the end"
