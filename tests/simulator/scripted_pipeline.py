# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command whose script is declared: it runs, waits and ends as the declaration says."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from psrpcore import MissingCipherError
from psrpcore.types import ErrorRecord, PSInvocationState, PSRPMessageType, PSSecureString

from . import messages
from .clock import Wakeup
from .pipeline import Pipeline, script_text, statements_of
from .psrp import Message, ProtocolViolation
from .records import STOPPED, Failure, Origin
from .script_context import BufferSpace, HostAnswer, NextInput, ScriptFailure, SessionKey, Sleep, Wait
from .scripts import Script

if TYPE_CHECKING:
    from .scripted_pool import ScriptedPool


def _arguments(metadata: Any) -> Iterator[Any]:
    return (part for commands in statements_of(metadata) for command in commands for part in command.Args or ())


def parameters_of(metadata: Any) -> dict[str, Any]:
    """The named parameters of a CREATE_PIPELINE message; SecureStrings are decrypted while the key is there.

    Raises:
        ValueError: a SecureString cannot be decrypted with the session key.
    """
    parameters: dict[str, Any] = {}
    for part in (part for part in _arguments(metadata) if part.N):
        value = part.V
        if isinstance(value, PSSecureString):
            try:
                value = PSSecureString(value.decrypt())
            except MissingCipherError as error:
                raise ValueError("there is no session key to decrypt a SecureString with") from error
        parameters[str(part.N).lstrip("-")] = value
    return parameters


def arguments_of(metadata: Any) -> list[Any]:
    """The arguments of a CREATE_PIPELINE message that have no name."""
    return [part.V for part in _arguments(metadata) if not part.N]


def parameter_without_argument(metadata: Any) -> str | None:
    """The name of a parameter that is written with a dash and has no value (CommandParameter, in PowerShell's source).

    A name with a dash is taken for source text, where null after it is no argument; one without is a plain name.
    """
    parts = _arguments(metadata)
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


def has_ui(metadata: Any) -> bool | None:
    """Whether the HostInfo of a CREATE_PIPELINE has a user interface; ``None`` if the host is that of the pool."""
    host_info = getattr(metadata, "HostInfo", None)
    if getattr(host_info, "_useRunspaceHost", True):
        return None
    return not getattr(host_info, "_isHostUINull", True)


class ScriptedPipeline(Pipeline):
    """A command that carries out the steps of a ``Script``.

    Attributes:
        waiting_script: one that begins as soon as the fleet starts.
        parameters: what the script got by name; SecureStrings are in clear.
        arguments: what it got without a name.
        has_ui: whether the client said that its host has a user interface; ``None`` if it said nothing of its own.
    """

    pool: ScriptedPool

    def __init__(self, pool: ScriptedPool, command: uuid.UUID, command_line: str = "") -> None:
        super().__init__(pool, command, command_line)
        self.waiting_script: Script | None = None
        self.parameters: dict[str, Any] = {}
        self.arguments: list[Any] = []
        self.has_ui: bool | None = None
        self._task: asyncio.Task[None] | None = None
        self._input: deque[Any] = deque()
        self._input_open = True
        self._input_changed = Wakeup()
        self._answers: dict[int, Any] = {}
        self._calls = 0

    @property
    def variables(self) -> dict[str, Any]:
        """The session's variables, common to all its commands."""
        return self.pool.variables

    @property
    def origin(self) -> Origin:
        """Owner, computer and process id for information records."""
        return self.pool.origin

    # What a script does

    def emit(self, kind: PSRPMessageType, value: Any) -> None:
        """Append a message to the output."""
        self.put(self.pool.message_of(kind, value, self.id))

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

    def process(self, message: Message, data: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Take a client's message; ``data`` is its content.

        Raises:
            ProtocolViolation: it is none for a pipeline.
        """
        kind = PSRPMessageType
        self.id = message.pipeline_id or self.id
        if message.type is kind.CreatePipeline:
            self.start(self._create(data), loop)
        elif message.type is kind.GetCommandMetadata:
            self.start(self.pool.scripts.find("Get-Command"), loop)
        elif message.type is kind.PipelineInput:
            # Null is a message without data; a Nil element is dropped (seen: PowerShell 7.6, Linux).
            if data is not None or not message.data:
                self._add_input(data)
        elif message.type is kind.EndOfPipelineInput:
            self.end_input()
        elif message.type is kind.PipelineHostResponse:
            self._answer_host_call(int(data.ci), getattr(data, "mr", None), getattr(data, "me", None))
        else:
            raise ProtocolViolation(f"a pipeline does not expect {message.type.name}")

    def _create(self, metadata: Any) -> Script:
        """Take the CREATE_PIPELINE data and return the script it means."""
        self.text, self.parameters = script_text(metadata), parameters_of(metadata)
        self.arguments = arguments_of(metadata)
        self.has_ui = has_ui(metadata)
        if metadata.NoInput:
            self.end_input()
        script = self.pool.scripts.find(self.text)
        name = parameter_without_argument(metadata)
        return script if name is None else Script(script.name, (("throw", missing_argument(name)),))

    def start_earlier(self, script: str, finished: bool) -> None:
        """Be the command that an earlier client started: it begins with the fleet, or has run to its end."""
        self.text = script
        self.end_input()
        if finished:
            self.run_to_end(self.pool.scripts.named(script))
        else:
            self.waiting_script = self.pool.scripts.named(script)

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
        if not self.is_running:
            return
        self.end()
        self._finish(PSInvocationState.Stopped, STOPPED.record())

    def end(self) -> None:
        """End the script without a message to the client."""
        if self._task is not None:
            self._task.cancel()

    def _finish(self, state: PSInvocationState, error: ErrorRecord | None = None) -> None:
        self.state = state
        last = self.pool.message_of(PSRPMessageType.PipelineState, messages.pipeline_state(state, error), self.id)
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
            # The declaration is at fault. The client is told, instead of waiting for ever.
            self._finish(PSInvocationState.Failed, Failure(f"script {script.name!r}: {error}").record())

    async def _satisfy(self, wait: Wait) -> Any:
        clock = self.pool.clock
        if isinstance(wait, Sleep):
            await clock.sleep_until(clock.now() + wait.seconds)
        elif isinstance(wait, BufferSpace):
            await self._until(self.output.changed, lambda: not self.is_full)
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

    @staticmethod
    async def _until(change: Wakeup, condition: Callable[[], bool]) -> None:
        while not condition():
            await change.wait()

    # What a client sends

    def _add_input(self, value: Any) -> None:
        """Take a PIPELINE_INPUT object; after a Connect the input is closed and the object is lost."""
        if self._input_open:
            self._input.append(value)
            self._input_changed.notify()

    def end_input(self) -> None:
        """Close the input, because the client says so or because another one connected (MS-PSRP 3.1.4.10.3)."""
        self._input_open = False
        self._input_changed.notify()

    def _answer_host_call(self, call_id: int, value: Any, error: ErrorRecord | None) -> None:
        """Take a PIPELINE_HOST_RESPONSE."""
        self._answers[call_id] = (value, error)
        self._input_changed.notify()
