# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock-out guard: few computers try an account first, and the others wait for what they say."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    LogonRefused,
    NotAsked,
    TransportError,
    WSManFault,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import (
    ForkedRecords,
    LocalRecords,
    Records,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import LogonObserver
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target import lockout
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target.lockout import (
    MAX_FAILURES,
    SOON,
    LockoutGuard,
    domain_account,
)
from tests.unit.builders import endpoint, logon, world

REFUSED = LogonRefused(5, "HTTP 401", delivered=False)
SILENT = TransportError(None, "no answer", is_break=True)
ACCOUNT = "LAB\\svc"


class Waited(Exception):
    """The guard would have waited."""


class Time:
    """A clock that stands still; whoever waits for it is told instead."""

    def __init__(self) -> None:
        self.now = 100.0
        self.on_sleep: Callable[[], None] = self._tell

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _seconds: float) -> None:
        self.on_sleep()

    @staticmethod
    def _tell() -> None:
        raise Waited


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=[LocalRecords, ForkedRecords])
def records(request: pytest.FixtureRequest) -> Records:
    made: Records = request.param()
    return made


def guard(time: Time, records: Records, is_on: bool = True) -> LockoutGuard:
    return LockoutGuard(world(monotonic=time.monotonic, sleep=time.sleep, logons=records), is_on)


def at(name: str = "srv01", username: str = ACCOUNT, password: str | None = "secret-pw") -> Endpoint:
    return endpoint(name, logon=logon(credential=Credential(username, password)))


def try_on(guarded: LockoutGuard, outcome: Exception | None, place: Endpoint | None = None) -> None:
    """Connect and log on, with an outcome."""

    def work(observer: LogonObserver) -> None:
        observer.begins()
        if outcome is not None:
            raise outcome

    with suppress(type(outcome) if outcome else ValueError):
        guarded.log_on(place or at(), work)


def not_asked(guarded: LockoutGuard, place: Endpoint | None = None) -> NotAsked:
    """Log on and be refused by the guard."""
    with pytest.raises(NotAsked) as raised:
        guarded.log_on(place or at(), lambda _observer: pytest.fail("it was asked"))
    return raised.value


def during(guarded: LockoutGuard, count: int, action: Callable[[], None], is_connected: bool = True) -> None:
    """Do something while so many log-ons are undecided, or their connections are being opened; all are accepted."""
    if not count:
        return action()

    def work(observer: LogonObserver) -> None:
        if is_connected:
            observer.begins()
        during(guarded, count - 1, action, is_connected)

    return guarded.log_on(at(), work)


def test_three_refusals_are_enough(time: Time, records: Records) -> None:
    guarded = guard(time, records)
    for _attempt in range(MAX_FAILURES):
        try_on(guarded, REFUSED)
    error = not_asked(guarded, at("srv04"))
    assert (error.account, error.refused) == (ACCOUNT, 3)
    assert ACCOUNT in error.message
    assert "lockout_guard: false" in (error.hint or "")
    # Another password is another try, and so is another account.
    try_on(guarded, None, at(password="another"))
    try_on(guarded, None, at(username="LAB\\other"))
    try_on(guard(time, records, is_on=False), None)


@pytest.mark.parametrize("outcome", [None, WSManFault(5, "denied")])
def test_one_that_accepts_frees_all(time: Time, records: Records, outcome: Exception | None) -> None:
    guarded = guard(time, records)
    try_on(guarded, REFUSED)
    try_on(guarded, outcome)
    for _attempt in range(5):
        try_on(guarded, REFUSED)
    try_on(guarded, None, at(username=ACCOUNT.upper()))


def test_at_most_three_are_undecided(time: Time, records: Records) -> None:
    guarded = guard(time, records)

    def fourth() -> None:
        try_on(guarded, REFUSED)
        with pytest.raises(Waited):
            try_on(guarded, None)

    during(guarded, 2, fourth)


def test_a_log_on_that_waits_goes_on_when_one_accepts(time: Time, records: Records) -> None:
    guarded = guard(time, records)
    tried: list[str] = []

    def first(observer: LogonObserver) -> None:
        observer.begins()
        time.on_sleep = observer.accepted  # long before the answer to its request comes
        during(guarded, 2, lambda: guarded.log_on(at("srv04"), lambda _observer: tried.append("srv04")))

    guarded.log_on(at("srv01"), first)
    assert tried == ["srv04"]


def test_a_computer_that_is_not_connected_soon_no_longer_counts(time: Time, records: Records) -> None:
    guarded = guard(time, records)
    tried: list[int] = []

    def later() -> None:
        with pytest.raises(Waited):
            try_on(guarded, None)
        time.now += SOON
        guarded.log_on(at(), lambda _observer: tried.append(1))

    during(guarded, 3, later, is_connected=False)
    assert tried


def test_a_computer_that_is_connected_counts_until_it_answers(time: Time, records: Records) -> None:
    guarded = guard(time, records)

    def later() -> None:
        time.now += at().answer_timeout
        with pytest.raises(Waited):
            try_on(guarded, None)
        # Its process was killed before it could note the answer.
        time.now += 60
        try_on(guarded, None)

    during(guarded, 3, later)


def test_a_computer_that_is_connected_late_is_not_asked_after_three_refusals(time: Time, records: Records) -> None:
    guarded = guard(time, records)
    sent: list[str] = []

    def late(observer: LogonObserver) -> None:
        time.now += SOON
        for _attempt in range(MAX_FAILURES):
            try_on(guarded, REFUSED)
        observer.begins()
        sent.append("srv01")

    with pytest.raises(NotAsked):
        guarded.log_on(at("srv01"), late)
    assert sent == []


def test_a_computer_that_is_connected_late_waits_for_another_turn(time: Time, records: Records) -> None:
    guarded = guard(time, records)
    done: list[str] = []

    def late(observer: LogonObserver) -> None:
        done.append("connected")
        if done == ["connected"]:
            time.now += SOON
            refusals: list[TransportError] = []
            during(guarded, 3, lambda: refusals.append(refusal_of(observer)))
            raise refusals[0]
        observer.begins()
        done.append("sent")

    guarded.log_on(at("srv01"), late)
    assert done == ["connected", "connected", "sent"]


def test_computers_that_are_all_slow_do_not_overtake_each_other_for_ever(time: Time, records: Records) -> None:
    """While each connects, others are counted, as soon as there is room for three of them."""
    guarded = guard(time, records)
    turns: list[str] = []

    def slow(observer: LogonObserver) -> None:
        turns.append("connected")
        assert len(turns) < 10
        time.now += SOON
        overtaken: list[TransportError] = []

        def others_connect() -> None:
            overtaken.append(refusal_of(observer))
            raise SILENT

        with suppress(Waited, TransportError):
            during(guarded, 3, others_connect, is_connected=False)
        if overtaken:
            raise overtaken[0]
        observer.begins()
        turns.append("sent")

    guarded.log_on(at("srv01"), slow)
    assert turns == ["connected", "connected", "sent"]


def refusal_of(observer: LogonObserver) -> TransportError:
    """Begin a log-on that must not begin."""
    with pytest.raises(TransportError) as raised:
        observer.begins()
    return raised.value


def test_what_is_not_about_the_account_decides_nothing(time: Time, records: Records) -> None:
    guarded = guard(time, records)
    for _attempt in range(10):
        try_on(guarded, SILENT)
    for _attempt in range(MAX_FAILURES):
        try_on(guarded, REFUSED)
    not_asked(guarded)


@pytest.mark.parametrize(
    ("username", "password", "guarded"),
    [
        ("LAB\\svc", "pw", True),
        ("svc@lab.test", "pw", True),
        ("svc", "pw", False),
        (".\\svc", "pw", False),
        ("\\svc", "pw", False),
        ("SRV01\\svc", "pw", False),
        ("srv01.lab.test\\svc", "pw", False),
        ("svc@SRV01", "pw", False),
        ("10.0.0.1\\svc", "pw", False),
        ("localhost\\svc", "pw", False),
        ("LAB\\svc", None, False),
    ],
)
def test_accounts_of_one_computer_are_not_guarded(username: str, password: str | None, guarded: bool) -> None:
    place = endpoint(
        "srv01.lab.test",
        uri="http://10.0.0.1:5985/wsman",
        logon=logon(credential=Credential(username, password)),
    )
    assert domain_account(place) == (username if guarded else None)


def test_nothing_of_the_password_is_kept(time: Time) -> None:
    records = ForkedRecords()
    try_on(guard(time, records), REFUSED)
    content = os.pread(records._descriptor, 1 << 16, 0).decode()
    assert json.loads(content)
    assert not [secret for secret in ("secret-pw", "svc", "LAB") if secret in content]


def test_a_process_that_was_killed_while_it_wrote_stops_nobody() -> None:
    records = ForkedRecords()
    _count(records, 2)
    os.ftruncate(records._descriptor, 5)
    _count(records, 2)
    assert records.change("sum", lambda record: record["sum"]) == 2


def _count(records: Records, times: int) -> None:
    for _time in range(times):
        records.change("sum", _add)


def _add(record: dict[str, Any]) -> None:
    record["sum"] = record.get("sum", 0) + 1


@pytest.fixture
def forks() -> Iterator[list[Any]]:
    """Processes that end with the test."""
    started: list[Any] = []
    yield started
    for each in started:
        each.join()


@pytest.mark.timing
def test_processes_share_records(forks: list[Any]) -> None:
    records = ForkedRecords()
    for _number in range(3):
        forks.append(multiprocessing.get_context("fork").Process(target=_count, args=(records, 200)))
        forks[-1].start()
    _count(records, 200)
    for each in forks:
        each.join()
    assert records.change("sum", lambda record: record["sum"]) == 800


@pytest.mark.timing
def test_processes_share_three_refusals_however_slow_they_are(
    forks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connects late, and has to be counted anew before it sends anything."""
    monkeypatch.setattr(lockout, "SOON", 0.0)
    records, (reading, writing) = ForkedRecords(), os.pipe()

    def work(observer: LogonObserver) -> None:
        observer.begins()
        os.write(writing, b".")
        raise REFUSED

    def log_on_often() -> None:
        for _time in range(5):
            with suppress(LogonRefused, NotAsked):
                LockoutGuard(world(logons=records), True).log_on(at(), work)

    for _number in range(4):
        forks.append(multiprocessing.get_context("fork").Process(target=log_on_often))
        forks[-1].start()
    for each in forks:
        each.join()
    os.close(writing)
    assert os.read(reading, 100) == b"..."
    os.close(reading)
