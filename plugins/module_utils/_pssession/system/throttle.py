"""Throttle: limits the requests in flight, over computers and sessions alike (the cmdlet's ThrottleLimit)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import queue
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ..model.errors import PSSessionError, TransportError, UnexpectedError

Job = t.TypeVar("Job")
Result = t.TypeVar("Result")

# A signal that another thread gets, or that comes just before the main thread begins to wait, does not end the wait.
# Python's handler runs when the wait is over, so no wait is longer than this.
_SIGNAL_SECONDS = 0.5


def outcome_of(work: t.Callable[[Job], Result], job: Job) -> Result | TransportError:
    """Return the result of a job's work, or the failure that ended it. A failure of one job does not end the others.

    Raises:
        PSSessionError: A failure that is not of this job alone, such as a journal that cannot be written.
    """
    try:
        return work(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this job only
        return failure_of_job(error)


def failure_of_job(error: Exception) -> TransportError:
    """Return the failure of the one job that an exception ended.

    Raises:
        PSSessionError: It is not of this job alone, such as a journal that cannot be written.
    """
    if isinstance(error, TransportError):
        return error
    if isinstance(error, PSSessionError):
        raise error
    return UnexpectedError(error)


class Throttle:
    """Runs jobs at the same time. A job has one request at a time, so the number of jobs limits the requests in flight.

    Args:
        limit: The maximum number of running jobs.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def map(
        self,
        work: t.Callable[[Job], Result],
        jobs: t.Sequence[Job],
        go_on: t.Callable[[], bool] = lambda: True,
    ) -> t.Iterator[tuple[Job, Result | TransportError]]:
        """Yield every job with its outcome (`outcome_of`) as soon as it is there, in the order of completion.

        The next job starts when the caller comes for the next outcome.

        Args:
            go_on: Called before each start. Once it returns False, no more jobs start.
        """
        waiting = iter(jobs)
        # Each thread puts its job here with a function that returns the outcome or raises what ends all jobs.
        done: queue.SimpleQueue[tuple[Job, t.Callable[[], Result | TransportError]]] = queue.SimpleQueue()

        def start(count: int) -> int:
            started = 0
            for job in itertools.islice(waiting, count):
                future = executor.submit(outcome_of, work, job)
                future.add_done_callback(lambda ended, job=job: done.put((job, ended.result)))  # type: ignore[misc]
                started += 1
            return started

        executor = ThreadPoolExecutor(max_workers=max(1, min(self.limit, len(jobs))), thread_name_prefix="pssession")
        try:
            at_work = start(max(1, self.limit))
            while at_work:
                try:
                    job, outcome = done.get(timeout=_SIGNAL_SECONDS)
                except queue.Empty:
                    continue
                at_work -= 1
                yield job, outcome()
                if go_on():
                    at_work += start(1)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
