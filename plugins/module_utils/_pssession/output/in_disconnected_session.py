"""Invoke-Command -InDisconnectedSession: starts a script in new sessions and disconnects from them.

A second run of the same task finds the sessions and starts nothing. If the journal proves that the earlier run opened a
session but did not start the script, the script is started in this session. Any other session without a command is an
error, because it is unknown whether the script ran in it. If a server refuses to start the script, the task removes the
session that it opened, so that the next run can begin anew.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..finding.discovery import list_commands
from ..finding.finding import Found, find_by_new_names
from ..finding.here import lock_sessions, lock_starts, tell_other_names
from ..model.codes import Reason
from ..model.commands import CommandResult, Delivery, Output, Script
from ..model.errors import ErrorRecord, TransportError
from ..model.sessions import Availability, ListedCommand, PSSession
from ..system.throttle import outcome_of
from ..target.endpoint import endpoints
from ..task.task import Task
from ..verbs.apply import Applied, Done, carry_out, remembered
from ..verbs.base import Verb
from ..verbs.disconnect import Disconnect
from ..verbs.new import New
from ..verbs.plan import Action, Step
from .command_errors import broken_off, nothing_started
from .disconnecting import disconnect_afterwards, disconnect_on_interrupt
from .granted import tell_granted
from .removing import remove_unstarted
from .running import Outputs, Runner

# The predicted command of a session in check mode.
_FORESEEN_COMMAND = (ListedCommand("", "", "Running"),)


class _OpenToStart(New):
    """Opens sessions to start a script in. If another client is connected to an existing one, this is an error."""

    where_held = Verb.where_held

    def in_use(self, session: PSSession, *, found_in_list: bool) -> ErrorRecord:
        return self.error(
            f"nothing was started in session {session.place}: another client is connected to it",
            session,
            reason=Reason.BUSY,
            target=session.instance_id,
            hint=self.hint_to_wait(),
        )


def start(script: Script, task: Task) -> tuple[Found, Applied, Outputs | None]:
    """Open a session if no session has the name, start the script in it in the same job, and disconnect.

    Returns:
        The found sessions, the applied steps, and the results of the starts (None in check mode). In the applied steps,
        existing sessions come first.
    """
    if not task.context.check_mode:
        lock_starts(task)
        # Before the computers are asked. Of two simultaneous runs, the second would not see the first one's session.
        for endpoint in endpoints(task.request, task.context.settings_of):
            for name in task.request.query.new_names:
                task.journal.lock_start(endpoint, name)
    found = _with_planned_ids(task, find_by_new_names(task))
    existing, failed = _with_commands(task, found)
    found = dataclasses.replace(found, errors=(*found.errors, *failed))
    tell_other_names(task, existing)
    wanted = [session for session in found.sessions if not session.exists]
    if not task.context.check_mode:
        task.journal.note_opening(wanted)
    empty = [session for session in existing if session.commands == ()]
    unstarted = [session for session in empty if _is_unstarted(task, session)]
    refused = [
        nothing_started(session, task.request, is_unstarted=task.journal.is_unstarted(session))
        for session in empty
        if session not in unstarted
    ]
    found = dataclasses.replace(found, errors=(*found.errors, *refused))
    partial = {session.key: each for session in existing for each in _partial_commands(task, session)}
    runner = Runner(task)

    def start_in(opened: Done) -> Done:
        session = opened.session
        if session.key in partial:
            stopped = runner.incomplete(session, *partial[session.key])
            if stopped.command_id is not None:  # it may have begun, or could not be stopped
                return dataclasses.replace(opened, result=stopped)
        outcome = outcome_of(lambda each: runner.start(each, script, is_first=True), session)
        if isinstance(outcome, TransportError):
            failure = broken_off(session, None, outcome, task.request)
            outcome = CommandResult(session, None, Output(), failure, cause=outcome)
        return dataclasses.replace(opened, result=outcome)

    unstarted += [session for session in existing if session.key in partial]
    # Before they are opened, because another process could start something in a session as soon as it is listed.
    locked, in_use = lock_sessions(task, (*wanted, *unstarted))
    found = dataclasses.replace(found, errors=(*found.errors, *in_use))
    to_start = dataclasses.replace(found, sessions=tuple(locked))
    with disconnect_on_interrupt(task) as connections:
        verb = _OpenToStart(task.request, task.context)
        applied = carry_out(task, verb, to_start, lambda opened: start_in(connections.note(opened)), connections.during)
    outputs = None
    if task.context.check_mode:
        disconnect = Disconnect(task.request, task.context)
        started = (dataclasses.replace(each, commands=_FORESEEN_COMMAND) for each in applied.after)
        after = tuple(disconnect.expected(Step(each, Action.DISCONNECT, ours=True)) for each in started)
        applied = dataclasses.replace(applied, after=after)
    else:
        applied, outputs = remove_unstarted(task, applied, {session.key for session in wanted})
        applied = remembered(task, found, disconnect_afterwards(task, applied, outputs, every_session=True))
        opened = {session.key for session in wanted}
        tell_granted(task, [session for session in applied.sessions if session.key in opened])
    kept = [session for session in existing if session not in unstarted]
    return found, dataclasses.replace(applied, sessions=(*kept, *applied.sessions)), outputs


def _with_planned_ids(task: Task, found: Found) -> Found:
    """Return the found sessions. A session to open gets the id with which an earlier run may have requested it.

    That request may still arrive. The server refuses a second session with the same id, so there is only one.
    """

    def planned(session: PSSession) -> PSSession:
        instance_id = None if session.exists else task.journal.unopened_id(session)
        if instance_id is None:
            return session
        return dataclasses.replace(session, shell=dataclasses.replace(session.shell, shell_id=instance_id.upper()))

    return dataclasses.replace(found, sessions=tuple(map(planned, found.sessions)))


def _with_commands(task: Task, found: Found) -> tuple[list[PSSession], list[ErrorRecord]]:
    """Return the existing sessions with their commands, and an error for each whose commands could not be listed."""
    made = [session for session in found.sessions if session.exists]
    listed, errors = list_commands(made, task, several=True)
    commands = {session.key: session.commands for session in listed}
    sessions = [
        dataclasses.replace(session, commands=commands.get(session.key)) for session in task.memory.as_remembered(made)
    ]
    return sessions, errors


def _is_unstarted(task: Task, session: PSSession) -> bool:
    """Return whether a task with this journal opened a session and ended before it started a script.

    That is certain only if no client is connected: the earlier task may still be running otherwise.
    """
    return session.availability is Availability.NONE and task.journal.is_unstarted(session)


def _partial_commands(task: Task, session: PSSession) -> t.Iterator[tuple[str, Delivery]]:
    """Yield the command of a session if an earlier task with this journal did not deliver it completely.

    While a client is connected, that task may still be delivering it.
    """
    if session.commands and session.availability is Availability.NONE:
        command_id = session.commands[-1].command_id
        delivery = task.journal.delivery_of(session, command_id)
        if delivery is not None and delivery.must_be_stopped:
            yield command_id, delivery
