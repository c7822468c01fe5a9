"""Start a script in disconnected sessions, and wait for nothing."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import SCRIPT_OPTIONS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Entry,
    Job,
    Line,
    Order,
    Told,
    is_busy,
    place,
)

_MEANINGS = {
    "Block": "Output buffering mode Block. When the buffer is full, the script is suspended until a client receives.",
    "Drop": "Output buffering mode Drop. When the buffer is full, the oldest output is lost.",
}


def start(order: Order) -> Job:
    """Start the script on each host where no session of the name exists.

    A session of the name that has a command is the work of a run before, and fine. One without a command is an error.
    """
    told = Told.of(order.hosts)
    parts = told.add((yield starting(order, order.hosts)))
    for host, part in parts.items():
        for session in part["sessions"]:
            if session.get("changed"):
                mode = session.get("output_buffering_mode")
                if mode in _MEANINGS:  # check mode does not know it
                    yield Line("buffering", host, f"{place(session)}: {_MEANINGS[mode]}")
            elif session.get("commands"):
                yield Line("nothing", host, _nothing_started(host, session))
        yield from granted(order, host, part["sessions"])
    return told


def _nothing_started(host: str, session: Entry) -> str:
    """Return why the script was not started on a host: whose command it is that the session has, is not known."""
    text = f"nothing started on {host}: session {place(session)} is there already with a command"
    return f"{text} (another client is connected)" if is_busy(session) else text


def granted(order: Order, host: str, sessions: t.Iterable[Entry]) -> t.Iterator[Line]:
    """Yield a line for each session that was opened with a shorter idle timeout than the order has."""
    asked = order.options.get("idle_timeout")
    for session in sessions:
        seconds = session.get("idle_timeout")
        if asked and seconds and seconds < asked and session.get("changed") and not order.check_mode:
            expires_on = session.get("expires_on")
            value = {"session": place(session), "idle_timeout": seconds, "asked": asked, "expires_on": expires_on}
            yield Line("granted", host, value)


def starting(order: Order, hosts: t.Sequence[str], **more: t.Any) -> Call:
    """Return the call that starts the script of an order."""
    options = order.given(*SCRIPT_OPTIONS, "configuration_name")
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
