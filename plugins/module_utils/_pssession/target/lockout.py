"""Lock-out guard: an account that is refused everywhere is tried on few computers, and not on a whole fleet.

A domain counts wrong passwords wherever they are tried, and locks the account after five or ten. So a few computers try
an account first:

    log-ons undecided or refused < 3 --> ask the next computer
    one accepted                     --> ask all
    3 refused, none accepted         --> ask no other one

Accounts of one computer are counted there alone, and are not guarded.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib
import hmac
import typing as t
from urllib.parse import urlsplit

from ..model.endpoints import Endpoint
from ..model.errors import LogonRefused, NotAsked, WSManFault
from ..system.shared_records import Record
from ..system.world import World

# Domains lock after five failures at the least.
MAX_FAILURES = 3
# Seconds after which a log-on that is still undecided no longer counts: the computer may not answer at all.
SOON = 2.0
# Seconds between two looks while others are undecided; each wait is twice as long as the one before.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
# Names in the place of a domain that mean the computer itself.
_ITSELF = frozenset({"", ".", "localhost"})


class LockoutGuard:
    """Decides which computers may be asked with which account; its jobs share what became of each log-on.

    Args:
        is_on: Whether it guards at all.
    """

    def __init__(self, world: World, is_on: bool) -> None:
        self._world = world
        self._is_on = is_on

    @contextlib.contextmanager
    def log_on(self, endpoint: Endpoint) -> t.Iterator[None]:
        """Wait until a computer may be asked, and note what the request in the context comes to.

        Raises:
            NotAsked: The account of the computer was refused by others.
        """
        account = domain_account(endpoint)
        if account is None or not self._is_on:
            yield
            return
        key = self._key(account, endpoint.logon.password or "")
        attempt = self._turn(key, account)
        outcome = ""
        try:
            yield
            outcome = "accepted"
        except WSManFault:
            outcome = "accepted"  # only who is logged on gets a fault
            raise
        except LogonRefused:
            outcome = "refused"
            raise
        finally:
            self._world.logons.change(key, lambda record: _settle(record, attempt, outcome))

    def _turn(self, key: str, account: str) -> str:
        """Wait for a turn, and return what the attempt is known by."""
        attempt = self._world.new_guid()
        pause = _FIRST_PAUSE
        while True:
            now = self._world.monotonic()
            refused = self._world.logons.change(key, lambda record, now=now: _begin(record, attempt, now))  # type: ignore[misc]
            if refused is None:
                return attempt
            if refused >= MAX_FAILURES:
                raise NotAsked(account, refused)
            self._world.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _key(self, account: str, password: str) -> str:
        """Return what an account with its password is known by; nothing can be learned from it."""
        secret = f"{account.lower()}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.new(self._world.logons.secret, secret, hashlib.sha256).hexdigest()


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


def _begin(record: Record, attempt: str, now: float) -> int | None:
    """Begin an attempt and return None, or return how many were refused if it has to wait or must not begin."""
    if record.get("accepted"):
        return None
    undecided = {each: begun for each, begun in record.get("undecided", {}).items() if 0 <= now - begun < SOON}
    refused = int(record.get("refused", 0))
    record["undecided"] = undecided
    if len(undecided) + refused >= MAX_FAILURES:
        return refused
    undecided[attempt] = now
    return None


def _settle(record: Record, attempt: str, outcome: str) -> None:
    record.get("undecided", {}).pop(attempt, None)
    if outcome == "accepted":
        record["accepted"] = True
    elif outcome == "refused":
        record["refused"] = int(record.get("refused", 0)) + 1
