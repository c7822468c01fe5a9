# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell processes of a fleet: how many there may be, and that none is left when the fleet ends."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from .powershell_process import PowerShellEnded, PowerShellProcess
from .watchdog import Watchdog

#: A process takes about 110 MB.
MAX_POWERSHELLS = 8
#: Seconds that the scripts of a removed session have to end, ``finally`` blocks included.
_GRACE = 5.0


class PowerShells:
    """Places for PowerShell processes, and the processes.

    Attributes:
        limit: how many sessions of the fleet may have a process at the same time.
    """

    def __init__(self, limit: int = MAX_POWERSHELLS) -> None:
        self.limit = limit
        self._reserved = 0
        self._processes: set[PowerShellProcess] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._watchdog = Watchdog()

    @property
    def is_full(self) -> bool:
        """Whether one more would be too many."""
        return self._reserved >= self.limit

    @property
    def count(self) -> int:
        """How many processes there are, those included that are just ending."""
        return len(self._processes)

    def reserve(self) -> None:
        """Take a place.

        Raises:
            ValueError: there is none.
        """
        if self.is_full:
            raise ValueError(
                f"the fleet has {self.limit} sessions with a PowerShell, and max_powershells allows no more"
            )
        self._reserved += 1

    def release(self, process: PowerShellProcess | None) -> None:
        """Give a place back, and end its process in the background, in an orderly way if it can."""
        self._reserved -= 1
        if process is not None:
            ending = asyncio.get_running_loop().create_task(self._close(process))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def start(self, path: str | Path) -> PowerShellProcess:
        """Start a process in a place that was reserved.

        Raises:
            OSError: it cannot be started.
        """
        process = await PowerShellProcess.start(path, self._watchdog)
        self._processes.add(process)
        return process

    async def _close(self, process: PowerShellProcess) -> None:
        with contextlib.suppress(TimeoutError, PowerShellEnded):
            await asyncio.wait_for(process.post("Close"), _GRACE)
        await self.end(process)

    async def end(self, process: PowerShellProcess) -> None:
        """Kill a process; return when it is gone."""
        await process.end()
        self._processes.discard(process)

    async def close(self) -> None:
        """End all processes; return when they are gone."""
        await asyncio.gather(*(self.end(process) for process in list(self._processes)))
        await asyncio.gather(*self._ending)
        self._watchdog.close()
