"""The last lines of a playbook: how many hosts have which outcome, which need attention, why, and what to do next."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import OUTCOMES, reason_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._role_variables import PREFIX, VARIABLES

# One host: what `of_host` returns, or a result that was skipped.
Host = Mapping[str, t.Any]

# So many hosts of a group are named where a file has them all.
NAMED = 10
_WITHOUT_ERROR = ("changed", "ok")
_VARIABLES = sorted(name.removeprefix(PREFIX) for name in VARIABLES if "_" in name.removeprefix(PREFIX))
_OPTIONS = re.compile(rf"(?<![\w.])({'|'.join(_VARIABLES)})\b")
_OTHER_WORDS = {"on_missing: skip": "fail_on without missing"}
# Hints of jobs name both: start_anew (pssession_start_anew in the playbook).
_BOTH = re.compile(rf"\w+ \(({PREFIX}\w+) in the playbook\)")


class Kind(enum.Enum):
    """What a line says, for its colour."""

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
    """What became of the hosts of a play.

    Attributes:
        by_outcome: Names of the hosts by their outcome, the worst outcome first, without those that were left out.
        failed: Names of the hosts that failed.
        left_out: Why hosts were left out, with their names.
        notes: What to add to the name of a host, such as the exit code of its script.
        hints: Each hint once, with the names of the hosts that failed by the reason of their errors.
        pending: How many sessions have a command that still runs.
    """

    by_outcome: Mapping[str, list[str]]
    failed: frozenset[str]
    left_out: Mapping[str, list[str]]
    notes: Mapping[str, str]
    hints: Mapping[str, Mapping[str, list[str]]]
    pending: int = 0

    @classmethod
    def of(cls, hosts: t.Iterable[Host]) -> Summary:
        """Return the summary of some hosts, each with the key `host`."""
        by_outcome: dict[str, list[str]] = {}
        left_out: dict[str, list[str]] = {}
        hints: dict[str, dict[str, list[str]]] = {}
        notes, failed, pending = {}, [], 0
        for host in hosts:
            name = host["host"]
            if host.get("skipped"):
                why = str(host.get("msg") or host.get("skip_reason") or "the task was skipped")
                left_out.setdefault(why, []).append(name)
                continue
            by_outcome.setdefault(host["outcome"], []).append(name)
            pending += int(host.get("pending") or 0)
            if host.get("failed"):
                failed.append(name)
            if note := _note(host):
                notes[name] = note
            for error in host.get("errors") or ():
                if error.get("hint") and host.get("failed"):
                    named = hints.setdefault(in_variables(error["hint"]), {}).setdefault(reason_of(error), [])
                    if named[-1:] != [name]:
                        named.append(name)
        return cls(_worst_first(by_outcome), frozenset(failed), left_out, notes, hints, pending)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was done for any host."""
        return not self.by_outcome

    def lines(self, *, has_file: bool) -> list[Line]:
        """Return the lines that end the output of a playbook: what to do about errors, and a line that counts.

        Args:
            has_file: Whether a report or a limit file has the names of all hosts, so that long lists can be shortened.
        """
        most = NAMED if has_file else None
        lines = [Line(self._hint(hint), Kind.HINT) for hint in self.hints]
        lines += [
            Line(f"{_hosts(len(names))} left out: {listed(names, NAMED)}: {why}", Kind.NEUTRAL)
            for why, names in self.left_out.items()
        ]
        if not self.is_empty:
            lines.append(Line(self._counts(most), self._kind()))
        return lines

    def why_nothing_was_done(self) -> str:
        """Return the message of a play in which every host was left out."""
        reasons = [f"{listed(names, NAMED)}: {why}" for why, names in self.left_out.items()]
        return f"Nothing was done: every host was left out. {'; '.join(reasons) or 'The play has no hosts'}."

    def _kind(self) -> Kind:
        if self.failed or any(outcome not in _WITHOUT_ERROR for outcome in self.by_outcome):
            return Kind.ATTENTION
        return Kind.CHANGED if "changed" in self.by_outcome else Kind.GOOD

    def _counts(self, most: int | None) -> str:
        parts = [f"{len(self.by_outcome[each])} {each}" for each in _WITHOUT_ERROR if each in self.by_outcome]
        attention = []
        for outcome, names in self.by_outcome.items():
            if outcome in _WITHOUT_ERROR:
                continue
            tolerated = [name for name in names if name not in self.failed]
            if tolerated:
                parts.append(f"{len(tolerated)} {_words(outcome)} ({listed(tolerated, most)})")
            if failed := [name for name in names if name in self.failed]:
                attention.append(f"{_words(outcome)} {self._with_notes(failed, most)}")
        if self.pending:
            parts.append("1 session still runs" if self.pending == 1 else f"{self.pending} sessions still run")
        if attention:
            verb = "needs" if len(self.failed) == 1 else "need"
            parts.append(f"{len(self.failed)} {verb} attention: {'; '.join(attention)}")
        return ", ".join(parts)

    def _with_notes(self, names: t.Sequence[str], most: int | None) -> str:
        """Return names with their notes: once in the end if all have the same."""
        notes = [self.notes.get(name, "") for name in names]
        if len(set(notes)) == 1:
            return f"{listed(names, most)}{f' ({notes[0]})' if notes[0] else ''}"
        return listed([f"{name} ({note})" if note else name for name, note in zip(names, notes, strict=True)], most)

    def _hint(self, hint: str) -> str:
        """Return a hint behind the reasons that it is for, with names of hosts where a reason has several hints."""
        several = [reason for reasons in self.hints.values() for reason in reasons]
        whom = [
            f"{_words(reason)} {listed(names, NAMED)}" if several.count(reason) > 1 else _words(reason)
            for reason, names in self.hints[hint].items()
        ]
        return f"{', '.join(whom)}: {hint}"


def in_variables(hint: str) -> str:
    """Return a hint with the variables of role and playbooks in place of the options of modules.

    Options of a single word stay, since they are words of the language, too.
    """
    for option, variable in _OTHER_WORDS.items():
        hint = hint.replace(option, variable)
    return _OPTIONS.sub(rf"{PREFIX}\1", _BOTH.sub(r"\1", hint))


def _worst_first(by_outcome: Mapping[str, list[str]]) -> dict[str, list[str]]:
    order = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    return {each: by_outcome[each] for each in sorted(by_outcome, key=lambda each: order.get(each, len(order)))}


def _note(host: Host) -> str:
    """Return what says more than the outcome about a host, in a few words, or nothing."""
    outcome = host["outcome"]
    if outcome == "busy":
        return "another client"
    if outcome == "command_failed":
        codes = sorted({str(each["rc"]) for each in host.get("results") or () if each.get("rc") not in (None, 0)})
        return f"exit code {', '.join(codes)}" if codes else ""
    if outcome in ("missing", "expired"):
        errors = [each for each in host.get("errors") or () if reason_of(each) == outcome]
        names = sorted({str(each.get("session_name") or each.get("target") or "") for each in errors})
        return ", ".join(filter(None, names))
    return ""


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


def _words(outcome: str) -> str:
    return outcome.replace("_", " ")


def listed(names: t.Sequence[str], most: int | None) -> str:
    """Return names with commas; of a longer list than `most` the first ones, and how many more there are."""
    if most is None or len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
