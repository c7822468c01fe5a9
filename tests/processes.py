# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that came of another one, for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tests.waiting import until


def processes_of(pid: int) -> list[int]:
    """Return a process and all that came of it, by /proc. Ansible's workers lead sessions of their own (setsid)."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for listing in Path(f"/proc/{each}/task").glob("*/children"):
                found += map(int, listing.read_text(encoding="utf-8").split())
    return found


def let_time_out(process: subprocess.Popen[str]) -> None:
    """Let the keyword `timeout` of the one task that ansible-playbook runs expire now: send its worker the alarm."""
    (worker,) = processes_of(process.pid)[1:]
    os.kill(worker, signal.SIGALRM)


def kill(
    process: subprocess.Popen[str], *, is_whole: bool = True, number: signal.Signals = signal.SIGKILL
) -> list[int]:
    """Kill ansible-playbook, and return when neither it nor a worker is there any more.

    Args:
        is_whole: Whether its workers are killed with it. Those that are not end by themselves.
        number: The signal.

    Returns:
        The processes that there were.
    """
    processes = processes_of(process.pid)
    for pid in processes[::-1] if is_whole else processes[:1]:  # workers first: they must not take it for Ctrl-C
        os.kill(pid, number)
    process.communicate()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), "the end of the workers")
    return processes
