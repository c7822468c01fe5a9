"""Find the sessions of a fleet, and those that expire soon."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import seconds_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Entry,
    Job,
    Line,
    Order,
    Told,
    place,
)


def find(order: Order) -> Job:
    """Find the sessions of each host; nothing is changed."""
    told = Told.of(order.hosts)
    options = order.given("name", "owner", "list_commands")
    found = yield Call("pssession_info", {"computer_name": list(order.hosts), **options})
    for host, part in told.add(found).items():
        for session in sorted(filter(lambda each: expires_soon(each, order), part["sessions"]), key=_expiry):
            yield Line("expiring", host, f"{place(session)} expires at {session['expires_on']}")
    return told


def expires_soon(session: Entry, order: Order) -> bool:
    """Return whether a session expires within the time of the order."""
    within = order.options.get("expires_within")
    if not session.get("expires_on") or within is None:
        return False
    return seconds_of(session["expires_on"]) <= order.now + int(within)


def _expiry(session: Entry) -> str:
    return str(session["expires_on"])
