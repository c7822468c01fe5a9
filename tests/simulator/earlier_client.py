# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client that has opened a session before the test, started its commands and gone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psrpcore import ClientPowerShell, ClientRunspacePool, PSRPPayload, StreamType

if TYPE_CHECKING:
    from .powershell_pool import PowerShellPool
    from .psrp import OutputQueue

#: Octets of an answer the client fetches at once.
_ENVELOPE = 512000


@dataclass(frozen=True)
class EarlierCommand:
    """A command that such a client has started.

    Attributes:
        text: of the script.
        finished: the client is gone only when the script has run to its end.
    """

    text: str
    command: uuid.UUID
    finished: bool = False


@dataclass
class EarlierClient:
    """A client that speaks PSRP to a pool as one on the network would.

    Attributes:
        keep_last: gets the last fragment that the client received, RUNSPACEPOOL_STATE, for a replay.
    """

    keep_last: Callable[[bytes], None]
    commands: list[EarlierCommand] = field(default_factory=list)

    async def act(self, pool: PowerShellPool) -> None:
        """Open the pool, start the commands, and fetch nothing of them.

        Raises:
            RuntimeError: the process ended meanwhile.
        """
        client = ClientRunspacePool(
            runspace_pool_id=pool.id, min_runspaces=pool.min_runspaces, max_runspaces=pool.max_runspaces
        )
        client.open()
        self._send(client, pool)
        fragments: list[bytes] = []
        while not pool.ready or len(pool.output):
            while len(pool.output):
                fragments, _final = pool.output.take(_ENVELOPE)
                client.receive_data(PSRPPayload(b"".join(fragments), StreamType.default, None))
            if not pool.ready:
                await self._next_change(pool, pool.output)
        while client.next_event() is not None:
            pass
        self.keep_last(fragments[-1])
        for command in self.commands:
            power_shell = ClientPowerShell(client, pipeline_id=command.command)
            power_shell.add_script(command.text)
            power_shell.start()
            self._send(client, pool, command.command)
            pipeline = pool.pipelines[command.command]
            while command.finished and pipeline.is_running:
                await self._next_change(pool, pipeline.output)

    @staticmethod
    async def _next_change(pool: PowerShellPool, queue: OutputQueue) -> None:
        if pool.closed:
            raise RuntimeError("the PowerShell of a session has ended: " + " ".join(pool.process.errors))
        await queue.changed.wait()

    @staticmethod
    def _send(client: ClientRunspacePool, pool: PowerShellPool, command: uuid.UUID | None = None) -> None:
        pipeline = pool.pipelines[command] if command is not None else None
        while (payload := client.data_to_send()) is not None:
            pool.feed(payload.data, asyncio.get_running_loop(), pipeline)
