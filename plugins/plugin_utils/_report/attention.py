"""Hosts of the report that need attention, grouped by the reason."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import error_groups
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import COMPLETED_WITH_ERRORS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import Report
from ansible_collections.psremoting.fleet.plugins.plugin_utils._text import printable

# The maximum number of different messages in a group. The table of errors has all messages.
_MESSAGES = 5


@dataclass(frozen=True)
class Message:
    """One message of a group.

    Attributes:
        is_example: Whether other hosts have messages with the same cause but different text.
    """

    text: str
    is_example: bool


@dataclass(frozen=True)
class Attention:
    """Hosts that need attention for one reason.

    Attributes:
        outcome: The reason, or the outcome of hosts without an error record.
        hosts: Names, in the order of the report; empty for an error about no host in particular.
        messages: The first different messages.
        others: The number of further messages.
        hint: Advice on what to do; may be empty.
    """

    outcome: str
    hosts: list[str]
    messages: list[Message]
    others: int = 0
    hint: str = ""


def attention_of(report: Report) -> list[Attention]:
    """Return the groups of hosts that need attention, the worst reason first."""
    place = {row["host"]: number for number, row in enumerate(report.hosts)}
    # The host of a row is an inventory host.
    rows = [row for row in report.errors if row["host"] not in place or row["host"] in report.failed]
    errors = [{**row, "message": str(row["message"]), "inventory_hostname": row["host"]} for row in rows]
    groups = [_of_errors(group, place) for group in error_groups.groups_of(errors)]
    completed = [row["host"] for row in report.hosts if row["outcome"] == COMPLETED_WITH_ERRORS]
    return [*groups, *([Attention(COMPLETED_WITH_ERRORS, completed, [])] if completed else [])]


def _of_errors(group: error_groups.Group, place: t.Mapping[str, int]) -> Attention:
    messages = [
        Message(alike[0]["message"], len({error["message"] for error in alike}) > 1)
        for alike in group.alike[:_MESSAGES]
    ]
    hosts = sorted(group.hosts, key=lambda host: place.get(host, len(place)))
    return Attention(group.reason, hosts, messages, max(len(group.alike) - _MESSAGES, 0), group.hint)


def needs_attention(row: t.Mapping[str, t.Any], report: Report) -> bool:
    """Return whether a host needs attention: it failed, or a script has completed with errors there.

    Errors that do not fail the task, such as a busy session that a later run will find, need no attention.
    """
    return row["host"] in report.failed or row["outcome"] == COMPLETED_WITH_ERRORS


@dataclass(frozen=True)
class RunAgain:
    """Hosts with one outcome on which the task may run again.

    Attributes:
        is_chosen: Whether they are in the list by default. A script that completed may have done its work, so the
            reader has to add its host.
    """

    outcome: str
    hosts: list[str]
    is_chosen: bool


def to_run_again(report: Report) -> list[RunAgain]:
    """Return the hosts that need attention by outcome, the worst outcome first."""
    found = {outcome: RunAgain(outcome, [], outcome != COMPLETED_WITH_ERRORS) for outcome in report.outcomes}
    for row in report.hosts:
        if needs_attention(row, report):
            found[row["outcome"]].hosts.append(printable(row["host"]))
    return [each for each in found.values() if each.hosts]


def limit_of(hosts: t.Sequence[str]) -> str:
    """Return the option of ansible-playbook that selects hosts, quoted for a shell."""
    return f"--limit {shlex.quote(','.join(hosts))}" if hosts else ""
