# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cable between a client and a computer, which damages one byte of what goes through it, or what follows it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from tests.simulator.listener import Listener

KINDS = ("cut", "stalled", "delayed", "duplicated", "flipped")
SIDES = ("request", "answer")
_DELAY_SECONDS = 0.05


@dataclass(frozen=True)
class Damage:
    """What happens to the bytes that go in one direction.

    Attributes:
        kind: One of `KINDS`.
        side: One of `SIDES`.
        at: The number of the byte, counted over all connections; the first is 0.
    """

    kind: str
    side: str
    at: int

    def __str__(self) -> str:
        return f"{self.kind} at byte {self.at} of the {self.side}s"


class Cable(Listener):
    """Passes on what comes to the server behind it.

    Attributes:
        damage: What will happen, once; None after that.
        passed: How many bytes went in each direction.
    """

    def __init__(self, address: str, server_port: int) -> None:
        """Prepare a cable that listens on the address of its server, on another port."""
        super().__init__(address)
        self._server_port = server_port
        self.damage: Damage | None = None
        self.passed: dict[str, int] = {}

    def lay(self, damage: Damage | None = None) -> None:
        """Count from 0 again, and do a damage once."""
        self.passed, self.damage = dict.fromkeys(SIDES, 0), damage

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self.address, self._server_port)
        pumps = [
            asyncio.ensure_future(self._pump("request", reader, server_writer)),
            asyncio.ensure_future(self._pump("answer", server_reader, writer)),
        ]
        # The end of one direction is the end of the connection, as for HTTP.
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        for each in (writer, server_writer):
            each.transport.abort()

    async def _pump(self, side: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(1 << 16):
                damage, first = self.damage, self.passed[side]
                self.passed[side] += len(octets)
                if damage is not None and damage.side == side and first <= damage.at < first + len(octets):
                    self.damage = None
                    before, octets = octets[: damage.at - first], octets[damage.at - first :]
                    writer.write(before)
                    await writer.drain()
                    if damage.kind == "cut":
                        return
                    octets = await _damaged(damage.kind, octets, reader)
                writer.write(octets)
                await writer.drain()


async def _damaged(kind: str, octets: bytes, reader: asyncio.StreamReader) -> bytes:
    """Return what follows instead of some bytes; one that is stalled returns when the client has gone."""
    if kind == "stalled":
        while await reader.read(1 << 16):
            pass
        return b""
    if kind == "delayed":
        await asyncio.sleep(_DELAY_SECONDS)
        return octets
    if kind == "duplicated":
        return octets[:1] + octets
    return bytes([octets[0] ^ 1]) + octets[1:]
