# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Run: start commands in connected sessions and take what they give. Nothing here is ever done twice by itself."""

from __future__ import annotations

import dataclasses
import time
import typing as t
import uuid

from .codes import HINTS, Code, Reason
from .commands import CommandResult, Output, PipelineState, Script
from .errors import ErrorRecord, LimitExceeded, TransportError, WSManFault, error_record
from .journal import Journal, JournalFolder
from .model import PSSession
from .psrp import pipelines, starting
from .psrp.host import HostCall
from .psrp.pipelines import Collector
from .psrp.records import message_of
from .psrp.starting import IncompleteStart
from .request import Request
from .throttle import Throttle
from .wsman.client import WSManClient
from .wsman.pool import ClientPool

Answer = t.TypeVar("Answer")


class Runner:
    """Works with the commands of sessions that are connected here, side by side under the throttle.

    Args:
        journal: Gets every piece of output before it is looked at, or None.
        progress: Gets a line of text now and then.

    Attributes:
        sessions: Those in which something was to be started, so far.
    """

    def __init__(
        self,
        request: Request,
        pool: ClientPool,
        journal: Journal | JournalFolder | None,
        progress: t.Callable[[str], None],
    ) -> None:
        self._request = request
        self._pool = pool
        self._journal = journal
        self._progress = progress
        self._throttle = Throttle(request.flow.throttle_limit)
        self.sessions: list[PSSession] = []

    def start(self, session: PSSession, script: Script, *, is_first: bool = False) -> CommandResult:
        """Start a script in a session and do not wait for it.

        Args:
            is_first: Nothing was ever started in the session.

        Raises:
            JournalError: The journal cannot be written; nothing was started.
        """
        self.sessions.append(session)
        command_id = _first_command_id(session) if is_first else str(uuid.uuid4())
        if self._journal is not None:
            self._journal.note_start(session.instance_id, command_id)
        try:
            with self._pool.lend(session.endpoint) as client:
                starting.start(client, session.shell, command_id, script, _Awake(client, session))
        except IncompleteStart as error:
            return self._incomplete(session, command_id, error)
        except TransportError as error:
            return self._failed(session, None, Output(), error)
        return CommandResult(session, command_id, Output())

    def invoke(self, sessions: t.Sequence[PSSession], script: Script) -> list[CommandResult]:
        """Run a script in each session and take all it gives."""

        def run(session: PSSession) -> CommandResult:
            started = self.start(session, script)
            if started.error is not None or started.command_id is None:
                return started
            return self._received(session, started.command_id, started.output)

        return self._in_all(sessions, run)

    def receive(self, sessions: t.Sequence[PSSession], newly_connected: t.Container[str]) -> list[CommandResult]:
        """Take what the command of each session gives.

        Args:
            sessions: With their commands listed.
            newly_connected: Instance ids of the sessions that this task has connected to. The others were connected to
                this client before, without the registry knowing it: a task was killed before it wrote that down.
        """

        def take(session: PSSession) -> CommandResult:
            command = session.commands[0] if session.commands else None
            if command is None:
                return self._remembered(session)
            try:
                if session.instance_id not in newly_connected:
                    self._connect_anew(session)
                self._connect_command(session, command.command_id)
            except TransportError as error:
                return self._failed(session, command.command_id, Output(), error)
            return self._received(session, command.command_id, Output())

        return self._in_all(sessions, take)

    def _in_all(
        self, sessions: t.Sequence[PSSession], work: t.Callable[[PSSession], CommandResult]
    ) -> list[CommandResult]:
        results: list[CommandResult] = []

        def go_on() -> bool:
            return not (self._request.flow.stop_on_error and any(result.error for result in results))

        for _session, result in self._throttle.map(work, sessions, go_on):
            results.append(result)
            self._progress(f"{len(results)} of {len(sessions)} commands")
        return results

    def _connect_anew(self, session: PSSession) -> None:
        """Disconnect from a session and take it up again: see `Stages.let_go_of_commands` for the reason."""
        with self._pool.lend(session.endpoint) as client:
            try:
                client.disconnect(session.shell, None, None, _limit(session))
            except WSManFault as fault:
                if fault.code != Code.ALREADY_DISCONNECTED:  # by the server, from a client that was silent so long
                    raise
            client.reconnect(session.shell, None, _limit(session))

    def _connect_command(self, session: PSSession, command_id: str) -> None:
        with self._pool.lend(session.endpoint) as client:
            attempt = _Awake(client, session)
            attempt(lambda limit: client.connect_command(session.shell, command_id.upper(), limit))

    def _received(self, session: PSSession, command_id: str, output: Output) -> CommandResult:
        """Take what one command gives, first from the journal, then from the server."""
        collector = self._collector(session, command_id, output)
        until = None if self._request.run.timeout is None else time.monotonic() + self._request.run.timeout

        def record(pieces: list[bytes]) -> None:
            if self._journal is not None:
                self._journal.append(session.instance_id, command_id, pieces)

        def answered(call: HostCall) -> None:
            if self._journal is not None:
                self._journal.note_answer(session.instance_id, command_id, call.call_id)

        try:
            if self._journal is not None:
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
        except TransportError as error:
            if not output.is_finished:
                return self._failed(session, command_id, collector.finish(), error)
        return self._finished(session, command_id, collector.finish())

    def _collector(self, session: PSSession, command_id: str, output: Output) -> Collector:
        return Collector(
            output,
            self._request.run.max_output_objects,
            drops=session.shell.buffer_mode == "Drop",
            is_first=command_id == _first_command_id(session),
            option=session.endpoint.option,
        )

    def _remembered(self, session: PSSession) -> CommandResult:
        """Return what the journal has of the last command of a session that has none any more."""
        command_id = self._journal.last_command_of(session.instance_id) if self._journal is not None else None
        if self._journal is None or command_id is None:
            return CommandResult(session, None, Output())
        collector = self._collector(session, command_id, Output())
        for piece in self._journal.pieces_of(session.instance_id, command_id):
            collector.feed(piece)
        result = dataclasses.replace(self._finished(session, command_id, collector.finish()), is_news=False)
        if result.output.is_finished:
            return result
        record = error_record(
            "ReceivePSSessionPipelineFailed",
            f"session {_name(session)} has no command any more, and the journal does not have the end of its last one",
            cmdlet=self._request.cmdlet,
            category="OperationStopped",
            reason=Reason.EXPIRED,
            target=session.instance_id,
            about=session.subject,
            hint="Another client received the rest or removed the command, or it never started. What was received here "
            "is in the result.",
        )
        return dataclasses.replace(result, error=record)

    def _finished(self, session: PSSession, command_id: str, output: Output) -> CommandResult:
        error, expected = None, self._request.run.expected_return_codes
        if output.state is PipelineState.FAILED:
            failure = output.failure or {}
            error = self._command_failed(
                session,
                f"failed: {message_of(output.failure)}",
                error_id=str(failure.get("fully_qualified_error_id") or "PipelineFailed"),
                category=str((failure.get("category_info") or {}).get("category") or "NotSpecified"),
            )
        elif output.state is PipelineState.COMPLETED and output.rc not in (None, *expected):
            error = self._command_failed(
                session,
                f"ended with exit code {output.rc}",
                error_id="CommandExitCode",
                category="InvalidResult",
                hint=f"If {output.rc} is a success, add it to expected_return_code.",
            )
        return CommandResult(session, command_id, output, error)

    def _command_failed(
        self, session: PSSession, what: str, *, error_id: str, category: str, hint: str = ""
    ) -> ErrorRecord:
        """Return the record for a command whose script ended without success."""
        return error_record(
            error_id,
            f"the command in session {_name(session)} {what}",
            cmdlet=self._request.cmdlet,
            category=category,
            reason=Reason.COMMAND_FAILED,
            target=session.instance_id,
            about=session.subject,
            hint=hint,
        )

    def _incomplete(self, session: PSSession, command_id: str, cause: IncompleteStart) -> CommandResult:
        """Return the result for a command that exists without all of its script or of its input."""
        command = f"the command in session {_name(session)}"
        if cause.has_script:
            delivered = (
                f"{cause.at_least}" if cause.at_least == cause.at_most else f"{cause.at_least} to {cause.at_most}"
            )
            message = f"{command} started, and {delivered} of {cause.total} input objects were delivered"
            hint = (
                "The script waits for the rest of its input. To stop it, use receive_pssession with stop. "
                "Without stop, receive_pssession ends its input, and the script goes on with the objects that it has."
            )
        elif cause.has_script is None:
            message = f"it is not known whether {command} started, since the answer to the end of its script got lost"
            hint = "If it started, receive_pssession takes its output, and stops it with stop."
        else:
            message = f"{command} did not start, since its script was not delivered to the end"
            hint = "Remove the session with remove_pssession, and run the task again."
        record = error_record(
            "PSSessionStateBroken",
            message,
            cmdlet=self._request.cmdlet,
            category="OperationStopped",
            target=session.instance_id,
            about=session.subject,
            cause=cause,
            hint=hint,
        )
        return CommandResult(session, command_id, Output(), record)

    def _failed(
        self, session: PSSession, command_id: str | None, output: Output, cause: TransportError
    ) -> CommandResult:
        if cause.code == Code.HOST_PROCESS_ENDED:
            hint = f"{HINTS[Code.HOST_PROCESS_ENDED]} What was received until then is in the result."
        elif isinstance(cause, WSManFault) and pipelines.is_no_longer_ours(cause):
            hint = "The session ended, or another client took it. What was received until then is in the result."
        else:
            fate = "It is not known whether the command stopped" if self._request.run.stop else "The command goes on"
            hint = f"{fate}; receive_pssession takes the rest." if command_id else ""
        limit = cause.error_id if isinstance(cause, LimitExceeded) else None
        if limit is not None:
            hint = f"Raise the limit. {hint}"
        doing = "receiving from" if command_id else "starting a command in"
        record = error_record(
            limit or ("ReceivePSSessionPipelineFailed" if command_id else "PSSessionStateBroken"),
            f"{doing} session {_name(session)} failed",
            cmdlet=self._request.cmdlet,
            category="OperationStopped",
            target=session.instance_id,
            about=session.subject,
            cause=cause,
            hint=hint,
        )
        return CommandResult(session, command_id, output, record)


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


def _name(session: PSSession) -> str:
    return f"{session.name or session.instance_id} on {session.endpoint.computer_name}"
