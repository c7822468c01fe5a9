"""Handles the end of a run by a signal or a kill: the task disconnects from its sessions first."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
import time
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import Records
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import interruption_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal

# Longer than disconnecting from interrupted sessions takes.
GRACE_SECONDS = 20.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds between two checks whether ansible-playbook still runs.
_PARENT_SECONDS = 0.5
# Has an entry while signals are handled here: a job handles them for all of its calls.
_ACTIVE: list[bool] = []


@contextlib.contextmanager
def tidy_interruption() -> t.Iterator[None]:
    """Let a signal raise KeyboardInterrupt, so that the process can clean up, and then end the process.

    Further ones are ignored for `GRACE_SECONDS`: after one Ctrl-C, ansible-playbook sends up to three to each worker
    (one by its signal handler, one by each of two clean-ups). Within another one it does nothing.
    """
    if threading.current_thread() is not threading.main_thread() or _ACTIVE:
        yield
        return
    _ACTIVE.append(True)
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
        _ACTIVE.clear()
        if received:
            signal.raise_signal(received[0])


def tell_in_the_end(records: Records) -> None:
    """Make ansible-playbook report at its very end that work goes on, if the run was interrupted.

    It first closes the queue of its workers' lines, and waits for the workers last.

    Args:
        records: The records that the workers share.
    """
    atexit.register(_tell, records)


def _tell(records: Records) -> None:
    for worker in multiprocessing.active_children():
        worker.join(GRACE_SECONDS)
    if (text := interruption_of(records)) is not None:
        Terminal().warn(text)


@contextlib.contextmanager
def _ended_with_parent() -> t.Iterator[None]:
    """Send this process SIGTERM when its parent has ended, because the workers of a killed ansible-playbook go on.

    Such a worker would receive output for no run, and lock the journal.
    """
    parent, is_done = os.getppid(), threading.Event()

    def watch() -> None:
        while not is_done.wait(_PARENT_SECONDS):
            # Again and again: what a signal raises is lost in a destructor. After `GRACE_SECONDS` it ends the process.
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch, name="pssession-parent", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()
