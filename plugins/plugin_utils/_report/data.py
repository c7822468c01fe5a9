"""Data of the report: rows of hosts, sessions and errors from results of any task of the collection.

Output of commands is in it only where it is asked for. It may be secret, and a report is made to be handed around.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import error_groups
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import escaped_nul
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import OUTCOMES, of_host, outcome_of, parts_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.output import Excerpt, excerpts_of

Row = dict[str, t.Any]

# What a report takes from a session as it is; all else of a session row is found out here.
_SESSION_PROPERTIES = (
    "id",
    "name",
    "computer_name",
    "state",
    "availability",
    "configuration_name",
    "instance_id",
    "disconnected_on",
    "expires_on",
    "owner",
)
_KINDS = ("sessions", "results", "errors")
SESSION_FIELDS = (
    "host",
    *_SESSION_PROPERTIES,
    "changed",
    "command_state",
    "rc",
    "output_count",
    "error_count",
    "warning_count",
)
ERROR_FIELDS = (
    "host",
    "computer_name",
    "session_name",
    "instance_id",
    "reason",
    "fully_qualified_error_id",
    "category",
    "code",
    "message",
    "hint",
    "target",
)


@dataclass
class Host:
    """One host and what became of it, over all results about it.

    Attributes:
        name: None collects what is about no host in particular.
        sessions: Rows by instance id.
        missing: What was asked for and not found there.
        given: Results of commands, by the ids of session and command.
        failed: Whether a result says so, and not only errors that are none for its task.
    """

    name: str | None
    changed: bool = False
    sessions: dict[str, Row] = field(default_factory=dict)
    errors: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    given: dict[tuple[str, str], Mapping[str, t.Any]] = field(default_factory=dict)
    failed: bool = False

    def add(self, result: Mapping[str, t.Any]) -> None:
        """Add what a result says, in the shape of `of_host`."""
        self.changed = self.changed or bool(result.get("changed"))
        self.failed = self.failed or bool(result.get("failed"))
        self.missing += {escaped_nul(str(each)) for each in result.get("missing") or () if each}.difference(
            self.missing
        )
        for session in result.get("sessions") or ():
            row = self._row(session)
            row.update({each: _plain(session.get(each)) for each in _SESSION_PROPERTIES})
            row["changed"] = row["changed"] or bool(session.get("changed"))
            for command in session.get("commands") or ():
                row["command_state"] = _plain(command.get("state"))
        for gave in result.get("results") or ():
            row = self._row(gave)
            row["command_state"] = _plain(gave.get("state"))
            row["rc"] = _plain(gave.get("rc"))
            row.update({f"{stream}_count": len(gave.get(stream) or ()) for stream in ("output", "error", "warning")})
            self.given[str(gave.get("instance_id")), str(gave.get("command_id"))] = gave
        errors = list(result.get("errors") or ())
        if result.get("failed") and not errors:  # it never came as far as a session
            errors = [{"reason": Reason.FAILED.value, "message": result.get("msg")}]
        for error in errors:
            row = {each: _plain(error.get(each)) for each in ERROR_FIELDS} | {"host": self.name}
            if row not in self.errors:
                self.errors.append(row)

    def as_row(self) -> Row:
        return {
            "host": self.name,
            "outcome": outcome_of(self.errors, self.changed, self._commands()),
            "changed": self.changed,
            "sessions": len(self.sessions),
            "errors": len(self.errors),
            "missing": sorted(self.missing),
        }

    def _commands(self) -> t.Iterator[Row]:
        """Yield the state of each command, and whether it has written errors, as `outcome_of` wants them."""
        for row in self.sessions.values():
            yield {"state": row["command_state"], "error": row["error_count"]}

    def _row(self, thing: Mapping[str, t.Any]) -> Row:
        """Return the row of the session that a session or the result of a command is about."""
        empty = {**dict.fromkeys(SESSION_FIELDS), "host": self.name, "changed": False}
        known = {each: _plain(thing.get(each)) for each in ("name", "computer_name", "instance_id")}
        return self.sessions.setdefault(str(thing.get("instance_id")), empty | known)


@dataclass(frozen=True)
class Report:
    """Everything that is written, in the order in which it is written.

    Attributes:
        hosts: Rows with host, outcome, changed, the number of sessions and errors, and what was missing.
        sessions: Rows with the `SESSION_FIELDS`.
        errors: Rows with the `ERROR_FIELDS`; those of no certain host have None for it.
        outputs: What commands wrote, for the page alone.
        failed: Names of the hosts that failed, for the page alone. Errors may be no failure of a host.
    """

    title: str
    hosts: list[Row]
    sessions: list[Row]
    errors: list[Row]
    outputs: list[Excerpt] = field(default_factory=list)
    failed: frozenset[str | None] = frozenset()

    @property
    def outcomes(self) -> dict[str, int]:
        """Return the number of hosts for every outcome, the worst outcome first."""
        counted = Counter(row["outcome"] for row in self.hosts)
        return {outcome: counted[outcome] for outcome in OUTCOMES}

    @property
    def counts(self) -> dict[str, int]:
        """Return the counts of the report. `changed` counts sessions."""
        return {
            "hosts": len(self.hosts),
            "sessions": len(self.sessions),
            "changed": sum(row["changed"] for row in self.sessions),
            "errors": len(self.errors),
        }

    def as_dict(self) -> dict[str, t.Any]:
        """Return the report as plain data; this is the JSON file, but for the time."""
        lists = {"hosts": self.hosts, "sessions": self.sessions, "errors": self.errors}
        return {"counts": self.counts, "outcomes": self.outcomes, "title": self.title, **lists}


def report_of(results: t.Iterable[t.Any], title: str, output_lines: int = 0) -> Report:
    """Return the report of some results.

    Args:
        results: Results of tasks, or what the filter `of_host` and the role `pssession` make of them. Of a session that
            is in several of them, the last one counts; it is changed if any task changed it.
        output_lines: How many lines of the output of each command the report has.

    Raises:
        ValueError: Something among them is no such result.
    """
    hosts: dict[str, Host] = {}
    for entry in _flat(results, "results"):
        for part in [entry] if "outcome" in entry else _by_host(entry):
            name = escaped_nul(str(part.get("host") or ""))
            hosts.setdefault(name.lower(), Host(name or None)).add(part)
    unnamed = hosts.pop("", Host(None))
    ordered = [hosts[key] for key in sorted(hosts, key=_natural)]
    return Report(
        title=escaped_nul(title),
        hosts=[host.as_row() for host in ordered],
        sessions=[row for host in ordered for row in sorted(host.sessions.values(), key=_session_order)],
        errors=[row for host in [*ordered, unnamed] for row in sorted(host.errors, key=_error_order)],
        failed=frozenset(host.name for host in ordered if host.failed),
        outputs=excerpts_of(
            ((str(host.name), given) for host in ordered for given in host.given.values()), output_lines
        ),
    )


def _flat(results: t.Iterable[t.Any], place: str) -> t.Iterator[Row]:
    """Yield the results themselves: those of a loop one by one, none of tasks that were skipped.

    Raises:
        ValueError: Something is no result; the message says where it stands.
    """
    for number, entry in enumerate(results):
        here = f"{place}[{number}]"
        if not isinstance(entry, Mapping):
            raise ValueError(f"{here} is not the result of a task, but {type(entry).__name__}")
        if entry.get("skipped"):
            continue
        inner = entry.get("results")
        if "sessions" not in entry and isinstance(inner, list):
            yield from _flat(inner, f"{here}.results")
        elif "sessions" in entry or entry.get("failed"):
            yield dict(entry)
        else:
            raise ValueError(f"{here} has no sessions: it is not the result of a module or the role of this collection")


def _by_host(entry: Row) -> t.Iterator[Row]:
    """Take the result of a task apart; what is about no host at all has an empty name for it.

    It is sorted by hosts before `of_host` looks at it: to search the result of a whole fleet for each of its hosts
    would take too long.
    """
    names: dict[str, str] = {}
    for kind in _KINDS:
        for each in entry.get(kind) or ():
            for name in error_groups.hosts_of(each):
                names.setdefault(name.lower(), name)
    for host, part in parts_of(entry, list(names.values()) or [""]).items():
        yield of_host(part, host)


def _natural(text: str) -> list[str]:
    """Return what sorts texts as people do: srv2 before srv10."""
    return [part.zfill(20) if part.isdecimal() else part for part in re.split(r"(\d+)", text.casefold())]


def _session_order(row: Row) -> tuple[list[str], str]:
    return _natural(str(row["name"])), str(row["instance_id"])


def _error_order(row: Row) -> tuple[str, ...]:
    return tuple(str(row[each]) for each in ("computer_name", "session_name", "fully_qualified_error_id", "message"))


def _plain(value: t.Any) -> t.Any:
    """Return a value that fits into a cell: a number, a text, yes or no, or nothing."""
    return value if value is None or isinstance(value, (bool, int, float)) else escaped_nul(str(value))
