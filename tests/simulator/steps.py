# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script does, declared in YAML; there is no PowerShell interpreter here.

A script is a list of steps, each a mapping with one key::

    - output: hello            # PIPELINE_OUTPUT; a list is one object per item, see messages.to_powershell
    - clixml: <S>text</S>      # PIPELINE_OUTPUT with this data, whether a client can read it or not
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

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from psrpcore.types import PSInt64, PSRPMessageType, PSSecureString

from . import messages, records
from .records import Failure, Information, Progress
from .script_context import (
    BufferSpace,
    Execution,
    HostAnswer,
    NextInput,
    ScriptContext,
    ScriptError,
    ScriptExit,
    ScriptFailure,
    SessionKey,
    Sleep,
)

# Seen: PowerShell 7.6, Linux, Read-Host without a user interface.
_NO_USER = Failure(
    activity="Read-Host",
    message="A command that prompts the user failed because the host program or the command type does not support "
    "user interaction. Try a host program that supports user interaction, such as the PowerShell Console, and remove "
    "prompt-related commands from command types that do not support user interaction.",
    error_id="HostFunctionNotImplemented,Microsoft.PowerShell.Commands.ReadHostCommand",
    category="NotImplemented",
    exception="System.Management.Automation.Host.HostException",
)


def check(name: str, steps: Any) -> tuple[tuple[str, Any], ...]:
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
        if verb not in VERBS:
            raise ScriptError(f"script {name!r}: {verb!r} is not one of {', '.join(sorted(VERBS))}")
        if verb == "repeat":
            if not isinstance(argument, Mapping) or set(argument) != {"times", "steps"}:
                raise ScriptError(f"script {name!r}: repeat takes times and steps")
            argument = (int(argument["times"]), check(name, argument["steps"]))
        checked.append((verb, argument))
    return tuple(checked)


def run(steps: Iterable[tuple[str, Any]], context: ScriptContext) -> Execution:
    for verb, argument in steps:
        yield from VERBS[verb](context, argument)


def once(steps: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The steps with what is repeated only once."""
    for verb, argument in steps:
        if verb == "repeat":
            yield from once(argument[1])
        else:
            yield verb, argument


def _write(context: ScriptContext, kind: PSRPMessageType, value: Any) -> Execution:
    yield BufferSpace()
    context.emit(kind, value)


def _output(context: ScriptContext, argument: Any) -> Execution:
    for item in argument if isinstance(argument, (list, tuple)) else [argument]:
        if _has_secret(item):
            yield SessionKey()
        value = messages.number_to_clixml(item) if isinstance(item, int) else messages.to_powershell(item)
        yield from _write(context, PSRPMessageType.PipelineOutput, value)


def _clixml(context: ScriptContext, data: str) -> Execution:
    yield from _write(context, PSRPMessageType.PipelineOutput, data.encode())


def _has_secret(item: Any) -> bool:
    """Whether a declared value has a SecureString anywhere in it."""
    if isinstance(item, Mapping):
        return "$secure" in item or any(_has_secret(each) for each in item.values())
    return isinstance(item, (list, tuple)) and any(_has_secret(each) for each in item)


def _output_variable(context: ScriptContext, name: str) -> Execution:
    yield from _output(context, context.variables.get(name))


def _output_parameter(context: ScriptContext, name: str) -> Execution:
    value = context.parameters.get(name)
    secure = isinstance(value, PSSecureString)
    text = value.decrypt() if isinstance(value, PSSecureString) else value
    yield from _output(context, {"secure": secure, "length": 0 if text is None else len(str(text))})


def _output_input(context: ScriptContext, _argument: Any) -> Execution:
    while received := (yield NextInput()):
        yield from _write(context, PSRPMessageType.PipelineOutput, received[0])


def _set(context: ScriptContext, values: Mapping[str, Any]) -> Execution:
    context.variables.update(values)
    yield from ()


def _error_details(argument: Any) -> dict[str, Any]:
    return dict(argument) if isinstance(argument, Mapping) else {"message": str(argument)}


def _error(context: ScriptContext, argument: Any) -> Execution:
    yield from _write(context, PSRPMessageType.ErrorRecord, Failure.written(**_error_details(argument)).stream_record())


def _throw(context: ScriptContext, argument: Any) -> Execution:
    yield BufferSpace()
    raise ScriptFailure(Failure.thrown(**_error_details(argument)).record())


def _text(stream: str) -> Callable[[ScriptContext, Any], Execution]:
    def write(context: ScriptContext, argument: Any) -> Execution:
        record = records.text_record(stream, str(argument))
        yield from _write(context, records.RECORD_TYPES[stream], record)
        _show(context, f"Write{stream.capitalize()}Line", str(argument))

    return write


def _show(context: ScriptContext, method: str, *parameters: Any) -> None:
    """Tell a host that has a user interface, right behind the record (seen: PowerShell 7.6, Linux)."""
    if context.has_ui:
        context.tell_host(method, parameters)


def _information(context: ScriptContext, argument: Any) -> Execution:
    written = Information(**{"data": None, **argument} if isinstance(argument, Mapping) else {"data": argument})
    yield from _write(context, PSRPMessageType.InformationRecord, written.record(context.origin))


def _write_host(context: ScriptContext, argument: Any) -> Execution:
    details = dict(argument) if isinstance(argument, Mapping) else {"text": str(argument)}
    text, no_newline = str(details["text"]), bool(details.get("no_newline"))
    written = Information(records.host_message(text, no_newline), source="Write-Host", tags=("PSHOST",))
    yield from _write(context, PSRPMessageType.InformationRecord, written.record(context.origin))
    _show(context, "Write1" if no_newline else "WriteLine2", text)


def _progress(context: ScriptContext, argument: Any) -> Execution:
    record = Progress(**argument if isinstance(argument, Mapping) else {"activity": str(argument)}).record()
    yield from _write(context, PSRPMessageType.ProgressRecord, record)
    _show(context, "WriteProgress", PSInt64(0), record)


def _sleep(_context: ScriptContext, seconds: float) -> Execution:
    yield Sleep(float(seconds))


def _prompt(context: ScriptContext, argument: Any) -> Execution:
    if context.has_ui is False:
        raise ScriptFailure(_NO_USER.record())
    if isinstance(argument, Mapping):
        call_id = context.call_host(argument.get("method", "ReadLine"), argument.get("parameters", ()))
    else:
        # ReadLine has no parameters: a question is written to the host first.
        context.tell_host("WriteLine2", [str(argument)])
        call_id = context.call_host("ReadLine", ())
    value, refusal = (yield HostAnswer(call_id)) or (None, None)
    details = argument if isinstance(argument, Mapping) else {}
    if refusal is not None and not details.get("caught"):
        # As Read-Host does; PowerShell wraps what other methods throw, and such a script goes on.
        refusal.CategoryInfo.Activity = "Read-Host"
        raise ScriptFailure(refusal)
    if "set" in details:
        context.variables[details["set"]] = value


def _host(context: ScriptContext, argument: Any) -> Execution:
    details: Mapping[str, Any] = argument if isinstance(argument, Mapping) else {"method": argument}
    yield BufferSpace()
    context.tell_host(details["method"], details.get("parameters", ()))


def _exit(context: ScriptContext, code: int) -> Execution:
    yield BufferSpace()
    context.tell_host("SetShouldExit", [int(code)])
    raise ScriptExit


def _repeat(context: ScriptContext, argument: tuple[int, tuple[tuple[str, Any], ...]]) -> Execution:
    times, steps = argument
    for _turn in range(times):
        yield from run(steps, context)


#: What a step can do: its function, by its key.
VERBS: dict[str, Callable[[ScriptContext, Any], Execution]] = {
    "output": _output,
    "clixml": _clixml,
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
