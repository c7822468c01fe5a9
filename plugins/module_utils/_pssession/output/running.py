"""Run: starts commands in connected sessions and receives their output. No command is started twice."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import time
import typing as t
import uuid
from dataclasses import dataclass

from ..model.codes import Code
from ..model.commands import CommandResult, Output, Script
from ..model.errors import ErrorRecord, TransportError, WSManFault
from ..model.sessions import PSSession
from ..psrp import pipelines, starting
from ..psrp.host import HostCall
from ..psrp.pipelines import Collector
from ..psrp.starting import IncompleteStart
from ..request.request import Request
from ..system.throttle import outcome_of
from ..task.task import Task
from ..wsman.client import WSManClient
from ..wsman.pool import ClientPool
from . import command_errors

Answer = t.TypeVar("Answer")


@dataclass(frozen=True)
class Outputs:
    """What the commands of the connected sessions gave, in the order they got there."""

    results: tuple[CommandResult, ...]

    @property
    def errors(self) -> tuple[ErrorRecord, ...]:
        return tuple(result.error for result in self.results if result.error is not None)

    @property
    def news(self) -> frozenset[str]:
        """Instance ids of the sessions whose command gave something now."""
        return frozenset(each.session.instance_id for each in self.results if each.command_id and each.is_news)

    def warnings(self) -> t.Iterator[str]:
        """Return what to know about the output that is in no error."""
        if any(result.output.is_formatted for result in self.results):
            yield (
                "A script formats its output, with Format-Table or another Format cmdlet, so the result has lines of "
                "text. Without that cmdlet it has objects with all properties."
            )
        for result in self.results:
            if result.output.output_dropped:
                yield (
                    f"The server dropped output of session {result.session.place}: the session's output buffering mode "
                    "is Drop, and messages are missing. What came is in the result."
                )


class Runner:
    """Works with the commands of sessions that are connected here, side by side under the throttle."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._request = task.request
        self._journal = task.journal
        self._pool = task.pool

    def start(self, session: PSSession, script: Script, *, is_first: bool = False) -> CommandResult:
        """Start a script in a session and do not wait for it.

        Args:
            is_first: Nothing was ever started in the session.

        Raises:
            JournalError: The journal cannot be written; nothing was started.
        """
        command_id = _first_command_id(session) if is_first else str(uuid.uuid4())
        self._journal.note_start(session.instance_id, command_id)
        try:
            with self._pool.lend(session.endpoint) as client:
                starting.start(client, session.shell, command_id, script, _Awake(client, session))
        except IncompleteStart as error:
            return CommandResult(
                session, command_id, Output(), command_errors.incomplete(session, error, self._request)
            )
        except TransportError as error:
            return _failed(self._request, session, None, Output(), error)
        return CommandResult(session, command_id, Output())

    def invoke(self, sessions: t.Sequence[PSSession], script: Script) -> Outputs:
        """Run a script in each session and take all it gives."""

        def run(session: PSSession) -> CommandResult:
            started = self.start(session, script)
            if started.error is not None or started.command_id is None:
                return started
            return self._received(session, started.command_id, started.output)

        return self._in_all(sessions, run)

    def receive(self, sessions: t.Sequence[PSSession], newly_connected: t.Container[str]) -> Outputs:
        """Take what the command of each session gives.

        Args:
            sessions: With their commands listed.
            newly_connected: Instance ids of the sessions that this task has connected to. The others were connected to
                this client before, without the registry knowing it: a task was killed before it wrote that down.
        """

        def connect(session: PSSession, command_id: str) -> None:
            if session.instance_id not in newly_connected:
                _connect_anew(self._pool, session)
            _connect_command(self._pool, session, command_id)

        def take(session: PSSession) -> CommandResult:
            command = session.commands[0] if session.commands else None
            if command is None:
                return self._remembered(session)
            failure = outcome_of(lambda command_id: connect(session, command_id), command.command_id)
            if failure is not None:
                return _failed(self._request, session, command.command_id, Output(), failure)
            return self._received(session, command.command_id, Output())

        return self._in_all(sessions, take)

    def _in_all(self, sessions: t.Sequence[PSSession], work: t.Callable[[PSSession], CommandResult]) -> Outputs:
        results: list[CommandResult] = []

        def go_on() -> bool:
            return not (self._request.flow.stop_on_error and any(result.error for result in results))

        for session, outcome in self._task.throttle.map(work, sessions, go_on):
            if isinstance(outcome, TransportError):
                outcome = _failed(self._request, session, None, Output(), outcome)
            results.append(outcome)
            self._task.context.progress(f"{len(results)} of {len(sessions)} commands")
        return Outputs(tuple(results))

    def _received(self, session: PSSession, command_id: str, output: Output) -> CommandResult:
        """Take what one command gives, first from the journal, then from the server."""
        collector = _collector(self._request, session, command_id, output)
        until = None if self._request.run.timeout is None else time.monotonic() + self._request.run.timeout

        def record(pieces: list[bytes]) -> None:
            self._journal.append(session.instance_id, command_id, pieces)

        def answered(call: HostCall) -> None:
            self._journal.note_answer(session.instance_id, command_id, call.call_id)

        def take(session: PSSession) -> None:
            for piece in self._journal.pieces_of(session.instance_id, command_id):
                collector.feed(piece)
            collector.forget_calls(self._journal.answered_calls_of(session.instance_id, command_id))
            if not output.is_finished:
                with self._pool.lend(session.endpoint) as client:
                    if self._request.run.stop:
                        client.signal(session.shell, command_id.upper(), pipelines.STOP, _signal_limit(session))
                    pipelines.receive(client, session.shell, command_id, collector, record, until, answered)
            if output.is_finished:
                with self._pool.lend(session.endpoint) as client:
                    client.signal(session.shell, command_id.upper(), pipelines.TERMINATE, _signal_limit(session))

        failure = outcome_of(take, session)  # whatever it is, what was received until then is in the result
        if failure is not None and not output.is_finished:
            return _failed(self._request, session, command_id, collector.finish(), failure)
        return _finished(self._request, session, command_id, collector.finish())

    def _remembered(self, session: PSSession) -> CommandResult:
        """Return what the journal has of the last command of a session that has none any more."""
        command_id = self._journal.last_command_of(session.instance_id)
        if command_id is None:
            return CommandResult(session, None, Output())
        collector = _collector(self._request, session, command_id, Output())
        for piece in self._journal.pieces_of(session.instance_id, command_id):
            collector.feed(piece)
        result = dataclasses.replace(_finished(self._request, session, command_id, collector.finish()), is_news=False)
        if result.output.is_finished:
            return result
        return dataclasses.replace(result, error=command_errors.rest_lost(session, self._request))


class _Awake:
    """Does requests about a session that is connected here, each with a deadline of its own.

    The session may have had to wait for its turn so long that the server has taken it from its silent client. What a
    server refuses for that has not happened, so the session is taken up again, and then it is done.
    """

    def __init__(self, client: WSManClient, session: PSSession) -> None:
        self._client = client
        self._session = session

    def __call__(self, request: t.Callable[[float], Answer], /) -> Answer:
        try:
            return request(_limit(self._session))
        except WSManFault as fault:
            if fault.code != Code.SHELL_DISCONNECTED:
                raise
            self._client.reconnect(self._session.shell, None, _limit(self._session))
            return request(_limit(self._session))


def _collector(request: Request, session: PSSession, command_id: str, output: Output) -> Collector:
    return Collector(
        output,
        request.run.max_output_objects,
        drops=session.shell.buffer_mode == "Drop",
        is_first=command_id == _first_command_id(session),
        option=session.endpoint.option,
    )


def _finished(request: Request, session: PSSession, command_id: str, output: Output) -> CommandResult:
    return CommandResult(session, command_id, output, command_errors.error_of(session, output, request))


def _failed(
    request: Request, session: PSSession, command_id: str | None, output: Output, cause: TransportError
) -> CommandResult:
    return CommandResult(session, command_id, output, command_errors.broken_off(session, command_id, cause, request))


def _connect_anew(pool: ClientPool, session: PSSession) -> None:
    """Disconnect from a session and take it up again; `disconnect_to_connect_anew` has the reason."""
    with pool.lend(session.endpoint) as client:
        try:
            client.disconnect(session.shell, None, None, _limit(session))
        except WSManFault as fault:
            if fault.code != Code.ALREADY_DISCONNECTED:  # by the server, from a client that was silent so long
                raise
        client.reconnect(session.shell, None, _limit(session))


def _connect_command(pool: ClientPool, session: PSSession, command_id: str) -> None:
    with pool.lend(session.endpoint) as client:
        attempt = _Awake(client, session)
        attempt(lambda limit: client.connect_command(session.shell, command_id.upper(), limit))


def _first_command_id(session: PSSession) -> str:
    """Return the id of a command that is started in a new session.

    It follows from that of the session, so that any client knows that no command was before it.
    """
    return str(uuid.uuid5(uuid.UUID(session.instance_id), "psremoting.fleet first command"))


def _limit(session: PSSession) -> float:
    return time.monotonic() + session.endpoint.option.open_timeout


def _signal_limit(session: PSSession) -> float:
    option = session.endpoint.option
    return time.monotonic() + (option.cancel_timeout or option.open_timeout)
