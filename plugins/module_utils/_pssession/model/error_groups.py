"""Errors of many computers as lines for people: grouped by reason and hint, with the names of the hosts."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .codes import Reason
from .text import counted

Entry = t.Mapping[str, t.Any]

# The number of hosts, and of different messages, to show for one reason and hint.
_HOSTS = 12
_MESSAGES = 5
# The beginning of a message that represents others, which differ only in names.
EXAMPLE = "for example: "
_REASONS = [reason.value for reason in Reason]
# The parts, beside names, in which messages about the same problem on two computers differ.
_ADDRESS = re.compile(r"https?://[^\s,;)]+|\[[0-9a-fA-F:]+\](:\d+)?|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b")
_OF_HOST = ("computer_name", "inventory_hostname", "instance_id")


@dataclass(frozen=True)
class Group:
    """Errors with the same reason and hint.

    Attributes:
        hint: Empty if the errors have none.
        hosts: The names of the hosts, each once, sorted.
        alike: The errors by message. Messages that differ only in the host's name, address and GUID are alike.
    """

    reason: str
    hint: str
    hosts: list[str]
    alike: list[list[Entry]]


def groups_of(errors: t.Iterable[Entry]) -> list[Group]:
    """Return groups of errors, the worst reason first.

    Args:
        errors: Error records as plain data.
    """
    groups: dict[tuple[str, str], list[Entry]] = {}
    for error in errors:
        reason = str(error.get("reason") or Reason.FAILED.value)
        groups.setdefault((reason, str(error.get("hint") or "")), []).append(error)
    in_order = sorted(groups.items(), key=lambda item: _rank(item[0][0]))
    return [_group(reason, hint, group) for (reason, hint), group in in_order]


def grouped(errors: t.Iterable[Entry]) -> list[str]:
    """Return lines with all errors: for each reason and hint the hosts, their different messages, and the hint.

    Args:
        errors: Error records as plain data.
    """
    return [line for group in groups_of(errors) for line in lines_of(group)]


def in_line(errors: t.Sequence[Entry]) -> str:
    """Return errors as one line for a warning: the message of a single error, or the groups."""
    if len(errors) == 1:
        return str(errors[0]["message"])
    return f"{len(errors)} errors. {'. '.join(line.strip().removesuffix('.') for line in grouped(errors))}."


def named(names: t.Sequence[str]) -> str:
    """Return names in a line. Names after the twelfth are only counted."""
    more = f" and {len(names) - _HOSTS} more" if len(names) > _HOSTS else ""
    return ", ".join(names[:_HOSTS]) + more


def hosts_of(error: Entry) -> list[str]:
    """Return the hosts that an error is about."""
    entries = [error, *(error.get("computers") or ())]
    names = (entry.get("inventory_hostname") or entry.get("computer_name") for entry in entries)
    return [str(name) for name in names if name]


def _rank(reason: str) -> int:
    """Return the rank of a reason. An unknown reason, from a newer version, comes first."""
    return _REASONS.index(reason) if reason in _REASONS else -1


def _group(reason: str, hint: str, errors: t.Sequence[Entry]) -> Group:
    ordered = sorted(errors, key=hosts_of)
    alike: dict[str, list[Entry]] = {}
    for error in ordered:
        alike.setdefault(_cause(error), []).append(error)
    return Group(reason, hint, sorted({host for error in ordered for host in hosts_of(error)}), list(alike.values()))


def lines_of(group: Group) -> t.Iterator[str]:
    """Yield the lines of a group: its reason and hosts, its different messages, and its hint."""
    yield f"{group.reason}: {named(group.hosts)}" if group.hosts else f"{group.reason}:"
    for alike in group.alike[:_MESSAGES]:
        differ = len({error["message"] for error in alike}) > 1
        yield f"    {EXAMPLE if differ else ''}{alike[0]['message']}"
    if len(group.alike) > _MESSAGES:
        left = len(group.alike) - _MESSAGES
        yield f"    {counted(left, 'other message')}: see errors in the result"
    if group.hint:
        yield f"    {group.hint}"


def _cause(error: Entry) -> str:
    """Return the message of an error without host, address and GUID, for comparing messages."""
    message = str(error["message"])
    for value in sorted({str(error[key]) for key in _OF_HOST if error.get(key)}, key=len, reverse=True):
        message = message.replace(value, "*")
    return _ADDRESS.sub("*", message)
