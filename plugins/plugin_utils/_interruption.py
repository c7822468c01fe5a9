"""The end of a run, by a signal or a kill: the task disconnects from its sessions first."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import typing as t

# Longer than disconnecting from interrupted sessions takes.
GRACE_SECONDS = 20.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# How often a worker looks whether ansible-playbook is still there.
_PARENT_SECONDS = 0.5


@contextlib.contextmanager
def tidy_interruption() -> t.Iterator[None]:
    """Let a signal raise KeyboardInterrupt first, so that what has to be done at the end is done, and then end this.

    Further ones are ignored for `GRACE_SECONDS`: after one Ctrl-C, ansible-playbook sends up to three to each worker
    (one by its signal handler, one by each of two clean-ups).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    ends_at = 0.0
    previous = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def interrupt(number: int, _frame: object) -> None:
        nonlocal ends_at
        received.append(number)
        if len(received) == 1:
            ends_at = time.monotonic() + GRACE_SECONDS
            raise KeyboardInterrupt
        if time.monotonic() >= ends_at:
            restore()
            signal.raise_signal(number)

    for number in _SIGNALS:
        signal.signal(number, interrupt)
    try:
        with _ended_with_parent():
            yield
    finally:
        restore()
        if received:
            signal.raise_signal(received[0])


@contextlib.contextmanager
def _ended_with_parent() -> t.Iterator[None]:
    """Send this process SIGTERM when its parent has ended: a killed ansible-playbook leaves its workers running.

    A worker that went on would receive output that no run gets, and hold the journal.
    """
    parent, is_done = os.getppid(), threading.Event()

    def watch() -> None:
        while not is_done.wait(_PARENT_SECONDS):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=watch, name="pssession-parent", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()
