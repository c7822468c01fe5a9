"""Takes up a command again when the connection on which its output was received broke.

    broken --> wait 1, 2, 4 ... 10 s --> over a new connection: is the session ours? Disconnect, Connect, Connect of
       ^                                 the command --> the receive goes on
       |                                        |
       +---- this failed in a way that heals ---+--- in use: list the sessions once
       |                                                  |-- not listed: the session is gone
       +---- free, or nothing says whose it is -----------+
                                                          +-- another client's: busy

The broken connection is never used again, and no Receive is sent twice: the server may have answered into the broken
connection. It gives such an answer again to a client that connects anew (see docs/protocol.md).
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

# Seconds between attempts: doubled each time, up to the longest; at random a quarter less or more, since many
# connections may have broken at once.
FIRST_WAIT, LONGEST_WAIT, JITTER = 1.0, 10.0, 0.25
# How soon a wait notices that the task has ended, in seconds.
_NOTICE_SECONDS = 0.5
# What an attempt gets even if less time is left, in seconds.
_LEAST_SECONDS = 5.0
# Faults that say that the server has taken the shell, or its stream, from this client.
_DISCONNECTED = frozenset({Code.SHELL_DISCONNECTED, Code.STREAM_DISCONNECTED})


class Recovery:
    """Connects to one command again, as often as its connection breaks.

    Args:
        session: The session of the command.
        timeout: Seconds to get over one break; 0 means not at all.

    Attributes:
        connects: How often it has connected to the session.
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
        """Return whether a failure is one that a new connection may get over."""
        return self._timeout > 0 and (error.is_break or error.code in _DISCONNECTED) and not self._pool.is_closed

    def note_answer(self) -> None:
        """Note that the connection works, so that its next break is a new one, with the whole time."""
        self._began, self._attempts = None, 0

    def recover(self, cause: TransportError, until: float | None) -> t.Iterator[CommandEvent]:
        """Connect to the command again, and yield an event for each attempt and for the success.

        A connection that broke again before it brought an answer belongs to the same break.

        Args:
            cause: How the connection broke.
            until: When the time to wait for the command is over, in seconds of `World.monotonic`; None means never.

        Raises:
            TransportError: It did not work within the time; or the session is gone, another client has it, or the
                server refused, which is final at once.
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
            until: When the time for that is over, in seconds of `World.monotonic`.

        Raises:
            TransportError: It did not work.
        """
        session, now = self._session, self._world.monotonic()
        deadline = min(now + session.endpoint.option.open_timeout, max(until, now + _LEAST_SECONDS))
        self._pool.discard(session.endpoint)
        with self._pool.lend(session.endpoint) as client:
            try:
                # The server may count this client as connected still, or another one meanwhile; a Disconnect could
                # take the session from that one.
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
        """List the sessions, and return what the refusal means: gone, of another client, or to be tried again."""
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
    """Return whether a refusal leaves it open who is connected: then it is the broken connection of this client."""
    return isinstance(error, WSManFault) and error.is_unclear_refusal


def _listed_state(client: WSManClient, session: PSSession) -> str | None:
    """Return the state of a session in a new list, in lower case, or None if it is not in it."""
    listed = client.enumerate_shells(client.new_deadline()).shells
    return next((shell.state.lower() for shell in listed if shell.shell_id.lower() == session.instance_id), None)
