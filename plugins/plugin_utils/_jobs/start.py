"""Start a script in disconnected sessions, without waiting."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import SCRIPT_OPTIONS
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.journals import HostJournal
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Commands,
    Entry,
    Folder,
    Job,
    Line,
    Order,
    Result,
    Told,
    error,
    is_busy,
    place,
    unreadable,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.identity import (
    difference,
    identity_of,
    noted_in,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.work import DIFFERENT
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import parts_of

_DROP = "Output buffering mode Drop. When the buffer is full, the oldest output is lost."


def start(order: Order) -> Job:
    """Start the script on each host without a session of the name.

    If a session of the name has a command, it is the work of an earlier run. A session without a command is an error.
    With a folder, the script is not started again if the folder has a start of it, and `resume` can continue the work.
    """
    told = Told.of(order.hosts)
    hosts = list(order.hosts) if order.folder is None else (yield from _not_begun(order, order.folder, told))
    for batch in batches(order, hosts):
        # The journals of these hosts had no command.
        unbegun: dict[str, Commands] = {host: {} for host in batch}
        started = yield with_journals(order, starting(order, batch, **order.given("journal")), batch, unbegun)
        for host, part in parts_of(started, batch).items():
            told.parts[host].append(part)
            for session in part["sessions"]:
                if not session.get("changed"):
                    if session.get("commands"):
                        yield Line("nothing", host, _nothing_started(host, session))
                elif session.get("output_buffering_mode") == "Drop":  # the other one, Block, is the usual one
                    yield Line("buffering", host, f"{place(session)}: {_DROP}")
            yield from granted(order, host, part["sessions"])
    return told


def _not_begun(order: Order, folder: Folder, told: Told) -> t.Generator[Line, Result, list[str]]:
    """Return the hosts without a start and a result in the folder, and add the reasons for the others."""
    hosts = []
    for host in order.hosts:
        journal = folder.journal_of(host)
        try:
            kept, begun = folder.result_of(host), folder.begun_of(host)
        except (OSError, ValueError) as reason:
            told.parts[host].append(unreadable(host, reason))
            continue
        noted = noted_in(kept, begun.work)
        if noted is not None and (other := difference(noted, order, host)):
            message = DIFFERENT.message.format(journal=journal, host=host, difference=other)
            hint = "Use another name and another journal folder for this work."
            told.parts[host].append(error(host, message, hint=hint))
        elif kept is not None:
            yield Line("nothing", host, f"nothing started on {host}: the work is done. The job resume has its result")
        elif begun.commands:
            text = f"nothing started on {host}: {journal} has its start. The job resume finishes that work"
            yield Line("nothing", host, text)
        else:
            hosts.append(host)
    return hosts


def _nothing_started(host: str, session: Entry) -> str:
    """Return the note for a host on which a session with a command exists already."""
    text = f"nothing started on {host}: session {place(session)} already exists and has a command"
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


_Item = t.TypeVar("_Item")


def batches(order: Order, items: t.Sequence[_Item]) -> list[t.Sequence[_Item]]:
    """Return the hosts of each call: all of them, or as many as journals may be open at once."""
    most = max(len(items) if order.folder is None else order.folder.most_at_once, 1)
    return [items[first : first + most] for first in range(0, len(items), most)]


def with_journals(
    order: Order, call: Call, hosts: t.Iterable[str], known: t.Mapping[str, Commands] | None = None
) -> Call:
    """Return a call with the journal of each host and the identity of its work.

    Args:
        known: For each host, the commands in its journal at the time of the decision to start.
    """
    folder = order.folder
    if folder is None:
        return call
    journals = {
        host.lower(): HostJournal(
            folder.journal_of(host),
            identity_of(order, host, folder.new_salt()),
            None if known is None else frozenset(each for ids in known[host].values() for each in ids),
        )
        for host in hosts
    }
    return replace(call, journals=journals)
