# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""What a task's result means for each host: fleet-wide results taken apart, and one word for how it went.

Everything here works on results as plain data, so it is the same for a task that ran on each host and for one that
did the work of all.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.errors import Reason

Entry = Mapping[str, t.Any]

# How a host fared, worst first. The last two are for hosts without errors.
OUTCOMES = (*(reason.value for reason in Reason), "changed", "ok")


def outcome_of(errors: t.Iterable[Entry], changed: bool) -> str:
    """Return the outcome of a host: the worst reason among its errors, or whether anything was changed there."""
    reasons = {str(error.get("reason") or Reason.FAILED.value) for error in errors}
    worst = next((outcome for outcome in OUTCOMES if outcome in reasons), None)
    return worst or ("changed" if changed else "ok")


def host_of(entry: Entry) -> str | None:
    """Return the inventory host that a session, an error or the result of a command is about, or else its computer."""
    return entry.get("inventory_hostname") or entry.get("computer_name")


def of_host(result: Entry, host: str) -> dict[str, t.Any]:
    """Return what of a task's result is about one host.

    An error that is about no computer in particular, such as a wrong option, is about every host. A failed task without
    error records failed outside the engine; its message becomes a record.
    """
    sessions = _about(host, result, "sessions")
    errors = [*_about(host, result, "errors"), *_about(None, result, "errors")]
    if result.get("failed") and not result.get("errors"):
        errors.append({"message": str(result.get("msg") or "the task failed"), "reason": Reason.FAILED.value})
    changed = any(session.get("changed") for session in sessions)
    return {
        "host": host,
        "outcome": outcome_of(errors, changed),
        "changed": changed,
        "sessions": sessions,
        "results": _about(host, result, "results"),
        "errors": errors,
        "missing": [error.get("target") for error in errors if error.get("reason") == Reason.MISSING.value],
        "what_if": _what_if(result, host),
    }


def _about(host: str | None, result: Entry, key: str) -> list[Entry]:
    return [entry for entry in result.get(key) or () if _is_about(host, entry)]


def _is_about(host: str | None, entry: Entry) -> bool:
    return (host_of(entry) or "").lower() == (host or "").lower()


def _what_if(result: Entry, host: str) -> list[str]:
    """Return the lines of check mode about one host: there is one for each session, in their order."""
    lines, sessions = result.get("what_if") or (), result.get("sessions") or ()
    return [line for line, session in zip(lines, sessions, strict=False) if _is_about(host, session)]
