"""Run: starts commands in connected sessions and receives their output. No command is started twice."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from dataclasses import dataclass

from ..model.commands import CommandResult, Delivery, Output, Script, first_command_id
from ..model.errors import ErrorRecord, JournalError, TransportError
from ..model.events import InCommand, Progressed, ReceiveBegan, Warned
from ..model.sessions import PSSession, SessionKey
from ..psrp import starting
from ..psrp.starting import IncompleteStart
from ..state.journals import NoJournal
from ..system.throttle import failure_of_job
from ..task.task import Task
from . import command_errors
from .connecting import Awake
from .delivering import stop_incomplete
from .gathering import Gatherer
from .receiving import Needs, Receiving
from .script_records import warnings_of


@dataclass(frozen=True)
class Outputs:
    """The results of the commands in the connected sessions, in the order in which they ended."""

    results: tuple[CommandResult, ...]

    @property
    def errors(self) -> tuple[ErrorRecord, ...]:
        return tuple(error for result in self.results for error in result.errors)

    @property
    def changed(self) -> frozenset[SessionKey]:
        """Return the keys of sessions in which a command started, unless it reported that it changed nothing."""
        return frozenset(each.session.key for each in self.results if each.has_changed)

    @property
    def unchanged(self) -> frozenset[SessionKey]:
        """Return the keys of sessions in which each command reported that it changed nothing."""
        return frozenset(each.session.key for each in self.results if not each.output.changed) - self.changed

    @property
    def news(self) -> frozenset[SessionKey]:
        """Return the keys of sessions whose command gave output now."""
        return frozenset(each.session.key for each in self.results if each.command_id and each.is_news)

    def warnings(self) -> t.Iterator[Warned]:
        """Yield the warnings about output, except those that an error already reports."""
        if any(result.output.is_formatted for result in self.results):
            yield Warned(
                "A script formats its output, with Format-Table or another Format cmdlet, so the result has lines of "
                "text. Without that cmdlet it has objects with all properties."
            )
        yield from warnings_of(self.results)
        for result in self.results:
            if result.output.records_not_kept:
                yield Warned(
                    f"{result.output.records_not_kept} errors and other records of session {result.session.place} are "
                    "not in the result (max_output_objects)."
                )
            if _has_only_the_rest(result):
                yield Warned(
                    f"The beginning of the output of session {result.session.place} was received by another task or "
                    "client, or dropped. The result has the rest."
                )
            if result.output.output_dropped:
                yield Warned(
                    f"The server dropped output of session {result.session.place}: the session's output buffering mode "
                    "is Drop, and messages are missing. The result has the messages that arrived."
                )


def _has_only_the_rest(result: CommandResult) -> bool:
    """Return whether a command has ended without the beginning of its output, and no error reports it."""
    output = result.output
    return output.is_finished and output.beginning_received is False and result.missing_beginning is None


class Runner:
    """Starts and receives commands in connected sessions, several at a time as the throttle limit allows."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._request = task.request
        self._journal = task.journal
        self._pool = task.pool

    def start(self, session: PSSession, script: Script, *, is_first: bool = False) -> CommandResult:
        """Start a script in a session without waiting for it.

        Args:
            is_first: Whether nothing was ever started in the session.

        If the journal cannot be written, nothing is started.
        """
        command_id = first_command_id(session) if is_first else self._task.context.world.new_guid()
        noted: list[Delivery] = []

        def note(delivery: Delivery) -> None:
            noted.append(delivery)
            self._journal.note_delivery(session, command_id, delivery)

        try:
            self._journal.note_start(session, command_id)
            with self._pool.lend(session.endpoint) as client:
                starting.start(client, session.shell, command_id, script, Awake(client, session), note)
        except JournalError as error:
            if len(noted) > 1:  # a request was sent between these two notes
                stop_incomplete(self._pool, NoJournal(), session, command_id, noted[-1])
            failure = command_errors.journal_failed(session, None, error, self._request)
            return CommandResult(session, None, Output(), failure)
        except IncompleteStart as error:
            return self.incomplete(session, command_id, error.delivery, error)
        except TransportError as error:
            if not error.delivered:
                self._journal.note_refusal(session, command_id)
            return self._failed(session, None, Output(), error)
        return CommandResult(session, command_id, Output())

    def incomplete(
        self, session: PSSession, command_id: str, delivery: Delivery, cause: TransportError | None = None
    ) -> CommandResult:
        """Stop a command without its complete script or input, and return the error for it.

        Args:
            session: One that this client is connected to.
            cause: The failure that kept the rest from being delivered, or None if an earlier task was killed.
        """
        is_stopped = delivery.must_be_stopped and stop_incomplete(
            self._pool, self._journal, session, command_id, delivery
        )
        error = command_errors.incomplete(session, delivery, cause, is_stopped, self._request)
        never_began = is_stopped and not delivery.has_begun
        return CommandResult(session, None if never_began else command_id, Output(), error, cause=cause)

    def invoke(self, sessions: t.Sequence[PSSession], script: Script) -> Outputs:
        """Run a script in each session and receive all its output."""

        def run(session: PSSession) -> list[CommandResult]:
            started = self.start(session, script)
            if started.error is not None or started.command_id is None:
                return [started]
            return [self._received(*self._receiving(session, started.command_id, Needs.NOTHING))]

        return self._in_all(sessions, run)

    def receive(self, sessions: t.Sequence[PSSession], newly_connected: t.Container[SessionKey]) -> Outputs:
        """Receive the output of the commands of each session, one after the other.

        Args:
            sessions: With their commands listed.
            newly_connected: Keys of the sessions that this task has connected to. The others were connected before, but
                not in the registry, because a task was killed before it wrote that.
        """

        def take(session: PSSession) -> list[CommandResult]:
            if not session.commands:
                return [self._remembered(session)]
            needs = Needs.COMMAND if session.key in newly_connected else Needs.SESSION
            results: list[CommandResult] = []
            for command in session.commands:
                results.append(self._taken(session, command.command_id, needs))
                if results[-1].may_be_lost:  # the others are of the same session: one error is enough
                    break
                needs = Needs.COMMAND
            return results

        return self._in_all(sessions, take)

    def _taken(self, session: PSSession, command_id: str, needs: Needs) -> CommandResult:
        """Receive the output of one command. If its start was not delivered completely, stop it first.

        Connecting to such a command would end its input, and the script would go on with a part of it.
        """
        delivery = self._journal.delivery_of(session, command_id)
        if delivery is None or not delivery.must_be_stopped:
            return self._received(*self._receiving(session, command_id, needs))
        stopped = self.incomplete(session, command_id, delivery)
        if stopped.command_id is None or not delivery.has_begun:
            return stopped
        taken = self._received(*self._receiving(session, command_id, needs))
        return taken if self._request.run.stop else dataclasses.replace(taken, error=stopped.error)

    def _in_all(self, sessions: t.Sequence[PSSession], work: t.Callable[[PSSession], list[CommandResult]]) -> Outputs:
        results: list[CommandResult] = []

        def go_on() -> bool:
            return not (self._request.flow.stop_on_error and any(result.errors for result in results))

        def to_its_end(session: PSSession) -> list[CommandResult]:
            try:
                return work(session)
            finally:
                self._journal.done_with(session)

        emit, failed = self._task.context.emit, 0
        emit(Progressed(0, len(sessions), "commands"))
        jobs = self._task.throttle.map(to_its_end, sessions, go_on)
        for done, (session, outcome) in enumerate(jobs, start=1):
            if isinstance(outcome, TransportError):
                outcome = [self._failed(session, None, Output(), outcome)]
            results += outcome
            failed += any(result.errors for result in outcome)
            emit(Progressed(done, len(sessions), "commands", failed))
        return Outputs(tuple(results))

    def _receiving(self, session: PSSession, command_id: str, needs: Needs) -> tuple[Receiving, Gatherer]:
        run = self._request.run
        gatherer = Gatherer(run.max_output_objects)
        receiving = Receiving(
            session,
            command_id,
            self._pool,
            self._journal,
            needs=needs,
            timeout=run.timeout,
            recovery_timeout=run.recovery_timeout,
            stop=run.stop,
            wants_output=gatherer.has_room,
        )
        return receiving, gatherer

    def _received(self, receiving: Receiving, gatherer: Gatherer) -> CommandResult:
        """Receive the output of one command, first from the journal, then from the server."""
        session, command_id = receiving.session, receiving.command_id
        try:
            self._task.context.emit(InCommand(session, command_id, ReceiveBegan()))
            for event in receiving:
                gatherer.add(event)
                self._task.context.emit(InCommand(session, command_id, event, receiving.is_replaying))
        except JournalError as error:  # what came before it stays in the result
            failure = command_errors.journal_failed(session, command_id, error, self._request)
            return CommandResult(session, command_id, gatherer.finish(), failure)
        except Exception as error:  # noqa: BLE001 - a defect: what was received before must not be lost with it
            return self._failed(session, command_id, gatherer.finish(), failure_of_job(error))
        output = gatherer.finish()
        if gatherer.cause is not None and not output.is_finished:
            result = self._failed(session, command_id, output, gatherer.cause)
        else:
            result = self._finished(session, command_id, output)
        return self._with_unreadable(result, gatherer)

    def _remembered(self, session: PSSession) -> CommandResult:
        """Return the journal's result of the last command of a session that no longer has a command."""
        command_id = self._journal.last_command_of(session)
        if command_id is None:
            return CommandResult(session, None, Output())
        receiving, gatherer = self._receiving(session, command_id, Needs.NOTHING)
        for event in receiving.from_journal():
            gatherer.add(event)
        if gatherer.cause is not None:
            raise gatherer.cause
        result = self._with_unreadable(self._finished(session, command_id, gatherer.finish()), gatherer)
        result = dataclasses.replace(result, is_news=False)
        if result.output.is_finished:
            return result
        return dataclasses.replace(result, error=command_errors.rest_lost(session, self._request))

    def _with_unreadable(self, result: CommandResult, gatherer: Gatherer) -> CommandResult:
        """Report unreadable messages: as an error the first time, and as a warning when the journal has them."""
        session, command_id, count = result.session, result.command_id or "", len(gatherer.unreadable)
        reported = self._journal.unreadable_reported_of(session, command_id)
        if reported:
            self._task.context.emit(
                Warned(
                    f"The journal has messages of the command in session {session.place} that could not be read. An "
                    "earlier task reported them."
                )
            )
        if count <= reported:
            return result
        error = command_errors.unreadable(session, gatherer.unreadable[reported:], self._request)
        with contextlib.suppress(JournalError):  # then the next task reports them again
            self._journal.note_unreadable(session, command_id, count)
        return dataclasses.replace(result, unreadable=error)

    def _finished(self, session: PSSession, command_id: str, output: Output) -> CommandResult:
        error = command_errors.error_of(session, output, self._request)
        has_journal = not isinstance(self._journal, NoJournal)
        missing = command_errors.missing_beginning(session, output, self._request) if has_journal else None
        return CommandResult(session, command_id, output, error, missing_beginning=missing)

    def _failed(
        self, session: PSSession, command_id: str | None, output: Output, cause: TransportError
    ) -> CommandResult:
        error = command_errors.broken_off(session, command_id, cause, self._request)
        return CommandResult(session, command_id, output, error, cause=cause)
