"""Command: a command that a task waits for, and the lines about it."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections import deque

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    CommandEvent,
    FormattedLines,
    HostTextReceived,
    OutputReceived,
    OutputSkipped,
    ProgressReceived,
    Reconnected,
    Reconnecting,
    RecordReceived,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import counted
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.records import message_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live import text
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import MOST_HOSTS, SHORTEST, Share

if t.TYPE_CHECKING:
    from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession

# The maximum number of output lines shown together (the newest ones), and of notices about one command.
MOST_OUTPUT, MOST_NOTICES = 5, 10


class Notice(t.NamedTuple):
    """An error or a warning of a script: its kind, ``error`` or ``warning``, and its text."""

    kind: str
    text: str


def notice_in(stream: str, said: str) -> Notice:
    """Return the notice for a record in a stream."""
    return Notice(stream, text.short(said))


class Command:
    """A command that is waited for.

    Args:
        began: The time at which the wait began, in seconds.

    Attributes:
        place: Host and session, as at the beginning of its lines.
        next_at: The earliest time of its next line.
        trouble: A text about the broken connection, until there is a new one.
    """

    def __init__(self, session: PSSession, began: float, *, shows_output: bool = False) -> None:
        self.host, self.place = text.host_of(session), text.place_of(session)
        self.began = began
        self.next_at = began + SHORTEST
        self.percent: int | None = None
        self._shows_output = shows_output
        self.trouble = self._progress = ""
        self._objects = 0
        self._said: str | None = None
        self._output: deque[str] = deque(maxlen=MOST_OUTPUT)
        self._output_lines = 0
        self._notices: set[Notice] = set()

    def add(self, event: CommandEvent) -> None:
        """Update the state of the command from an event."""
        if isinstance(event, (OutputReceived, OutputSkipped)):
            self._objects += 1
            if self._shows_output and isinstance(event, OutputReceived):
                self._keep(text.output_lines(event.value))
        elif isinstance(event, FormattedLines):
            self._objects += len(event.lines)
            self._keep(line for each in event.lines for line in text.output_lines(each))
        elif isinstance(event, HostTextReceived):
            self._keep(text.output_lines(event.text))
        elif isinstance(event, RecordReceived) and event.stream == "information" and isinstance(event.record, dict):
            self._keep(text.output_lines(event.record.get("message_data")))
        elif isinstance(event, ProgressReceived):
            self._progress, self.percent = text.progress(event.record), text.percent_of(event.record)
        elif isinstance(event, Reconnecting):
            why = text.short(event.cause.message)
            self.trouble = f"the connection broke ({why}), attempt {event.attempt} to connect again"
        elif isinstance(event, Reconnected):
            self.trouble = ""

    def notice_of(self, event: CommandEvent) -> Notice | None:
        """Return the notice for an event, or None. A repeated notice, or one beyond the maximum, is left out."""
        if not isinstance(event, RecordReceived) or event.stream not in ("error", "warning"):
            return None
        said = event.record if isinstance(event.record, str) else message_of(event.record)
        notice = notice_in(event.stream, said)
        if notice in self._notices or len(self._notices) >= MOST_NOTICES:
            return None
        self._notices.add(notice)
        return notice

    def line(self, now: float) -> str | None:
        """Return the line about the command, or None if only the time in it is new."""
        objects = counted(self._objects, "object") if self._objects else ""
        said = ", ".join(filter(None, (self.trouble or self._progress, objects))) or "no output yet"
        if said == self._said:
            return None
        self._said = said
        return f"{self.place}, {text.duration(now - self.began)}: {said}"

    def take_output(self) -> list[str]:
        """Return the newest lines of output since the last call, and the number of older lines left out."""
        lines = [f"{self.place}: {line}" for line in self._output]
        left_out = self._output_lines - len(lines)
        self._output.clear()
        self._output_lines = 0
        return [f"{self.place}: {counted(left_out, 'earlier line')} not shown", *lines] if left_out else lines

    def _keep(self, lines: t.Iterable[str]) -> None:
        if self._shows_output:
            for line in filter(str.strip, lines):
                self._output.append(line)
                self._output_lines += 1


def share_of(commands: t.Iterable[Command], share: Share) -> Share:
    """Return a worker's share with the state of the commands that it waits for."""
    waited_for = list(commands)
    told = [(each.host, each.percent) for each in waited_for if each.percent is not None]
    share.slowest = min(told, key=lambda each: each[1], default=None)
    share.hosts = [each.host for each in waited_for[:MOST_HOSTS]]
    share.broken = sum(bool(each.trouble) for each in waited_for)
    return share
