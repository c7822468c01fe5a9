"""Charts of the report: bars and positions on an axis, without their markup."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import math
import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import Report, Row

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TO_THE_MINUTE = len("2026-11-25T08:00")
# The axis of expiries is logarithmic, because a minute matters at its beginning, and an hour does not at its end.
_AXIS_START = 5 * _MINUTE
_AXIS_BARS = 48
_TICKS = (
    (5 * _MINUTE, "5 min"),
    (30 * _MINUTE, "30 min"),
    (2 * _HOUR, "2 h"),
    (8 * _HOUR, "8 h"),
    (_DAY, "1 day"),
    (3 * _DAY, "3 days"),
    (10 * _DAY, "10 days"),
    (30 * _DAY, "30 days"),
)


@dataclass(frozen=True)
class Expiry:
    """The expiry of a session to which no client connects.

    Attributes:
        seconds: Seconds from the creation of the report to the expiry; negative if the session expired before.
    """

    row: Row
    seconds: float

    @property
    def urgency(self) -> str:
        return "soon" if self.seconds < _HOUR else "today" if self.seconds < _DAY else "later"

    @property
    def left(self) -> str:
        """The remaining time, in two units at most."""
        minutes = int(self.seconds // _MINUTE)
        if minutes < 0:
            return "over"
        if minutes < 1:
            return "in less than a minute"
        days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
        if days:
            return f"in {days} d {hours} h" if hours else f"in {days} d"
        if hours:
            return f"in {hours} h {minutes} min" if minutes else f"in {hours} h"
        return f"in {minutes} min"


@dataclass(frozen=True)
class ExpiryGroup:
    """Sessions that expire in the same minute.

    Attributes:
        expiries: The expiries, the earliest first.
        on_hosts: Names of hosts, by the name or instance id of the session on them.
    """

    expiries: list[Expiry]
    on_hosts: dict[str, list[str]]

    @property
    def first(self) -> Expiry:
        """The earliest expiry."""
        return self.expiries[0]


@dataclass(frozen=True)
class Bar:
    """A bar of a chart, with position and length in percent of the chart."""

    label: str
    count: int
    start: float
    length: float
    kind: str = ""


def expiries_of(report: Report, generated_at: str) -> list[Expiry]:
    """Return the sessions that will expire, the earliest first."""
    now = parse(generated_at)
    found = []
    for row in report.sessions:
        expires_on = parse(row["expires_on"])
        if now and expires_on:
            found.append(Expiry(row, (expires_on - now).total_seconds()))
    return sorted(found, key=lambda expiry: expiry.seconds)


def grouped(expiries: t.Sequence[Expiry]) -> list[ExpiryGroup]:
    """Return groups of sessions that expire in the same minute, because the page does not show seconds."""
    groups: dict[str, list[Expiry]] = {}
    for expiry in expiries:
        groups.setdefault(str(expiry.row["expires_on"])[:_TO_THE_MINUTE], []).append(expiry)
    return [ExpiryGroup(group, _on_hosts(group)) for group in groups.values()]


def _on_hosts(expiries: t.Sequence[Expiry]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for expiry in expiries:
        name = str(expiry.row["name"] or expiry.row["instance_id"])
        hosts.setdefault(name, []).append(str(expiry.row["host"]))
    return {name: list(dict.fromkeys(found)) for name, found in hosts.items()}


def outcome_bars(report: Report) -> list[Bar]:
    """Return bars one after the other, together as long as the chart."""
    found, start = [], 0.0
    for outcome, count in report.outcomes.items():
        length = 100 * count / (len(report.hosts) or 1)
        found.append(Bar(outcome, count, start, length, outcome))
        start += length
    return found


def state_bars(report: Report) -> list[Bar]:
    """Return a bar for each combination of state and availability."""
    return _bars((row["state"], row["availability"]) for row in report.sessions if row["state"])


def command_bars(report: Report) -> list[Bar]:
    """Return a bar for each known state of commands."""
    return _bars((row["command_state"], _exit_code(row["rc"])) for row in report.sessions if row["command_state"])


def _exit_code(code: t.Any) -> str | None:
    return f"exit code {code}" if code else None


def _bars(states: t.Iterable[tuple[str, str | None]]) -> list[Bar]:
    """Return a bar for each state with its description, the most frequent first. Its length is the state's share."""
    counted = Counter((state, f"{state}, {more}" if more and more != "None" else state) for state, more in states)
    return [
        Bar(label, count, 0, 100 * count / counted.total(), state)
        for (state, label), count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]


def ticks(expiries: t.Sequence[Expiry]) -> list[tuple[str, float]]:
    """Return the labels of the axis with their positions in percent of it."""
    end = _end(expiries)
    return [(label, 100 * _place(seconds, end)) for seconds, label in _TICKS if seconds <= end]


def expiry_bars(expiries: t.Sequence[Expiry]) -> list[Bar]:
    """Return bars for the number of expiries along the axis. Here, the length of a bar is its height."""
    end = _end(expiries)
    places = [min(int(_place(expiry.seconds, end) * _AXIS_BARS), _AXIS_BARS - 1) for expiry in expiries]
    counted = Counter(places)
    most = max(counted.values(), default=1)
    urgencies = {place: expiry.urgency for place, expiry in zip(reversed(places), reversed(expiries), strict=True)}
    return [
        Bar("", count, 100 * place / _AXIS_BARS, 100 * count / most, urgencies[place])
        for place, count in sorted(counted.items())
    ]


def _end(expiries: t.Sequence[Expiry]) -> float:
    """Return the length of the axis in seconds, at least a day."""
    return max([_DAY, *(expiry.seconds for expiry in expiries)])


def _place(seconds: float, end: float) -> float:
    """Return the position of a time on the axis, from 0 to 1."""
    return math.log(max(seconds, _AXIS_START) / _AXIS_START) / math.log(end / _AXIS_START)


def parse(text: t.Any) -> datetime.datetime | None:
    """Return a value of a result as a time, or None if it is not a time."""
    try:
        return datetime.datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
