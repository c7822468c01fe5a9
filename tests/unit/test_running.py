# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starting commands: each request in time, and an error for what was not delivered. Events of received commands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import PipelineState, Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Event,
    Finished,
    InCommand,
    OutputReceived,
    Progressed,
    ReceiveBegan,
    ReceiveEnded,
    RecordReceived,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import ListedCommand
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.running import Runner
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journals import NoJournal, journal_at
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.session_locks import SessionLocks
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.task import Task
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.pool import ClientPool
from tests.unit.builders import context, endpoint, session, world
from tests.unit.test_host import COMPLETED, OUTPUT, STATE, WARNING, line
from tests.unit.test_receiving import COMMAND, SESSION, Server, piece
from tests.unit.test_statements import status

OPEN_TIMEOUT = 180.0
NO_LOCKS = SessionLocks(None, world())


class SlowClient:
    """Each request takes 170 seconds of a clock of its own.

    Attributes:
        left: How much time each request was given, in seconds.
        breaks_at: The request that fails.
    """

    payload_bytes = 16384

    def __init__(self, breaks_at: int | None = None) -> None:
        self.now = 0.0
        self.left: list[float] = []
        self.breaks_at = breaks_at

    @property
    def world(self) -> World:
        return world(monotonic=lambda: self.now)

    def new_deadline(self) -> float:
        return self.now + OPEN_TIMEOUT

    def new_signal_deadline(self) -> float:
        return self.now + OPEN_TIMEOUT

    @contextmanager
    def lend(self, _endpoint: Any) -> Iterator[SlowClient]:
        yield self

    def start_command(self, *given: Any) -> None:
        self.send(*given)

    def discard(self, _endpoint: Any) -> None:
        pass

    def signal(self, *_given: Any) -> None:
        raise TransportError(None, "still broken")

    def send(self, *given: Any) -> None:
        if len(self.left) == self.breaks_at:
            raise TransportError(None, "the connection broke", delivered=False)
        self.left.append(given[-1] - self.now)
        self.now += 170.0


@pytest.fixture
def start() -> Any:
    """Start a script with an input of ten objects, of which three fill a request."""

    def run(client: SlowClient) -> Any:
        request = Request.from_options({"computer_name": ["srv01"], "name": ["job"]}, cmdlets.INVOKE)
        task_context = context(world=client.world)
        task = Task(request, task_context, cast(Any, None), cast(ClientPool, client), NoJournal(), NO_LOCKS)
        return Runner(task).start(session(endpoint()), Script("x", input=("y" * 5000,) * 10))

    return run


def test_each_request_has_a_deadline_of_its_own(start: Any) -> None:
    client = SlowClient()
    assert start(client).error is None
    assert client.left == [OPEN_TIMEOUT] * 5


@pytest.mark.parametrize(("breaks_at", "delivered"), [(1, 0), (2, 3), (4, 9)])
def test_the_error_tells_what_was_delivered(start: Any, breaks_at: int, delivered: int) -> None:
    result = start(SlowClient(breaks_at))
    assert result.command_id is not None
    assert result.error.message == (
        f"the command in session job1 on srv01 did not get all of its input, only {delivered} of 10 objects: "
        "the connection broke"
    )
    assert "receive_pssession with stop" in result.error.hint


def test_a_command_that_was_not_delivered_has_no_id(start: Any) -> None:
    result = start(SlowClient(0))
    assert (result.command_id, result.error.message) == (
        None,
        "starting a command in session job1 on srv01 failed: the connection broke",
    )


def test_events_of_a_command_are_told() -> None:
    pieces = [piece(1, *line(WARNING, "careful")), piece(2, OUTPUT, "<I32>1</I32>"), piece(3, STATE, COMPLETED)]
    server = Server(pieces)
    events: list[Event] = []
    request = Request.from_options({"computer_name": ["srv01"], "name": ["job"]}, cmdlets.RECEIVE)
    task_context = context(emit=events.append)
    task = Task(request, task_context, cast(Any, None), cast(ClientPool, server), NoJournal(), NO_LOCKS)
    at = dataclasses.replace(SESSION, commands=(ListedCommand(COMMAND, "x", "Running"),))
    (result,) = Runner(task).receive([at], {at.key}).results
    assert (result.output.output, result.output.warning) == ([1], ["careful"])
    assert events == [
        Progressed(0, 1, "commands"),
        InCommand(at, COMMAND, ReceiveBegan()),
        InCommand(at, COMMAND, RecordReceived("warning", "careful")),
        InCommand(at, COMMAND, OutputReceived(1)),
        InCommand(at, COMMAND, Finished(PipelineState.COMPLETED)),
        InCommand(at, COMMAND, ReceiveEnded(output_dropped=False)),
        Progressed(1, 1, "commands"),
    ]


def received(journal: Any, at: Any, *objects: str) -> tuple[Any, list[str]]:
    """What a task with a journal makes of the output of a command, and its warnings."""
    pieces = [piece(number, OUTPUT, each) for number, each in enumerate(objects, start=1)]
    server = Server([*pieces, piece(len(objects) + 1, STATE, COMPLETED)])
    request = Request.from_options({"computer_name": ["srv01"], "name": ["job"]}, cmdlets.RECEIVE)
    task = Task(request, context(), cast(Any, None), cast(ClientPool, server), journal, NO_LOCKS)
    outputs = Runner(task).receive([at], {at.key})
    (result,) = outputs.results
    return result, [warned.text for warned in outputs.warnings()]


@pytest.mark.parametrize("buffer_mode", ["Block", "Drop"])
@pytest.mark.parametrize("has_journal", [True, False])
def test_a_beginning_that_another_client_received(tmp_path: Path, buffer_mode: str, has_journal: bool) -> None:
    """With a journal it is an error, unless the server may have dropped it; else a warning."""
    shell = dataclasses.replace(SESSION.shell, buffer_mode=buffer_mode)
    at = dataclasses.replace(SESSION, shell=shell, commands=(ListedCommand(COMMAND, "x", "Running"),))
    begin, end = (status(COMMAND, **{name: '<B N="Value">true</B>'}) for name in ("begin", "has_begin"))

    def new_journal(name: str) -> Any:
        return journal_at(str(tmp_path / name), LocalDisk(), None) if has_journal else NoJournal()

    whole, warnings = received(new_journal("a"), at, begin, "<S>a</S>", end)
    assert (whole.is_complete, whole.output.beginning_received, whole.errors, warnings) == (True, True, (), [])
    rest, warnings = received(new_journal("b"), at, "<S>a</S>", end)
    assert (rest.output.output, rest.output.beginning_received) == (["a"], False)
    is_error = has_journal and buffer_mode == "Block"
    assert (len(rest.errors), len(warnings)) == (is_error, not is_error)
    assert rest.is_complete is not is_error
    (told,) = [each.message for each in rest.errors] or warnings
    assert "beginning of the output" in told
