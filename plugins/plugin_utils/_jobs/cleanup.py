"""Remove sessions that were left behind, or show which ones would be removed."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Entry,
    Job,
    Line,
    Order,
    Result,
    Told,
    as_patterns,
    how_to_write_names,
    is_busy,
    place,
    whose,
    with_names,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration


def cleanup(order: Order) -> Job:
    """Remove the sessions of each host that have had no client for long enough and have no command."""
    told = Told.of(order.hosts)
    removes = bool(order.options.get("remove"))
    left_behind: list[Entry] = []
    found = yield Call(
        "pssession_info",
        {
            "computer_name": list(order.hosts),
            "owner": order.owners,
            "state": "disconnected",
            "list_commands": True,
            **order.given("name", "minimum_age"),
        },
    )
    with_commands = bool(order.options.get("with_commands"))
    without_command = "" if with_commands else " and have no command"
    hint = how_to_write_names(order)
    minimum_age = order.options.get("minimum_age")
    age = f" for {duration(minimum_age)}" if minimum_age else ""
    accounts = whose(order, found)
    for host, part in told.add(found).items():
        sessions = [session for session in part["sessions"] if is_left_behind(session, with_commands)]
        left_behind += sessions
        account, sought = accounts[host], f"{with_names(order)} that are disconnected{age}{without_command}"
        if sessions:
            yield Line("looked_for", host, f"sessions of {account}{sought}")
        elif not part["errors"] and not any(map(is_busy, part["sessions"])):
            yield Line("nothing", host, f"nothing to remove: looked for sessions of {account}{sought}{hint}")
        for session in filter(is_busy, part["sessions"]):
            yield Line("nothing", host, f"session {place(session)} stays: another client is connected to it")
        yield from as_patterns(order, host, sessions)
    if left_behind:
        options = {"session": left_behind, **order.given("busy_timeout")}
        removed = yield Call("remove_pssession", options, only_foresee=not removes)
        for host, part in told.add(removed if removes else _unchanged(removed)).items():
            for session in part["sessions"]:
                yield Line("left_behind", host, session)
    return told


def _unchanged(foreseen: Result) -> Result:
    """Return the result of a call that only predicted, as if nothing would change."""
    return {**foreseen, "sessions": [{**session, "changed": False} for session in foreseen.get("sessions") or ()]}


def is_left_behind(session: Entry, with_commands: bool) -> bool:
    """Return whether a session may be removed. A session in use by another client may not.

    A command may still run, or have output that no client has received. A session whose commands are not known counts
    as one with a command.
    """
    return not is_busy(session) and (with_commands or session.get("commands") == [])
