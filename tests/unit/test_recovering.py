# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Getting over broken connections: waits and their bounds, what is final, and that the end of the task ends it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    TransportError,
    WSManFault,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    CommandEvent,
    Reconnected,
    Reconnecting,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output import recovering
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recovering import Recovery
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.pool import ClientPool
from tests.unit.builders import endpoint, session

SESSION = session(endpoint())
BROKEN = TransportError(0x80338170, "the connection broke", is_break=True)
REFUSED = TransportError(5, "access denied", delivered=False)
GONE = WSManFault(0x8033805B, "no such shell")
ANOTHER = WSManFault(0x803381CD, "connected to a different client")
LAST_WAS_ANOTHER = WSManFault(0x803381C6, "another client")
UNCLEAR = WSManFault(None, "something", subcode="InternalError")
NO_MEMORY = WSManFault(14, "not enough memory", subcode="InternalError")


class Server:
    """A pool that leads to a server with prepared answers to Reconnect; the other requests are accepted.

    Attributes:
        asked: The requests in order.
        discarded: How often the idle connections were closed.
        state: In a list; None is not listed.
        now: Seconds of its clock.
        closes_at: When the pool is closed, as at the end of a task.
        limits: How many seconds each Reconnect may take.
    """

    def __init__(self, *reconnects: Exception | None, state: str | None = "Connected") -> None:
        self.asked: list[str] = []
        self.discarded = 0
        self.state = state
        self.now = 100.0
        self.closes_at = float("inf")
        self.limits: list[float] = []
        self.world = SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep, random=random.Random(7))
        self._reconnects = list(reconnects)

    @property
    def is_closed(self) -> bool:
        return self.now >= self.closes_at

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def discard(self, _endpoint: Any) -> None:
        self.discarded += 1

    @contextmanager
    def lend(self, _endpoint: Any) -> Iterator[Server]:
        yield self

    def new_deadline(self) -> float:
        return self.now + 180

    def reconnect(self, _shell: Any, _mode: Any, deadline: float) -> None:
        self.asked.append("Reconnect")
        self.limits.append(deadline - self.now)
        answer = self._reconnects.pop(0) if self._reconnects else None
        if answer is not None:
            raise answer

    def disconnect(self, *_given: Any) -> None:
        self.asked.append("Disconnect")

    def connect_command(self, *_given: Any) -> None:
        self.asked.append("Connect command")

    def enumerate_shells(self, _deadline: float) -> Any:
        self.asked.append("Enumerate")
        shells = [] if self.state is None else [session(endpoint(), state=self.state).shell]
        return SimpleNamespace(shells=shells)


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Connect is noted, without its messages."""
    connect = SimpleNamespace(connect=lambda client, *_given: client.asked.append("Connect"))
    monkeypatch.setattr(recovering, "handshake", connect)
    monkeypatch.setattr(recovering, "connect_anew", lambda client, *_given: client.asked.append("Disconnect, Connect"))


def recover(server: Server, timeout: float = 240, until: float | None = None) -> list[CommandEvent]:
    recovery = Recovery(SESSION, "command", cast(ClientPool, server), timeout)
    return list(recovery.recover(BROKEN, until))


def test_over_a_new_connection_as_a_new_client() -> None:
    server = Server()
    assert recover(server)[-1] == Reconnected()
    assert server.asked == ["Reconnect", "Disconnect, Connect", "Connect command"]
    assert server.discarded == 1


def test_one_that_another_client_has_left_is_connected_to() -> None:
    server = Server(LAST_WAS_ANOTHER)
    recover(server)
    assert server.asked == ["Reconnect", "Connect", "Connect command"]


def test_waits_get_longer_and_differ() -> None:
    server = Server(*[BROKEN] * 7)
    *attempts, last = recover(server)
    assert last == Reconnected()
    assert all(isinstance(each, Reconnecting) for each in attempts)
    waits = [each.seconds for each in attempts if isinstance(each, Reconnecting)]
    expected = [1, 2, 4, 8, 10, 10, 10, 10]
    assert all(0.75 * length <= wait <= 1.25 * length for wait, length in zip(waits, expected, strict=True))
    assert len({wait / length for wait, length in zip(waits, expected, strict=True)}) == len(waits)
    assert server.now == pytest.approx(100 + sum(waits))


@pytest.mark.parametrize(("timeout", "until", "over_at"), [(60, None, 160), (60, 130, 130), (60, 300, 160)])
def test_the_time_is_over(timeout: float, until: float | None, over_at: float) -> None:
    server = Server(*[BROKEN] * 100)
    with pytest.raises(TransportError, match=r"the connection broke \(.* attempts in .* seconds") as caught:
        recover(server, timeout, until)
    assert server.now == over_at
    assert caught.value.code == BROKEN.code
    assert not caught.value.is_break
    # No attempt may take much longer than what is left, however long a request may take by itself.
    assert all(limit <= max(over_at - 100, 5) for limit in server.limits)


def test_no_time_at_all() -> None:
    with pytest.raises(TransportError) as caught:
        recover(Server(), until=100.0)
    assert caught.value is BROKEN


def test_a_connection_that_brings_no_answer_belongs_to_the_same_break() -> None:
    server = Server()
    recovery = Recovery(SESSION, "command", cast(ClientPool, server), 30)

    def recover_always() -> None:
        for _time in range(100):
            list(recovery.recover(BROKEN, None))

    with pytest.raises(TransportError):
        recover_always()
    assert server.now == 130
    recovery.note_answer()
    assert list(recovery.recover(BROKEN, None))[-1] == Reconnected()


@pytest.mark.parametrize("final", [REFUSED, GONE, NO_MEMORY])
def test_what_is_final_at_once(final: TransportError) -> None:
    server = Server(final)
    with pytest.raises(TransportError) as caught:
        recover(server)
    assert caught.value is final
    assert server.asked == ["Reconnect"]


@pytest.mark.parametrize("refusal", [ANOTHER, UNCLEAR])
@pytest.mark.parametrize("state", ["Connected", "Disconnected", None])
def test_in_use(refusal: WSManFault, state: str | None) -> None:
    server = Server(refusal, state=state)
    if state is None:
        with pytest.raises(TransportError, match="no longer listed") as caught:
            recover(server)
        assert caught.value.code == GONE.code
    elif state == "Connected" and refusal is ANOTHER:
        with pytest.raises(TransportError) as caught:
            recover(server)
        assert caught.value is ANOTHER
    else:
        assert recover(server)[-1] == Reconnected()
    assert server.asked[:2] == ["Reconnect", "Enumerate"]


def test_it_is_listed_once() -> None:
    """What is in use is listed once; another client that comes after that is seen by its refusal."""
    server = Server(UNCLEAR, UNCLEAR, UNCLEAR)
    assert recover(server)[-1] == Reconnected()
    assert server.asked.count("Enumerate") == 1
    server = Server(UNCLEAR, ANOTHER)
    with pytest.raises(TransportError) as caught:
        recover(server)
    assert caught.value is ANOTHER


def test_the_end_of_the_task_ends_the_wait() -> None:
    server = Server(*[BROKEN] * 100)
    server.closes_at = 105
    with pytest.raises(TransportError):
        recover(server)
    assert server.now < 106
    assert not Recovery(SESSION, "command", cast(ClientPool, server), 240).heals(BROKEN)


@pytest.mark.parametrize(
    ("failure", "heals"),
    [
        (BROKEN, True),
        (WSManFault(0x803381C4, "shell disconnected"), True),
        (WSManFault(0x803381DE, "stream disconnected"), True),
        (REFUSED, False),
        (GONE, False),
        (WSManFault(0x80338104, "the process ended"), False),
    ],
)
def test_what_is_a_break(failure: TransportError, heals: bool) -> None:
    assert Recovery(SESSION, "command", cast(ClientPool, Server()), 240).heals(failure) is heals
    assert not Recovery(SESSION, "command", cast(ClientPool, Server()), 0).heals(failure)
