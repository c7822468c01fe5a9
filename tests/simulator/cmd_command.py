# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command of a cmd shell: a declared script whose output is text."""

from __future__ import annotations

import asyncio
import base64
import re
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psrpcore.types import PSRPMessageType

from . import messages
from .clock import FleetClock, Wakeup
from .records import Failure, Origin
from .script_context import NextInput, ScriptFailure, Sleep, Wait
from .scripts import Script

_ENCODED = re.compile(
    r"^\s*powershell(?:\.exe)?\s.*?-e(?:c|nc|ncodedcommand)?\s+([A-Za-z0-9+/=]+)\s*$", re.IGNORECASE | re.DOTALL
)
_LABELS = {"WriteWarningLine": "WARNING: ", "WriteVerboseLine": "VERBOSE: ", "WriteDebugLine": "DEBUG: "}


def text_of_command(command: str, arguments: Sequence[str]) -> str:
    """The text that a declared script is looked up by.

    It is the command line, or the script in it, where that is ``powershell -EncodedCommand``.
    """
    line = " ".join([command.strip('"'), *arguments])
    encoded = _ENCODED.match(line)
    if encoded is None:
        return line
    try:
        return base64.b64decode(encoded[1], validate=True).decode("utf-16-le")
    except ValueError:
        return line


@dataclass(eq=False)
class CmdCommand:
    """A running or finished command. It is the context of its script.

    Objects and what Write-Host writes go to stdout, errors to stderr, each as a line.

    Attributes:
        text: of the script.
        encoding: of the shell's code page.
        exit_code: what the script gives to ``exit``; 1 after an error that ends it.
        output: stream and octets that no client has fetched, oldest first.
        ended: nothing more will be written.
        failed: an error ended the script.
        collected: a client has received the last output.
        closed: by a signal; a Receive that waits is refused.
        changed: notified of new output and of the end.
    """

    text: str
    variables: dict[str, Any]
    origin: Origin
    encoding: str = "cp437"
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    exit_code: int = 0
    output: deque[tuple[str, bytes]] = field(default_factory=deque)
    ended: bool = False
    failed: bool = False
    collected: bool = False
    closed: bool = False
    changed: Wakeup = field(default_factory=Wakeup)
    parameters: dict[str, Any] = field(default_factory=dict)
    _input: deque[str] = field(default_factory=deque)
    _input_open: bool = True
    _input_changed: Wakeup = field(default_factory=Wakeup)
    _task: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """``Running``, ``Completed`` or, after an error that ended it, ``Failed``."""
        return ("Failed" if self.failed else "Completed") if self.ended else "Running"

    @property
    def has_ui(self) -> bool | None:
        """A console is there to write to."""
        return True

    def start(self, script: Script, clock: FleetClock) -> None:
        """Run ``script`` in the background."""
        self._task = asyncio.get_running_loop().create_task(self._drive(script, clock))

    def close(self) -> None:
        """End the script and forget its output."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()
        self.output.clear()
        self.changed.notify()

    def add_input(self, octets: bytes, end: bool) -> None:
        """Take text from the client, one input object for each line."""
        self._input.extend(octets.decode(self.encoding, "replace").splitlines())
        self._input_open = self._input_open and not end
        self._input_changed.notify()

    # What a script does

    def emit(self, kind: PSRPMessageType, value: Any) -> None:
        """Write an object or an error; other records are written by ``tell_host``."""
        shown = messages.from_clixml(value) if isinstance(value, bytes) else value
        if kind is PSRPMessageType.PipelineOutput and shown is not None:
            self._write("stdout", f"{shown}\r\n")
        elif kind is PSRPMessageType.ErrorRecord:
            self._write("stderr", f"{shown}\r\n")

    def call_host(self, method: str, parameters: Sequence[Any]) -> int:
        """Fail: there is no host that could answer.

        Raises:
            ScriptFailure: always.
        """
        del parameters
        raise ScriptFailure(Failure(f"{method} needs a host", category="NotImplemented").record())

    def tell_host(self, method: str, parameters: Sequence[Any]) -> None:
        """Write to the console, or take the exit code."""
        if method == "SetShouldExit":
            self.exit_code = int(parameters[0])
        elif method in ("WriteLine2", "Write1", *_LABELS):
            ending = "" if method == "Write1" else "\r\n"
            self._write("stdout", f"{_LABELS.get(method, '')}{parameters[0]}{ending}")

    def _write(self, stream: str, text: str) -> None:
        self.output.append((stream, text.encode(self.encoding, "replace")))
        self.changed.notify()

    async def _drive(self, script: Script, clock: FleetClock) -> None:
        execution = script.run(self)
        try:
            wait = next(execution)
            while True:
                wait = execution.send(await self._satisfy(wait, clock))
        except StopIteration:
            pass
        except ScriptFailure as failure:
            self.exit_code, self.failed = 1, True
            self._write("stderr", f"{failure.record}\r\n")
        self.ended = True
        self.changed.notify()

    async def _satisfy(self, wait: Wait, clock: FleetClock) -> Any:
        if isinstance(wait, Sleep):
            await clock.sleep_until(clock.now() + wait.seconds)
        elif isinstance(wait, NextInput):
            while self._input_open and not self._input:
                await self._input_changed.wait()
            return [self._input.popleft()] if self._input else []
        return None
