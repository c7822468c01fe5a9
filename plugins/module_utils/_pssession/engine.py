# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Runs a cmdlet: finds sessions, plans, applies the plan and reports."""

from __future__ import annotations

import functools
import typing as t

from . import cmdlets
from .cmdlets import Cmdlet
from .commands import CommandResult, Script
from .context import Context
from .errors import ParameterBindingError
from .model import Availability, PSSession
from .report import Report
from .request import Request
from .running import Runner
from .scripts import requirements_of
from .stages import Stages, stages_of
from .verbs.base import Verb
from .verbs.connect import Connect
from .verbs.disconnect import Disconnect
from .verbs.new import New
from .verbs.remove import Remove


def run(request: Request, context: Context) -> Report:
    """Run the cmdlet of a request.

    Raises:
        PSSessionError: Nothing could be done at all; everything less is in the report.
    """
    return _RUN[request.cmdlet](request, context)


def _get(request: Request, context: Context) -> Report:
    with stages_of(request, context) as stages:
        found = stages.find()
        stages.remember()
        stages.report.sessions = stages.memory.as_remembered(found)
        return stages.report


def _invoke(request: Request, context: Context) -> Report:
    script = request.run.script
    if script is None:
        raise ParameterBindingError("MissingMandatoryParameter", "there is no script to run (script)")
    requirements = requirements_of(script.text)
    if requirements:
        context.warn(
            f"The script has {', '.join(requirements)}. PowerShell ignores #requires in a script that is sent to a "
            "session: it checks nothing, loads no module, and the script runs in any case. Let the script check it."
        )
    with stages_of(request, context) as stages:
        return (_start if request.run.in_disconnected_session else _run_script)(script, request, context, stages)


def _run_script(script: Script, request: Request, context: Context, stages: Stages) -> Report:
    report = stages.carry_out(Connect(request, context.warn), stages.find())
    if context.check_mode:
        report.changed_sessions = {session.instance_id for session in report.sessions}
        return report
    stages.run(lambda runner: runner.invoke(report.sessions, script))
    report.changed_sessions = {result.session.instance_id for result in report.results or () if result.command_id}
    stages.leave()
    return report


def _start(script: Script, request: Request, context: Context, stages: Stages) -> Report:
    """Open a session where there is none of the name, start the script in it at once, and leave it.

    A second run of the same task thus finds the session and starts nothing. Only where the journal proves that the run
    before came to an end before it started anything, the script is started in the session that it left behind.
    """
    existing, wanted = stages.unstarted(stages.find_or_make())

    def start(runner: Runner) -> list[CommandResult]:
        results: list[CommandResult] = []

        def start_in(session: PSSession) -> bool:
            results.append(runner.start(session, script, is_first=True))
            return results[-1].error is None

        stages.carry_out(New(request, context.warn, start_in), wanted)
        return results

    if context.check_mode:
        stages.carry_out(New(request, context.warn), wanted)
    else:
        stages.run(start)
        stages.leave(all_of_them=True)
    stages.report.sessions = [*existing, *stages.report.sessions]
    return stages.report


def _receive(request: Request, context: Context) -> Report:
    with stages_of(request, context) as stages:
        found = stages.find()
        if not context.check_mode:
            found = stages.let_go_of_commands(found)
        report = stages.carry_out(Connect(request, context.warn), found)
        if context.check_mode:
            return report
        free = {session.instance_id for session in found if session.availability is Availability.NONE}
        stages.run(lambda runner: runner.receive(report.sessions, free))
        report.changed_sessions |= {
            result.session.instance_id for result in report.results or () if result.command_id and result.is_news
        }
        stages.leave()
        return report


def _carry_out(
    verb: type[Verb], request: Request, context: Context, find: t.Callable[[Stages], list[PSSession]] = Stages.find
) -> Report:
    with stages_of(request, context) as stages:
        return stages.carry_out(verb(request, context.warn), find(stages))


_RUN: dict[Cmdlet, t.Callable[[Request, Context], Report]] = {
    cmdlets.CONNECT: functools.partial(_carry_out, Connect),
    cmdlets.DISCONNECT: functools.partial(_carry_out, Disconnect),
    cmdlets.GET: _get,
    cmdlets.INVOKE: _invoke,
    cmdlets.NEW: functools.partial(_carry_out, New, find=Stages.find_or_make),
    cmdlets.RECEIVE: _receive,
    cmdlets.REMOVE: functools.partial(_carry_out, Remove),
}
