# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of `pwsh -s`: packets and acknowledgements, and what is left of a process when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ..powershell_process import POOL, PowerShellEnded, PowerShellProcess
from ..waiting import POLL_SECONDS
from ..watchdog import Watchdog
from .powershell_client import is_alive
from .raw_client import (
    CREATE_PIPELINE,
    INIT_RUNSPACEPOOL,
    PIPELINE_OUTPUT,
    PIPELINE_STATE,
    RUNSPACEPOOL_STATE,
    SESSION_CAPABILITY,
    Received,
    capability,
    create_script,
    fragment,
    init_runspacepool,
    message,
    unpack,
)

pytestmark = pytest.mark.timing

#: Seconds until a test gives up. Nothing here takes more than a few.
PATIENCE = 60.0


class Client:
    """A pool in a process of its own, and everything the process has sent."""

    def __init__(self, process: PowerShellProcess) -> None:
        self.process = process
        self.pool_id = str(uuid.uuid4())
        self.received: list[tuple[uuid.UUID, Received]] = []
        self._changed = asyncio.Condition()
        self.reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for data in self.process.packets():
            async with self._changed:
                self.received += [(data.target, part) for part in unpack(data.octets)]
                self._changed.notify_all()

    async def open(self) -> None:
        octets = fragment(1, message(SESSION_CAPABILITY, self.pool_id, capability()))
        octets += fragment(2, message(INIT_RUNSPACEPOOL, self.pool_id, init_runspacepool()))
        await self.process.post("Data", POOL, octets)
        await self.until(lambda: bool(self.of(POOL, RUNSPACEPOOL_STATE)))

    async def run(self, script: str) -> uuid.UUID:
        command = uuid.uuid4()
        self.process.post("Command", command)
        create = message(CREATE_PIPELINE, self.pool_id, create_script(script), str(command))
        await self.process.post("Data", command, fragment(3, create))
        return command

    def of(self, target: uuid.UUID, kind: int) -> list[str]:
        """CLIXML of the messages of one kind of a command or of the pool."""
        return [part.clixml for origin, part in self.received if origin == target and part.type == kind]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), PATIENCE)


@asynccontextmanager
async def started(powershell: str) -> AsyncIterator[Client]:
    watchdog = Watchdog()
    client = Client(await PowerShellProcess.start(powershell, watchdog))
    try:
        await asyncio.wait_for(client.open(), PATIENCE)
        yield client
    finally:
        await client.process.end()
        client.reader.cancel()
        watchdog.close()


def within(test: Callable[[str], Awaitable[None]], powershell: str) -> None:
    async def limited() -> None:
        await asyncio.wait_for(test(powershell), 2 * PATIENCE)

    asyncio.run(limited())


def test_a_script_runs_to_its_end(powershell: str) -> None:
    async def test(path: str) -> None:
        async with started(path) as client:
            command = await client.run("1; 'ü'; $env:HOME")
            await client.until(lambda: bool(client.of(command, PIPELINE_STATE)))
            home = client.of(command, PIPELINE_OUTPUT)[2]
            assert client.of(command, PIPELINE_OUTPUT) == ["<I32>1</I32>", "<S>ü</S>", home]
            assert home != f"<S>{os.environ.get('HOME')}</S>"
            await client.process.post("Close", command)
        assert not is_alive(client.process.pid)
        assert not Path(home[3:-4]).exists()

    within(test, powershell)


def test_a_command_stops_while_nobody_reads_its_output(powershell: str) -> None:
    async def test(path: str) -> None:
        async with started(path) as client:
            command = await client.run("while ($true) { 'x' * 10000 }")
            await client.until(lambda: len(client.received) > 50)
            client.process.suspend()
            await asyncio.wait_for(client.process.post("Signal", command), PATIENCE)
            client.process.resume()
            await client.until(lambda: bool(client.of(command, PIPELINE_STATE)))
            assert '<I32 N="PipelineState">3</I32>' in client.of(command, PIPELINE_STATE)[0]

    within(test, powershell)


def waits_for_reader(pid: int) -> tuple[str, str] | None:
    """Return the thread of a process that is held up in writing to standard output, and how often it was ever held up.

    A write to a pipe sleeps only while the pipe is full.
    """
    pipe = os.readlink(f"/proc/{pid}/fd/1")
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile, or what it waits for is no file
            _call, *arguments = (thread / "syscall").read_text().split()
            if arguments and os.readlink(f"/proc/{pid}/fd/{int(arguments[0], 16)}") == pipe:
                switches = re.findall(r"voluntary_ctxt_switches:\s+(\d+)", (thread / "status").read_text())
                return thread.name, switches[0]
    return None


async def held_up(pid: int) -> None:
    """Return when one wait of a process for its reader has outlasted many looks."""
    looks = 0
    before = None
    while looks < 50:
        await asyncio.sleep(POLL_SECONDS)
        now = waits_for_reader(pid)
        looks = looks + 1 if now and now == before else 0
        before = now


def test_suspended_reading_holds_a_script_up(powershell: str) -> None:
    async def test(path: str) -> None:
        async with started(path) as client:
            counter = Path(client.process.home, "counter")
            script = f"$i = 0; while ($true) {{ 'x' * 10000; $i++; Set-Content '{counter}' $i }}"
            command = await client.run(script)
            await client.until(lambda: len(client.of(command, PIPELINE_OUTPUT)) > 10)
            client.process.suspend()
            await held_up(client.process.pid)
            reached = int(counter.read_text())
            assert 0 < reached < 1000
            client.process.resume()
            await client.until(lambda: len(client.of(command, PIPELINE_OUTPUT)) > reached + 10)
            client.process.suspend()
            os.kill(client.process.pid, signal.SIGKILL)
            await asyncio.wait_for(client.reader, PATIENCE)

    within(test, powershell)


@pytest.mark.parametrize(("script", "code"), [("[Environment]::Exit(7)", 7), ("Stop-Process -Id $PID -Force", -9)])
def test_what_ends_the_process_is_noticed(powershell: str, script: str, code: int) -> None:
    async def test(path: str) -> None:
        async with started(path) as client:
            await client.run(script)
            await asyncio.wait_for(client.reader, PATIENCE)
            await client.process.wait()
            assert client.process.exit_code == code
            await client.process.end()
            with pytest.raises(PowerShellEnded):
                await client.process.post("Command", uuid.uuid4())

    within(test, powershell)
