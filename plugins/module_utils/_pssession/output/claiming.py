"""Starts a command with a known id in a session with a known id, never twice, whatever state both are in.

    Command ---------> accepted: started
       |   exists ---> the list of commands says since when; one that is not listed has given its end to a client
       |   gone -----> Create, then once more
       |   silent ---> Reconnect, or Connect if another client was the last one, then once more
       |   in use ---> Connect, again and again until the server takes the session from that client, then once more
       |   lost -----> over a new connection once more
       +---------------------------------------------------+

If the answer to one of the other requests is lost, the answer to the next Command shows its effect.

Each of these faults says that nothing happened, because it is the answer to the Command itself. The same fault at a
Receive says that the work has ended with its session, and nothing is started again then (`recovering`).
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from ..model.codes import Code
from ..model.commands import Script
from ..model.errors import TransportError, WSManFault
from ..model.sessions import ListedCommand, PSSession
from ..psrp import handshake, opening, starting
from ..wsman.pool import ClientPool
from .receiving import Needs

# Seconds between two requests for a session in use, and between two attempts over new connections.
_POLL_SECONDS = 1.0
# Steps between two Commands. A server that answers as documented needs two or three.
_MAX_STEPS = 12
# Faults of a Command that do not show whether an earlier Command was carried out.
_THERE = frozenset({Code.COMMAND_EXISTS, Code.SHELL_DISCONNECTED})


@dataclass(frozen=True)
class Claimed:
    """A command that exists, and that this client may receive.

    Attributes:
        is_started: Whether this client started it now. Otherwise it existed before.
        title: Its title in lists of commands. None for a command that has ended and whose end a client has received.
        needs: The connections that are needed before it can be received.
        is_opened: Whether the session was opened for it.
    """

    is_started: bool
    title: str | None
    needs: Needs
    is_opened: bool


class Claiming:
    """Starts one command, or finds it.

    Args:
        session: Its id, name and configuration. The session need not exist.
        script: A script without input that fits into one request. Its title shows whether a found command is this one.
        busy_timeout: Seconds to wait for a session that another client is connected to.
        recovery_timeout: Seconds to get over one break of the connection.

    Attributes:
        is_opened: Whether the session was opened here.
    """

    def __init__(
        self,
        pool: ClientPool,
        session: PSSession,
        command_id: str,
        script: Script,
        *,
        busy_timeout: float,
        recovery_timeout: float,
    ) -> None:
        self._pool = pool
        self._world = pool.world
        self._session = session
        self._command_id = command_id
        self._script = script
        self._busy_timeout = busy_timeout
        self._recovery_timeout = recovery_timeout
        self._broke_at: float | None = None
        # Whether a Command was sent without a known answer.
        self._may_have_started = False
        self._needs = Needs.SESSION
        self.is_opened = False

    def claim(self) -> Claimed:
        """Start the command, or find it.

        Raises:
            TooLarge: The script does not fit into one request; nothing was sent.
            TransportError: The command was not started, or (`delivered`) may have been started.
        """
        for _step in range(_MAX_STEPS):
            try:
                self._command()
            except TransportError as error:
                self._check(error)
                with self._over_breaks():
                    if error.code == Code.COMMAND_EXISTS:
                        return self._found()
                    self._prepare(error)
            else:
                return Claimed(True, self._script.command_line, Needs.NOTHING, self.is_opened)
        raise TransportError(None, "the server refuses to start the command", delivered=self._may_have_started)

    def _command(self) -> None:
        with self._pool.lend(self._session.endpoint) as client:
            starting.start_at_once(client, self._session.shell, self._command_id, self._script, client.new_deadline())

    def _check(self, error: TransportError) -> None:
        """Note a failed Command.

        Raises:
            TransportError: An earlier Command may have been carried out, but its command no longer exists.
        """
        if self._breaks(error):
            self._may_have_started = self._may_have_started or _is_lost(error)
        elif self._may_have_started and error.code not in _THERE:
            raise TransportError(error.code, error.message, delivered=True) from error

    def _prepare(self, error: TransportError) -> None:
        """Repair the cause of a failed Command, so that it can be sent again.

        Raises:
            TransportError: The cause cannot be repaired, or the repair failed.
        """
        if error.code == Code.UNEXPECTED_SELECTORS:
            self._open()
        elif error.code == Code.SHELL_DISCONNECTED:
            self._take_up()
        elif isinstance(error, WSManFault) and error.is_in_use:
            self._connect_when_free()
        else:
            raise error

    def _found(self) -> Claimed:
        listed = self._listed()
        title = None if listed is None else listed.command_line
        is_ours = self._may_have_started and title == self._script.command_line
        return Claimed(is_ours, title, Needs.NOTHING if is_ours else self._needs, self.is_opened)

    def _listed(self) -> ListedCommand | None:
        session = self._session
        with self._pool.lend(session.endpoint) as client:
            commands = client.enumerate_commands(session.shell, client.new_deadline())
        return next((command for command in commands if command.command_id == self._command_id), None)

    def _open(self) -> None:
        session = self._session
        try:
            with self._pool.lend(session.endpoint) as client:
                opening.open_session(client, session.shell, client.new_deadline())
        except TransportError as error:
            if error.code != Code.SHELL_ID_IN_USE:  # else it is there, and the next Command tells its state
                raise
        else:
            self.is_opened = True
            self._broke_at = None

    def _take_up(self) -> None:
        """Reconnect to a session after the server disconnected its silent client."""
        try:
            with self._pool.lend(self._session.endpoint) as client:
                client.reconnect(self._session.shell, None, client.new_deadline())
        except WSManFault as fault:
            if not fault.is_in_use:
                raise
            self._connect_when_free()

    def _connect_when_free(self) -> None:
        if connect_when_free(self._pool, self._session, self._busy_timeout):
            self._needs = Needs.COMMAND

    def _breaks(self, error: TransportError) -> bool:
        return _is_lost(error) or (self._broke_at is not None and error.is_break)

    @contextlib.contextmanager
    def _over_breaks(self) -> t.Iterator[None]:
        """Wait after a broken connection in the block. Then a Command is sent again."""
        try:
            yield
        except TransportError as error:
            if not self._breaks(error):
                raise
            self._wait_for_network(error)

    def _wait_for_network(self, error: TransportError) -> None:
        now = self._world.monotonic()
        self._broke_at = now if self._broke_at is None else self._broke_at
        if now - self._broke_at >= self._recovery_timeout:
            raise TransportError(
                error.code, error.message, delivered=self._may_have_started, is_break=error.is_break
            ) from error
        self._pool.discard(self._session.endpoint)
        self._world.sleep(_POLL_SECONDS)


def connect_when_free(pool: ClientPool, session: PSSession, busy_timeout: float) -> bool:
    """Connect to a session as soon as the server allows it. Return False if the session no longer exists.

    Args:
        busy_timeout: Seconds to wait for another client.

    Raises:
        TransportError: The server refused until the time was over.
    """
    give_up_at = pool.world.monotonic() + busy_timeout
    while True:
        try:
            with pool.lend(session.endpoint) as client:
                handshake.connect(client, session.shell, None, client.new_deadline())
        except WSManFault as fault:
            left = give_up_at - pool.world.monotonic()
            if fault.code == Code.UNEXPECTED_SELECTORS:
                return False
            if not fault.is_in_use or left <= 0:
                raise
            pool.world.sleep(min(_POLL_SECONDS, left))
        else:
            return True


def take(pool: ClientPool, session: PSSession, busy_timeout: float) -> None:
    """Become the client of a session, whichever client was connected before.

    Args:
        busy_timeout: Seconds to wait for another client.

    Raises:
        TransportError: The server refused until the time was over, or the session no longer exists.
    """
    try:
        with pool.lend(session.endpoint) as client:
            client.reconnect(session.shell, None, client.new_deadline())
    except WSManFault as fault:
        if not fault.is_in_use or not connect_when_free(pool, session, busy_timeout):
            raise


def _is_lost(error: TransportError) -> bool:
    """Return whether the outcome of a request is unknown."""
    return error.delivered or error.code in starting.UNDECIDED
