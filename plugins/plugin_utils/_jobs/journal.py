"""Journal: the output of commands from journals, without their sessions and without a request."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import RECEIVE
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import PSSessionError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Entry,
    Job,
    Line,
    Order,
    Told,
    error,
    place,
)


def journal(order: Order) -> Job:
    """Return to each host the output of its commands from its journal. A host without commands is an error.

    A failed command is an error, too, as when it is received.
    """
    told = Told.of(order.hosts)
    if order.folder is None:
        raise ValueError("there is no journal to read")
    for host in order.hosts:
        try:
            results, unreadable = order.folder.recorded_of(host)
        except (OSError, PSSessionError) as reason:
            told.parts[host].append(error(host, str(reason), cmdlet=RECEIVE))
            continue
        yield from (Line("unreadable", host, message) for message in unreadable)
        named = [result for result in results if _is_meant(order, result)]
        told.parts[host].append({"results": named} if named else _nothing(order, host))
        told.parts[host] += [failure for result in named for failure in _failures(order, host, result)]
    return told


def _is_meant(order: Order, result: Entry) -> bool:
    names = order.options.get("name") or ()
    return not names or any(WildcardPattern.of_name(name).selects(str(result.get("name") or "")) for name in names)


def _failures(order: Order, host: str, result: Entry) -> t.Iterator[Entry]:
    """Yield the error of a command that ended without success. Without an end in the journal it may still run."""
    state, rc = result.get("state"), result.get("rc")
    how, hint = "", "The result has its output."
    if state == "Failed":
        exception = (result.get("failure") or {}).get("exception") or {}
        how = f"failed: {exception.get('message') or 'it gave no reason'}"
    elif state == "Stopped":
        how = "was stopped before its end"
    elif state == "Completed" and rc not in (None, *(order.options.get("expected_return_code") or [0])):
        how, hint = f"ended with exit code {rc}", f"If {rc} is a success, add it to expected_return_code."
    elif result.get("failed"):
        how = "reported that it failed ($Ansible.Failed)"
    if how:
        yield error(
            host,
            f"the command in session {place(result)} on {host} {how}",
            cmdlet=RECEIVE,
            reason=Reason.COMMAND_FAILED,
            session=result,
            hint=hint,
        )


def _nothing(order: Order, host: str) -> Entry:
    names = order.given("name").get("name")
    of_sessions = f" in sessions {', '.join(names)}" if names else ""
    return error(
        host,
        f"the journal {order.options['journal']} has no command of {host}{of_sessions}",
        cmdlet=RECEIVE,
        reason=Reason.MISSING,
        hint="Check the path. If it is right, nothing was started or received there with this journal.",
    )
