"""Lock-out guard: an account that is refused everywhere is tried on few computers, and not on a whole fleet.

A domain counts wrong passwords wherever they are tried, and locks the account after five or ten. So a few computers try
an account first:

    log-ons undecided or refused < 3 --> ask the next computer
    one accepted                     --> ask all
    3 refused, none accepted         --> ask no other one

A computer that is switched off must not hold up the others for the time of a connection. So a log-on is counted anew
when its connection is open, before anything is sent. If it was slow and three others are counted by then, it starts
again:

    wait for a turn --> connect, counted for 2 s --> counted until it is decided --> send
           ^                                  |
           +-----------------no room any more-+

Each time that it starts again, it counts for twice as long: else computers that are all slow would take the room from
each other for ever.

Accounts of one computer are counted there alone, and are not guarded.
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

# Domains lock after five failures at the least.
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
    """Others were asked while a computer was connected to, and there is no room for its log-on now."""

    def __init__(self) -> None:
        super().__init__(None, "other computers are asked first", delivered=False)


class LockoutGuard:
    """Decides which computers may be asked with which account; its jobs share what became of each log-on.

    Args:
        is_on: Whether it guards at all.
    """

    def __init__(self, world: World, is_on: bool) -> None:
        self._world = world
        self._is_on = is_on

    def log_on(self, endpoint: Endpoint, work: t.Callable[[LogonObserver], Result]) -> Result:
        """Wait until a computer may be asked, do the work that asks it, and note what the log-on came to.

        Args:
            work: Gets what its conversation has to tell of its log-on. It is called again if it did not come to send
                anything, because others were asked while it connected.

        Raises:
            NotAsked: The account of the computer was refused by others.
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
        """Return what an account with its password is known by; nothing can be learned from it."""
        secret = f"{account.lower()}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.new(self._world.logons.secret, secret, hashlib.sha256).hexdigest()


class _Attempt:
    """One log-on, and what the processes of the run know of it; observes it.

    Args:
        key: Of the record.
        longest: Seconds that it may take from the open connection to the note of what became of it.
    """

    def __init__(self, world: World, key: str, longest: float) -> None:
        self._world = world
        self._key = key
        self._longest = longest
        self._id = world.new_guid()

    def count(self, seconds: float) -> int | None:
        """Count it as undecided for so many seconds and return None, or how many were refused if there is no room."""
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
            outcome = "accepted"  # only who is logged on gets a fault
            raise
        except LogonRefused:
            outcome = "refused"
            raise
        finally:
            self._change(lambda record: _settle(record, self._id, outcome))

    def _change(self, function: t.Callable[[Record], Result]) -> Result:
        return self._world.logons.change(self._key, function)


def domain_account(endpoint: Endpoint) -> str | None:
    """Return the account of a domain that an endpoint is logged on to with by its password, or None."""
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
    """Count an attempt as undecided until a time and return None, or how many were refused if there is no room."""
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
