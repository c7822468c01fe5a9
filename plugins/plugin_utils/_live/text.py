"""Text of live lines, short enough for a terminal."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import counted, shown_in_line

MOST_CHARACTERS = 200
# The maximum number of hosts named in a line.
_NAMED = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a time in words, with its two largest units."""
    whole = round(seconds)
    for unit, name, smaller, small_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name} {rest} {small_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def short(text: str) -> str:
    """Return a text in one line, cut after `MOST_CHARACTERS`."""
    return _cut(shown_in_line(text))


def _cut(line: str) -> str:
    return line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS] + "..."


def host_of(session: PSSession) -> str:
    """Return the inventory name of the host that a session is on."""
    return session.endpoint.inventory_hostname or session.endpoint.computer_name


def place_of(session: PSSession) -> str:
    """Return the names of host and session for the beginning of a line."""
    return f"{host_of(session)} ({short(session.name) or session.instance_id})"


def places_of(sessions: t.Sequence[PSSession]) -> str:
    """Return text that names sessions: a single session by name, several by their hosts, many by some hosts."""
    if len(sessions) == 1:
        session = sessions[0]
        return f"session {short(session.name) or session.instance_id} on {host_of(session)}"
    hosts = sorted(set(map(host_of, sessions)))
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return f"{counted(len(sessions), 'session')} on {', '.join(hosts[:_NAMED])}{more}"


def progress(record: t.Mapping[str, t.Any]) -> str:
    """Return the text of a progress record, such as ``Rebuild indexes: Sales, 45 %``; empty if the activity ended."""
    if record.get("record_type") == "Completed":
        return ""
    said = [str(record[key]) for key in ("activity", "status") if record.get(key)]
    text = short(": ".join(said))
    percent = percent_of(record)
    return text if percent is None else f"{text}, {percent} %"


def percent_of(record: t.Mapping[str, t.Any]) -> int | None:
    """Return the per cent in a progress record, or None if it has none."""
    percent = record.get("percent_complete")
    is_known = isinstance(percent, int) and percent >= 0 and record.get("record_type") != "Completed"
    return t.cast(int, percent) if is_known else None


def output_lines(value: object) -> list[str]:
    """Return an object of the output stream, or of the information stream, as lines. Blanks in lines are kept."""
    if isinstance(value, dict) and "NoNewLine" in value:  # of Write-Host (HostInformationMessage)
        value = value.get("Message")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return [_cut(line.rstrip()) for line in text.splitlines()]
