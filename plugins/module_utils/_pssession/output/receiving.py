"""Receives the output of a command. This is the only path of output from a server to the controller.

    journal     pieces that earlier tasks received
       |
    server   <--+    Receive, write to the journal, read, refuse host calls; again until the command ends or the time
       |  |     |    is over; if the connection breaks, over a new one (`recovering`)
       |  +-----+
    server           the end is confirmed, and the server forgets the command

Each piece is in the journal before it is read. The next Receive tells the server that the piece has arrived.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import typing as t

from ..model.codes import Code
from ..model.commands import first_command_id
from ..model.errors import EndedWithoutState, TransportError
from ..model.events import CommandEvent, MessageUnreadable, ReceiveEnded
from ..model.sessions import PSSession
from ..psrp import host, session_key
from ..psrp.command_stream import CommandStream
from ..state.journals import AnyJournal
from ..system.throttle import failure_of_job
from ..wsman.client import LEAST_WAIT, WSManClient
from ..wsman.pool import ClientPool
from .connecting import connect_anew, connect_command
from .recovering import Recovery

# PowerShell's stop signal; the misspelling is the constant that servers compare with (MS-WSMV 2.2.4.38).
STOP = "powershell/signal/crtl_c"
TERMINATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate"
# Seconds after which a command that still runs is stopped again. PowerShell answers a stop that arrives between two
# statements of a pipeline, but goes on with the next statement (seen: PowerShell 7.6, Linux).
STOP_AGAIN = 5.0
# The shortest time in seconds that a Receive waits for output, if silent connections break.
LEAST_SILENCE = 2.0
# If the server held an answer back for this number of seconds, its messages are newer than this connection.
_HELD_BACK = 1.0
# Messages about the session that a client causes by connecting, and by the exchange of a key.
_MESSAGES_OF_A_CONNECT, _MESSAGES_OF_A_KEY = 3, 2
# Seconds for receiving accumulated output when the time to wait is over.
BACKLOG_SECONDS = 10.0


def _always() -> bool:
    return True


class Needs(enum.Enum):
    """The connections that are needed before a command can be received.

    NOTHING: nothing, because the command was started over this connection.
    COMMAND: the command. The client has connected to its session as a new client.
    SESSION: the session and the command. This client is connected, but another process may have lost an answer.
    """

    NOTHING = "nothing"
    COMMAND = "command"
    SESSION = "session"


class Receiving:
    """Receives the output of one command as events in the order of the stream. The last one is `ReceiveEnded`.

    It borrows a connection from the pool while it receives. Its knowledge about the stream is independent of the
    connection, so it can go on over another one. Failures of the session or the network do not raise exceptions. They
    are the cause in the last event, after all received events.

    Args:
        session: One that this client is connected to.
        needs: The connections that are needed first.
        timeout: Seconds to wait for the end of the command. None waits until it ends. Existing output is received in
            any case, but receiving from a command that never pauses ends after a while.
        recovery_timeout: Seconds to repair one break of the connection. With 0 a break ends receiving. This does not
            lengthen the timeout.
        stop: Whether to stop the command first, and again while it goes on.
        wants_output: Called before each object of the output stream. If it returns False, the object is skipped unread.
        stream: Turns the command's stream into events.
        confirms: Whether the server forgets the command once its end was received.

    Attributes:
        is_replaying: Whether the last yielded event is from the journal.
    """

    def __init__(
        self,
        session: PSSession,
        command_id: str,
        pool: ClientPool,
        journal: AnyJournal,
        *,
        needs: Needs = Needs.NOTHING,
        timeout: float | None = None,
        recovery_timeout: float = 0.0,
        stop: bool = False,
        wants_output: t.Callable[[], bool] = _always,
        stream: type[CommandStream] = CommandStream,
        confirms: bool = True,
    ) -> None:
        self.session = session
        self.command_id = command_id
        self._pool = pool
        self._world = pool.world
        self._journal = journal
        self._needs = needs
        self._most_silence: float | None = None
        # Missing numbers and connects at the first answer with output that is newer than this receive.
        self._at_first: tuple[int, int] | None = None
        self._recovery = Recovery(session, command_id, pool, recovery_timeout)
        self._timeout = timeout
        self._until: float | None = None
        # The time to stop the command, on the clock of the world. None if it may run to its end.
        self._stop_at = self._world.monotonic() if stop else None
        self._confirms = confirms
        self.is_replaying = False
        self._drops = session.shell.buffer_mode == "Drop"
        self._stream = stream(
            session.endpoint.option,
            command_id=command_id,
            drops=self._drops,
            is_first=command_id == first_command_id(session),
            wants_output=wants_output,
        )

    def __iter__(self) -> t.Iterator[CommandEvent]:
        """Yield the events, first those of the journal, then those of the server.

        Raises:
            JournalError: The journal cannot be read or written.
        """
        if self._timeout is not None:
            self._until = self._world.monotonic() + self._timeout
        return self._until_end(self._events())

    def from_journal(self) -> t.Iterator[CommandEvent]:
        """Yield the events of the journal alone, for a command that the server no longer has.

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
        yield from self._missed()
        yield from self._stream.flush()
        yield ReceiveEnded(cause, self._stream.output_dropped)

    def _missed(self) -> t.Iterator[CommandEvent]:
        """Warn of output that another process received while this one connected again.

        Servers number the messages of a session. Each connect of a client causes a few messages about the session. The
        number for this client's connects is known, so further missing numbers belong to another client and the output
        that it received. Gaps between messages that waited for this client do not count, because any clients may have
        connected meanwhile. In a session that drops output, the numbers may also be those of dropped messages
        (`CommandStream.output_dropped`).
        """
        if self._at_first is None or self._drops:
            return
        missing, connects = self._stream.missing - self._at_first[0], self._recovery.connects - self._at_first[1]
        if connects and missing > connects * _MESSAGES_OF_A_CONNECT + _MESSAGES_OF_A_KEY:
            yield MessageUnreadable(
                f"numbers of {missing} messages are missing: another process with the same client_id, such as a second "
                "task on this controller, received from the command at the same time"
            )

    def _events(self) -> t.Iterator[CommandEvent]:
        yield from self._recorded()
        self._stream.forget_calls(self._journal.answered_calls_of(self.session, self.command_id))
        while not self._stream.is_finished:
            try:
                yield from self._received()
            except TransportError as error:
                if not self._recovery.heals(error):
                    raise
                yield from self._recovery.recover(error, self._until)
                self._needs = Needs.NOTHING
            else:
                break
        if self._stream.is_finished and self._confirms:
            self._confirm_end()

    def _recorded(self) -> t.Iterator[CommandEvent]:
        self.is_replaying = True
        for piece in self._journal.pieces_of(self.session, self.command_id):
            yield from self._stream.feed(piece)
        self.is_replaying = False

    def _received(self) -> t.Iterator[CommandEvent]:
        """Yield the output from one connection until the command has ended or the time is over.

        If the command is silent for a whole Receive, it reads the shell's own stream for a moment. A server that needs
        a key to send a SecureString asks for it there, and the command waits for the key (MS-PSRP 3.1.5.4.5).

        Raises:
            TransportError: The stream broke. A WSManFault means that this client is no longer connected to the session.
        """
        shell = self.session.shell
        with self._pool.lend(self.session.endpoint) as client:
            self._connect(client)
            self._stop_if_due(client)
            self._refuse_calls(client)  # of a reader before, which ended between reading a call and answering it
            while True:
                began = self._world.monotonic()
                pieces, is_done = self._receive(client)
                self._journal.append(self.session, self.command_id, pieces)
                for piece in pieces:
                    yield from self._stream.feed(piece)
                if pieces and self._at_first is None and self._world.monotonic() - began >= _HELD_BACK:
                    self._at_first = (self._stream.missing, self._recovery.connects)
                self._refuse_calls(client)
                if is_done and not self._stream.is_finished:
                    raise EndedWithoutState()
                if self._stream.is_finished or self._is_over(bool(pieces)):
                    return
                if not pieces:
                    session_key.answer_request(client, shell, client.new_receive_deadline(LEAST_WAIT))
                self._stop_if_due(client)

    def _receive(self, client: WSManClient) -> tuple[list[bytes], bool]:
        """Do one Receive. If its connection breaks in silence, the next ones wait for a shorter time.

        A gateway may cut silent connections. Each cut can be repaired, but many cuts would use up the time for
        recovering.
        """
        began = self._world.monotonic()
        limits = (
            None if self._until is None else self._until - began,
            None if self._stop_at is None else self._stop_at - began,
            self._most_silence,
        )
        wait = min((limit for limit in limits if limit is not None), default=None)
        deadline = client.new_receive_deadline(wait)
        try:
            answer = client.receive_command(self.session.shell, self.command_id.upper(), deadline, wait)
        except TransportError as error:
            silence = self._world.monotonic() - began
            if error.is_break and silence >= 2 * LEAST_SILENCE:
                self._most_silence = silence / 2
            raise
        self._recovery.note_answer()
        return answer

    def _connect(self, client: WSManClient) -> None:
        """Become the client of the command, if that is needed."""
        if self._needs is Needs.SESSION:
            connect_anew(client, self.session, client.new_deadline())
        if self._needs is not Needs.NOTHING:
            connect_command(client, self.session, self.command_id)
        self._needs = Needs.NOTHING

    def _confirm_end(self) -> None:
        """Make the server forget a command whose end was received, over a new connection if this one broke."""
        try:
            with self._pool.lend(self.session.endpoint) as client:
                self._connect(client)
                self._signal(client, TERMINATE)
        except TransportError as error:
            # The script may have restarted the computer. All its output is here, so there is no reason to wait.
            if not self._recovery.heals(error):
                raise
            self._recovery.take_up(self._world.monotonic())
            with self._pool.lend(self.session.endpoint) as client:
                self._signal(client, TERMINATE)

    def _is_over(self, brought_something: bool) -> bool:
        """Return whether the time to wait is over. Accumulated output gets a little more time."""
        if self._until is None:
            return False
        return self._world.monotonic() >= self._until + (BACKLOG_SECONDS if brought_something else 0)

    def _stop_if_due(self, client: WSManClient) -> None:
        if self._stop_at is not None and self._world.monotonic() >= self._stop_at:
            self._signal(client, STOP)
            self._stop_at = self._world.monotonic() + STOP_AGAIN

    def _refuse_calls(self, client: WSManClient) -> None:
        calls = self._stream.host_calls
        while calls:
            host.refuse(client, self.session.shell, self.command_id, calls[0], client.new_deadline())
            self._journal.note_answer(self.session, self.command_id, calls.pop(0).call_id)

    def _signal(self, client: WSManClient, code: str) -> None:
        try:
            client.signal(self.session.shell, self.command_id.upper(), code, client.new_signal_deadline())
        except TransportError as error:
            if error.code != Code.OPERATION_TIMEOUT:
                raise
            raise TransportError(error.code, error.message) from error  # the limit of the option ends receiving
