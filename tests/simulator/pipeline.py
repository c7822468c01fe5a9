# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command of a session: its script, its input and its output."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from psrpcore import MissingCipherError
from psrpcore.types import ErrorRecord, PSInvocationState, PSRPMessageType, PSSecureString

from . import messages
from .clock import Wakeup
from .psrp import OutputQueue
from .scripts import HostAnswer, NextInput, Room, Script, ScriptFailure, SessionKey, Sleep, Wait

if TYPE_CHECKING:
    from .pool import RunspacePool
    from .wsman import Answer


def script_text(metadata: Any) -> str:
    """The script of a CREATE_PIPELINE message (MS-PSRP 2.2.2.10) as one text.

    Commands of a pipeline are joined by ``|``, statements by ``;``, and arguments follow their command.
    """

    def argument(part: Any) -> str:
        words = [str(part.N) if str(part.N).startswith("-") else f"-{part.N}"] if part.N else []
        value = "System.Security.SecureString" if isinstance(part.V, PSSecureString) else part.V
        return " ".join(words + ([] if value is None else [str(value)]))

    def command(part: Any) -> str:
        return " ".join([str(part.Cmd), *(argument(item) for item in part.Args or ())])

    power_shell = metadata.PowerShell
    statements = [statement.Cmds for statement in power_shell.ExtraCmds or ()] or [power_shell.Cmds]
    return "; ".join(" | ".join(command(part) for part in statement) for statement in statements)


def parameters_of(metadata: Any) -> dict[str, Any]:
    """The named parameters of a CREATE_PIPELINE message; SecureStrings are decrypted while the key is there.

    Raises:
        ValueError: a SecureString cannot be decrypted with the session key.
    """
    parameters: dict[str, Any] = {}
    for part in (part for command in metadata.PowerShell.Cmds for part in command.Args or () if part.N):
        value = part.V
        if isinstance(value, PSSecureString):
            try:
                value = PSSecureString(value.decrypt())
            except MissingCipherError as error:
                raise ValueError("there is no session key to decrypt a SecureString with") from error
        parameters[str(part.N).lstrip("-")] = value
    return parameters


def parameter_without_argument(metadata: Any) -> str | None:
    """The name of a parameter that is written with a dash and has no value (CommandParameter, in PowerShell's source).

    A name with a dash is taken for source text, where null after it is no argument; one without is a plain name.
    """
    parts = (part for command in metadata.PowerShell.Cmds for part in command.Args or ())
    return next((str(part.N)[1:] for part in parts if part.V is None and str(part.N or "").startswith("-")), None)


def missing_argument(name: str) -> dict[str, str]:
    """The error of a script with such a parameter (seen: PowerShell 7.6, Linux)."""
    return {
        "message": f"Missing an argument for parameter '{name}'. "
        "Specify a parameter of type 'System.Object' and try again.",
        "error_id": "MissingArgument",
        "category": "InvalidArgument",
        "exception": "System.Management.Automation.ParameterBindingException",
    }


class Pipeline:
    """A command: it runs, waits, ends, and keeps its output until a client has fetched it.

    Attributes:
        command: the id on WSMan level.
        id: the id in PSRP messages, as the client wrote it; see ``RunspacePool.id``.
        command_line: what a listing shows as rsp:CommandLine (at most 256 characters, sent by native clients).
        collected: a client has received the last message; the command only waits for its Signal.
        planted: a script that begins as soon as the fleet starts.
        parameters: what the script got by name; SecureStrings are in clear.
        unacknowledged: the last answer to a Receive, until the same client's next one proves it arrived.
        replay: what the next Receive answers instead of new data.
    """

    def __init__(self, pool: RunspacePool, command: uuid.UUID, command_line: str = "") -> None:
        self.pool = pool
        self.command = self.id = command
        self.command_line = command_line[:256]
        self.output = OutputQueue()
        self.state = PSInvocationState.NotStarted
        self.collected = False
        self.closed = False
        self.text = ""
        self.planted: Script | None = None
        self.parameters: dict[str, Any] = {}
        self.unacknowledged: Answer | None = None
        self.replay: Answer | None = None
        self._task: asyncio.Task[None] | None = None
        self._input: deque[Any] = deque()
        self._input_open = True
        self._input_changed = Wakeup()
        self._answers: dict[int, Any] = {}
        self._calls = 0

    @property
    def command_id(self) -> str:
        """The id on the wire, upper case."""
        return str(self.command).upper()

    @property
    def variables(self) -> dict[str, Any]:
        """The session's variables, common to all its commands."""
        return self.pool.variables

    @property
    def origin(self) -> tuple[str, str, int]:
        """Owner, computer and process id for information records."""
        return self.pool.origin

    # What a script does

    def emit(self, kind: PSRPMessageType, value: Any) -> None:
        """Append a message to the output; under BufferMode Drop the oldest gives way."""
        while self.pool.dropping() and self.output.size >= self.pool.capacity() and self.output.drop_oldest():
            pass
        self.output.put(self.pool.outgoing(kind, value, self.id))

    def call_host(self, method: str, parameters: Sequence[Any]) -> int:
        """Send a PIPELINE_HOST_CALL and return its call id."""
        self._calls += 1
        self.emit(PSRPMessageType.PipelineHostCall, messages.host_call(self._calls, method, parameters))
        return self._calls

    def tell_host(self, method: str, parameters: Sequence[Any]) -> None:
        """Send a PIPELINE_HOST_CALL that wants no answer."""
        call = messages.host_call(messages.NO_ANSWER, method, parameters)
        self.emit(PSRPMessageType.PipelineHostCall, call)

    # Life

    def create(self, metadata: Any) -> Script:
        """Take the CREATE_PIPELINE data and return the script it means."""
        self.text, self.parameters = script_text(metadata), parameters_of(metadata)
        if metadata.NoInput:
            self.end_input()
        script = self.pool.scripts.find(self.text)
        name = parameter_without_argument(metadata)
        return script if name is None else Script(script.name, (("throw", missing_argument(name)),))

    def start(self, script: Script, loop: asyncio.AbstractEventLoop) -> None:
        """Run ``script`` in the background."""
        self.state = PSInvocationState.Running
        self._task = loop.create_task(self._drive(script))

    def run_to_end(self, script: Script) -> None:
        """Run ``script`` at once, as if it had run long ago: nothing is waited for."""
        self.state = PSInvocationState.Running
        execution = script.run(self)
        try:
            wait = next(execution)
            while True:
                if isinstance(wait, SessionKey):
                    self.pool.need_key()
                wait = execution.send([] if isinstance(wait, NextInput) else None)
        except StopIteration:
            self._finish(PSInvocationState.Completed)
        except ScriptFailure as failure:
            self._finish(PSInvocationState.Failed, failure.record)

    def stop(self) -> None:
        """End the script as Stopped (the signal ``powershell/signal/crtl_c``)."""
        if self.state is not PSInvocationState.Running:
            return
        self._cancel()
        self._finish(PSInvocationState.Stopped, messages.stopped_error())

    def close(self) -> None:
        """Forget the command: its script ends unheard, and pending Receives wake up to find it closed."""
        self.closed = True
        self._cancel()
        self.output.clear()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, state: PSInvocationState, error: ErrorRecord | None = None) -> None:
        self.state = state
        last = self.pool.outgoing(PSRPMessageType.PipelineState, messages.pipeline_state(state, error), self.id)
        last.final = True
        self.output.put(last)

    async def _drive(self, script: Script) -> None:
        execution = script.run(self)
        try:
            wait = next(execution)
            while True:
                wait = execution.send(await self._satisfy(wait))
        except StopIteration:
            self._finish(PSInvocationState.Completed)
        except ScriptFailure as failure:
            self._finish(PSInvocationState.Failed, failure.record)
        except (TypeError, ValueError) as error:
            # The declaration is at fault. The client hears it, instead of waiting for ever.
            self._finish(PSInvocationState.Failed, messages.error_record(f"script {script.name!r}: {error}"))

    async def _satisfy(self, wait: Wait) -> Any:
        clock = self.pool.clock
        if isinstance(wait, Sleep):
            await clock.sleep_until(clock.now() + wait.seconds)
        elif isinstance(wait, Room):
            await self._until(self.output.changed, self._has_room)
        elif isinstance(wait, SessionKey):
            self.pool.need_key()
            await self._until(self.pool.key_changed, lambda: self.pool.has_key)
        elif isinstance(wait, NextInput):
            await self._until(self._input_changed, lambda: bool(self._input) or not self._input_open)
            return [self._input.popleft()] if self._input else []
        elif isinstance(wait, HostAnswer):
            await self._until(self._input_changed, lambda: wait.call_id in self._answers)
            return self._answers.pop(wait.call_id)
        return None

    def _has_room(self) -> bool:
        return self.pool.dropping() or self.output.size < self.pool.capacity()

    @staticmethod
    async def _until(change: Wakeup, condition: Callable[[], bool]) -> None:
        while not condition():
            await change.wait()

    # What a client sends

    def add_input(self, value: Any) -> None:
        """Take a PIPELINE_INPUT object; after a Connect the input is closed and the object is lost."""
        if self._input_open:
            self._input.append(value)
            self._input_changed.notify()

    def end_input(self) -> None:
        """Close the input, because the client says so or because another one connected (MS-PSRP 3.1.4.10.3)."""
        self._input_open = False
        self._input_changed.notify()

    def answer_host_call(self, call_id: int, value: Any) -> None:
        """Take a PIPELINE_HOST_RESPONSE."""
        self._answers[call_id] = value
        self._input_changed.notify()
