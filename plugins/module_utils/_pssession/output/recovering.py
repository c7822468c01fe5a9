"""Connects to a command again after the connection on which its output was received broke.

    broken --> wait 1, 2, 4 ... 10 s --> over a new connection: is the session ours? Disconnect, Connect, Connect of
       ^                                 the command --> the receive goes on
       |                                        |
       +---- this failed in a way that heals ---+--- in use: list the sessions once
       |                                                  |-- not listed: the session is gone
       +---- free, or nothing says whose it is -----------+
                                                          +-- another client's: busy

The broken connection is never used again, and no Receive is sent twice, because the server may have answered into the
broken connection. It sends such an answer again to a client that connects as a new one (see docs/protocol.md).
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.codes import Code
from ..model.errors import TransportError, WSManFault
from ..model.events import CommandEvent, Reconnected, Reconnecting
from ..model.sessions import PSSession
from ..psrp import handshake
from ..wsman.client import WSManClient
from ..wsman.pool import ClientPool
from .connecting import connect_anew

# Seconds between attempts, doubled each time up to the longest. A random quarter is added or subtracted, because many
# connections may have broken at once.
FIRST_WAIT, LONGEST_WAIT, JITTER = 1.0, 10.0, 0.25
# Seconds until a wait notices that the task has ended.
_NOTICE_SECONDS = 0.5
# Seconds that each attempt gets, even if less time is left.
_LEAST_SECONDS = 5.0
# Faults that mean that the server disconnected this client from the shell or from its stream.
_DISCONNECTED = frozenset({Code.SHELL_DISCONNECTED, Code.STREAM_DISCONNECTED})


class Recovery:
    """Connects to one command again each time that its connection breaks.

    Args:
        session: The session of the command.
        timeout: Seconds to repair one break. With 0 breaks are not repaired.

    Attributes:
        connects: The number of its connects to the session.
    """

    def __init__(self, session: PSSession, command_id: str, pool: ClientPool, timeout: float) -> None:
        self._session = session
        self._command_id = command_id
        self._pool = pool
        self._timeout = timeout
        self._world = pool.world
        self._began: float | None = None
        self._attempts = 0
        self.connects = 0

    def heals(self, error: TransportError) -> bool:
        """Return whether a new connection may repair the failure."""
        return self._timeout > 0 and (error.is_break or error.code in _DISCONNECTED) and not self._pool.is_closed

    def note_answer(self) -> None:
        """Note that the connection works. Its next break is a new one, with the whole time to repair it."""
        self._began, self._attempts = None, 0

    def recover(self, cause: TransportError, until: float | None) -> t.Iterator[CommandEvent]:
        """Connect to the command again, and yield an event for each attempt and for the success.

        A connection that broke again before it brought an answer belongs to the same break.

        Args:
            cause: The failure that broke the connection.
            until: The end of the wait for the command, in seconds of `World.monotonic`. None means no end.

        Raises:
            TransportError: The time is over. Without waiting for that: the session no longer exists, another client is
                connected to it, or the server refused.
        """
        self._began = began = self._world.monotonic() if self._began is None else self._began
        give_up_at = began + self._timeout if until is None else min(began + self._timeout, until)
        failure, may_look = cause, True
        while (left := give_up_at - self._world.monotonic()) > 0 and not self._pool.is_closed:
            wait = min(self._next_wait(), left)
            self._attempts += 1
            yield Reconnecting(self._attempts, wait, failure)
            self._wait(wait)
            try:
                self.take_up(give_up_at)
            except TransportError as error:
                if may_look and _is_in_use(error):
                    may_look = False
                    error = self._look(error)
                if not (self.heals(error) or _may_be_ours(error)):
                    raise error from cause
                failure = error
            else:
                yield Reconnected()
                return
        raise self._given_up(cause, failure, self._world.monotonic() - began) from cause

    def take_up(self, until: float) -> None:
        """Become the client of the session and of the command over a new connection.

        Args:
            until: The end of the time for it, in seconds of `World.monotonic`.

        Raises:
            TransportError: The attempt failed.
        """
        session, now = self._session, self._world.monotonic()
        deadline = min(now + session.endpoint.option.open_timeout, max(until, now + _LEAST_SECONDS))
        self._pool.discard(session.endpoint)
        with self._pool.lend(session.endpoint) as client:
            try:
                # The server may still count this client as connected, or another one meanwhile. A Disconnect could
                # disconnect that client.
                client.reconnect(session.shell, None, deadline)
            except WSManFault as fault:
                if fault.code != Code.CLIENT_SESSION_ID_MISMATCH:
                    raise
                # Another client was its last one.
                handshake.connect(client, session.shell, None, deadline)
            else:
                connect_anew(client, session, deadline)
            self.connects += 1
            client.connect_command(session.shell, self._command_id.upper(), deadline)

    def _look(self, refusal: TransportError) -> TransportError:
        """List the sessions, and return the reason for the refusal: gone, in use, or worth another attempt."""
        session = self._session
        try:
            with self._pool.lend(session.endpoint) as client:
                state = _listed_state(client, session)
        except TransportError as error:
            return error
        if state is None:
            return WSManFault(Code.UNEXPECTED_SELECTORS, "the session is no longer listed")
        if state == "connected" and not _may_be_ours(refusal):
            return refusal
        return TransportError(refusal.code, refusal.message, is_break=True)

    def _next_wait(self) -> float:
        jitter = self._world.random.uniform(1 - JITTER, 1 + JITTER)
        return min(FIRST_WAIT * 2.0**self._attempts, LONGEST_WAIT) * jitter

    def _wait(self, seconds: float) -> None:
        over = self._world.monotonic() + seconds
        while (left := over - self._world.monotonic()) > 0 and not self._pool.is_closed:
            self._world.sleep(min(left, _NOTICE_SECONDS))

    def _given_up(self, cause: TransportError, last: TransportError, seconds: float) -> TransportError:
        if not self._attempts:
            return cause
        tried = "one attempt" if self._attempts == 1 else f"{self._attempts} attempts"
        why = "" if last.message == cause.message else f", the last one because: {last.message}"
        return TransportError(
            cause.code, f"{cause.message} ({tried} in {seconds:.0f} seconds to connect again failed{why})"
        )


def _is_in_use(error: TransportError) -> bool:
    return isinstance(error, WSManFault) and error.is_in_use


def _may_be_ours(error: TransportError) -> bool:
    """Return whether a refusal does not show who is connected. It may be this client's broken connection."""
    return isinstance(error, WSManFault) and error.is_unclear_refusal


def _listed_state(client: WSManClient, session: PSSession) -> str | None:
    """List the sessions, and return the state of this one in lower case, or None if it is not listed."""
    listed = client.enumerate_shells(client.new_deadline()).shells
    return next((shell.state.lower() for shell in listed if shell.shell_id.lower() == session.instance_id), None)
