"""Lines of a summary about single sessions: tables, predictions of check mode, and notes of a job.

They are few, however many hosts there are. The report and each host's own result have the rest.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import itertools
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import counted
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import is_busy
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary import NAMED, Host, listed
from ansible_collections.psremoting.fleet.plugins.plugin_utils._tables import command_states, format_table

Entry = Mapping[str, t.Any]

# More sessions than these are counted in groups instead of listed.
MOST_ROWS = 20
# More lines of one kind than these are too many, and the first few stand for them.
MOST_LINES = 10
_EXAMPLES = 5
_COLUMNS = ("Name", "ComputerName", "State", "Availability", "CommandState", "Command", "Age", "ExpiresIn", "Owner")
_ALIKE = ("name", "state", "availability")
_NOT_TOLD = "No host has reported its sessions."


def details(hosts: t.Iterable[Host], now: datetime.datetime, *, with_sessions: bool = False) -> list[str]:
    """Return lines about the sessions of the hosts of a play.

    Args:
        hosts: As `Summary.of` takes them. What a job noticed is in `lines`, each with kind and value.
        with_sessions: Whether all sessions are meant, not only those that were left behind.
    """
    done = [host for host in hosts if not host.get("skipped")]
    left_behind = [line["value"] for _host, line in _noticed(done, "left_behind")]
    sessions = [session for host in done for session in host.get("sessions") or ()] if with_sessions else left_behind
    foreseen = [(host["host"], line) for host in done for line in host.get("what_if") or ()]
    return [
        *_alike(_texts(done, "looked_for"), "more accounts"),
        *_alike(_texts(done, "pattern"), "more names that were taken as patterns"),
        *_table(sessions, now),
        *([] if sessions or not with_sessions else [_no_sessions(done)]),
        *_alike(foreseen, "more lines of check mode"),
        *_alike(_texts(done, "expiring"), "more times of expiry"),
        *_extended(line["value"] for _host, line in _noticed(done, "extended")),
        *_alike(_texts(done, "buffering"), "more output buffering modes"),
        *_alike(_missing(done), "more names without a session"),
        *_alike(_texts(done, "nothing"), "more accounts"),
        *_granted([(host, line["value"]) for host, line in _noticed(done, "granted")]),
    ]


def _no_sessions(hosts: t.Sequence[Host]) -> str:
    """Return the line for no sessions. It leaves out failed hosts, whose sessions are unknown."""
    told = sum(not host.get("failed") for host in hosts)
    if told == len(hosts):
        return "There are no sessions."
    return f"There are no sessions on the {counted(told, 'host')} that answered." if told else _NOT_TOLD


def _noticed(hosts: t.Iterable[Host], kind: str) -> list[tuple[str, Entry]]:
    return [(host["host"], line) for host in hosts for line in host.get("lines") or () if line["kind"] == kind]


def _table(sessions: t.Sequence[Entry], now: datetime.datetime) -> list[str]:
    """Return a table of sessions. If there are many, each group of similar sessions has one line."""
    if not sessions:
        return []
    if len(sessions) <= MOST_ROWS:
        return format_table(sessions, _COLUMNS, now)
    ordered = sorted(sessions, key=_likeness)
    groups = [list(group) for _key, group in itertools.groupby(ordered, key=_likeness)]
    return _first([_group(group) for group in sorted(groups, key=len, reverse=True)], "more groups of sessions")


def _likeness(session: Entry) -> tuple[str, ...]:
    return (*(str(session.get(key) or "") for key in _ALIKE), command_states(session))


def _group(sessions: t.Sequence[Entry]) -> str:
    name, state, availability, commands = _likeness(sessions[0])
    computers = listed([str(each.get("inventory_hostname") or each.get("computer_name")) for each in sessions], NAMED)
    expiries = [str(each["expires_on"]) for each in sessions if each.get("expires_on")]
    expiry = f"; the first expires at {min(expiries)}" if expiries else ""
    count = counted(len(sessions), "session")
    if state == "Closed":
        return f"removed {count} {name}: {computers}"
    client = "another client is connected" if is_busy(sessions[0]) else availability
    words = [state, "" if client == "None" else client, f"command: {commands}" if commands else ""]
    return f"{count} {name} ({', '.join(filter(None, words))}{expiry}): {computers}"


def _first(lines: t.Sequence[str], rest: str) -> list[str]:
    if len(lines) <= MOST_LINES:
        return list(lines)
    return [*lines[:_EXAMPLES], f"... and {len(lines) - _EXAMPLES} {rest}"]


def _texts(hosts: t.Iterable[Host], kind: str) -> list[tuple[str, str]]:
    return [(host, str(line["value"])) for host, line in _noticed(hosts, kind)]


def _missing(hosts: t.Iterable[Host]) -> list[tuple[str, str]]:
    texts = []
    for host, line in _noticed(hosts, "missing"):
        names = [name for name in line["value"]["names"] if name != "*"]
        texts.append((host, f"no session {' or '.join(names)}".rstrip()))
    return texts


def missing_everywhere(hosts: t.Sequence[Host]) -> Entry | None:
    """Return the names and the journal of a harvest that found no session on any host, or None.

    Hosts that were left out have no session. The sessions of a host with an error are unknown.
    """
    done = [host for host in hosts if not host.get("skipped")]
    found = _noticed(done, "missing")
    if not found or {host for host, _line in found} != {host["host"] for host in done}:
        return None
    return t.cast(Entry, found[0][1]["value"])


def _alike(texts: t.Iterable[tuple[str, str]], rest: str) -> list[str]:
    """Return a line for each text with the hosts that it is about.

    Texts that differ only in the names of their hosts share a line.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for host, text in texts:
        groups.setdefault(re.sub(re.escape(host), "", text, flags=re.IGNORECASE), []).append((host, text))
    lines = []
    for group in groups.values():
        names = list(dict.fromkeys(host for host, _text in group))
        first = group[0][1]
        if len({text for _host, text in group}) == 1:
            lines.append(f"{first} ({listed(names, NAMED)})")
        else:
            lines.append(f"{first.rstrip('.')}; likewise on {listed(names[1:], NAMED)}")
    return _first(lines, rest)


def _extended(sessions: t.Iterable[Entry]) -> list[str]:
    """Return a line that counts the sessions that were given more time, with the first time of expiry."""
    expiries = [str(session["expires_on"] or "") for session in sessions]
    if not expiries:
        return []
    known = list(filter(None, expiries))
    until = f"; now until {min(known)}{' or later' if len(set(known)) > 1 else ''}" if known else ""
    return [f"extended {counted(len(expiries), 'session')}{until}"]


def _granted(given: t.Sequence[tuple[str, Entry]]) -> list[str]:
    """Return a line about sessions that servers keep for less time than was asked for."""
    if not given:
        return []
    by_seconds: dict[int, list[tuple[str, Entry]]] = {}
    for host, value in given:
        by_seconds.setdefault(value["idle_timeout"], []).append((host, value))
    parts = []
    for _seconds, group in sorted(by_seconds.items(), reverse=True):
        names = list(dict.fromkeys(host for host, _value in group))
        expiries = [str(value["expires_on"]) for _host, value in group if value.get("expires_on")]
        count = counted(len(names), "host")
        parts.append(f"{count} until {min(expiries, default='an unknown time')}: {listed(names, NAMED)}")
    return [
        f"Without a client, servers keep the new sessions for less than the {given[0][1]['asked']} seconds of "
        f"pssession_idle_timeout: {'; '.join(parts)}"
    ]
