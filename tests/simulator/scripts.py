# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script does, declared in YAML; there is no PowerShell interpreter here.

A script is a list of steps, each a mapping with one key::

    - output: hello            # PIPELINE_OUTPUT; a list is one object per item, see messages.to_powershell
    - output_variable: name    # the value of a session variable
    - output_parameter: name   # of a named parameter {secure: whether it is a SecureString, length: of its text}
    - output_input: true       # every input object, until the client ends the input
    - set: {name: value}       # session variables; they live as long as the session
    - error: text              # or {message, error_id, category, exception, target}
    - warning: text            # likewise verbose, debug; a host with a user interface gets a call with the text, too
    - information: text        # or {data, source, tags}
    - write_host: text         # or {text, no_newline}: what Write-Host does, a record, and a call as for warning
    - progress: text           # or {activity, activity_id, status, operation, percent, completed, ...}
    - sleep: 30                # seconds of the fleet's clock
    - prompt: question         # or {method, parameters, set}: a host call; `set` names a variable for the answer. It
                               # ends the pipeline as Failed if the client has said that its host has no user interface
    - host: WriteLine2         # or {method, parameters}: a host call that wants no answer, such as those that write
    - exit: 3                  # tells the host the exit code and ends the pipeline as Completed
    - throw: text              # or as for error: ends the pipeline as Failed
    - repeat: {times: 3, steps: [...]}
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from psrpcore.types import ErrorRecord, PSInt64, PSRPMessageType, PSSecureString

from . import messages


@dataclass(frozen=True)
class Sleep:
    """Wait ``seconds`` of the fleet's clock."""

    seconds: float


@dataclass(frozen=True)
class Room:
    """Wait until the output buffer takes more (BufferMode Block)."""


@dataclass(frozen=True)
class HostAnswer:
    """Wait for the client's answer to host call ``call_id``: its return value, or the client's error."""

    call_id: int


@dataclass(frozen=True)
class NextInput:
    """Wait for an input object; the result is a list of one, or an empty one at the end of the input."""


@dataclass(frozen=True)
class SessionKey:
    """Wait until there is a session key to encrypt SecureStrings with."""


Wait = Sleep | Room | HostAnswer | NextInput | SessionKey
Execution = Generator[Wait, Any, None]


class ScriptFailure(Exception):
    """The script ended its pipeline as Failed."""

    def __init__(self, record: ErrorRecord) -> None:
        super().__init__(str(record))
        self.record = record


class ScriptExit(Exception):
    """The script called ``exit``, which ends its pipeline as Completed."""


class ScriptError(ValueError):
    """A declaration that makes no sense; raised when scripts are loaded, not when they run."""


class Stage(Protocol):
    """Where a script plays: what it needs from its pipeline."""

    @property
    def variables(self) -> dict[str, Any]:
        """The session's variables."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The named parameters that the script was given."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """``HOST\\user``, computer name and process id, as information records show them."""

    @property
    def has_ui(self) -> bool | None:
        """Whether the client's host has a user interface; None when no client has said."""

    def emit(self, kind: PSRPMessageType, value: Any) -> None:
        """Put a message into the pipeline's output; a value is given as CLIXML or as an object."""

    def call_host(self, method: str, parameters: Sequence[Any]) -> int:
        """Send a host call that wants an answer and return its id."""

    def tell_host(self, method: str, parameters: Sequence[Any]) -> None:
        """Send a host call that wants no answer."""


class _Rehearsal:
    """A stage without audience."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.origin = ("HOST\\user", "HOST", 0)
        self.has_ui: bool | None = True

    def emit(self, _kind: PSRPMessageType, _value: Any) -> None:
        """Nobody hears it."""

    def call_host(self, method: str, parameters: Sequence[Any]) -> int:
        """Nobody answers, but the call must be a possible one."""
        messages.host_call(0, method, parameters)
        return 0

    def tell_host(self, method: str, parameters: Sequence[Any]) -> None:
        """Check that the call is a possible one."""
        messages.host_call(messages.NO_ANSWER, method, parameters)


@dataclass(frozen=True)
class Script:
    """A declared script.

    Attributes:
        name: what declared commands and error messages call it.
        pattern: a regular expression searched in the script text; ``None`` means the text equals ``name``.
        steps: verb and argument of each step.
    """

    name: str
    steps: tuple[tuple[str, Any], ...]
    pattern: re.Pattern[str] | None = None

    def matches(self, text: str) -> bool:
        """Whether this script is meant by ``text``."""
        if self.pattern is not None:
            return self.pattern.search(text) is not None
        return self.name.strip() == text.strip()

    def run(self, stage: Stage) -> Execution:
        """Play the script, waiting where it must.

        Raises:
            ScriptFailure: the script throws.
        """
        with contextlib.suppress(ScriptExit):
            yield from _run(self.steps, stage)

    def rehearse(self) -> Script:
        """Play the script to nobody, without waiting, and return it.

        Raises:
            ScriptError: a step cannot be carried out. It is found now, not when a client waits for its output.
        """
        execution = _run(_once(self.steps), _Rehearsal())
        try:
            wait = next(execution)
            while True:
                wait = execution.send([] if isinstance(wait, NextInput) else None)
        except (StopIteration, ScriptFailure, ScriptExit):
            return self
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ScriptError(f"script {self.name!r}: {error}") from error


@dataclass
class ScriptLibrary:
    """The scripts of a fleet; the first that matches a text wins, exact texts before patterns."""

    scripts: list[Script] = field(default_factory=list)
    default: Script | None = None

    @property
    def is_declared(self) -> bool:
        """Whether there is any script."""
        return bool(self.scripts) or self.default is not None

    @classmethod
    def load(cls, declared: Mapping[str, Any]) -> ScriptLibrary:
        """Read ``{name: steps}`` or ``{name: {match: text, regex: pattern, steps: steps}}``; ``default`` is special.

        Raises:
            ScriptError: an unknown verb or a malformed declaration.
        """
        library = cls()
        for name, declaration in declared.items():
            details = declaration if isinstance(declaration, Mapping) else {"steps": declaration}
            unknown = set(details) - {"match", "regex", "steps"}
            if unknown:
                raise ScriptError(f"script {name!r}: unknown {', '.join(sorted(unknown))}")
            try:
                pattern = re.compile(details["regex"], re.DOTALL) if "regex" in details else None
            except re.error as error:
                raise ScriptError(f"script {name!r}: {error}") from error
            steps = check_steps(name, details.get("steps"))
            if name == "default":
                library.default = Script(name, steps).rehearse()
                continue
            library.scripts.append(Script(name, steps, pattern).rehearse())
            if "match" in details:
                library.scripts.append(Script(str(details["match"]), steps))
        return library

    def find(self, text: str) -> Script:
        """The script for ``text``; an undeclared one fails as PowerShell does with an unknown command."""
        for exact in (True, False):
            for script in self.scripts:
                if (script.pattern is None) is exact and script.matches(text):
                    return script
        if self.default is not None:
            return self.default
        word = text.split(maxsplit=1)[0] if text.strip() else text
        failure = {**_NOT_DECLARED, "message": f"The script is not declared: {text}", "target": word}
        return Script(text, (("throw", failure),))

    def named(self, name: str) -> Script:
        """The script called ``name``, or else the one that matches it as a text."""
        return next((script for script in self.scripts if script.name == name), None) or self.find(name)


# Seen: PowerShell 7.6, Linux, Read-Host without a user interface.
_NO_USER: dict[str, Any] = {
    "activity": "Read-Host",
    "message": "A command that prompts the user failed because the host program or the command type does not support "
    "user interaction. Try a host program that supports user interaction, such as the PowerShell Console, and remove "
    "prompt-related commands from command types that do not support user interaction.",
    "error_id": "HostFunctionNotImplemented,Microsoft.PowerShell.Commands.ReadHostCommand",
    "category": "NotImplemented",
    "exception": "System.Management.Automation.Host.HostException",
}
_NOT_DECLARED = {
    "error_id": "CommandNotFoundException",
    "category": "ObjectNotFound",
    "exception": "System.Management.Automation.CommandNotFoundException",
}


def check_steps(name: str, steps: Any) -> tuple[tuple[str, Any], ...]:
    """Verb and argument of each declared step.

    Raises:
        ScriptError: not a list of one-key mappings with known verbs.
    """
    if not isinstance(steps, Iterable) or isinstance(steps, (str, Mapping)):
        raise ScriptError(f"script {name!r}: steps must be a list")
    checked = []
    for step in steps:
        if not isinstance(step, Mapping) or len(step) != 1:
            raise ScriptError(f"script {name!r}: a step is a mapping with one key, not {step!r}")
        ((verb, argument),) = step.items()
        if verb not in _VERBS:
            raise ScriptError(f"script {name!r}: {verb!r} is not one of {', '.join(sorted(_VERBS))}")
        if verb == "repeat":
            if not isinstance(argument, Mapping) or set(argument) != {"times", "steps"}:
                raise ScriptError(f"script {name!r}: repeat takes times and steps")
            argument = (int(argument["times"]), check_steps(name, argument["steps"]))
        checked.append((verb, argument))
    return tuple(checked)


def _run(steps: Iterable[tuple[str, Any]], stage: Stage) -> Execution:
    for verb, argument in steps:
        yield from _VERBS[verb](stage, argument)


def _once(steps: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The steps with what is repeated only once."""
    for verb, argument in steps:
        if verb == "repeat":
            yield from _once(argument[1])
        else:
            yield verb, argument


def _write(stage: Stage, kind: PSRPMessageType, value: Any) -> Execution:
    yield Room()
    stage.emit(kind, value)


def _output(stage: Stage, argument: Any) -> Execution:
    for item in argument if isinstance(argument, (list, tuple)) else [argument]:
        if _has_secret(item):
            yield SessionKey()
        value = messages.number_to_clixml(item) if isinstance(item, int) else messages.to_powershell(item)
        yield from _write(stage, PSRPMessageType.PipelineOutput, value)


def _has_secret(item: Any) -> bool:
    """Whether a declared value has a SecureString anywhere in it."""
    if isinstance(item, Mapping):
        return "$secure" in item or any(_has_secret(each) for each in item.values())
    return isinstance(item, (list, tuple)) and any(_has_secret(each) for each in item)


def _output_variable(stage: Stage, name: str) -> Execution:
    yield from _output(stage, stage.variables.get(name))


def _output_parameter(stage: Stage, name: str) -> Execution:
    value = stage.parameters.get(name)
    secure = isinstance(value, PSSecureString)
    text = value.decrypt() if isinstance(value, PSSecureString) else value
    yield from _output(stage, {"secure": secure, "length": 0 if text is None else len(str(text))})


def _output_input(stage: Stage, _argument: Any) -> Execution:
    while received := (yield NextInput()):
        yield from _write(stage, PSRPMessageType.PipelineOutput, received[0])


def _set(stage: Stage, values: Mapping[str, Any]) -> Execution:
    stage.variables.update(values)
    yield from ()


def _error_details(argument: Any) -> dict[str, Any]:
    return dict(argument) if isinstance(argument, Mapping) else {"message": str(argument)}


def _error(stage: Stage, argument: Any) -> Execution:
    yield from _write(stage, PSRPMessageType.ErrorRecord, messages.error_stream(**_error_details(argument)))


def _throw(stage: Stage, argument: Any) -> Execution:
    yield Room()
    raise ScriptFailure(messages.thrown_error(**_error_details(argument)))


def _text(stream: str) -> Callable[[Stage, Any], Execution]:
    def write(stage: Stage, argument: Any) -> Execution:
        record = messages.text_record(stream, str(argument))
        yield from _write(stage, messages.RECORD_TYPES[stream], record)
        _show(stage, f"Write{stream.capitalize()}Line", str(argument))

    return write


def _show(stage: Stage, method: str, *parameters: Any) -> None:
    """Tell a host that has a user interface, right behind the record (seen: PowerShell 7.6, Linux)."""
    if stage.has_ui:
        stage.tell_host(method, parameters)


def _information(stage: Stage, argument: Any) -> Execution:
    details = dict(argument) if isinstance(argument, Mapping) else {"data": argument}
    user, computer, process_id = stage.origin
    record = messages.information_record(
        details.get("data"),
        source=details.get("source", "Write-Information"),
        tags=details.get("tags", ()),
        user=user,
        computer=computer,
        process_id=process_id,
    )
    yield from _write(stage, PSRPMessageType.InformationRecord, record)


def _write_host(stage: Stage, argument: Any) -> Execution:
    details = dict(argument) if isinstance(argument, Mapping) else {"text": str(argument)}
    text, no_newline = str(details["text"]), bool(details.get("no_newline"))
    user, computer, process_id = stage.origin
    record = messages.information_record(
        messages.host_message(text, no_newline),
        source="Write-Host",
        tags=["PSHOST"],
        user=user,
        computer=computer,
        process_id=process_id,
    )
    yield from _write(stage, PSRPMessageType.InformationRecord, record)
    _show(stage, "Write1" if no_newline else "WriteLine2", text)


def _progress(stage: Stage, argument: Any) -> Execution:
    details: dict[str, Any] = dict(argument) if isinstance(argument, Mapping) else {"activity": str(argument)}
    record = messages.progress_record(**details)
    yield from _write(stage, PSRPMessageType.ProgressRecord, record)
    _show(stage, "WriteProgress", PSInt64(0), record)


def _sleep(_stage: Stage, seconds: float) -> Execution:
    yield Sleep(float(seconds))


def _prompt(stage: Stage, argument: Any) -> Execution:
    if stage.has_ui is False:
        raise ScriptFailure(messages.error_record(**_NO_USER))
    if isinstance(argument, Mapping):
        call_id = stage.call_host(argument.get("method", "ReadLine"), argument.get("parameters", ()))
    else:
        # ReadLine has no parameters: a question is written to the host first.
        stage.tell_host("WriteLine2", [str(argument)])
        call_id = stage.call_host("ReadLine", ())
    value, refusal = (yield HostAnswer(call_id)) or (None, None)
    details = argument if isinstance(argument, Mapping) else {}
    if refusal is not None and not details.get("caught"):
        # As Read-Host does; PowerShell wraps what other methods throw, and such a script goes on.
        refusal.CategoryInfo.Activity = "Read-Host"
        raise ScriptFailure(refusal)
    if "set" in details:
        stage.variables[details["set"]] = value


def _host(stage: Stage, argument: Any) -> Execution:
    details: Mapping[str, Any] = argument if isinstance(argument, Mapping) else {"method": argument}
    yield Room()
    stage.tell_host(details["method"], details.get("parameters", ()))


def _exit(stage: Stage, code: int) -> Execution:
    yield Room()
    stage.tell_host("SetShouldExit", [int(code)])
    raise ScriptExit


def _repeat(stage: Stage, argument: tuple[int, tuple[tuple[str, Any], ...]]) -> Execution:
    times, steps = argument
    for _turn in range(times):
        yield from _run(steps, stage)


_VERBS: dict[str, Callable[[Stage, Any], Execution]] = {
    "output": _output,
    "output_variable": _output_variable,
    "output_input": _output_input,
    "output_parameter": _output_parameter,
    "set": _set,
    "error": _error,
    "throw": _throw,
    "debug": _text("debug"),
    "verbose": _text("verbose"),
    "warning": _text("warning"),
    "information": _information,
    "write_host": _write_host,
    "progress": _progress,
    "sleep": _sleep,
    "prompt": _prompt,
    "host": _host,
    "exit": _exit,
    "repeat": _repeat,
}
