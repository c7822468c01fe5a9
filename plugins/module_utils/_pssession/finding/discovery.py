"""Discovery: asks computers for their shells, and interprets a listed shell as a session of this client.

It sends Enumerate and Pull only, and changes nothing.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime
import typing as t
from dataclasses import dataclass, field

from ..model.cmdlets import Cmdlet
from ..model.codes import Code
from ..model.endpoints import Endpoint
from ..model.errors import ErrorRecord, NotAsked, TransportError, WSManFault, error_record
from ..model.events import Progressed, Warned
from ..model.sessions import Availability, PSSession, Shell, State
from ..state.registry import Listed
from ..system.world import LogonObserver
from ..target.logon import unusable
from ..task.task import Task
from ..wsman.client import Listing

# The number of computers that a message names if it is about many.
_NAMED = 5
# The computers that have not answered are named if there are at most this many.
_FEW = 3


@dataclass(frozen=True)
class Discovery:
    """The answers of the computers.

    Attributes:
        sessions: The PowerShell sessions of every computer that answered, computers in the order they were named.
        errors: A record for each computer that did not answer, or whose list has unusable entries. Computers that were
            not asked because of an account share one record.
        listed: The complete lists.
        asked_at: When the first computer was asked, in seconds since the epoch.
        places: The endpoint of each computer that answered, after all redirections.
    """

    sessions: t.Mapping[Endpoint, tuple[PSSession, ...]]
    errors: t.Mapping[Endpoint, ErrorRecord]
    listed: tuple[Listed, ...] = ()
    asked_at: float = 0.0
    places: t.Mapping[Endpoint, Endpoint] = field(default_factory=dict)

    @property
    def records(self) -> tuple[ErrorRecord, ...]:
        """Return the error records, each once."""
        return tuple(dict.fromkeys(self.errors.values()))


def discover(endpoints: t.Sequence[Endpoint], task: Task) -> Discovery:
    """List the PowerShell sessions of all endpoints, several at a time as the throttle limit allows.

    A computer that cannot be asked becomes one error record, and the others are still asked. With
    `Request.stop_on_error` no further computer is asked after the first failure.
    """
    request = task.request

    def ask(endpoint: Endpoint) -> Listing | TransportError:
        problem = unusable(endpoint)
        if problem:
            if endpoint.inventory_hostname is not None:
                problem.name_variables_of(endpoint.settings.transport)
            return problem

        def list_shells(observer: LogonObserver) -> Listing:
            with task.pool.lend(endpoint) as client, client.observed(observer):
                return client.enumerate_shells(client.new_deadline())

        return task.guard.log_on(endpoint, list_shells)

    problems = {each: problem for each in endpoints if (problem := task.journal.problem_of(each)) is not None}
    asked = [endpoint for endpoint in endpoints if endpoint not in problems]
    answers: dict[Endpoint, Listing | TransportError] = {}
    asked_at = task.context.world.now().timestamp()

    def go_on() -> bool:
        return not (request.flow.stop_on_error and any(isinstance(found, TransportError) for found in answers.values()))

    if len(asked) <= _FEW:
        task.context.emit(_progress(asked, answers))
    for endpoint, found in task.throttle.map(ask, asked, go_on):
        answers[endpoint] = found
        task.context.emit(_progress(asked, answers))
    now = task.context.world.now()
    sessions: dict[Endpoint, tuple[PSSession, ...]] = {}
    places: dict[Endpoint, Endpoint] = {}
    errors: dict[Endpoint, ErrorRecord] = {}
    not_asked: dict[tuple[str, str | None], list[tuple[Endpoint, NotAsked]]] = {}
    for endpoint in endpoints:
        answer = answers.get(endpoint)
        if endpoint in problems:
            errors[endpoint] = _journal_unusable(endpoint, problems[endpoint], request.cmdlet)
        elif isinstance(answer, NotAsked):
            not_asked.setdefault((answer.account, endpoint.logon.password), []).append((endpoint, answer))
        elif isinstance(answer, TransportError):
            errors[endpoint] = query_failed(endpoint, answer, request.cmdlet)
        elif isinstance(answer, Listing):
            place = _as_logged_on(answer.endpoint, answer.mechanism)
            sessions[endpoint] = tuple(as_session(shell, place, now) for shell in answer.shells if shell.is_powershell)
            places[endpoint] = place
            if answer.unidentified:
                errors[endpoint] = query_failed(endpoint, _unidentified(answer.unidentified), request.cmdlet)
    for group in not_asked.values():
        errors.update(dict.fromkeys((endpoint for endpoint, _cause in group), _not_asked(group, request.cmdlet)))
    listed = tuple(
        Listed(places[endpoint], asked_at, frozenset(session.instance_id for session in found))
        for endpoint, found in sessions.items()
        if endpoint not in errors
    )
    if task.context.check_mode and (foreseen := task.context.foreseen) is not None:
        sessions = {each: foreseen.applied_to(places[each], found) for each, found in sessions.items()}
    return Discovery(sessions, errors, listed, asked_at, places)


def _progress(asked: t.Sequence[Endpoint], answers: t.Collection[Endpoint]) -> Progressed:
    """Return the number of computers that have answered, and the names of the others if they are few."""
    left = [each for each in asked if each not in answers] if len(asked) - len(answers) <= _FEW else []
    return Progressed(
        len(answers),
        len(asked),
        "computers listed",
        silent=tuple(each.inventory_hostname or each.computer_name for each in left),
        seconds=max((min(each.option.open_timeout, each.answer_timeout) for each in left), default=0.0),
    )


def _as_logged_on(endpoint: Endpoint, mechanism: str) -> Endpoint:
    """Return an endpoint with the scheme of its log-on, for the results. It stays equal to the original."""
    if not mechanism:
        return endpoint
    return dataclasses.replace(endpoint, logon=dataclasses.replace(endpoint.logon, used=mechanism))


def list_commands(
    sessions: t.Sequence[PSSession], task: Task, *, several: bool
) -> tuple[list[PSSession], list[ErrorRecord]]:
    """Return the sessions with their commands, and the errors of the others. This takes one request for each session.

    A session that no longer exists is an error. A cmdlet that only reads leaves it out.

    Args:
        several: Whether to include sessions with several commands. The cmdlets support one command, so they leave such
            sessions out.
    """

    def ask(session: PSSession) -> PSSession:
        with task.pool.lend(session.endpoint) as client:
            commands = client.enumerate_commands(session.shell, client.new_deadline())
            return dataclasses.replace(session, commands=commands)

    each_once = dict.fromkeys(sessions)
    foreseen = {
        each: dataclasses.replace(each, commands=each.foreseen.commands)
        for each in each_once
        if each.foreseen is not None and each.foreseen.commands is not None
    }
    answers: dict[PSSession, PSSession | TransportError] = {
        **foreseen,
        **dict(task.throttle.map(ask, [each for each in each_once if each not in foreseen])),
    }
    listed: list[PSSession] = []
    errors: dict[PSSession, ErrorRecord] = {}
    for session in sessions:
        answer = answers[session]
        if isinstance(answer, TransportError):
            vanished = isinstance(answer, WSManFault) and answer.code == Code.UNEXPECTED_SELECTORS
            if not (vanished and task.request.cmdlet.is_reading):
                errors[session] = _commands_not_listed(session, answer, task.request.cmdlet)
        elif len(answer.commands or ()) > 1 and not several:
            count = len(answer.commands or ())
            text = f"The session {session.place} is left out: it has {count} commands, and one is supported."
            task.context.emit(Warned(text))
        else:
            listed.append(answer)
    return listed, list(errors.values())


def as_session(shell: Shell, endpoint: Endpoint, now: datetime.datetime) -> PSSession:
    """Return the session of a listed shell, for a client that is not known to be connected to it.

    For such a client every session is Disconnected. If the server lists another state, some client uses the session,
    and the availability is Busy (RemoteRunspacePoolInternal.GetRemoteRunspacePools).
    """
    free = shell.state.lower() == "disconnected"
    disconnected_on, expires_on = lifetime(shell, now) if free else (None, None)
    return PSSession(
        endpoint=endpoint,
        shell=shell,
        state=State.DISCONNECTED,
        availability=Availability.NONE if free else Availability.BUSY,
        disconnected_on=disconnected_on,
        expires_on=expires_on,
    )


def lifetime(shell: Shell, now: datetime.datetime) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the times of a shell's disconnection and of its removal by the server, by this controller's clock.

    Both are unknown if the server did not give the idle time, or if the idle time is longer than allowed, because the
    server is about to remove the shell (RunspaceConnectionInfo, DisconnectedOn and ExpiresOn).
    """
    if shell.idle_timeout is None or shell.shell_inactivity is None or shell.idle_timeout <= shell.shell_inactivity:
        return None, None
    try:
        disconnected_on = now - datetime.timedelta(seconds=shell.shell_inactivity)
    except OverflowError:
        return None, None
    try:
        return disconnected_on, disconnected_on + datetime.timedelta(seconds=int(shell.idle_timeout))
    except OverflowError:
        return disconnected_on, None


def query_failed(endpoint: Endpoint, cause: TransportError, cmdlet: Cmdlet) -> ErrorRecord:
    """Return the record for a computer whose sessions could not be listed."""
    return error_record(
        "RemotePSSessionQueryFailed",
        f"the sessions on {endpoint.computer_name} could not be listed",
        cmdlet=cmdlet,
        target=endpoint.uri,
        about=endpoint.subject,
        cause=cause,
    )


def _journal_unusable(endpoint: Endpoint, problem: str, cmdlet: Cmdlet) -> ErrorRecord:
    """Return the record for a computer whose journal cannot be used, so that nothing may be done there."""
    return error_record(
        "InvalidOperation",
        f"nothing was done on {endpoint.computer_name}: {problem}",
        cmdlet=cmdlet,
        target=endpoint.uri,
        about=endpoint.subject,
    )


def _not_asked(group: t.Sequence[tuple[Endpoint, NotAsked]], cmdlet: Cmdlet) -> ErrorRecord:
    """Return the one record for the computers that were not asked because of an account."""
    endpoint, cause = group[0]
    if len(group) == 1:
        return query_failed(endpoint, cause, cmdlet)
    subjects = tuple(each.subject for each, _cause in group)
    names = ", ".join(str(each.computer_name) for each in subjects[:_NAMED])
    more = f" and {len(subjects) - _NAMED} more" if len(subjects) > _NAMED else ""
    record = error_record(
        "RemotePSSessionQueryFailed",
        f"{len(subjects)} computers were not asked for their sessions ({names}{more})",
        cmdlet=cmdlet,
        target=cause.account,
        cause=cause,
    )
    return dataclasses.replace(record, computers=subjects)


def _commands_not_listed(session: PSSession, cause: TransportError, cmdlet: Cmdlet) -> ErrorRecord:
    return error_record(
        cmdlet.error_id,
        f"the commands of session {session.place} could not be listed",
        cmdlet=cmdlet,
        target=session.instance_id,
        about=session.subject,
        cause=cause,
    )


def _unidentified(count: int) -> TransportError:
    what = "1 shell without a usable id was" if count == 1 else f"{count} shells without a usable id were"
    return TransportError(Code.IMPROPER_RESPONSE, f"{what} left out of the list")
