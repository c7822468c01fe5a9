# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plugin for pytest that prints which tests took most processor time, with that of the processes that they started.

    .venv/bin/python -m pytest -p no:xdist -p dev.cpu_times tests/project

Wall time depends on what else the machine does; processor time hardly does. Processes are found by /proc, so it needs
Linux. What a process took is lost if its parent ended before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST = 60
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def seconds() -> float:
    """Return the processor time of this process and of all that came of it, whether they have ended or not."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        # After the name: state and parent; user and system time come with those of the children it has waited for.
        process = int(path.parent.name)
        ticks[process] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(process)
    family = [os.getpid()]
    for process in family:
        family += children.get(process, [])
    return sum(ticks.get(process, 0) for process in family) / _TICKS_PER_SECOND


class Times:
    """The processor time of each test, of its fixtures and of what came before the first one."""

    def __init__(self) -> None:
        self._of: dict[str, float] = {}
        self._last = seconds()

    def add(self, name: str) -> None:
        """Give what has passed since the last call to a test."""
        now = seconds()
        self._of[name] = self._of.get(name, 0.0) + now - self._last
        self._last = now

    def lines(self) -> Iterator[str]:
        """Tell the sum, and the tests that took most."""
        yield f"{sum(self._of.values()):8.2f} s in all"
        for name, taken in sorted(self._of.items(), key=lambda entry: -entry[1])[:MOST]:
            yield f"{taken:8.2f} s {name}"


_times = Times()


def pytest_collection_finish() -> None:
    _times.add("(collecting)")


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish(nodeid: str) -> None:
    _times.add(nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("processor time")
    for line in _times.lines():
        terminalreporter.write_line(line)
