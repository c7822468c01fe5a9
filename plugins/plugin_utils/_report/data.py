"""Data of the report: rows of hosts, sessions and errors from results of any task of the collection.

The report has the output of commands only on request, because output may be secret and reports are often forwarded.
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

# The fields that a report copies from a session. The others of a session row are computed here.
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
    """One host with its outcome in all results about it.

    Attributes:
        name: The name of the host. None collects the errors that are not about a certain host.
        sessions: Rows by instance id.
        missing: The names and ids that a task asked for and did not find on the host.
        given: Results of commands, by the ids of session and command.
        failed: Whether a result has failed. Errors that do not fail their task do not count.
    """

    name: str | None
    changed: bool = False
    sessions: dict[str, Row] = field(default_factory=dict)
    errors: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    given: dict[tuple[str, str], Mapping[str, t.Any]] = field(default_factory=dict)
    failed: bool = False

    def add(self, result: Mapping[str, t.Any]) -> None:
        """Add a result in the form that `of_host` returns."""
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
        if result.get("failed") and not errors:  # the task failed before it had a session
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
        """Yield the state of each command, and whether it has written errors, in the form for `outcome_of`."""
        for row in self.sessions.values():
            yield {"state": row["command_state"], "error": row["error_count"]}

    def _row(self, thing: Mapping[str, t.Any]) -> Row:
        """Return the row of the session that a session or the result of a command is about."""
        empty = {**dict.fromkeys(SESSION_FIELDS), "host": self.name, "changed": False}
        known = {each: _plain(thing.get(each)) for each in ("name", "computer_name", "instance_id")}
        return self.sessions.setdefault(str(thing.get("instance_id")), empty | known)


@dataclass(frozen=True)
class Report:
    """All data of the report, in the order of its files.

    Attributes:
        hosts: Rows with host, outcome, changed, the number of sessions and errors, and the missing names and ids.
        sessions: Rows with the `SESSION_FIELDS`.
        errors: Rows with the `ERROR_FIELDS`. The host is None if an error is not about a certain host.
        outputs: The output of commands, only for the page.
        failed: Names of the hosts that failed, only for the page. A host with errors need not have failed.
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
        """Return the report as plain data: the content of the JSON file without its time."""
        lists = {"hosts": self.hosts, "sessions": self.sessions, "errors": self.errors}
        return {"counts": self.counts, "outcomes": self.outcomes, "title": self.title, **lists}


def report_of(results: t.Iterable[t.Any], title: str, output_lines: int = 0) -> Report:
    """Return the report of some results.

    Args:
        results: Results of tasks, or of the filter `of_host` and the role `pssession`. If a session is in several
            results, the last one counts. The session counts as changed if any task changed it.
        output_lines: The maximum number of lines in the report from the output of each command.

    Raises:
        ValueError: A value is not such a result.
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
    """Yield the single results: those of a loop one by one, and without skipped tasks.

    Raises:
        ValueError: A value is not a result. The message has its position.
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
    """Split the result of a task by hosts. The part that is not about a host has an empty name.

    The result is split before `of_host` is called, because searching the result of a whole fleet for each host would
    take too long.
    """
    names: dict[str, str] = {}
    for kind in _KINDS:
        for each in entry.get(kind) or ():
            for name in error_groups.hosts_of(each):
                names.setdefault(name.lower(), name)
    for host, part in parts_of(entry, list(names.values()) or [""]).items():
        yield of_host(part, host)


def _natural(text: str) -> list[str]:
    """Return a sort key that orders numbers in texts by value: srv2 before srv10."""
    return [part.zfill(20) if part.isdecimal() else part for part in re.split(r"(\d+)", text.casefold())]


def _session_order(row: Row) -> tuple[list[str], str]:
    return _natural(str(row["name"])), str(row["instance_id"])


def _error_order(row: Row) -> tuple[str, ...]:
    return tuple(str(row[each]) for each in ("computer_name", "session_name", "fully_qualified_error_id", "message"))


def _plain(value: t.Any) -> t.Any:
    """Return a value for a cell: a number, a text, a Boolean or None."""
    return value if value is None or isinstance(value, (bool, int, float)) else escaped_nul(str(value))
