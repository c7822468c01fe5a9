"""Apply: carries out a plan, session by session, and tries again where a failure may be temporary."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from dataclasses import dataclass

from ..finding.discovery import discover
from ..finding.finding import Found
from ..model.cmdlets import INVOKE, RECEIVE
from ..model.commands import CommandResult
from ..model.errors import ErrorRecord, TransportError, WSManFault
from ..model.events import Progressed, Waiting
from ..model.sessions import PSSession, State
from ..task.task import Task
from .base import Verb, Verdict
from .plan import ASKING, Action, Step, plan, selected_twice

# Seconds between two requests to list a computer while a session is in use.
POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Done:
    """A step succeeded.

    Attributes:
        changed: Whether the session was in another state before.
        result: Of the command that was started in it right after.
    """

    session: PSSession
    changed: bool
    result: CommandResult | None = None


@dataclass(frozen=True)
class Attempt:
    """A step under way, with its outcome so far.

    Attributes:
        cause: The fault or failure of the last try, if it may be temporary, or None.
        looks: How often the computer was asked again because of it.
        uncertain: Whether a request of ours may have reached the server although no answer came.
    """

    step: Step
    cause: TransportError | None = None
    looks: int = 0
    uncertain: bool = False

    @property
    def is_owed_a_look(self) -> bool:
        """Return whether listing the server once more may explain or repair the failure."""
        return self.cause is not None and self.looks == 0


During: t.TypeAlias = "t.Callable[[PSSession], t.ContextManager[object]]"
Outcome: t.TypeAlias = "Done | Attempt | ErrorRecord"  # an Attempt is put aside: it has to be looked at again


@dataclass(frozen=True)
class Applied:
    """The outcome of a plan, or its prediction in check mode.

    Attributes:
        sessions: Sessions as they are now, in the order they got there; in check mode as they were found.
        after: The same sessions; in check mode as they would be.
        changed: Keys of those that were in another state before.
        what_if: In check mode: the key of each session and a line that says what would be done to it; None otherwise.
        results: Of the commands that were started with the steps.
    """

    sessions: tuple[PSSession, ...] = ()
    after: tuple[PSSession, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()
    changed: frozenset[tuple[str, str]] = frozenset()
    what_if: tuple[tuple[tuple[str, str], str], ...] | None = None
    results: tuple[CommandResult, ...] = ()

    @classmethod
    def of(cls, outcomes: t.Sequence[Done | ErrorRecord]) -> Applied:
        """Combine the outcomes of all steps."""
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        sessions = tuple(each.session for each in done)
        return cls(
            sessions=sessions,
            after=sessions,
            errors=tuple(outcome for outcome in outcomes if isinstance(outcome, ErrorRecord)),
            changed=frozenset(each.session.key for each in done if each.changed),
            results=tuple(each.result for each in done if each.result is not None),
        )


def carry_out(
    task: Task,
    verb: Verb,
    found: Found,
    then: t.Callable[[Done], Done] = lambda done: done,
    during: During = contextlib.nullcontext,
) -> Applied:
    """Plan, apply the steps and remember the outcome. In check mode, only plan.

    Args:
        then, during: See `Apply`.
    """
    owners = task.memory.owners(found.sessions)
    owners |= {session.key: task.memory.client_id for session in found.sessions if session.foreseen is not None}
    steps = plan(verb, found.sessions, owners, task.memory.client_id, task.request)
    if task.context.check_mode:
        return _foreseen(task, verb, found, steps, owners)
    confirm = task.context.confirm
    if confirm is not None:
        steps = [step for step in steps if confirm(verb.cmdlet.verb, verb.target(step.session), step.session)]
    if task.request.flow.stop_on_error and found.errors:
        steps = []
    return remembered(task, found, Apply(task, verb, then, during).run(steps))


def remembered(task: Task, found: Found, applied: Applied) -> Applied:
    """Write the sessions to the registry, so that later tasks can use their ids, and return the result with the ids."""
    known = [each for each in (*found.before, *applied.sessions) if each.foreseen is None]
    ids = task.memory.remember(known, found.listed, found.over)
    if not ids:
        return applied
    sessions = tuple(dataclasses.replace(each, id=ids.get(each.key)) for each in applied.sessions)
    return dataclasses.replace(applied, sessions=sessions)


def _foreseen(
    task: Task, verb: Verb, found: Found, steps: t.Sequence[Step], owners: t.Mapping[tuple[str, str], str | None]
) -> Applied:
    """Predict the outcomes of the steps, as far as this is possible without a request that changes something.

    The order is that of `Apply.run`: sessions that other clients hold count after all others, and with
    `Flow.stop_on_error` nothing is tried after an error.
    """
    stops = task.request.flow.stop_on_error
    foreseen: list[_Foreseen] = []
    held: list[PSSession] = []
    errors: list[ErrorRecord] = []
    for step in steps:
        if stops and (errors or found.errors):
            break
        is_known = owners.get(step.session.key) is not None or task.context.client_id is None
        if step.error is not None:
            errors.append(step.error)
        elif verb.asks_for_client(step) and not step.ours and is_known and step.twin is None:
            held.append(step.session)
        else:
            foreseen.append(_foresee(verb, step))
    for session in held:
        outcome = verb.in_use(session, found_in_list=True)
        if isinstance(outcome, ErrorRecord):
            errors.append(outcome)
        else:
            foreseen.append(_Foreseen(session, session, verb.what_if(session)))
    return Applied(
        sessions=tuple(task.memory.as_remembered(each.session for each in foreseen)),
        after=tuple(each.after for each in foreseen),
        errors=tuple(errors),
        changed=frozenset(each.session.key for each in foreseen if each.is_changed),
        what_if=tuple((each.session.key, each.line) for each in foreseen),
    )


@dataclass(frozen=True)
class _Foreseen:
    """The predicted effect of a step on a session, with its line in `Applied.what_if`."""

    session: PSSession
    after: PSSession
    line: str
    is_changed: bool = False


def _foresee(verb: Verb, step: Step) -> _Foreseen:
    """Predict the outcome of a step that is not refused.

    If a session is Connected, only a Reconnect can show to which client, and it may change the session. So the session
    counts as unchanged if that client may be this one.
    """
    session, line = step.session, verb.what_if(step.session)
    if step.twin is not None:
        doubt = (
            f"If {session.endpoint.computer_name} and {step.twin.endpoint.computer_name} are one computer, this fails."
        )
        return _Foreseen(session, session, f"{line} {doubt}")
    if session.foreseen is not None:
        return _Foreseen(session, verb.expected(step), line, step.changes)
    if not verb.asks_for_client(step):
        return _Foreseen(session, verb.expected(step) if step.changes else session, line, step.changes)
    doubt = f"If another client than this one is connected to the session, {verb.where_held}."
    return _Foreseen(session, session, f"{line} {doubt}")


class Apply:
    """Carries out the steps of one plan.

    Args:
        verb: The operation on the sessions.
        then: A function for more work with a session in the same job, after its step has succeeded. It returns the
            outcome.
        during: A function that returns the context of each job, from before its first request to its end.
    """

    def __init__(
        self,
        task: Task,
        verb: Verb,
        then: t.Callable[[Done], Done] = lambda done: done,
        during: During = contextlib.nullcontext,
    ) -> None:
        self._task = task
        self._verb = verb
        self._then = then
        self._during = during
        self._outcomes: list[Done | ErrorRecord] = []

    def run(self, steps: t.Sequence[Step]) -> Applied:
        """Carry out all steps: every session is tried, whatever happens to the others.

        A session that turns out to be in use is looked up once more after all others (as the cmdlet does), and
        again until `Request.busy_timeout` is over. So is one whose answer got lost: what the server then says
        decides whether it happened; it is never sent again blindly.

        Sessions that may be one with another address come last, since what happened to the first one shows it.
        """
        self._run([Attempt(step) for step in steps if step.twin is None])
        twins = [step for step in steps if step.twin is not None]
        if twins and not self._is_stopped():
            self._run(self._told_apart(twins))
        return Applied.of(self._outcomes)

    def _run(self, attempts: t.Sequence[Attempt]) -> None:
        context = self._task.context
        give_up_at = context.world.monotonic() + self._task.request.flow.busy_timeout
        aside = self._round(attempts)
        while aside and not self._is_stopped():
            remaining = give_up_at - context.world.monotonic()
            again = [attempt for attempt in aside if attempt.is_owed_a_look or remaining > 0]
            self._outcomes += [_give_up(self._verb, attempt) for attempt in aside if attempt not in again]
            if again and not any(attempt.is_owed_a_look for attempt in again):
                context.emit(Waiting(tuple(attempt.step.session for attempt in again), remaining))
                context.world.sleep(min(POLL_SECONDS, remaining))
            aside = self._look_again(again)
            if not self._is_stopped():
                aside = self._round(aside)
        # After an error with `Flow.stop_on_error`: they were tried, so each has a record.
        self._outcomes += [_give_up(self._verb, attempt) for attempt in aside]

    def _told_apart(self, steps: t.Sequence[Step]) -> list[Attempt]:
        """List sessions that may be the same as an earlier one, and return the steps for those that are different.

        A change of the first one shows at both addresses, if it is one session. Where nothing was changed, both may be
        asked to be as they are; but no command runs in the second.
        """
        request = self._task.request
        found = discover(list(dict.fromkeys(step.session.endpoint for step in steps)), self._task)
        self._outcomes += [error for endpoint, error in found.errors.items() if endpoint not in found.sessions]
        done = {each.session.key: each for each in self._outcomes if isinstance(each, Done)}
        others: list[Attempt] = []
        for step in steps:
            before, first = step.session, None if step.twin is None else done.get(step.twin.key)
            listed = found.sessions.get(before.endpoint)
            if listed is None:
                continue
            now = next((each for each in listed if each.instance_id == before.instance_id), None)
            if first is not None and (
                _has_changed(before, now) if first.changed else request.cmdlet in (INVOKE, RECEIVE)
            ):
                self._outcomes.append(selected_twice(before, self._verb.cmdlet, request))
            elif now is None:
                self._outcomes.append(self._outcome_of_vanished(before))
            else:
                others.append(Attempt(self._verb.decide(dataclasses.replace(now, commands=before.commands), step.ours)))
        return others

    def _round(self, attempts: t.Sequence[Attempt]) -> list[Attempt]:
        """Make all attempts at the same time, and return the attempts that were postponed.

        After an error with `Flow.stop_on_error`, attempts that were made before and not yet again stay postponed.
        """
        aside: list[Attempt] = []
        left = {id(attempt): attempt for attempt in attempts}
        jobs = self._task.throttle.map(self._job, attempts, lambda: not self._is_stopped())
        for count, (attempt, outcome) in enumerate(jobs, start=1):
            del left[id(attempt)]
            if isinstance(outcome, Attempt):
                aside.append(outcome)
            elif isinstance(outcome, TransportError):
                self._outcomes.append(self._verb.failed(attempt.step.session, outcome))
            else:
                self._outcomes.append(outcome)
            self._task.context.emit(Progressed(count, len(attempts), "sessions"))
        return aside + [attempt for attempt in left.values() if attempt.looks]

    def _look_again(self, attempts: t.Sequence[Attempt]) -> list[Attempt]:
        """Ask the computers again and decide anew about the sessions put aside."""
        found = discover(list(dict.fromkeys(attempt.step.session.endpoint for attempt in attempts)), self._task)
        unlisted = (error for endpoint, error in found.errors.items() if endpoint not in found.sessions)
        self._outcomes += dict.fromkeys(unlisted)
        decided: list[Attempt] = []
        for attempt in attempts:
            before = attempt.step.session
            if before.endpoint not in found.sessions and before.endpoint not in found.errors:
                # It was not asked, after another one's error.
                decided.append(dataclasses.replace(attempt, looks=attempt.looks + 1))
                continue
            now = next(
                (each for each in found.sessions.get(before.endpoint, ()) if each.instance_id == before.instance_id),
                None,
            )
            if now is not None:
                step = self._verb.decide(dataclasses.replace(now, commands=before.commands), ours=False)
                decided.append(dataclasses.replace(attempt, step=step, looks=attempt.looks + 1))
            elif before.endpoint in found.sessions:
                self._outcomes.append(self._outcome_of_vanished(before))
        return decided

    def _outcome_of_vanished(self, session: PSSession) -> Done | ErrorRecord:
        gone = self._verb.vanished(session)
        return Done(gone, True) if isinstance(gone, PSSession) else gone

    def _job(self, attempt: Attempt) -> Outcome:
        """Carry out one step and the work after it, in a thread of the throttle."""
        with self._during(attempt.step.session):
            outcome = _try(self._task, self._verb, attempt)
            return self._then(outcome) if isinstance(outcome, Done) else outcome

    def _is_stopped(self) -> bool:
        return self._task.request.flow.stop_on_error and any(
            isinstance(outcome, ErrorRecord) or (outcome.result is not None and outcome.result.error is not None)
            for outcome in self._outcomes
        )


def _try(task: Task, verb: Verb, attempt: Attempt) -> Outcome:
    """Carry out one step, or tell why not."""
    step = attempt.step
    if step.error is not None:
        return step.error
    if step.action is Action.NOTHING:
        return Done(step.session, attempt.uncertain)
    try:
        with task.pool.lend(step.session.endpoint) as client:
            session = verb.perform(client, step, client.new_deadline())
    except WSManFault as fault:
        return _refused(task, verb, attempt, fault)
    except TransportError as error:
        if error.delivered and step.changes and attempt.looks == 0:
            return dataclasses.replace(attempt, cause=error, uncertain=True)
        return verb.failed(step.session, error)
    if session.state is State.OPENED:
        task.memory.note_owner(session.endpoint, session.shell.owner)
        session = dataclasses.replace(session, connected_at=task.context.world.now().timestamp())
    return Done(session, step.changes or attempt.uncertain)


def _refused(task: Task, verb: Verb, attempt: Attempt, fault: WSManFault) -> Outcome:
    verdict = verb.judge(attempt.step, fault)
    if isinstance(verdict, Step):
        return _try(task, verb, dataclasses.replace(attempt, step=verdict))
    if verdict is Verdict.IN_USE:
        return attempt
    if verdict is Verdict.CHANGED:
        return dataclasses.replace(attempt, cause=fault)
    return verb.failed(attempt.step.session, fault)


def _has_changed(before: PSSession, now: PSSession | None) -> bool:
    return now is None or now.availability is not before.availability


def _give_up(verb: Verb, attempt: Attempt) -> Done | ErrorRecord:
    session = attempt.step.session
    if attempt.cause is None or attempt.step.action in ASKING:
        held = verb.in_use(session, found_in_list=attempt.cause is None)
        return Done(held, changed=False) if isinstance(held, PSSession) else held
    return verb.failed(session, attempt.cause)
