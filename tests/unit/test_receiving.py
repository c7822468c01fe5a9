# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one path on which output is received: events in the order of the stream, each piece in the journal first."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import PipelineState
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    EndedWithoutState,
    JournalError,
    TransportError,
    UnexpectedError,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    CommandEvent,
    ExitCodeSet,
    Finished,
    FormattedLines,
    HostTextReceived,
    MessageUnreadable,
    OutputReceived,
    OutputSkipped,
    ProgressReceived,
    ReceiveEnded,
    RecordReceived,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import (
    HostSettings,
    SessionOption,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.receiving import (
    STOP,
    STOP_AGAIN,
    TERMINATE,
    Receiving,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recovering import Recovery
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import (
    fragments_of,
    whole_fragment,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journals import NoJournal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.pool import ClientPool
from tests.unit.builders import endpoint, session, world
from tests.unit.test_formatting import captured
from tests.unit.test_host import (
    COMPLETED,
    HOST_CALL,
    OUTPUT,
    STATE,
    WARNING,
    exit_call,
    line,
    progress,
    said,
)

COMMAND = "0a1b2c3d-0000-0000-0000-00000000000d"
SESSION = session(endpoint())
CLOSED = TransportError(None, "the connection broke")


def message(kind: int, clixml: str) -> bytes:
    return struct.pack("<II32x", 1, kind) + clixml.encode()


def piece(number: int, kind: int, clixml: str) -> bytes:
    return whole_fragment(number, message(kind, clixml))


class Server:
    """A server with answers to Receive, and the pool that leads to it.

    Attributes:
        asked: The requests in order; signals by their code.
        says_done: Whether the last answer says that the command has ended.
        lent: How many connections are lent now.
        seconds: How long each Receive may take.
        waits: How long the server is to hold each Receive, where that is said.
    """

    def __init__(self, *answers: list[bytes] | Exception) -> None:
        self.endpoint = SESSION.endpoint
        self.seconds: list[float] = []
        self.waits: list[float] = []
        self.asked: list[str] = []
        self.lent = 0
        self.is_closed = False
        self.world = world()
        self._answers = list(answers)
        self.says_done = False

    @contextmanager
    def lend(self, endpoint: Endpoint) -> Iterator[Server]:
        self.endpoint = endpoint
        self.lent += 1
        try:
            yield self
        finally:
            self.lent -= 1

    def connect_command(self, *_given: Any) -> None:
        self.asked.append("Connect")

    def new_deadline(self) -> float:
        return WSManClient(self.endpoint, COMMAND, self.world).new_deadline()

    def new_signal_deadline(self) -> float:
        return WSManClient(self.endpoint, COMMAND, self.world).new_signal_deadline()

    def new_receive_deadline(self, wait: float | None) -> float:
        return WSManClient(self.endpoint, COMMAND, self.world).new_receive_deadline(wait)

    def receive_command(
        self, _shell: Any, _command_id: str, deadline: float, wait: float | None
    ) -> tuple[list[bytes], bool]:
        self.asked.append("Receive")
        self.waits += [] if wait is None else [wait]
        self.seconds.append(deadline - self.world.monotonic())
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, not self._answers and self.says_done

    def receive(self, *_given: Any) -> list[bytes]:
        self.asked.append("look at the shell")
        return []

    def signal(self, _shell: Any, _command_id: str, code: str, _deadline: float) -> None:
        self.asked.append(code)


def receiving(server: Server, journal: Any = None, of: PSSession = SESSION, **options: Any) -> Receiving:
    return Receiving(of, COMMAND, cast(ClientPool, server), journal or NoJournal(), **options)


def test_events_in_the_order_of_the_stream() -> None:
    server = Server(
        [piece(1, *line(WARNING, "careful")), piece(2, OUTPUT, "<I32>1</I32>")],
        [piece(3, *progress("copying")) + piece(4, *said("WriteLine2", "text"))],
        [piece(5, HOST_CALL, exit_call(3)), piece(6, STATE, COMPLETED)],
    )
    *events, last = receiving(server)
    assert [type(event) for event in events] == [
        RecordReceived,
        OutputReceived,
        ProgressReceived,
        HostTextReceived,
        ExitCodeSet,
        Finished,
    ]
    assert events[0] == RecordReceived("warning", "careful")
    assert events[1] == OutputReceived(1)
    assert events[3:] == [HostTextReceived("text\n"), ExitCodeSet(3), Finished(PipelineState.COMPLETED)]
    assert last == ReceiveEnded(output_dropped=False)
    assert server.asked == ["Receive", "Receive", "Receive", TERMINATE]


def test_each_piece_is_in_the_journal_before_it_is_read_and_the_next_is_asked_for_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    server = Server(
        [piece(1, OUTPUT, "<I32>1</I32>")], [piece(2, OUTPUT, "<I32>2</I32>")], [piece(3, STATE, COMPLETED)]
    )
    seen: list[tuple[CommandEvent, int, int]] = []

    def journal() -> Journal:
        return Journal(str(path), LocalDisk())

    for event in receiving(server, journal()):
        written = list(journal().pieces_of(SESSION, COMMAND))
        seen.append((event, len(written), len(server.asked)))
    assert seen[:3] == [
        (OutputReceived(1), 1, 1),
        (OutputReceived(2), 2, 2),
        (Finished(PipelineState.COMPLETED), 3, 3),
    ]
    # All of it is in the journal now, so nothing is asked for but the end.
    server = Server()
    assert list(receiving(server, journal())) == [event for event, *_rest in seen]
    assert server.asked == [TERMINATE]
    assert list(receiving(Server(), journal()).from_journal()) == [event for event, *_rest in seen]


@pytest.mark.parametrize("failure", [CLOSED, KeyError("what")])
def test_a_failure_is_the_last_event(failure: Exception) -> None:
    server = Server([piece(1, OUTPUT, "<S>a</S>")], failure)
    value, last = receiving(server)
    assert value == OutputReceived("a")
    assert isinstance(last, ReceiveEnded)
    if failure is CLOSED:
        assert last.cause is CLOSED
    else:
        assert isinstance(last.cause, UnexpectedError)


def test_what_waits_for_further_messages_comes_before_the_end() -> None:
    each = captured("Id = 22")
    pieces = [piece(number, OUTPUT, text) for number, text in enumerate(each["messages"][:-2], start=1)]
    *events, last = receiving(Server(pieces, CLOSED))
    shown = [text for event in events if isinstance(event, FormattedLines) for text in event.lines]
    assert shown == each["lines"][:-1]
    assert last == ReceiveEnded(CLOSED, output_dropped=False)


def test_a_journal_that_cannot_be_written_is_not_of_this_command_alone() -> None:
    class Full(NoJournal):
        def append(self, *_given: Any) -> None:
            raise JournalError("journal: the disk is full")

    server = Server([piece(1, OUTPUT, "<S>a</S>")])
    with pytest.raises(JournalError):
        list(receiving(server, Full()))
    assert server.lent == 0


def test_repeats_are_left_out_and_messages_go_on_over_answers() -> None:
    long = list(fragments_of(2, message(OUTPUT, "<S>long</S>"), 10))
    server = Server([piece(1, OUTPUT, "<S>a</S>"), long[0]], [piece(1, OUTPUT, "<S>a</S>"), b"".join(long[1:])], CLOSED)
    assert [event.value for event in receiving(server) if isinstance(event, OutputReceived)] == ["a", "long"]


def test_objects_that_are_not_wanted_are_not_read() -> None:
    server = Server([piece(1, OUTPUT, "<S>a</S>"), piece(2, OUTPUT, "no CLIXML"), piece(3, STATE, COMPLETED)])
    wanted = [True, False]
    events = list(receiving(server, wants_output=lambda: wanted.pop(0)))
    assert events[:3] == [OutputReceived("a"), OutputSkipped(), Finished(PipelineState.COMPLETED)]


def test_without_time_what_is_there_is_taken() -> None:
    server = Server([piece(1, OUTPUT, "<S>a</S>")], [])
    assert list(receiving(server, timeout=0)) == [OutputReceived("a"), ReceiveEnded(output_dropped=False)]
    assert server.asked == ["Receive", "Receive"]


def test_a_command_is_stopped_first_and_a_silent_one_has_its_shell_looked_at() -> None:
    server = Server([], [piece(1, STATE, '<Obj RefId="0"><MS><I32 N="PipelineState">3</I32></MS></Obj>')])
    finished, _end = receiving(server, stop=True)
    assert finished == Finished(PipelineState.STOPPED)
    assert server.asked == [STOP, "Receive", "look at the shell", "Receive", TERMINATE]


def test_a_command_that_goes_on_is_stopped_again() -> None:
    """PowerShell answers a stop that arrives between two statements, and goes on with the next one."""
    clock = itertools.count(step=STOP_AGAIN / 8)
    server = Server(
        *([piece(number, OUTPUT, "<S>on</S>")] for number in range(1, 7)),
        [piece(7, STATE, '<Obj RefId="0"><MS><I32 N="PipelineState">3</I32></MS></Obj>')],
    )
    server.world = world(monotonic=lambda: float(next(clock)))
    *_output, finished, _end = receiving(server, stop=True)
    assert finished == Finished(PipelineState.STOPPED)
    assert 2 <= server.asked.count(STOP) < server.asked.count("Receive")
    assert max(server.waits) <= STOP_AGAIN


@pytest.mark.parametrize("open_timeout", [0.5, 180.0])
@pytest.mark.parametrize(("timeout", "least", "most"), [(None, 180, 240), (60, 60, 120), (0, 0.5, 60), (1e6, 180, 240)])
def test_a_receive_has_more_time_than_the_server_may_hold_it(
    open_timeout: float, timeout: float | None, least: float, most: float
) -> None:
    silent = session(
        endpoint(option=SessionOption(open_timeout=open_timeout), settings=HostSettings(operation_timeout=180))
    )
    server = Server([piece(1, STATE, COMPLETED)])
    list(receiving(server, of=silent, timeout=timeout))
    (seconds,) = server.seconds
    assert least < seconds < most


def test_the_connection_goes_back_when_the_events_are_left() -> None:
    server = Server([piece(1, OUTPUT, "<S>a</S>"), piece(2, OUTPUT, "<S>b</S>")])
    events = iter(receiving(server))
    next(events)
    assert server.lent == 1
    cast(Any, events).close()
    assert server.lent == 0


def test_an_end_without_a_state_is_a_failure() -> None:
    server = Server([piece(1, OUTPUT, "<S>a</S>")])
    server.says_done = True
    value, last = receiving(server)
    assert value == OutputReceived("a")
    assert isinstance(last, ReceiveEnded)
    assert isinstance(last.cause, EndedWithoutState)
    assert TERMINATE not in server.asked


def test_what_cannot_be_read_is_an_event_and_the_next_message_is_read() -> None:
    whole = piece(3, OUTPUT, "<S>c</S>")
    torn = list(fragments_of(4, message(OUTPUT, "<S>long</S>"), 10))
    server = Server(
        [piece(1, OUTPUT, "<S>a</S>"), piece(2, OUTPUT, "no CLIXML") + whole],
        [torn[0] + torn[2], piece(5, OUTPUT, "<S>e</S>")],
        [piece(6, OUTPUT, "<S>f</S>")[:-1], piece(7, OUTPUT, "<S>g</S>")[:10], piece(8, STATE, COMPLETED)],
    )
    events = list(receiving(server))
    assert [event.value for event in events if isinstance(event, OutputReceived)] == ["a", "c", "e"]
    kinds = [type(event) for event in events]
    assert kinds == [
        OutputReceived,
        MessageUnreadable,
        OutputReceived,
        MessageUnreadable,
        OutputReceived,
        MessageUnreadable,
        MessageUnreadable,
        Finished,
        ReceiveEnded,
    ]


@pytest.mark.parametrize(
    ("next_number", "mode", "is_missing"),
    [
        (2, "Block", False),
        (5, "Block", False),
        (7, "Block", False),
        (8, "Block", True),
        (60, "Block", True),
        (60, "Drop", False),
    ],
)
def test_messages_that_another_process_received_are_missed(
    monkeypatch: pytest.MonkeyPatch, next_number: int, mode: str, is_missing: bool
) -> None:
    """After a break, three numbers are those of the connect, and two may be those of a key; Drop may explain all."""

    def take_up(recovery: Recovery, _until: float) -> None:
        recovery.connects += 1

    monkeypatch.setattr(Recovery, "take_up", take_up)
    broken = TransportError(None, "the connection broke", is_break=True)
    server = Server(
        [piece(1, OUTPUT, "<I32>1</I32>")],
        broken,
        [piece(next_number, OUTPUT, "<I32>2</I32>"), piece(next_number + 1, STATE, COMPLETED)],
    )
    server.world = world(sleep=lambda _seconds: None, monotonic=itertools.count().__next__)
    events = list(receiving(server, of=session(endpoint(), buffer_mode=mode), recovery_timeout=240))
    assert [event.value for event in events if isinstance(event, OutputReceived)] == [1, 2]
    missed = [event.why for event in events if isinstance(event, MessageUnreadable)]
    assert bool(missed) is is_missing
    assert all("another process with the same client_id" in reason for reason in missed)
