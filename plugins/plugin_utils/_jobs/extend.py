"""Give sessions that expire soon more time: connect to each, and disconnect with a longer idle timeout."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import DISCONNECT
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Entry,
    Job,
    Line,
    Order,
    Result,
    Told,
    as_patterns,
    error,
    how_to_write_names,
    is_busy,
    place,
    whose,
    with_names,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.listing import expires_soon
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import parts_of


def extend(order: Order) -> Job:
    """Extend the sessions of each host that expire within the given time. Their commands go on."""
    told = Told.of(order.hosts)
    options = {"computer_name": list(order.hosts), "owner": order.owners, **order.given("name")}
    found = yield Call("pssession_info", options)
    there = found.get("sessions") or ()
    expiring: list[t.Mapping[str, t.Any]] = []
    others: list[t.Mapping[str, t.Any]] = []
    for session in there:
        (expiring if expires_soon(session, order) else others).append(session)
    accounts, other_parts = whose(order, found), parts_of({"sessions": others}, order.hosts)
    only_told = bool(order.options.get("report_only")) or order.check_mode
    for host, part in told.add({**found, "sessions": expiring}).items():
        yield from _found(order, host, accounts[host], part, other_parts[host]["sessions"])
        for session in part["sessions"] if only_told else ():
            yield Line("expiring", host, f"{place(session)} expires at {session['expires_on']}")
        yield from as_patterns(order, host, part["sessions"])
    if expiring and not order.options.get("report_only"):
        connected = yield Call("connect_pssession", {"session": expiring, **order.given("busy_timeout")})
        told.add(connected)
        if not order.check_mode:
            for idle_timeout, sessions in _by_idle_timeout(connected, order.options["idle_timeout"]).items():
                call = Call("disconnect_pssession", {"session": sessions, "idle_timeout": idle_timeout})
                for host, part in told.add((yield call)).items():
                    shorter = _shorter(part, idle_timeout)
                    told.parts[host] += [_not_extended(host, each, idle_timeout) for each in shorter]
                    for session in (each for each in part["sessions"] if each not in shorter):
                        value = {"session": place(session), "expires_on": session.get("expires_on")}
                        yield Line("extended", host, value)
    return told


def _found(order: Order, host: str, account: str, part: Result, others: t.Sequence[Entry]) -> t.Iterator[Line]:
    """Yield notes about the search on a host, and the reason if there is nothing to extend.

    Args:
        part: The host's part of the result, only with sessions that expire soon.
        others: The sessions that do not expire soon.
    """
    sought = f"of {account}{with_names(order)}"
    within = duration(order.options.get("expires_within") or 0)
    busy = [session for session in others if is_busy(session)]
    if part["sessions"]:
        yield Line("looked_for", host, f"sessions {sought} that expire within {within}")
    elif not part["errors"] and len(busy) < len(others):
        yield Line("nothing", host, f"no session {sought} expires within {within}{how_to_write_names(order)}")
    elif not part["errors"] and not others:
        yield Line("nothing", host, f"there is no session {sought}{how_to_write_names(order)}")
    for session in busy:
        text = f"session {place(session)} does not expire now: another client is connected to it"
        yield Line("nothing", host, text)


def idle_timeout_for(session: Entry, wanted: int) -> int:
    """Return the new idle timeout of a session in seconds, at least its present one and at most the allowed one."""
    longer = max(wanted, int(session.get("idle_timeout") or 0))
    allowed = int(session.get("max_idle_timeout") or 0)
    return min(longer, allowed) if allowed else longer


def _shorter(part: Result, idle_timeout: int) -> list[Entry]:
    """Return the sessions that the server disconnected by itself, before it was given the idle timeout."""
    return [each for each in part["sessions"] if int(each.get("idle_timeout") or 0) < idle_timeout]


def _not_extended(host: str, session: Entry, idle_timeout: int) -> Result:
    return error(
        host,
        f"session {place(session)} on {host} still has an idle timeout of {session.get('idle_timeout')} seconds "
        f"instead of {idle_timeout}: the server disconnected it before it got the longer one",
        cmdlet=DISCONNECT,
        session=session,
        hint="Run this again.",
    )


def _by_idle_timeout(connected: Result, wanted: int) -> dict[int, list[Entry]]:
    """Return the sessions that were connected to by the idle timeout that each is given."""
    groups: dict[int, list[Entry]] = {}
    for session in connected.get("sessions") or ():
        groups.setdefault(idle_timeout_for(session, wanted), []).append(session)
    return groups
