# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of tasks for reports, in the shape that the modules give them."""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import COMPLETED_WITH_ERRORS, OUTCOMES, REASONS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import ERROR_FIELDS

MADE_AT = "2026-11-25T08:00:00Z"
HOSTILE = '<img src=x onerror="document.title=\'owned\'"></script><script>document.title="owned"</script>'


def session(host: str, name: str = "Nightly", **fields: Any) -> dict[str, Any]:
    """A disconnected session that expires two hours after `MADE_AT`."""
    return {
        "id": 1,
        "name": name,
        "transport": "WSMan",
        "computer_name": host,
        "inventory_hostname": host,
        "state": "Disconnected",
        "availability": "None",
        "configuration_name": "Microsoft.PowerShell",
        "instance_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, repr((host, name)))),
        "disconnected_on": "2026-11-25T07:00:00Z",
        "expires_on": "2026-11-25T10:00:00Z",
        "owner": "LAB\\operator",
        "changed": False,
        **fields,
    }


def command(of: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What the command in a session gave: two pieces of output."""
    names = ("name", "computer_name", "inventory_hostname", "instance_id")
    gave = {"state": "Completed", "output": ["secret-output", 2], "error": [], "warning": []}
    return {**{name: of[name] for name in names}, **gave, **fields}


def error(host: str | None, reason: str = "failed", **fields: Any) -> dict[str, Any]:
    """An error record about a computer."""
    record = dict.fromkeys(ERROR_FIELDS)
    texts = {"fully_qualified_error_id": "SomeError,SomeCommand", "message": f"It was {reason}.", "reason": reason}
    return {**record, "computer_name": host, "inventory_hostname": host, **texts, **fields}


def result(**fields: Any) -> dict[str, Any]:
    """A registered result."""
    return {"changed": False, "failed": False, "sessions": [], "errors": [], "missing": [], "what_if": [], **fields}


def fleet(hosts: int) -> dict[str, Any]:
    """One result about many hosts, with a session on each; each outcome there is comes in turn."""
    sessions, results, errors = [], [], []
    for number in range(hosts):
        host, outcome = f"srv{number:04}", OUTCOMES[number % len(OUTCOMES)]
        state = {} if number % 3 else {"state": "Opened", "disconnected_on": None, "expires_on": None}
        sessions.append(session(host, f"Job-{number}", id=number + 1, changed=outcome == "changed", **state))
        if outcome == COMPLETED_WITH_ERRORS:
            results.append(command(sessions[-1], error=[{"exception": {"message": "disk full"}}]))
        if outcome in REASONS:
            errors.append(error(host, outcome, session_name=f"Job-{number}", hint="Look there."))
    return result(sessions=sessions, results=results, errors=errors)
