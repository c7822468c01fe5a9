# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Do: carry out a plan, session by session, and heal what a moment's bad luck broke."""

from __future__ import annotations

import dataclasses
import time
import typing as t
from dataclasses import dataclass, field

from .discovery import discover
from .errors import ErrorRecord, TransportError, WSManFault
from .model import PSSession
from .plan import Action, Step
from .request import Request
from .throttle import Throttle
from .verbs.base import Verb, Verdict
from .wsman.pool import ClientPool

# How often a computer is asked again while waiting for a session that is in use.
POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Done:
    """A step succeeded; `changed` tells whether the session was in another state before."""

    session: PSSession
    changed: bool


@dataclass(frozen=True)
class Attempt:
    """A step on its way, with what happened to it so far.

    Attributes:
        cause: The fault or failure of the last try that may heal, or None.
        looks: How often the computer was asked again because of it.
        uncertain: Whether a request of ours may have reached the server although no answer came.
    """

    step: Step
    cause: TransportError | None = None
    looks: int = 0
    uncertain: bool = False

    @property
    def is_owed_a_look(self) -> bool:
        """Whether it went wrong in a way that one new look at the server may explain or mend."""
        return self.cause is not None and self.looks == 0


Outcome: t.TypeAlias = "Done | Attempt | ErrorRecord"  # an Attempt is put aside: it has to be looked at again


@dataclass
class Result:
    """What became of a plan.

    Attributes:
        sessions: Sessions as they are now, in the order they got there.
        changed: Instance ids of those that were in another state before.
    """

    sessions: list[PSSession] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def add(self, outcome: Done | ErrorRecord) -> None:
        if isinstance(outcome, Done):
            self.sessions.append(outcome.session)
            if outcome.changed:
                self.changed.add(outcome.session.instance_id)
        else:
            self.errors.append(outcome)


class Apply:
    """Carries out the steps of one plan.

    Args:
        verb: What is done to the sessions.
        clock: Seconds of a clock that only moves forward.
        sleep: Waits some seconds.
        progress: Gets a line of text now and then.
    """

    def __init__(
        self,
        verb: Verb,
        request: Request,
        pool: ClientPool,
        *,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        progress: t.Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._verb = verb
        self._request = request
        self._pool = pool
        self._clock = clock
        self._sleep = sleep
        self._progress = progress
        self._throttle = Throttle(request.flow.throttle_limit)
        self._follow_up_failed = False

    def run(self, steps: t.Sequence[Step]) -> Result:
        """Carry out all steps: every session is tried, whatever happens to the others.

        A session that turns out to be in use is looked up once more after all others (as the cmdlet does), and
        again until `Request.busy_timeout` is over. So is one whose answer got lost: what the server then says
        decides whether it happened; it is never sent again blindly.
        """
        result = Result()
        give_up_at = self._clock() + self._request.flow.busy_timeout
        aside = self._round([Attempt(step) for step in steps], result)
        while aside and not self._is_stopped(result):
            remaining = give_up_at - self._clock()
            again = [attempt for attempt in aside if attempt.is_owed_a_look or remaining > 0]
            for attempt in aside:
                if attempt not in again:
                    result.add(self._give_up(attempt))
            if again and not any(attempt.is_owed_a_look for attempt in again):
                self._progress(f"waiting for {len(again)} sessions in use elsewhere, {remaining:.0f} s at most")
                self._sleep(min(POLL_SECONDS, remaining))
            aside = self._round(self._look_again(again, result), result)
        return result

    def _round(self, attempts: t.Sequence[Attempt], result: Result) -> list[Attempt]:
        """Try all attempts side by side; return those that were put aside."""
        aside: list[Attempt] = []
        results = self._throttle.map(self._try, attempts, lambda: not self._is_stopped(result))
        for done, (_attempt, outcome) in enumerate(results, start=1):
            if isinstance(outcome, Attempt):
                aside.append(outcome)
            else:
                result.add(outcome)
            self._progress(f"{done} of {len(attempts)} sessions")
        return aside

    def _look_again(self, attempts: t.Sequence[Attempt], result: Result) -> list[Attempt]:
        """Ask the computers again and decide anew about the sessions put aside."""
        endpoints = list(dict.fromkeys(attempt.step.session.endpoint for attempt in attempts))
        found = discover(endpoints, self._request, self._pool, self._throttle, self._progress)
        result.errors.extend(error for endpoint, error in found.errors.items() if endpoint not in found.sessions)
        decided: list[Attempt] = []
        for attempt in attempts:
            before = attempt.step.session
            now = next(
                (each for each in found.sessions.get(before.endpoint, ()) if each.instance_id == before.instance_id),
                None,
            )
            if now is not None:
                step = self._verb.decide(dataclasses.replace(now, commands=before.commands), ours=False)
                decided.append(dataclasses.replace(attempt, step=step, looks=attempt.looks + 1))
            elif before.endpoint in found.sessions:
                gone = self._verb.vanished(before)
                result.add(Done(gone, True) if isinstance(gone, PSSession) else gone)
        return decided

    def _try(self, attempt: Attempt) -> Outcome:
        """Carry out one step; runs in a thread of the throttle."""
        step = attempt.step
        if step.error is not None:
            return step.error
        if step.action is Action.NOTHING:
            return Done(step.session, attempt.uncertain)
        try:
            with self._pool.lend(step.session.endpoint) as client:
                deadline = time.monotonic() + step.session.endpoint.option.open_timeout
                session = self._verb.perform(client, step, deadline)
        except WSManFault as fault:
            return self._refused(attempt, fault)
        except TransportError as error:
            if error.delivered and step.changes and attempt.looks == 0:
                return dataclasses.replace(attempt, cause=error, uncertain=True)
            return self._verb.failed(step.session, error)
        self._follow_up_failed |= not self._verb.follow_up(session)
        return Done(session, step.changes or attempt.uncertain)

    def _refused(self, attempt: Attempt, fault: WSManFault) -> Outcome:
        verdict = self._verb.judge(attempt.step, fault)
        if isinstance(verdict, Step):
            return self._try(dataclasses.replace(attempt, step=verdict))
        if verdict is Verdict.IN_USE:
            return attempt
        if verdict is Verdict.CHANGED:
            return dataclasses.replace(attempt, cause=fault)
        return self._verb.failed(attempt.step.session, fault)

    def _give_up(self, attempt: Attempt) -> Done | ErrorRecord:
        session = attempt.step.session
        if attempt.cause is None or attempt.step.action is Action.CONFIRM:
            held = self._verb.in_use(session, found_in_list=attempt.cause is None)
            return Done(held, changed=False) if isinstance(held, PSSession) else held
        return self._verb.failed(session, attempt.cause)

    def _is_stopped(self, result: Result) -> bool:
        return self._request.flow.stop_on_error and (bool(result.errors) or self._follow_up_failed)
