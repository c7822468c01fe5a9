"""Connect to sessions, or receive the output of their commands. Then stay connected, disconnect or remove them."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import RECEIVE
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
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

# After these reasons it is unknown whether a command still runs. The host fails, and its next run looks again.
_NOT_SEEN = (Reason.UNREACHABLE.value, Reason.EXPIRED.value)
_SELECTION = ("name", "instance_id", "configuration_name", "owner", "busy_timeout")


def connect(order: Order) -> Job:
    """Connect to the sessions of each host, and disconnect from them again if the order asks for that."""
    told = Told.of(order.hosts)
    connected = yield Call("connect_pssession", _selection(order))
    told.add(connected)
    sessions = connected.get("sessions") or ()
    if order.options.get("when_done") == "disconnect" and sessions:
        options = {"session": sessions, **order.given("idle_timeout")}
        told.add((yield Call("disconnect_pssession", options)))
    return told


def collect(order: Order) -> Job:
    """Receive the output of the commands in the sessions of each host. The module applies `when_done`."""
    told = Told.of(order.hosts)
    options = order.given("timeout", "journal", "expected_return_code", "when_done", "idle_timeout")
    received = yield Call("receive_pssession", {**_selection(order), **options})
    parts = told.add(received)
    told.pending = {host: len(running(part)) for host, part in parts.items()}
    for host, part in parts.items():
        if not order.check_mode:
            told.parts[host] += [not_collected(host, session) for session in uncollected(part)]
            if not part["sessions"] and not part["errors"] and order.given("name", "instance_id"):
                told.parts[host].append(not_collected(host))
    return told


def harvest(order: Order) -> Job:
    """Receive the output of commands that have ended. The sessions of other commands do not change.

    A name without a session is not an error, because a harvested session may have been removed. A note reports it.
    """
    told = Told.of(order.hosts)
    names = [*(order.options.get("name") or ()), *(order.options.get("instance_id") or ())]
    options = order.given("name", "instance_id", "configuration_name", "owner", "journal", "expected_return_code")
    received = yield Call(
        "receive_pssession",
        {
            "computer_name": list(order.hosts),
            "on_missing": "skip",
            "timeout": 0,
            **options,
            **order.given("when_done", "idle_timeout"),
        },
    )
    told.pending = {}
    for host, part in told.add(received).items():
        busy = [each for each in part["errors"] if each.get("reason") == Reason.BUSY.value]
        told.pending[host] = len(running(part)) + len(busy)
        if not part["sessions"] and not part["errors"]:
            yield Line("missing", host, {"names": names, "journal": order.options.get("journal")})
        part["results"] = [each for each in part["results"] if each.get("state") != "Running"]
    return told


def running(part: Result) -> list[Entry]:
    """Return the results of a host whose commands still run, without sessions that a last look did not find."""
    unknown = {each.get("instance_id") for each in part["errors"] if each.get("reason") in _NOT_SEEN}
    return [
        each for each in part["results"] if each.get("state") == "Running" and each.get("instance_id") not in unknown
    ]


def uncollected(part: Result) -> list[Entry]:
    """Return the sessions of a host for which a receive has neither a result nor an error."""
    told = {each.get("instance_id") for each in (*part["results"], *part["errors"])}
    return [session for session in part["sessions"] if session["instance_id"] not in told]


def not_collected(host: str, session: Entry | None = None) -> Result:
    """Return the error of a host, or of a session there, for which a receive has no result and no error."""
    which = f"session {place(session)}" if session else "the sessions"
    return error(
        host,
        f"the output of {which} on {host} was not collected",
        cmdlet=RECEIVE,
        session=session,
        hint="A warning of the task names the reason. Run this again.",
    )


def _selection(order: Order) -> dict[str, t.Any]:
    return {"computer_name": list(order.hosts), "require_each": True, **order.given(*_SELECTION)}
