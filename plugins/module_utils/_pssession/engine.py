"""The engine's entry: runs a cmdlet, from finding sessions to the report."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .finding.finding import Found, find, find_by_new_names
from .finding.here import only_here
from .finding.idle import only_idle
from .model import cmdlets
from .model.cmdlets import Cmdlet
from .model.commands import CommandResult
from .model.errors import ParameterBindingError, TransportError, UnexpectedError, error_record
from .model.events import Warned
from .output import checking, in_disconnected_session
from .output.disconnecting import (
    disconnect_afterwards,
    disconnect_on_interrupt,
    disconnect_to_connect_anew,
    warn_of_expiry,
)
from .output.foreseeing import foreseen, to_go_on_with
from .output.granted import tell_granted
from .output.removing import remove_finished
from .output.running import Outputs, Runner
from .report import Report
from .request.request import Request
from .request.scripts import prepared, requirements_of, supports_should_process
from .task.context import Context
from .task.task import Task, task_of
from .verbs.apply import Applied, carry_out, remembered
from .verbs.base import Verb
from .verbs.connect import Connect, ConnectAnew
from .verbs.disconnect import Disconnect
from .verbs.new import New
from .verbs.remove import Remove


def run(request: Request, context: Context) -> Report:
    """Run the cmdlet of a request.

    Raises:
        PSSessionError: Nothing could be done. All other failures are in the report.
    """
    with task_of(request, context) as task:
        return _RUN[request.cmdlet](task)


def _get(task: Task) -> Report:
    found = find(task)
    remembered(task, found, Applied())
    return _report(task, found, Applied(sessions=tuple(task.memory.as_remembered(found.sessions))))


def _carry_out(verb: type[Verb], task: Task) -> Report:
    found = find(task)
    return _report(task, found, carry_out(task, verb(task.request, task.context), found))


def _new(task: Task) -> Report:
    found = find_by_new_names(task)
    applied = carry_out(task, New(task.request, task.context), found)
    existing = {session.key for session in found.before}
    if not task.context.check_mode:
        tell_granted(task, [session for session in applied.sessions if session.key not in existing])
    return _report(task, found, applied)


def _disconnect(task: Task) -> Report:
    found = find(task)
    applied = carry_out(task, Disconnect(task.request, task.context), found)
    warn_of_expiry(task, applied.after)
    return _report(task, found, applied)


def _invoke(task: Task) -> Report:
    script = task.request.run.script
    if script is None:
        raise ParameterBindingError("MissingMandatoryParameter", "there is no script to run (script or command)")
    script = prepared(script, check_mode=task.context.check_mode, verbosity=task.context.verbosity)
    requirements = requirements_of(script.text)
    if requirements:
        task.context.emit(
            Warned(
                f"The script has {', '.join(requirements)}. PowerShell ignores #requires in a script that is sent to a "
                "session: it checks nothing, loads no module, and the script runs in any case. Let the script check it."
            )
        )
    if task.request.run.in_disconnected_session:
        return _report(task, *in_disconnected_session.start(script, task))
    if task.context.check_mode and not script.is_command and supports_should_process(script.text):
        return _report(task, *checking.run(script, task))
    found = only_idle(task, only_here(task, find(task)))
    verb = Connect(task.request, task.context)
    if task.context.check_mode:
        return _report(task, found, foreseen(task, found, carry_out(task, verb, found)))
    with disconnect_on_interrupt(task) as connections:
        applied = carry_out(task, verb, found, connections.note, connections.during)
        outputs = Runner(task).invoke(to_go_on_with(task, found, applied), script)
    return _with_outputs(task, found, dataclasses.replace(applied, changed=outputs.changed), outputs)


def _receive(task: Task) -> Report:
    found = find(task)
    verb = ConnectAnew(task.request, task.context)
    found = only_here(task, found)
    found = dataclasses.replace(found, sessions=disconnect_to_connect_anew(task, found.sessions))
    if task.context.check_mode:
        return _report(task, found, foreseen(task, found, carry_out(task, verb, found)))
    with disconnect_on_interrupt(task) as connections:
        applied = carry_out(task, verb, found, connections.note, connections.during)
        outputs = Runner(task).receive(to_go_on_with(task, found, applied), applied.changed)
    changed = (applied.changed | outputs.news) - outputs.unchanged
    return _with_outputs(task, found, dataclasses.replace(applied, changed=changed), outputs)


def _with_outputs(task: Task, found: Found, applied: Applied, outputs: Outputs) -> Report:
    """Disconnect from sessions with a running command, apply `when_done` to the others, and report."""
    for warning in outputs.warnings():
        task.context.emit(warning)
    try:
        left = disconnect_afterwards(task, applied, outputs)
        if task.request.change.when_done == "remove":
            left = remove_finished(task, left, outputs)
        left = remembered(task, found, left)
    except Exception as error:  # noqa: BLE001 - a defect: what was received must not be lost with it
        record = error_record(
            "InvalidOperation",
            "the state in which the task left its sessions is not known",
            cmdlet=task.request.cmdlet,
            cause=error if isinstance(error, TransportError) else UnexpectedError(error),
        )
        left = dataclasses.replace(applied, errors=(*applied.errors, *outputs.errors, record))
    return _report(task, found, left, outputs)


def _report(task: Task, found: Found, applied: Applied, outputs: Outputs | None = None) -> Report:
    if task.context.foreseen is not None:
        # Disconnecting and other actions beside the task's work do not always count as a change.
        changed = [each for each in applied.after if each.key in applied.changed or each.foreseen is not None]
        (task.context.foreseen.note if task.context.check_mode else task.context.foreseen.forget)(changed)
    results: t.Sequence[CommandResult] | None = None
    if outputs is not None:
        results = outputs.results
    elif task.request.cmdlet in _WITH_RESULTS:  # in check mode, where nothing is run or received
        results = ()
    return Report(
        parameter_set=task.request.parameter_set.name,
        sessions=applied.sessions,
        before=found.before,
        after=applied.after,
        errors=(*found.errors, *applied.errors),
        missing=found.missing,
        what_if=applied.what_if,
        results=results,
        changed_sessions=applied.changed,
        accounts=found.accounts if task.request.cmdlet.is_reading else (),
    )


# Cmdlets whose result has the output of commands, even if the list is empty.
_WITH_RESULTS = frozenset({cmdlets.INVOKE, cmdlets.RECEIVE})
_RUN: dict[Cmdlet, t.Callable[[Task], Report]] = {
    cmdlets.CONNECT: functools.partial(_carry_out, Connect),
    cmdlets.DISCONNECT: _disconnect,
    cmdlets.GET: _get,
    cmdlets.INVOKE: _invoke,
    cmdlets.NEW: _new,
    cmdlets.RECEIVE: _receive,
    cmdlets.REMOVE: functools.partial(_carry_out, Remove),
}
