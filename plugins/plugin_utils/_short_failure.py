"""The result of a failed host, short: Ansible prints all of it in one line.

Left out is what the output folder and the journal have in whole, and what says nothing. The report needs the rest.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections.abc import Mapping

Entry = Mapping[str, t.Any]

# What is known of the session of a host that failed: which it is, and how it stands.
_OF_SESSION = frozenset(
    {
        "id",
        "name",
        "computer_name",
        "inventory_hostname",
        "instance_id",
        "configuration_name",
        "owner",
        "state",
        "availability",
        "output_buffering_mode",
        "disconnected_on",
        "expires_on",
        "changed",
        "commands",
        "what_if",
    }
)
# Of a command that failed, its last record of progress is not said.
_NOT_OF_RESULT = frozenset({"progress"})
# Of an error record of PowerShell: enough for a message, and for where in the script it is.
_OF_RECORD = ("fully_qualified_error_id", "script_stack_trace")


def short_failure(result: Entry) -> dict[str, t.Any]:
    """Return the result of a failed host, as the role has it, with short entries and without `stdout_lines`."""
    return {
        **{key: value for key, value in result.items() if key != "stdout_lines"},
        "errors": [_without_nothing(error) for error in result["errors"]],
        "sessions": [
            {key: value for key, value in _without_nothing(session).items() if key in _OF_SESSION}
            for session in result["sessions"]
        ],
        "results": [_short_result(given) for given in result["results"]],
    }


def _short_result(result: Entry) -> dict[str, t.Any]:
    short = {key: value for key, value in _without_nothing(result).items() if key not in _NOT_OF_RESULT}
    if isinstance(short.get("failure"), Mapping):
        short["failure"] = _short_record(short["failure"])
    if short.get("error"):
        short["error"] = [_short_record(record) if isinstance(record, Mapping) else record for record in short["error"]]
    return short


def _short_record(record: Entry) -> Entry:
    exception = record.get("exception")
    if not isinstance(exception, Mapping) or not exception.get("message"):
        return record
    kept = {key: record[key] for key in _OF_RECORD if record.get(key)}
    return {**kept, "exception": {"message": exception["message"]}}


def _without_nothing(entry: Entry) -> dict[str, t.Any]:
    """Return an entry without what is null or empty."""
    return {key: value for key, value in entry.items() if value not in (None, "", [], {})}
