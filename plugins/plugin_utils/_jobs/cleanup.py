"""Remove sessions that were left behind, or show which ones would be removed."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Entry,
    Job,
    Line,
    Order,
    Told,
    whose,
)


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
    for host, part in told.add(found).items():
        sessions = [session for session in part["sessions"] if is_left_behind(session, with_commands)]
        left_behind += sessions
        if not sessions and not part["errors"]:
            yield Line("nothing", host, f"nothing of {whose(order, found, host)} is left behind")
    told.changed = False
    if left_behind:
        removed = yield Call("remove_pssession", {"session": left_behind}, only_foresee=not removes)
        told.changed = bool(removed.get("changed")) and (removes or order.check_mode)
        for host, part in told.add(removed).items():
            for session in part["sessions"]:
                yield Line("left_behind", host, session)
    return told


def is_left_behind(session: Entry, with_commands: bool) -> bool:
    """Tell whether a disconnected session may be removed.

    A command may still run, or have output that no client has received. A session whose commands are not known counts
    as one with a command.
    """
    return with_commands or session.get("commands") == []
