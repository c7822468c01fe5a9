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
from .errors import Code, ErrorRecord, TransportError, WSManFault, error_record
from .model import PSSession
from .plan import Action, Step, decide, in_use
from .psrp import handshake
from .request import Request
from .selection import gone
from .throttle import Throttle
from .wsman.pool import ClientPool

# How often a computer is asked again while waiting for a session that is in use.
POLL_SECONDS = 5.0
_NOT_OURS = frozenset({Code.CONNECTED_TO_DIFFERENT_CLIENT, Code.CLIENT_SESSION_ID_MISMATCH})


@dataclass(frozen=True)
class Connected:
    """This client is connected to the session; `changed` tells whether it was not before."""

    session: PSSession
    changed: bool


@dataclass(frozen=True)
class Attempt:
    """A step on its way, with what happened to it so far.

    Attributes:
        cause: The fault or failure of the last try that may heal, or None.
        looks: How often the computer was asked again because of it.
        uncertain: Whether a connect of ours may have reached the server although no answer came.
    """

    step: Step
    cause: TransportError | None = None
    looks: int = 0
    uncertain: bool = False

    @property
    def is_owed_a_look(self) -> bool:
        """Whether a connect went wrong in a way that one new look at the server may explain or mend."""
        return self.cause is not None and self.looks == 0


Outcome: t.TypeAlias = "Connected | Attempt | ErrorRecord"  # an Attempt is put aside: it has to be looked at again


@dataclass
class Result:
    """What became of a plan.

    Attributes:
        sessions: Sessions this client is connected to, in the order they got there.
    """

    sessions: list[PSSession] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    changed: bool = False

    def add(self, outcome: Connected | ErrorRecord) -> None:
        if isinstance(outcome, Connected):
            self.sessions.append(outcome.session)
            self.changed |= outcome.changed
        else:
            self.errors.append(outcome)


class Apply:
    """Carries out the steps of one plan.

    Args:
        clock: Seconds of a clock that only moves forward.
        sleep: Waits some seconds.
        progress: Gets a line of text now and then.
        warn: Gets what the user should know although it is no error.
    """

    def __init__(
        self,
        request: Request,
        pool: ClientPool,
        client_id: str,
        *,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        progress: t.Callable[[str], None] = lambda _text: None,
        warn: t.Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._request = request
        self._pool = pool
        self._client_id = client_id
        self._clock = clock
        self._sleep = sleep
        self._progress = progress
        self._warn = warn
        self._throttle = Throttle(request.throttle_limit)

    def run(self, steps: t.Sequence[Step]) -> Result:
        """Carry out all steps: every session is tried, whatever happens to the others.

        A session that turns out to be in use is looked up once more after all others (as the cmdlet does), and
        again until `Request.busy_timeout` is over. So is one whose answer got lost: what the server then says
        decides whether the connect happened; it is never sent again blindly.
        """
        result = Result()
        give_up_at = self._clock() + self._request.busy_timeout
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
        for done, (_attempt, outcome) in enumerate(self._throttle.map(self._try, attempts), start=1):
            if isinstance(outcome, Attempt):
                aside.append(outcome)
            else:
                result.add(outcome)
            self._progress(f"{done} of {len(attempts)} sessions")
            if self._is_stopped(result):
                break
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
                step = decide(dataclasses.replace(now, commands=before.commands), None, self._client_id)
                decided.append(dataclasses.replace(attempt, step=step, looks=attempt.looks + 1))
            elif before.endpoint in found.sessions:
                result.add(gone(before.name or before.instance_id, before.endpoint, self._request))
        return decided

    def _try(self, attempt: Attempt) -> Outcome:
        """Carry out one step; runs in a thread of the throttle."""
        step = attempt.step
        if step.error is not None:
            return step.error
        try:
            self._connect(step)
        except WSManFault as fault:
            return self._refused(attempt, fault)
        except TransportError as error:
            if error.delivered and step.changes and attempt.looks == 0:
                return dataclasses.replace(attempt, cause=error, uncertain=True)
            return self._failed(step.session, error)
        session = step.session.opened()
        if step.action is Action.CONNECT and self._request.application_private_data:
            session = self._with_private_data(session)  # a server sends it to a new client, not to one it knows
        return Connected(session, step.changes or attempt.uncertain)

    def _connect(self, step: Step) -> None:
        session, option = step.session, step.session.endpoint.option
        with self._pool.lend(session.endpoint) as client:
            deadline = time.monotonic() + option.open_timeout
            if step.action is Action.CONNECT:
                handshake.connect(client, session.shell, option.output_buffering_mode, deadline)
            else:
                # A session that is open already keeps its buffering mode: connecting to it changes nothing.
                mode = option.output_buffering_mode if step.action is Action.RECONNECT else None
                client.reconnect(session.shell, mode, deadline)

    def _with_private_data(self, session: PSSession) -> PSSession:
        """Add what the server tells about itself. The session is connected, whatever comes of this."""
        try:
            with self._pool.lend(session.endpoint) as client:
                deadline = time.monotonic() + session.endpoint.option.open_timeout
                data = handshake.receive_private_data(client, session.shell, deadline)
        except TransportError as error:
            self._warn(
                f"Session {session.name or session.instance_id} on {session.endpoint.computer_name} is connected, but "
                f"its application private data did not come: {error.message}"
            )
            data = {}
        return dataclasses.replace(session, application_private_data=data)

    def _refused(self, attempt: Attempt, fault: WSManFault) -> Outcome:
        action = attempt.step.action
        if action is Action.RECONNECT and fault.code == Code.CLIENT_SESSION_ID_MISMATCH:
            # Somebody else was its client meanwhile and left again, so it takes a Connect.
            return self._try(
                dataclasses.replace(attempt, step=dataclasses.replace(attempt.step, action=Action.CONNECT))
            )
        if action is Action.CONFIRM and (fault.code in _NOT_OURS or fault.subcode == "InternalError"):
            return attempt
        if action is not Action.CONFIRM and fault.code == Code.CONNECTED_TO_DIFFERENT_CLIENT:
            return dataclasses.replace(attempt, cause=fault)
        return self._failed(attempt.step.session, fault)

    def _give_up(self, attempt: Attempt) -> ErrorRecord:
        session = attempt.step.session
        if attempt.step.action is Action.CONFIRM:
            return in_use(session, self._request, found_in_list=attempt.cause is None)
        # Only a connect that went wrong is put aside without being in use, so there is a cause.
        return self._failed(session, attempt.cause)

    def _failed(self, session: PSSession, cause: TransportError | None) -> ErrorRecord:
        return error_record(
            "PSSessionConnectFailed",
            f"connecting to session {session.name or session.instance_id} on {session.endpoint.computer_name} failed",
            command=self._request.command,
            computer_name=session.endpoint.computer_name,
            cause=cause,
        )

    def _is_stopped(self, result: Result) -> bool:
        return self._request.stop_on_error and bool(result.errors)
