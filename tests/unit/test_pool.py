# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pool of clients: conversations are kept open, and closed when they can no longer be trusted."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError, WSManFault
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.pool import (
    MAX_IDLE_SECONDS,
    MAX_OPEN_OVER_TLS,
    ClientPool,
)
from tests.unit.builders import endpoint, logon, world

CLIENT = "00000000-0000-0000-0000-00000000000c"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[WSManClient]:
    """The clients that were closed so far."""
    clients: list[WSManClient] = []

    def note(client: WSManClient) -> None:
        clients.append(client)

    monkeypatch.setattr(WSManClient, "close", note)
    return clients


@pytest.fixture
def pool(closed: list[WSManClient]) -> ClientPool:
    return ClientPool(CLIENT, world(), max_open=2)


def lent(pool: ClientPool, computer_name: str = "srv01") -> WSManClient:
    with pool.lend(endpoint(computer_name)) as client:
        return client


def test_a_conversation_is_used_again(pool: ClientPool) -> None:
    assert lent(pool) is lent(pool)
    assert lent(pool, "srv02") is not lent(pool)


def test_two_at_once_get_one_each(pool: ClientPool) -> None:
    with pool.lend(endpoint()) as first, pool.lend(endpoint()) as second:
        assert first is not second


def test_another_log_on_is_another_conversation(pool: ClientPool) -> None:
    with pool.lend(endpoint(logon=logon(credential=None))) as anonymous:
        pass
    assert lent(pool) is not anonymous


@pytest.mark.parametrize(("failure", "kept"), [(WSManFault(5, "no"), True), (TransportError(None, "broken"), False)])
def test_it_is_kept_after_a_fault_and_not_after_a_failure(
    pool: ClientPool, closed: list[WSManClient], failure: TransportError, kept: bool
) -> None:
    with pytest.raises(TransportError), pool.lend(endpoint()) as client:
        raise failure
    assert (client in closed) is not kept
    assert (lent(pool) is client) is kept


def test_no_more_are_kept_than_may_be_open(pool: ClientPool, closed: list[WSManClient]) -> None:
    first, second = lent(pool, "a"), lent(pool, "b")
    with pool.lend(endpoint("c")) as third:
        assert closed == [second]  # the one that was kept first is wanted again first
    assert (lent(pool, "a"), lent(pool, "c")) == (first, third)


def test_none_is_kept_beside_as_many_at_work_as_may_be_open(pool: ClientPool, closed: list[WSManClient]) -> None:
    first, second = lent(pool, "a"), lent(pool, "b")
    with pool.lend(endpoint("c")), pool.lend(endpoint("d")), pool.lend(endpoint("e")):
        assert closed == [second, first]


def test_those_at_work_are_open_as_well(pool: ClientPool, closed: list[WSManClient]) -> None:
    with pool.lend(endpoint("a")) as first, pool.lend(endpoint("b")) as second:
        third = lent(pool, "c")
        assert closed == [third]
    assert (lent(pool, "a"), lent(pool, "b")) == (first, second)


def test_closing_ends_the_idle_and_the_lent(pool: ClientPool, closed: list[WSManClient]) -> None:
    idle = lent(pool, "idle")
    with pool.lend(endpoint()) as at_work:
        pool.close()
        assert set(closed) == {idle, at_work}
    # What comes back later is closed as well, not kept.
    assert closed[-1] is at_work
    assert len(closed) == 3


def test_what_is_made_while_everything_is_closed_is_closed_too(pool: ClientPool, closed: list[WSManClient]) -> None:
    pool.close()
    with pool.lend(endpoint()) as late:
        assert closed == [late]


def test_a_conversation_that_was_silent_for_long_is_not_used_again(closed: list[WSManClient]) -> None:
    now = 1000.0
    pool = ClientPool(CLIENT, world(monotonic=lambda: now))
    first = lent(pool)
    now += MAX_IDLE_SECONDS
    assert lent(pool) is first
    now += MAX_IDLE_SECONDS + 1
    assert lent(pool) is not first
    assert closed == [first]


def test_all_clients_of_a_pool_are_one_client_session(pool: ClientPool) -> None:
    assert {lent(pool, name)._envelopes.client_id for name in "ab"} == {CLIENT}


def test_no_more_are_kept_than_half_of_the_files(closed: list[WSManClient]) -> None:
    pool = ClientPool(CLIENT, world(open_files=lambda: 2))
    first, second = lent(pool, "a"), lent(pool, "b")
    assert closed == [first]
    assert lent(pool, "b") is second


@pytest.mark.parametrize(
    ("uri", "scheme", "kept"),
    [
        ("https://srv:5986/wsman", "basic", MAX_OPEN_OVER_TLS),
        ("https://srv:5986/wsman", "certificate", MAX_OPEN_OVER_TLS),
        ("https://srv:5986/wsman", "ntlm", MAX_OPEN_OVER_TLS + 10),  # a new log-on costs a request
        ("http://srv:5985/wsman", "basic", MAX_OPEN_OVER_TLS + 10),  # a connection takes little memory
    ],
)
def test_few_are_kept_over_tls_where_a_log_on_costs_nothing(
    closed: list[WSManClient], uri: str, scheme: str, kept: int
) -> None:
    pool, count = ClientPool(CLIENT, world()), MAX_OPEN_OVER_TLS + 10
    for number in range(count):
        with pool.lend(endpoint(f"srv{number}", uri=uri.replace("srv", f"srv{number}"), logon=logon(scheme=scheme))):
            pass
    assert len(closed) == count - kept
