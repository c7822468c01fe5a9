# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated fleet as a server to be checked, so that the checks themselves are tested. On Linux only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulator import SimulatedFleet, User
from tests.waiting import until

from .lab import DONE, WAITING, Lab
from .table import SERVER

LABEL = "simulated WinRM, real PowerShell"
# Names that occur in nothing else, so that a test finds them where they should not be.
ADMIN = User("live-admin", "live-admin-secret", administrator=True)
OTHER = User("live-other", "live-other-secret")
COMPUTER = "live-computer"
# What no recording shows: the simulator plays the side that the engine assumes, for the checks of it.
SWITCHES = {"replay_after_connect": "any", "max_idle_timeout": 43_200.0, "buffer_size": 200_000}

DECLARED = {SERVER: [{"output": "Simulated"}], DONE: [{"output": "done"}], WAITING: [{"output": "one"}, {"sleep": 600}]}


@contextlib.contextmanager
def simulated_lab(powershell: str | None, switches: Mapping[str, Any] | None = None) -> Iterator[Lab]:
    """Return a simulated server.

    Args:
        powershell: Path of the PowerShell that runs the scripts; None for a server that knows two scripts only.
        switches: Of the simulated computer, in which it differs from what the engine assumes.
    """
    with SimulatedFleet.build(
        [COMPUTER],
        [ADMIN, OTHER],
        switches={**SWITCHES, **(switches or {})},
        scripts=None if powershell else DECLARED,
        powershell=powershell,
        authentication=["negotiate"],
    ) as fleet:

        def restart() -> None:
            fleet.stop()
            fleet.start()

        def wait_for_receive() -> None:
            until(lambda: any(each.operation == "Receive" and each.ended is None for each in fleet.requests))

        yield Lab(
            _options(fleet, ADMIN),
            _options(fleet, OTHER),
            wait=fleet.clock.advance,
            pause=0.2,
            restart=restart,
            wait_for_receive=wait_for_receive,
            output_bytes=3_000_000,
        )


def _options(fleet: SimulatedFleet, user: User) -> dict[str, object]:
    return {
        "uri": fleet[COMPUTER].uri,
        "credential": {"username": user.name, "password": user.password},
        "authentication": "negotiate",
    }
