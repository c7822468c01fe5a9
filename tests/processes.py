# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that came of another one, for tests and measurements."""

from __future__ import annotations

import contextlib
from pathlib import Path


def processes_of(pid: int) -> list[int]:
    """Return a process and all that came of it, by /proc. Ansible's workers lead sessions of their own (setsid)."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for listing in Path(f"/proc/{each}/task").glob("*/children"):
                found += map(int, listing.read_text(encoding="utf-8").split())
    return found
