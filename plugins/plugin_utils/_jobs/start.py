"""Start a script in disconnected sessions, and wait for nothing."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import INVOKE
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Entry,
    Job,
    Line,
    Order,
    Result,
    Told,
    error,
    place,
)

_MEANINGS = {
    "Block": "Output buffering mode Block. When the buffer is full, the script is suspended until a client receives.",
    "Drop": "Output buffering mode Drop. When the buffer is full, the oldest output is lost.",
}


def start(order: Order) -> Job:
    """Start the script on each host where no session of the name exists.

    A session of the name that has a command is the work of a run before, and fine. One without a command is an error:
    nothing was started in it by this run, and nothing shows that it was by another.
    """
    told = Told.of(order.hosts)
    parts = told.add((yield starting(order, order.hosts)))
    for host, part in parts.items():
        told.parts[host] += [
            error(
                host,
                f"session {place(session)} on {host} exists, and nothing was started in it: "
                "it has no command, or its commands could not be listed",
                cmdlet=INVOKE,
                session=session,
                hint="Its script was received to its end, or never started. Remove the session and run this again.",
            )
            for session in unstarted(part, order.check_mode)
        ]
        for session in part["sessions"]:
            mode = _MEANINGS.get(session.get("output_buffering_mode") or "", "it is not known")
            yield Line("buffering", host, f"{place(session)}: {mode}")
    return told


def starting(order: Order, hosts: t.Sequence[str], **more: t.Any) -> Call:
    """Return the call that starts the script of an order."""
    options = order.given("script", "path", "arguments", "parameters", "sensitive_parameters", "configuration_name")
    return Call(
        "invoke_command",
        {
            "computer_name": list(hosts),
            "in_disconnected_session": True,
            "session_name": order.options["name"],
            **options,
            **more,
        },
    )


def unstarted(part: Result, check_mode: bool) -> list[Entry]:
    """Return the sessions of a host in which neither this start nor, as far as is known, another one started anything.

    In check mode nothing was started, and commands are listed for sessions that exist only.
    """
    started = {result["instance_id"] for result in part["results"]}
    return [
        session
        for session in part["sessions"]
        if session["instance_id"] not in started
        and (session.get("commands") == [] if check_mode else not session.get("commands"))
    ]
