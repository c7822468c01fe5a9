# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of the simulated fleet, and waiting for what changes."""

from __future__ import annotations

import asyncio

from ..clock import FleetClock, Wakeup
from ..loop_thread import LoopThread


def test_a_change_right_after_the_look_is_not_missed() -> None:
    """Between the look at a queue and the wait for it a message may come."""

    async def missed() -> bool:
        clock, change = FleetClock(LoopThread()), Wakeup()
        waiting = asyncio.ensure_future(clock.wait(change, clock.now() + 3600))
        await asyncio.sleep(0)  # it begins to wait
        change.notify()
        for _turn in range(10):
            await asyncio.sleep(0)
        is_missed = not waiting.done()
        waiting.cancel()
        return is_missed

    assert not asyncio.run(missed())
