"""The last lines of a playbook: the outcomes, the hosts that need attention, the reasons, and the next steps."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import error_groups
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import counted
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import (
    COMPLETED_WITH_ERRORS,
    OUTCOMES,
    is_still_running,
    reason_of,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._playbook_words import error_in_variables

# One host: what `of_host` returns, or a result that was skipped.
Host = Mapping[str, t.Any]

# The number of hosts of a group to name if a file has all of them.
NAMED = 10
_WITHOUT_ERROR = ("changed", "ok")


class Kind(enum.Enum):
    """The kind of a line, for its colour."""

    GOOD = "good"
    CHANGED = "changed"
    ATTENTION = "attention"
    HINT = "hint"
    NEUTRAL = "neutral"


class Line(t.NamedTuple):
    """One line of the summary."""

    text: str
    kind: Kind


@dataclass(frozen=True)
class Summary:
    """The outcomes of the hosts of a play.

    Attributes:
        by_outcome: Names of the hosts by their outcome, the worst outcome first, without those that were left out.
        failed: Names of the hosts that failed.
        left_out: The reasons for which hosts were left out, with their names.
        notes: Additions to the name of a host, such as the exit code of its script.
        errors: The errors of failed hosts, grouped by reason and hint, the worst reason first.
        running: Names of the hosts that failed only because their command still runs.
        pending: The number of sessions with a command that still runs.
        unnamed: The number of these on hosts that are named neither as busy nor as running.
        warned: The number of hosts on which a script wrote warnings.
    """

    by_outcome: Mapping[str, list[str]]
    failed: frozenset[str]
    left_out: Mapping[str, list[str]]
    notes: Mapping[str, str]
    errors: t.Sequence[error_groups.Group] = ()
    running: frozenset[str] = frozenset()
    pending: int = 0
    unnamed: int = 0
    warned: int = 0

    @classmethod
    def of(cls, hosts: t.Iterable[Host]) -> Summary:
        """Return the summary of some hosts, each with the key `host`."""
        by_outcome: dict[str, list[str]] = {}
        left_out: dict[str, list[str]] = {}
        notes, failed, errors, running, pending, unnamed, warned = {}, [], [], [], 0, 0, 0
        for host in hosts:
            name = host["host"]
            if host.get("skipped"):
                why = str(host.get("msg") or host.get("skip_reason") or "the task was skipped")
                left_out.setdefault(why, []).append(name)
                continue
            by_outcome.setdefault(host["outcome"], []).append(name)
            others = [error for error in host.get("errors") or () if not is_still_running(error)]
            only_runs = bool(host.get("failed") and host.get("errors") and not others)
            pending += int(host.get("pending") or 0)
            unnamed += int(host.get("pending") or 0) if host["outcome"] != "busy" and not only_runs else 0
            warned += any(result.get("warning") for result in host.get("results") or ())
            if note := _note(host):
                notes[name] = note
            if host.get("failed"):
                failed.append(name)
                errors += [_of_playbook(error, name) for error in others]
                running += [name] if only_runs else []
        return cls(
            _worst_first(by_outcome),
            frozenset(failed),
            left_out,
            notes,
            error_groups.groups_of(errors),
            frozenset(running),
            pending,
            unnamed,
            warned,
        )

    @property
    def is_empty(self) -> bool:
        """Return whether no host has a result."""
        return not self.by_outcome

    def lines(self, *, has_file: bool) -> list[Line]:
        """Return the lines that end the output of a playbook: errors and what to do about them, and a line that counts.

        A reason that stopped every host comes last.

        Args:
            has_file: Whether a report or a limit file has the names of all hosts, so that long lists can be shortened.
        """
        most = NAMED if has_file else None
        groups = [replace(group, reason=_words(group.reason)) for group in self.errors]
        errors = [Line(text, Kind.HINT) for group in groups for text in _group_lines(group)]
        why = self._why_all_failed()
        lines = [] if why else errors
        lines += [
            Line(f"{counted(len(names), 'host')} left out: {listed(names, NAMED)}: {why}", Kind.NEUTRAL)
            for why, names in self.left_out.items()
        ]
        if not self.is_empty:
            lines.append(Line(self._counts(NAMED if why else most), self._kind()))
        return lines + [Line(text, Kind.ATTENTION) for text in why]

    def why_nothing_was_done(self) -> str:
        """Return the message of a play in which every host was left out."""
        reasons = [f"{listed(names, NAMED)}: {why}" for why, names in self.left_out.items()]
        return f"Nothing was done: every host was left out. {'; '.join(reasons) or 'The play has no hosts'}."

    def _why_all_failed(self) -> list[str]:
        """Return the error of all hosts, if it is the same and belongs to no host in particular."""
        hosts = sum(map(len, self.by_outcome.values()))
        if hosts < 2 or len(self.errors) != 1:
            return []
        (group,) = self.errors
        if group.reason != Reason.FAILED.value or len(group.hosts) != hosts:
            return []
        messages = {error["message"] for alike in group.alike for error in alike}
        if len(messages) > 1 or any(error.get("computer_name") for alike in group.alike for error in alike):
            return []
        return [f"on all {hosts} hosts: {messages.pop()}", *([f"    {group.hint}"] if group.hint else [])]

    def _kind(self) -> Kind:
        if self.failed or any(outcome not in _WITHOUT_ERROR for outcome in self.by_outcome):
            return Kind.ATTENTION
        return Kind.CHANGED if "changed" in self.by_outcome else Kind.GOOD

    def _counts(self, most: int | None) -> str:
        parts = [f"{len(self.by_outcome[each])} {each}" for each in _WITHOUT_ERROR if each in self.by_outcome]
        if self.warned:
            parts.append(f"{self.warned} with warnings")
        attention, completed = [], 0
        for outcome, names in self.by_outcome.items():
            if outcome in _WITHOUT_ERROR:
                continue
            if outcome == COMPLETED_WITH_ERRORS:
                completed = len(set(names) - self.failed)
                attention.append(f"{_words(outcome)} {listed(names, most)}")
                continue
            tolerated = [name for name in names if name not in self.failed]
            if tolerated:
                parts.append(f"{len(tolerated)} {_words(outcome)} ({listed(tolerated, most)})")
            if failed := [name for name in names if name in self.failed and name not in self.running]:
                attention.append(f"{_words(outcome)} {self._with_notes(failed, most)}")
        if self.unnamed:
            parts.append(f"{counted(self.unnamed, 'session')} still {'runs' if self.unnamed == 1 else 'run'}")
        if running := [name for names in self.by_outcome.values() for name in names if name in self.running]:
            verb = "still runs" if len(running) == 1 else "still run"
            parts.append(f"{len(running)} {verb} (run this again to wait): {listed(running, most)}")
        if attention:
            count = len(self.failed - self.running) + completed
            parts.append(f"{count} {'needs' if count == 1 else 'need'} attention: {'; '.join(attention)}")
        return (", " if not running else "; ").join(parts)

    def _with_notes(self, names: t.Sequence[str], most: int | None) -> str:
        """Return names with their notes. If all names have the same note, it appears once at the end."""
        notes = [self.notes.get(name, "") for name in names]
        if len(set(notes)) == 1:
            each = "each: " if len(names) > 1 else ""
            return f"{listed(names, most)}{f' ({each}{notes[0]})' if notes[0] else ''}"
        return listed([f"{name} ({note})" if note else name for name, note in zip(names, notes, strict=True)], most)


def _group_lines(group: error_groups.Group) -> list[str]:
    """Return the lines of a group of errors. Hosts with the same message share one line."""
    heading, *lines = error_groups.lines_of(group)
    if len(group.alike) != 1:
        return [heading, *lines]
    message = lines[0].strip()
    if len(group.hosts) == 1 and group.hosts[0] in message:
        return [f"{group.reason}: {message}", *lines[1:]]
    return [f"{heading}{'; ' if message.startswith(error_groups.EXAMPLE) else ': '}{message}", *lines[1:]]


def _of_playbook(error: Mapping[str, t.Any], host: str) -> dict[str, t.Any]:
    """Return the text of a host's error for users of playbooks, with the inventory name of the host."""
    return {**error_in_variables(error), "message": str(error.get("message") or ""), "inventory_hostname": host}


def _worst_first(by_outcome: Mapping[str, list[str]]) -> dict[str, list[str]]:
    order = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    return {each: by_outcome[each] for each in sorted(by_outcome, key=lambda each: order.get(each, len(order)))}


def _note(host: Host) -> str:
    """Return a short note about a host that adds to its outcome, or an empty text."""
    outcome = host["outcome"]
    if outcome == "busy":
        return "another client"
    if outcome == "command_failed":
        codes = sorted({str(each["rc"]) for each in host.get("results") or () if each.get("rc") not in (None, 0)})
        return f"exit code {', '.join(codes)}" if codes else "ended with an error"
    if outcome in ("missing", "expired"):
        errors = [each for each in host.get("errors") or () if reason_of(each) == outcome]
        names = sorted({str(each.get("session_name") or each.get("target") or "") for each in errors})
        return ", ".join(filter(None, names))
    return ""


def _words(outcome: str) -> str:
    return outcome.replace("_", " ")


def listed(names: t.Sequence[str], most: int | None) -> str:
    """Return names with commas; of a longer list than `most` the first ones, and how many more there are."""
    if most is None or len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
