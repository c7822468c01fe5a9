# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The throttle: at most so many jobs at work, and none after an interruption or a stop."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    JournalError,
    TransportError,
    UnexpectedError,
    error_record,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.throttle import Throttle
from tests.waiting import until

pytestmark = pytest.mark.timing

# Seconds until a wait for another thread is given up.
PATIENCE = 60


class Gauge:
    """Work that measures how much of it goes on at once.

    Args:
        together: Each job waits until so many are at work.
    """

    def __init__(self, together: int = 1) -> None:
        self._together = threading.Barrier(together)
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.started: list[int] = []

    def __call__(self, job: int) -> int:
        with self._lock:
            self.started.append(job)
            self._now += 1
            self.most = max(self.most, self._now)
        self._together.wait(PATIENCE)
        with self._lock:
            self._now -= 1
        return job * 2


@pytest.mark.parametrize(("limit", "jobs", "most"), [(1, 5, 1), (4, 20, 4), (32, 3, 3), (4, 1, 1)])
def test_the_limit_is_reached_and_never_exceeded(limit: int, jobs: int, most: int) -> None:
    gauge = Gauge(most)
    results = dict(Throttle(limit).map(gauge, range(jobs)))
    assert results == {job: job * 2 for job in range(jobs)}
    assert gauge.most == most


def test_nothing_to_do() -> None:
    assert list(Throttle(4).map(Gauge(), [])) == []


def test_results_come_in_the_order_of_completion() -> None:
    release = threading.Event()

    def work(job: int) -> None:
        if job == 0:
            assert release.wait(PATIENCE)

    order = []
    for job, _result in Throttle(2).map(work, range(4)):
        order.append(job)
        if len(order) == 3:
            release.set()
    assert order == [1, 2, 3, 0]


class Jobs(list[int]):
    """Jobs that record which of them were taken: a job that was not taken cannot have begun."""

    def __init__(self, count: int) -> None:
        super().__init__(range(count))
        self.taken: list[int] = []

    def __iter__(self) -> Iterator[int]:
        for job in super().__iter__():
            self.taken.append(job)
            yield job


def join_workers() -> None:
    """Wait until the threads of all throttles have ended: nothing can begin after that."""
    for thread in threading.enumerate():
        if thread.name.startswith("pssession"):
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.mark.parametrize("limit", [1, 3])
def test_who_stops_early_starts_nothing_more(limit: int) -> None:
    gauge, jobs = Gauge(limit), Jobs(20)
    for _job, _result in Throttle(limit).map(gauge, jobs):
        assert jobs.taken == list(range(limit))
        break
    join_workers()
    assert jobs.taken == sorted(gauge.started) == list(range(limit))


@pytest.mark.parametrize("limit", [1, 3])
def test_who_says_no_gets_the_results_of_those_at_work(limit: int) -> None:
    gauge = Gauge()
    done = [job for job, _result in Throttle(limit).map(gauge, range(20), lambda: False)]
    assert sorted(done) == sorted(gauge.started) == list(range(limit))


def endless(depth: int) -> int:
    return endless(depth + 1)


def stop_iteration(_job: int) -> int:
    return next(iter(()))


@pytest.mark.parametrize(
    ("surprise", "name"),
    [(stop_iteration, "StopIteration"), (endless, "RecursionError"), (lambda _job: int("secret"), "ValueError")],
)
def test_whatever_a_job_raises_is_its_outcome(surprise: Callable[[int], int], name: str) -> None:
    outcomes = dict(Throttle(1).map(lambda job: surprise(job) if job == 2 else job, range(5)))
    failure = outcomes.pop(2)
    assert outcomes == {job: job for job in (0, 1, 3, 4)}
    assert isinstance(failure, UnexpectedError)
    record = error_record("Id", "job 2 failed", cause=failure, hint="Look.")
    assert record.message.startswith(f"job 2 failed: unexpected {name} in test_throttle.py, line ")
    assert "secret" not in record.message
    assert record.hint.startswith("Look. This is a defect. Report it")


def test_a_failure_of_the_network_is_the_outcome_as_it_is() -> None:
    failure = TransportError(None, "lost")

    def work(_job: int) -> None:
        raise failure

    assert list(Throttle(1).map(work, [1])) == [(1, failure)]


class Interrupted(BaseException):
    """Such as the time-out of a task."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Interrupted, JournalError])
def test_what_is_not_of_one_job_ends_all(kind: type[BaseException]) -> None:
    def work(job: int) -> None:
        if job == 2:
            raise kind

    with pytest.raises(kind):
        list(Throttle(1).map(work, range(5)))


def test_a_signal_ends_the_wait_whichever_thread_gets_it() -> None:
    """The kernel may give it to the thread of a job, which does not wake the main thread."""
    ended = threading.Event()

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    def main_thread_waits() -> bool:
        innermost = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident or 0])[-1]
        return innermost.name == "map" and "done.get(" in (innermost.line or "")

    def work(_job: int) -> None:
        until(main_thread_waits)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        ended.wait(PATIENCE)

    previous = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interrupted):
            list(Throttle(1).map(work, [1]))
    finally:
        ended.set()
        signal.signal(signal.SIGUSR1, previous)
