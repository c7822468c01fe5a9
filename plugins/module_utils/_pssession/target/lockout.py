"""Lock-out guard: an account that is refused everywhere is tried on few computers, and not on a whole fleet.

A domain counts wrong passwords wherever they are tried, and locks the account after five or ten. So a few computers try
an account first:

    log-ons undecided or refused < 3 --> ask the next computer
    one accepted                     --> ask all
    3 refused, none accepted         --> ask no other one

A computer that is switched off must not delay the others until its connection times out. So each log-on is counted
once more when its connection is open, before anything is sent. If connecting was slow and three other log-ons are
counted by then, the log-on starts again:

    wait for a turn --> connect, counted for 2 s --> counted until it is decided --> send
           ^                                  |
           +--three others are counted by now-+

Each time that a log-on starts again, it counts for twice as long. Otherwise slow computers would keep each other from
logging on for ever.

The guard ignores local accounts of a computer, because only that computer counts their failures.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import hmac
import typing as t
from urllib.parse import urlsplit

from ..model.endpoints import Endpoint
from ..model.errors import LogonRefused, NotAsked, TransportError, WSManFault
from ..system.shared_records import Record
from ..system.world import LogonObserver, Unobserved, World

# Domains lock an account after five failures or more.
MAX_FAILURES = 3
# Seconds after which a computer that could not be connected to no longer counts: it may not answer at all. They double
# with each time that it was connected to and others were asked meanwhile.
SOON = 2.0
# Seconds that a log-on counts beyond the time of its request, if its outcome is not noted: its process was killed.
_GRACE = 60.0
# Seconds between two looks while others are undecided; each wait is twice as long as the one before.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
# Names in the place of a domain that mean the computer itself.
_ITSELF = frozenset({"", ".", "localhost"})

Result = t.TypeVar("Result")


class _Overtaken(TransportError):
    """While the task connected to a computer, three other log-ons began, so this one must wait again."""

    def __init__(self) -> None:
        super().__init__(None, "other computers are asked first", delivered=False)


class LockoutGuard:
    """Decides when a log-on with an account may begin on a computer. All processes of a run share the outcomes.

    Args:
        is_on: Whether the guard is active. An inactive guard allows every log-on.
    """

    def __init__(self, world: World, is_on: bool) -> None:
        self._world = world
        self._is_on = is_on

    def log_on(self, endpoint: Endpoint, work: t.Callable[[LogonObserver], Result]) -> Result:
        """Wait until a log-on to a computer may begin, do the work that logs on, and note the log-on's outcome.

        Args:
            work: Logs on, and notifies the given observer. It is called again if it sent nothing because other log-ons
                began while it connected.

        Raises:
            NotAsked: Other computers refused the account, so this computer was not asked.
        """
        account = domain_account(endpoint)
        if account is None or not self._is_on:
            return work(Unobserved())
        key = self._key(account, endpoint.logon.password or "")
        soon = SOON
        while True:
            attempt = _Attempt(self._world, key, endpoint.answer_timeout + _GRACE)
            self._wait_for_turn(attempt, account, soon)
            try:
                return attempt.of(work)
            except _Overtaken:
                soon *= 2

    def _wait_for_turn(self, attempt: _Attempt, account: str, soon: float) -> None:
        """Wait until another attempt is allowed, and count this one for the given seconds."""
        pause = _FIRST_PAUSE
        while (refused := attempt.count(soon)) is not None:
            if refused >= MAX_FAILURES:
                raise NotAsked(account, refused)
            self._world.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _key(self, account: str, password: str) -> str:
        """Return a keyed hash that identifies an account with its password and reveals neither of them."""
        secret = f"{account.lower()}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.new(self._world.logons.secret, secret, hashlib.sha256).hexdigest()


class _Attempt:
    """One log-on in the record that the processes of the run share. It is the observer of this log-on.

    Args:
        key: The key of the record.
        longest: The maximum number of seconds from the open connection until the outcome is recorded.
    """

    def __init__(self, world: World, key: str, longest: float) -> None:
        self._world = world
        self._key = key
        self._longest = longest
        self._id = world.new_guid()

    def count(self, seconds: float) -> int | None:
        """Count this log-on as undecided for a number of seconds and return None.

        If it has to wait for others, do not count it, and return the number of refused log-ons.
        """
        now = self._world.monotonic()
        return self._change(lambda record: _count(record, self._id, now, now + seconds))

    def begins(self) -> None:
        if self.count(self._longest) is not None:
            raise _Overtaken

    def accepted(self) -> None:
        self._change(lambda record: _settle(record, self._id, "accepted"))

    def of(self, work: t.Callable[[LogonObserver], Result]) -> Result:
        """Do the work, and note whether the log-on was accepted or refused."""
        outcome = ""
        try:
            result = work(self)
            outcome = "accepted"
            return result
        except WSManFault:
            outcome = "accepted"  # servers send a fault only after a successful log-on
            raise
        except LogonRefused:
            outcome = "refused"
            raise
        finally:
            self._change(lambda record: _settle(record, self._id, outcome))

    def _change(self, function: t.Callable[[Record], Result]) -> Result:
        return self._world.logons.change(self._key, function)


def domain_account(endpoint: Endpoint) -> str | None:
    """Return the domain account that logs on to an endpoint with a password, or None for any other log-on."""
    username = endpoint.logon.username or ""
    if endpoint.logon.password is None:
        return None
    if "\\" in username:
        domain = username.partition("\\")[0]
    elif "@" in username:
        domain = username.rpartition("@")[2]
    else:
        return None
    return None if domain.lower() in _ITSELF | _names(endpoint) else username


def _names(endpoint: Endpoint) -> set[str]:
    """Return the names of a computer in lower case, with and without their domains."""
    known = (endpoint.computer_name, endpoint.inventory_hostname or "", urlsplit(endpoint.uri).hostname or "")
    whole = {name.lower() for name in known}
    return whole | {name.partition(".")[0] for name in whole}


def _count(record: Record, attempt: str, now: float, until: float) -> int | None:
    """Count a log-on as undecided until a given time and return None.

    If it has to wait for others, do not count it, and return the number of refused log-ons.
    """
    if record.get("accepted"):
        return None
    undecided = {each: end for each, end in record.get("undecided", {}).items() if each != attempt and now < end}
    refused = int(record.get("refused", 0))
    record["undecided"] = undecided
    if len(undecided) + refused >= MAX_FAILURES:
        return refused
    undecided[attempt] = until
    return None


def _settle(record: Record, attempt: str, outcome: str) -> None:
    record.get("undecided", {}).pop(attempt, None)
    if outcome == "accepted":
        record["accepted"] = True
    elif outcome == "refused":
        record["refused"] = int(record.get("refused", 0)) + 1
