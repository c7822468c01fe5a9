# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process that kills process groups and removes their folders when the simulator is gone, however it ended.

Closing the standard input of PowerShell ends it only while no command runs, and never ends a program that a script
started. The watchdog reads one pipe whose other end is the simulator's. The kernel closes that end when the simulator
ends, ``kill -9`` included.

Run as a program, this file is the watchdog itself; it imports nothing but the standard library.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import IO

#: Seconds that an orderly end of the watchdog may take.
_END_TIMEOUT = 10.0


def kill_group(group: int) -> None:
    """Kill all processes of a process group, if there are any."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Darwin answers EPERM for a group that consists of zombies only.
        pass


class Watchdog:
    """The simulator's side: starts the watchdog with the first process group, and tells it which groups there are."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int, folder: str) -> None:
        """Have ``group`` killed and ``folder`` removed when this process ends."""
        self._tell(f"+{group} {folder}")

    def forget(self, group: int) -> None:
        """Leave ``group`` alone from now on: its processes are gone, and the number may be used again."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """End the watchdog; it kills what it still watches."""
        if self._process is not None:
            self._pipe.close()
            self._process.wait(_END_TIMEOUT)
            self._process = None

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdin is not None
        return self._process.stdin

    def _tell(self, line: str) -> None:
        if self._process is None:
            # In a session of its own, so that Ctrl+C at a terminal ends the simulator and leaves the watchdog.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, start_new_session=True
            )
        self._pipe.write(os.fsencode(line) + b"\n")
        self._pipe.flush()


def main() -> None:
    """Read ``+GROUP FOLDER`` and ``-GROUP`` lines until the pipe closes, then end the groups that are left."""
    folders: dict[int, str] = {}
    for line in sys.stdin.buffer:
        group, _space, folder = os.fsdecode(line[1:].rstrip(b"\n")).partition(" ")
        if line.startswith(b"+"):
            folders[int(group)] = folder
        else:
            folders.pop(int(group), None)
    for number in folders:
        kill_group(number)
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
