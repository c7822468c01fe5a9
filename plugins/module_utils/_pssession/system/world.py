"""World: the engine's access to the outside, which a simulation can replace as a whole."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import random
import time
import typing as t
import uuid
from dataclasses import dataclass, field

from ..model.endpoints import Endpoint
from ..model.errors import TransportError
from . import unix
from .disk import Disk, LocalDisk
from .shared_records import LocalRecords, Records
from .throttle import Job, Result, Throttle


class LogonObserver(t.Protocol):
    """Is told by a conversation how it logs on."""

    def begins(self) -> None:
        """A connection is open, and nothing has been sent on it: neither to the server nor to a KDC.

        Raises:
            TransportError: Nothing is to be sent.
        """

    def accepted(self) -> None:
        """The server has accepted the log-on, and has not seen the request yet."""


class Unobserved:
    """Observes nothing."""

    def begins(self) -> None:
        pass

    def accepted(self) -> None:
        pass


class Conversation(t.Protocol):
    """Sends envelopes to one endpoint and returns their answers. Only one thread at a time may use it.

    Attributes:
        endpoint: The address in use.
        time_limit: Seconds that the next envelope may take altogether, from connecting to the last byte of the answer.
        observer: Is told how it logs on. Where logging on costs no request of its own, it is not told of the end.
    """

    endpoint: str
    time_limit: float
    observer: LogonObserver

    @property
    def mechanism(self) -> str:
        """Return the scheme that the last log-on negotiated, ``kerberos`` or ``ntlm``, or an empty text."""

    @property
    def way(self) -> str:
        """Return the route of the last envelope, in words for errors. Empty if it is not known."""

    def send(self, message: bytes) -> str:
        """Send one envelope and return the answer's envelope as text.

        Raises:
            TransportError: There was no answer in time, or none that a WinRM service would give. Its `delivered` says
                whether the envelope may have reached the server.
            WSManFault: The answer is a fault.
            Redirected: The answer is a redirection that may be followed.
        """

    def follow(self, uri: str) -> None:
        """Continue at another address."""

    def close(self) -> None:
        """End it. An envelope still under way in another thread fails, and so does each one after it."""


class JobPool(t.Protocol):
    """Runs jobs side by side; `Throttle` does it with threads."""

    def map(
        self,
        work: t.Callable[[Job], Result],
        jobs: t.Sequence[Job],
        go_on: t.Callable[[], bool] = ...,
    ) -> t.Iterator[tuple[Job, Result | TransportError]]:
        """Yield every job with its outcome (`throttle.outcome_of`) as soon as it is there.

        Args:
            go_on: Called before each start. Once it returns False, no more jobs start.
        """


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclass(frozen=True)
class World:
    """The engine's access to the outside: network, time, random numbers, threads and files.

    By default, all fields except the conversation are the real ones. Only their implementations use sockets, clocks,
    threads or files (`tests/unit/test_world.py`). The conversation itself reads client certificates and authorities.

    Attributes:
        conversation: Makes the conversation with an endpoint, without sending anything.
        monotonic: A clock in seconds, for deadlines and waiting.
        now: The time in UTC, for time stamps.
        sleep: Waits for a number of seconds.
        random: The source of ids and jitter.
        job_pool: Makes a pool with a maximum number of simultaneous jobs.
        disk: The files of the journal and of the registry.
        open_files: Returns the number of files that this process may open.
        logons: Outcomes of the log-ons of accounts; see `target.lockout`.
    """

    conversation: t.Callable[[Endpoint], Conversation]
    monotonic: t.Callable[[], float] = time.monotonic
    now: t.Callable[[], datetime.datetime] = _utc_now
    sleep: t.Callable[[float], None] = time.sleep
    random: random.Random = field(default_factory=random.SystemRandom)
    job_pool: t.Callable[[int], JobPool] = Throttle
    disk: Disk = field(default_factory=LocalDisk)
    open_files: t.Callable[[], int] = unix.open_files
    logons: Records = field(default_factory=LocalRecords)

    def new_guid(self) -> str:
        """Return a new GUID in lower case."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def microseconds(self) -> int:
        """Return the time in microseconds since 1970."""
        return round(self.now().timestamp() * 1_000_000)
