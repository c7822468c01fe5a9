# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""The stages of the pipeline over one request: find, plan, apply, run, leave, remember."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from . import endpoint as endpoints_of
from .apply import Apply, Result
from .codes import Code
from .commands import CommandResult
from .context import Context
from .discovery import Discovery, discover, list_commands
from .errors import ErrorRecord
from .journal import Journal, JournalFolder, journal_at
from .memory import Memory
from .model import Availability, Endpoint, PSSession, State
from .plan import Action, Step, plan
from .report import Report
from .request import Request
from .running import Runner
from .selection import (
    Selection,
    age,
    is_same,
    look_up,
    refuse_unseen,
    remaining,
    select_remembered,
    select_remote,
    to_be_made,
    unknown_name,
)
from .throttle import Throttle
from .verbs.base import Verb
from .verbs.disconnect import Disconnect
from .wsman.pool import ClientPool, half_of_the_files

# What somebody who wants to stop will wait for a last request.
_HURRIED_SECONDS = 10.0


@contextlib.contextmanager
def stages_of(request: Request, context: Context) -> t.Iterator[Stages]:
    """Provide the stages for one request; conversations that are still open are closed in the end.

    Raises:
        JournalError: The journal cannot be used; nothing was sent.
    """
    request = _within_open_files(request, context)
    memory = Memory(context.registry, context.client_id, context.warn)
    journal = _journal_of(request, context)
    pool = ClientPool(memory.client_id)
    try:
        yield Stages(request, context, memory, pool, journal)
    finally:
        pool.close()


def _within_open_files(request: Request, context: Context) -> Request:
    """Return the request with no more at once than this process may have files for."""
    most = half_of_the_files()
    if request.flow.throttle_limit <= most:
        return request
    context.warn(
        f"throttle_limit is {most} instead of {request.flow.throttle_limit}: each request is an open file, and half of "
        "those this process may have are for other things (ulimit -n)."
    )
    return dataclasses.replace(request, flow=dataclasses.replace(request.flow, throttle_limit=most))


def _journal_of(request: Request, context: Context) -> Journal | JournalFolder | None:
    """Open the journal of a request; in check mode only one that is there, since nothing is written."""
    if request.run.journal is None or (context.check_mode and not os.path.exists(request.run.journal)):
        return None
    return journal_at(request.run.journal)


def _about_empty(session: PSSession, is_unstarted: bool) -> str:
    """Return what to do about a session that exists and has no command."""
    name = f"Session {session.name} on {session.endpoint.computer_name}"
    if is_unstarted:
        return (
            f"{name} has no command yet, and some client is connected to it. If that was an earlier run of this task "
            "which came to an end, run it again in a minute; then it is started."
        )
    return (
        f"{name} exists and has no command: what was started in it has been received to its end, or nothing ever was. "
        "Nothing is started in it now. If that is wanted, remove the session (remove_pssession) and run this again; "
        "a task with a journal does so by itself where the journal proves that nothing was started."
    )


class Stages:
    """The stages of the pipeline over one request; what they leave behind is in `report` and in `memory`."""

    def __init__(
        self,
        request: Request,
        context: Context,
        memory: Memory,
        pool: ClientPool,
        journal: Journal | JournalFolder | None,
    ) -> None:
        self.report = Report(request.parameter_set.name)
        self.memory = memory
        self._request = request
        self._context = context
        self._pool = pool
        self._journal = journal
        self._throttle = Throttle(request.flow.throttle_limit)
        self._vanished: tuple[str, ...] = ()

    def find(self) -> list[PSSession]:
        """Discover and select; report what is missing and whose computer did not answer."""
        if self._request.parameter_set.is_local:
            selection = self._find_remembered()
        else:
            endpoints = endpoints_of.endpoints(self._request, self._context.settings_of)
            selection = select_remote(endpoints, self._request, self._discover(endpoints))
        self._report_missing(selection.missing)
        sessions = self._fulfilling(selection.sessions)
        if self._request.flow.list_commands:
            sessions = list_commands(sessions, self._pool, self._throttle, self._context.warn)
        self.report.before = list(dict.fromkeys(sessions))
        return sessions

    def find_or_make(self) -> list[PSSession]:
        """Discover, and return for each name on each computer the session that has it, or one that is to be made.

        A session of the same name that belongs to another account does not count: it cannot be connected to.
        """
        endpoints = endpoints_of.endpoints(self._request, self._context.settings_of)
        found = self._discover(endpoints)
        sessions: list[PSSession] = []
        for endpoint, listed in found.sessions.items():
            for name in dict.fromkeys(self._request.query.new_names):
                existing = next((each for each in listed if is_same(each, name, self._request)), None)
                sessions.append(existing or to_be_made(name, endpoint, self._request))
        self.report.before = [session for session in sessions if session.shell.state]
        return sessions

    def unstarted(self, sessions: list[PSSession]) -> tuple[list[PSSession], list[PSSession]]:
        """Tell existing sessions, which are left alone, from those in which something is to be started.

        Among the latter is what an earlier task with the same journal left behind when it ended between opening a
        session and starting something in it. That is certain only if nobody is connected: it might go on otherwise.
        About other sessions without a command nobody knows that, so a warning says what to do.
        """
        made = [session for session in sessions if session.shell.state]
        listed = list_commands(made, self._pool, self._throttle, self._context.warn)
        commands = {session.instance_id: session.commands for session in listed}
        existing = [
            dataclasses.replace(session, commands=commands.get(session.instance_id))
            for session in self.memory.as_remembered(made)
        ]
        wanted = [session for session in sessions if not session.shell.state]
        if self._journal is not None and not self._context.check_mode:
            self._journal.note_opening(session.instance_id for session in wanted)
        for session in list(existing):
            if session.commands != ():
                continue
            is_unstarted = self._journal is not None and self._journal.is_unstarted(session.instance_id)
            if is_unstarted and session.availability is Availability.NONE:
                existing.remove(session)
                wanted.append(session)
            else:
                self._context.warn(_about_empty(session, is_unstarted))
        return existing, wanted

    def _fulfilling(self, sessions: t.Sequence[PSSession]) -> list[PSSession]:
        """Return the sessions that fulfil the further conditions of the request."""
        request, soon = self._request, self._request.query.expires_within
        if request.query.state == "all" and not request.query.minimum_age and soon is None:
            return list(sessions)
        opened = {each.instance_id for each in self.memory.as_remembered(list(sessions)) if each.state is State.OPENED}
        return [
            session
            for session in sessions
            if request.query.state in ("all", "opened" if session.instance_id in opened else "disconnected")
            and age(session) >= request.query.minimum_age
            and (soon is None or ((left := remaining(session)) is not None and left <= soon))
        ]

    def carry_out(self, verb: Verb, selected: list[PSSession]) -> Report:
        """Plan, apply, report; in check mode without the second."""
        report, context = self.report, self._context
        steps = self.plan(verb, selected)
        if context.check_mode:
            report.sessions = self.memory.as_remembered(selected)
            report.after = [verb.expected(step) if step.changes else step.session for step in steps]
            report.what_if = [verb.what_if(step.session) for step in steps]
            report.changed_sessions = {step.session.instance_id for step in steps if step.changes}
            self.warn_of_sessions_in_use(steps)
            return report
        if context.confirm is not None:
            operation = verb.cmdlet.verb
            steps = [step for step in steps if context.confirm(operation, verb.target(step.session), step.session)]
        if not (self._request.flow.stop_on_error and report.errors):
            result = self.apply(verb, steps)
            report.sessions, report.changed_sessions = result.sessions, result.changed
            report.after = result.sessions
            report.errors += result.errors
        self.remember()
        return report

    def run(self, work: t.Callable[[Runner], list[CommandResult]]) -> None:
        """Work with the commands of the sessions connected; report what they gave and what went wrong."""
        runner = Runner(self._request, self._pool, self._journal, self._context.progress)
        results: list[CommandResult] | None = None
        try:
            results = work(runner)
        finally:
            if results is None:
                self._let_go(self.report.sessions or runner.sessions)
        self.report.results = results
        ended = {result.session.instance_id for result in results if result.output.is_finished}
        self.report.sessions = [
            dataclasses.replace(session, commands=()).opened() if session.instance_id in ended else session
            for session in self.report.sessions
        ]
        self.report.errors += [result.error for result in results if result.error is not None]
        if any(result.output.is_formatted for result in results):
            self._context.warn(
                "A script formats its output, with Format-Table or another Format cmdlet, so the result has lines of "
                "text. Without that cmdlet it has objects with all properties."
            )
        for result in results:
            if result.output.output_dropped:
                self._context.warn(
                    f"The server dropped output of session {result.session.name or result.session.instance_id} on "
                    f"{result.session.endpoint.computer_name}: the session's output buffering mode is Drop, and "
                    "messages are missing. What came is in the result."
                )

    def let_go_of_commands(self, sessions: list[PSSession]) -> list[PSSession]:
        """Disconnect from sessions with a command that this client is connected to, so that it connects to them anew.

        Commands are connected to one by one, which only a new connection does. And where a task was killed while it
        received, the last answer may be lost: the server has it still, and gives it again to a new connection only.
        """
        ours = [each for each in self.memory.as_remembered(sessions) if each.state is State.OPENED and each.commands]
        left = self.apply(
            Disconnect(self._request, self._context.warn), [Step(each, Action.DISCONNECT, ours=True) for each in ours]
        )
        free = {each.instance_id for each in left.sessions if each.availability is Availability.NONE}
        return [
            dataclasses.replace(each, availability=Availability.NONE) if each.instance_id in free else each
            for each in sessions
        ]

    def _let_go(self, sessions: t.Iterable[PSSession]) -> None:
        """Disconnect from the sessions when the work with them is cut short, say by the task's time limit.

        It is a courtesy: without it the server does the same after a minute of silence.
        """
        self._pool.close()
        hurried = []
        for session in sessions:
            option = dataclasses.replace(session.endpoint.option, open_timeout=_HURRIED_SECONDS)
            endpoint = dataclasses.replace(session.endpoint, option=option)
            hurried.append(Step(dataclasses.replace(session, endpoint=endpoint), Action.DISCONNECT, ours=True))
        self._pool = ClientPool(self.memory.client_id)
        try:
            left = self.apply(Disconnect(self._request, self._context.warn), hurried)
        finally:
            self._pool.close()
        self._context.last_words(
            f"interrupted. {len(left.sessions)} sessions are disconnected, {len(left.errors)} will be in a minute; "
            "the commands in them go on. receive_pssession takes what they give."
        )

    def leave(self, all_of_them: bool = False) -> None:
        """Disconnect from sessions whose command still runs, so that it is safe, and from all if that is wanted."""
        results = self.report.results or ()
        running = {
            result.session.instance_id
            for result in results
            if result.command_id and result.is_news and not result.output.is_finished
        }
        # The errors say for themselves what becomes of those that failed on the way.
        failed = {result.session.instance_id for result in results if result.error}
        going_on = running - failed
        everything = all_of_them or self._request.change.disconnect_after
        left = [each for each in self.report.sessions if everything or each.instance_id in running]
        verb = Disconnect(self._request, self._context.warn)
        for session in left:
            if session.instance_id in going_on and not all_of_them:
                self._context.warn(
                    f"The command in session {session.name or session.instance_id} on {session.endpoint.computer_name} "
                    "still runs. The session is disconnected, so that it can go on; receive_pssession takes the rest."
                )
        result = self.apply(verb, [Step(session, Action.DISCONNECT, ours=True) for session in left])
        now = {session.instance_id: session for session in result.sessions}
        self.report.sessions = [now.get(each.instance_id, each) for each in self.report.sessions]
        self.report.after = self.report.sessions
        # Where a session ended with its command, that is reported already.
        self.report.errors += [
            each
            for each in result.errors
            if not (each.code == Code.UNEXPECTED_SELECTORS and each.about.instance_id in failed)
        ]
        self.remember()

    def plan(self, verb: Verb, sessions: list[PSSession]) -> list[Step]:
        return plan(verb, sessions, self.memory.owners(), self.memory.client_id, self._request)

    def apply(self, verb: Verb, steps: list[Step]) -> Result:
        """Carry out the steps."""
        context = self._context
        return Apply(
            verb, self._request, self._pool, clock=context.clock, sleep=context.sleep, progress=context.progress
        ).run(steps)

    def remember(self) -> None:
        """Write down what is known now, so that later tasks can name sessions by their ids."""
        ids = self.memory.remember([*self.report.before, *self.report.sessions], self._vanished)
        if ids:
            self.report.sessions = [
                dataclasses.replace(session, id=ids.get(session.instance_id)) for session in self.report.sessions
            ]

    def warn_of_sessions_in_use(self, steps: list[Step]) -> None:
        for step in steps:
            if step.session.availability is Availability.BUSY and not step.ours and not self._request.change.force:
                self._context.warn(
                    f"Session {step.session.name or step.session.instance_id} on "
                    f"{step.session.endpoint.computer_name} is connected to some client. If that is another one, "
                    "this will fail."
                )

    def _discover(self, endpoints: t.Sequence[Endpoint]) -> Discovery:
        each_once = list(dict.fromkeys(endpoints))
        found = discover(each_once, self._request, self._pool, self._throttle, self._context.progress)
        self.report.errors += found.errors.values()
        return found

    def _find_remembered(self) -> Selection:
        references, unknown = look_up(self._request, list(self.memory.known().values()))
        refused = {reference: refuse_unseen(reference, self._request) for reference in references}
        self.report.errors += [error for error in refused.values() if error is not None]
        places = {
            reference: endpoints_of.endpoint_of_reference(reference, self._request, self._context.settings_of)
            for reference, error in refused.items()
            if error is None
        }
        found = self._discover(list(places.values()))
        # A session that was given twice is selected twice; its computer is asked once.
        pairs = [(reference, places[reference]) for reference in references if reference in places]
        selection = select_remembered(pairs, self._request, found)
        self._vanished = selection.vanished
        missing = (*unknown, *selection.missing)
        if not (selection.sessions or missing or self.report.errors):
            # Only sessions that a wildcard matched, and all of them have ended: that, too, is nothing found.
            missing = tuple(unknown_name(self._request, pattern) for pattern in self._request.query.names or ())
        return dataclasses.replace(selection, missing=missing)

    def _report_missing(self, missing: t.Sequence[ErrorRecord]) -> None:
        self.report.missing = list(missing)
        if self._request.flow.missing == "fail":
            self.report.errors += missing
        elif self._request.flow.missing == "warn":
            for record in missing:
                self._context.warn(record.message)
