"""Give sessions that expire soon more time: connect to each, and disconnect with a longer idle timeout."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

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
    place,
    whose,
    with_names,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration


def extend(order: Order) -> Job:
    """Extend the sessions of each host that expire within the time given; what runs in them is not touched."""
    told = Told.of(order.hosts)
    expiring: list[Entry] = []
    hint = how_to_write_names(order)
    within = duration(order.options.get("expires_within") or 0)
    options = {"computer_name": list(order.hosts), "owner": order.owners, **order.given("name", "expires_within")}
    found = yield Call("pssession_info", options)
    for host, part in told.add(found).items():
        expiring += part["sessions"]
        sought = f"of {whose(order, found, host)}{with_names(order)}"
        if part["sessions"]:
            yield Line("looked_for", host, f"sessions {sought} that expire within {within}")
        elif not part["errors"]:
            yield Line("nothing", host, f"no session {sought} expires within {within}{hint}")
        for session in part["sessions"]:
            yield Line("expiring", host, f"{place(session)} expires at {session['expires_on']}")
        yield from as_patterns(order, host, part["sessions"])
    if expiring and not order.options.get("report_only"):
        connected = yield Call("connect_pssession", {"session": expiring})
        told.add(connected)
        if not order.check_mode:
            for idle_timeout, sessions in _by_idle_timeout(connected, order.options["idle_timeout"]).items():
                call = Call("disconnect_pssession", {"session": sessions, "idle_timeout": idle_timeout})
                for host, part in told.add((yield call)).items():
                    told.parts[host] += [
                        _not_extended(host, each, idle_timeout) for each in _shorter(part, idle_timeout)
                    ]
    return told


def idle_timeout_for(session: Entry, wanted: int) -> int:
    """Return the idle timeout to give a session, in seconds: never less than it has, never more than is allowed."""
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
