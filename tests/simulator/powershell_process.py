# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ``pwsh -s``: a PowerShell that speaks PSRP over its standard streams (MS-PSRP's out-of-process transport).

Each packet is a line of XML. ``Data`` carries PSRP fragments of the runspace pool (a GUID of zeros) or of a command;
``Command`` announces a command, ``Signal`` stops it, ``Close`` ends it or the pool. The process acknowledges each.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import tempfile
import uuid
from asyncio.subprocess import PIPE, SubprocessStreamProtocol
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .clock import Wakeup
from .watchdog import Watchdog, kill_group

Verb = Literal["Data", "Command", "Signal", "Close"]
#: The GUID that stands for the runspace pool.
POOL = uuid.UUID(int=0)
#: Streams of ``Data`` packets; the second is for answers to host calls.
DEFAULT_STREAM, PROMPT_RESPONSE = "Default", "PromptResponse"
#: The process handles every line on a thread of its own, so these may overtake each other when one follows without
#: waiting for the acknowledgement of the one before; then no answer ever comes (seen: PowerShell 7.6, Linux). A
#: ``Signal`` or ``Close`` is acknowledged only when the command has stopped, however long the script takes for that.
_ONE_AT_A_TIME = ("Data", "Command")
_PACKET = re.compile(rb"<(\w+)(?: Stream='(\w+)')? PSGuid='([0-9a-fA-F-]{36})'\s*(?:/>|>([A-Za-z0-9+/=]*)</Data>)\s*$")
#: What the child takes over from this process's environment: where programs and the .NET runtime are.
_INHERITED = ("PATH", "DOTNET_ROOT", "LD_LIBRARY_PATH", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT")
_CHUNK = 1 << 16


def find_powershell() -> str | None:
    """Path of the PowerShell for tests: PSSESSION_TEST_POWERSHELL, else the ``pwsh`` on PATH, else ``None``."""
    return os.environ.get("PSSESSION_TEST_POWERSHELL") or shutil.which("pwsh")


class PowerShellEnded(ConnectionError):
    """The process has ended, or its output is damaged."""


@dataclass(frozen=True)
class Data:
    """A ``Data`` packet of the process: fragments of the pool's messages or of a command's.

    Attributes:
        target: ``POOL`` or the command's id.
    """

    target: uuid.UUID
    octets: bytes


@dataclass
class _Posted:
    """A packet on its way to the process, until it is acknowledged."""

    verb: Verb
    target: uuid.UUID
    line: bytes
    acknowledged: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class _Streams(SubprocessStreamProtocol):
    """The standard streams, and the end of the process as soon as it is known.

    ``asyncio.subprocess.Process.wait`` returns only when the pipes are closed, too, and a child of the process may hold
    them open.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_CHUNK, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        self.exited.set()
        super().process_exited()


class PowerShellProcess:
    """A running ``pwsh -s`` in a process group of its own. All methods belong to the event loop that started it.

    The caller has to iterate over ``packets`` all the time: acknowledgements are read there. When the process ends,
    what it has started ends with it.

    Attributes:
        pid: the process's id, which is also that of its process group.
        home: its HOME, temporary folder and current folder.
    """

    def __init__(
        self,
        transport: asyncio.SubprocessTransport,
        streams: _Streams,
        home: tempfile.TemporaryDirectory[str],
        watchdog: Watchdog,
    ) -> None:
        """Take over a process that ``start`` made."""
        self.pid = transport.get_pid()
        self.home = home.name
        self._transport = transport
        self._streams = streams
        self._folder = home
        self._watchdog = watchdog
        self._outbox: deque[_Posted] = deque()
        self._posted = Wakeup()
        self._unacknowledged: list[_Posted] = []
        self._suspended = False
        self._resumed = Wakeup()
        self._errors: deque[str] = deque(maxlen=20)
        self._over = asyncio.Event()
        self._tasks = [asyncio.ensure_future(self._write()), asyncio.ensure_future(self._read_errors())]
        self._reaper = asyncio.ensure_future(self._reap())

    @classmethod
    async def start(cls, path: str | Path, watchdog: Watchdog) -> PowerShellProcess:
        """Start ``path``, with a home folder of its own and none of this process's secrets in its environment.

        Args:
            path: of ``pwsh``.
            watchdog: kills the process and what it has started when this process ends without ``end``.

        Raises:
            OSError: it cannot be started.
        """
        loop = asyncio.get_running_loop()
        home = tempfile.TemporaryDirectory(prefix="simulated-powershell-", ignore_cleanup_errors=True)
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
            "HOME": home.name,
            "TMPDIR": home.name,
            "LANG": "C.UTF-8",
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "POWERSHELL_UPDATECHECK": "Off",
        }
        try:
            transport, streams = await loop.subprocess_exec(
                lambda: _Streams(loop),
                *(str(path), "-NoProfile", "-NoLogo", "-s"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=home.name,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            home.cleanup()
            raise
        # Should this process be killed just here, the end of its input ends the PowerShell: no command runs yet.
        watchdog.watch(transport.get_pid(), home.name)
        return cls(transport, streams, home, watchdog)

    # To the process

    def post(
        self, verb: Verb, target: uuid.UUID = POOL, octets: bytes = b"", stream: str = DEFAULT_STREAM
    ) -> asyncio.Future[None]:
        """Queue a packet. ``Data`` and ``Command`` go out one by one, each when the one before is acknowledged.

        Args:
            octets: fragments, for ``Data``. CREATE_PIPELINE must be alone in its packet.
            stream: for ``Data``.

        Returns:
            Done when the process has acknowledged the packet; ``PowerShellEnded`` when it ends before. The caller may
            ignore it.
        """
        if verb == "Data":
            content = base64.b64encode(octets).decode()
            line = f"<Data Stream='{stream}' PSGuid='{target}'>{content}</Data>\n"
        else:
            line = f"<{verb} PSGuid='{target}' />\n"
        posted = _Posted(verb, target, line.encode())
        if self._over.is_set():
            self._give_up(posted)
        else:
            self._outbox.append(posted)
            self._posted.notify()
        return posted.acknowledged

    async def _write(self) -> None:
        stdin = self._streams.stdin
        assert stdin is not None
        while True:
            while not self._outbox:
                await self._posted.wait()
            posted = self._outbox.popleft()
            self._unacknowledged.append(posted)
            # Reading may be suspended, and the acknowledgement has to be read.
            self._resumed.notify()
            try:
                stdin.write(posted.line)
                await stdin.drain()
            except OSError:
                return  # the reader notices the end
            if posted.verb in _ONE_AT_A_TIME:
                await asyncio.wait({posted.acknowledged})

    @staticmethod
    def _give_up(posted: _Posted) -> None:
        if not posted.acknowledged.done():
            posted.acknowledged.set_exception(PowerShellEnded("the PowerShell process has ended"))
            posted.acknowledged.exception()  # marks it as seen: asyncio would warn about callers that ignore it

    # From the process

    def suspend(self) -> None:
        """Stop reading, except while an acknowledgement is due: the process stops as soon as its pipe is full."""
        self._suspended = True

    def resume(self) -> None:
        """Go on reading."""
        self._suspended = False
        self._resumed.notify()

    async def packets(self) -> AsyncIterator[Data]:
        """What the process sends, in order, until it ends.

        A program that a script started may have the process's own standard output. What it writes there is lost, as
        without a console on Windows.

        Raises:
            PowerShellEnded: a packet was damaged.
        """
        stdout = self._streams.stdout
        assert stdout is not None
        pending = bytearray()
        while True:
            while self._suspended and not self._unacknowledged:
                await self._resumed.wait()
            chunk = await stdout.read(_CHUNK)
            if not chunk:
                return
            pending += chunk
            *lines, rest = pending.split(b"\n")
            pending = bytearray(rest)
            for line in lines:
                data = self._read(bytes(line))
                if data is not None:
                    yield data

    def _read(self, line: bytes) -> Data | None:
        packet = _PACKET.search(line)
        if packet is None:
            if b"PSGuid" in line:
                raise PowerShellEnded("a packet of the PowerShell process is damaged")
            return None
        name, _stream, target, content = packet.groups()
        if name == b"Data":
            return Data(uuid.UUID(target.decode()), base64.b64decode(content))
        self._acknowledge(name.decode().removesuffix("Ack"), uuid.UUID(target.decode()))
        return None

    def _acknowledge(self, verb: str, target: uuid.UUID) -> None:
        for posted in self._unacknowledged:
            if (posted.verb, posted.target) == (verb, target):
                self._unacknowledged.remove(posted)
                if not posted.acknowledged.done():
                    posted.acknowledged.set_result(None)
                return

    async def _read_errors(self) -> None:
        stderr = self._streams.stderr
        assert stderr is not None
        while chunk := await stderr.read(_CHUNK):
            self._errors.extend(chunk.decode(errors="replace").splitlines())

    @property
    def errors(self) -> list[str]:
        """The last lines on standard error: PowerShell tells there which messages it could not read."""
        return list(self._errors)

    # The end

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, a signal's number negative; ``None`` while it runs."""
        return self._transport.get_returncode()

    async def wait(self) -> None:
        """Return once the process has ended, by itself or by ``end``, and nothing is left of it."""
        await self._over.wait()

    async def end(self) -> None:
        """Kill the process and all processes in its group; return when they are gone. From the second time on, wait."""
        if self.exit_code is None:
            kill_group(self.pid)
        await self.wait()

    async def _reap(self) -> None:
        """Wait for the end of the process, whatever ends it, and clean up after it."""
        await self._streams.exited.wait()
        for task in self._tasks:
            task.cancel()
        kill_group(self.pid)
        self._watchdog.forget(self.pid)
        # Closed from this side: a process that has left the group may hold the other ends for ever.
        self._transport.close()
        self._over.set()
        self.resume()
        for posted in (*self._unacknowledged, *self._outbox):
            self._give_up(posted)
        self._folder.cleanup()
