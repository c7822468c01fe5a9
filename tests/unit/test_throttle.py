# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""At most so many jobs at work, and none that nobody wants any more."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.throttle import Throttle


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
        self._together.wait(10)
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
    gate = threading.Event()

    def work(job: int) -> None:
        if job == 0:
            assert gate.wait(10)

    order = []
    for job, _result in Throttle(2).map(work, range(4)):
        order.append(job)
        if len(order) == 3:
            gate.set()
    assert order == [1, 2, 3, 0]


@pytest.mark.parametrize("limit", [1, 3])
def test_who_stops_early_starts_nothing_more(limit: int) -> None:
    gauge = Gauge()
    for _job, _result in Throttle(limit).map(gauge, range(20)):
        time.sleep(0.03)  # time enough for a job to begin that must not
        break
    time.sleep(0.03)
    assert gauge.started == list(range(limit))


@pytest.mark.parametrize("limit", [1, 3])
def test_who_says_no_gets_the_results_of_those_at_work(limit: int) -> None:
    gauge = Gauge()
    done = [job for job, _result in Throttle(limit).map(gauge, range(20), lambda: False)]
    assert sorted(done) == sorted(gauge.started) == list(range(limit))


def test_what_a_job_raises_is_raised() -> None:
    def work(job: int) -> None:
        if job == 2:
            raise LookupError("job 2")

    with pytest.raises(LookupError, match="job 2"):
        list(Throttle(1).map(work, range(5)))
