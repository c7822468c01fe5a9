"""Receives what a command gives: the one path on which output gets from a server to the controller.

    journal     pieces that earlier tasks received
       |
    server   <--+    Receive, write to the journal, read, refuse host calls; again until the command ends or the time
       |  |     |    is over
       |  +-----+
    server           the end is confirmed, and the server forgets the command

Each piece is in the journal before it is read. The next Receive tells the server that the piece has arrived.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.codes import Code
from ..model.commands import first_command_id
from ..model.errors import TransportError
from ..model.events import CommandEvent, ReceiveEnded
from ..model.sessions import PSSession
from ..psrp import host, session_key
from ..psrp.command_stream import CommandStream
from ..state.journal import AnyJournal
from ..system.throttle import failure_of_job
from ..wsman.client import LEAST_WAIT, WSManClient
from ..wsman.pool import ClientPool
from .connecting import connect_anew, connect_command

# PowerShell's stop signal; the misspelling is the constant that servers compare with (MS-WSMV 2.2.4.38).
STOP = "powershell/signal/crtl_c"
TERMINATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate"
# How long output that has piled up is taken when the time to wait is over.
BACKLOG_SECONDS = 10.0
# Faults that end a receive because the shell or the command is gone, or another client's (as in PowerShell).
_NO_LONGER_OURS = frozenset({995, 1223, Code.UNEXPECTED_SELECTORS, Code.SHELL_DISCONNECTED, Code.STREAM_DISCONNECTED})


def _always() -> bool:
    return True


class Receiving:
    """Receives what one command gives, as events in the order of the stream; the last one is `ReceiveEnded`.

    It borrows a connection from the pool for as long as it receives, and all that it knows about the stream outlives
    the connection. Failures of the session or the network do not raise: they are the cause in the last event, behind
    all that came before.

    Args:
        session: One that this client is connected to.
        timeout: Seconds to wait for the end of the command; None waits as long as it runs. What is there is taken in
            any case; receiving from a command that never falls silent ends after a while.
        stop: Stop the command first.
        wants_output: Asked before each object of the output stream. If it says no, the object is skipped unread.
    """

    def __init__(
        self,
        session: PSSession,
        command_id: str,
        pool: ClientPool,
        journal: AnyJournal,
        *,
        timeout: float | None = None,
        stop: bool = False,
        wants_output: t.Callable[[], bool] = _always,
    ) -> None:
        self.session = session
        self.command_id = command_id
        self._pool = pool
        self._world = pool.world
        self._journal = journal
        self._timeout = timeout
        self._until: float | None = None
        self._stop = stop
        self._stream = CommandStream(
            session.endpoint.option,
            drops=session.shell.buffer_mode == "Drop",
            is_first=command_id == first_command_id(session),
            wants_output=wants_output,
        )

    def connect(self, *, anew: bool) -> None:
        """Become the client of the command; one that was started on this connection needs no such thing.

        Args:
            anew: Connect to the session anew first: another process may have lost an answer on this connection.

        Raises:
            TransportError: The server refused, or could not be reached.
        """
        if anew:
            connect_anew(self._pool, self.session)
        connect_command(self._pool, self.session, self.command_id)

    def __iter__(self) -> t.Iterator[CommandEvent]:
        """Yield the events, first those of the journal, then those of the server.

        Raises:
            JournalError: The journal cannot be read or written.
        """
        if self._timeout is not None:
            self._until = self._world.monotonic() + self._timeout
        return self._until_end(self._events())

    def from_journal(self) -> t.Iterator[CommandEvent]:
        """Yield the events of the journal alone, for a command that the server does not have any more.

        Raises:
            JournalError: The journal cannot be read.
        """
        return self._until_end(self._recorded())

    def _until_end(self, events: t.Iterator[CommandEvent]) -> t.Iterator[CommandEvent]:
        cause = None
        try:
            yield from events
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this receive only
            cause = failure_of_job(error)
        yield from self._stream.flush()
        yield ReceiveEnded(cause, self._stream.output_dropped)

    def _events(self) -> t.Iterator[CommandEvent]:
        yield from self._recorded()
        self._stream.forget_calls(self._journal.answered_calls_of(self.session.instance_id, self.command_id))
        if not self._stream.is_finished:
            with self._pool.lend(self.session.endpoint) as client:
                if self._stop:
                    self._signal(client, STOP)
                yield from self._received(client)
        if self._stream.is_finished:
            with self._pool.lend(self.session.endpoint) as client:
                self._signal(client, TERMINATE)

    def _recorded(self) -> t.Iterator[CommandEvent]:
        for piece in self._journal.pieces_of(self.session.instance_id, self.command_id):
            yield from self._stream.feed(piece)

    def _received(self, client: WSManClient) -> t.Iterator[CommandEvent]:
        """Yield what the server gives until the command has ended or time is over.

        When it keeps silent for the operation timeout, the shell's own stream is looked at for a moment: a server that
        needs a key to send a SecureString asks for it there, and the command waits until it gets one
        (MS-PSRP 3.1.5.4.5).

        Raises:
            TransportError: The stream broke; a WSManFault says that the session is no longer ours.
        """
        shell = self.session.shell
        self._refuse_calls(client)  # of a reader before this one, which ended between reading a call and answering it
        while True:
            wait = None if self._until is None else self._until - self._world.monotonic()
            deadline = client.new_receive_deadline(wait)
            pieces, is_done = client.receive_command(shell, self.command_id.upper(), deadline, wait)
            self._journal.append(self.session.instance_id, self.command_id, pieces)
            for piece in pieces:
                yield from self._stream.feed(piece)
            self._refuse_calls(client)
            if is_done or self._stream.is_finished or self._is_over(bool(pieces)):
                return
            if not pieces:
                session_key.answer_request(client, shell, client.new_receive_deadline(LEAST_WAIT))

    def _is_over(self, brought_something: bool) -> bool:
        """Tell whether the time to wait is over; what has piled up gets a while longer."""
        if self._until is None:
            return False
        return self._world.monotonic() >= self._until + (BACKLOG_SECONDS if brought_something else 0)

    def _refuse_calls(self, client: WSManClient) -> None:
        calls = self._stream.host_calls
        while calls:
            host.refuse(client, self.session.shell, self.command_id, calls[0], client.new_deadline())
            self._journal.note_answer(self.session.instance_id, self.command_id, calls.pop(0).call_id)

    def _signal(self, client: WSManClient, code: str) -> None:
        option = self.session.endpoint.option
        limit = self._world.monotonic() + (option.cancel_timeout or option.open_timeout)
        client.signal(self.session.shell, self.command_id.upper(), code, limit)


def is_no_longer_ours(error: TransportError) -> bool:
    """Tell whether a failure means that the session or the command is gone, or connected to another client."""
    return error.code in _NO_LONGER_OURS
