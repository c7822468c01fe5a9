"""Gathers the events of a command into its `Output`."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import typing as t

from ..model.commands import Output
from ..model.errors import TransportError
from ..model.events import (
    BeginningKnown,
    CommandEvent,
    ExitCodeSet,
    Finished,
    FormattedLines,
    HostTextReceived,
    MessageUnreadable,
    OutputReceived,
    OutputSkipped,
    ProgressReceived,
    ReceiveEnded,
    Reconnected,
    RecordReceived,
    ScriptSkipped,
    StatusReceived,
)
from ..psrp.clixml import MAX_TEXT, more


class Gatherer:
    """Makes an `Output` of the events of one command, within limits.

    Args:
        max_objects: The number of objects of the output stream (or lines of formatted output) to keep, and of records
            of each other stream. Further ones are counted, and a mark in the output has their number.
        max_text: The number of characters to keep of the host's output text, and of its error text.

    Attributes:
        cause: The failure that ended receiving, or None.
        unreadable: The reasons why messages could not be read, in their order.
    """

    def __init__(self, max_objects: int | None = None, max_text: int = MAX_TEXT) -> None:
        self.cause: TransportError | None = None
        self.unreadable: list[str] = []
        self._output = Output()
        self._max_objects = max_objects
        self._not_kept = 0
        self._host_out = _BoundedText(max_text)
        self._host_err = _BoundedText(max_text)

    def has_room(self) -> bool:
        """Return whether there is room for one more object of the output stream."""
        return self._max_objects is None or len(self._output.output) < self._max_objects

    def add(self, event: CommandEvent) -> None:
        """Add the content of an event."""
        output = self._output
        if isinstance(event, OutputReceived):
            if self.has_room():
                output.output.append(event.value)
            else:
                self._not_kept += 1
        elif isinstance(event, OutputSkipped):
            self._not_kept += 1
        elif isinstance(event, FormattedLines):
            output.is_formatted = True
            self._keep(event.lines)
        elif isinstance(event, RecordReceived):
            kept = getattr(output, event.stream)
            if self._max_objects is None or len(kept) < self._max_objects:
                kept.append(event.record)
            else:
                output.records_not_kept += 1
        elif isinstance(event, ProgressReceived):
            output.progress = event.record
        elif isinstance(event, HostTextReceived):
            (self._host_err if event.is_error else self._host_out).add(event.text)
        elif isinstance(event, ExitCodeSet):
            output.rc = event.rc
        elif isinstance(event, BeginningKnown):
            output.beginning_received = event.is_received
        elif isinstance(event, StatusReceived):
            output.changed, output.failed = event.changed, event.failed
            output.result, output.diff = event.result, event.diff
        elif isinstance(event, ScriptSkipped):
            output.skip_reason = event.why
        elif isinstance(event, MessageUnreadable):
            self.unreadable.append(event.why)
        elif isinstance(event, Reconnected):
            output.reconnections += 1
        elif isinstance(event, Finished):
            output.state, output.failure = event.state, event.failure
        elif isinstance(event, ReceiveEnded):
            output.output_dropped, self.cause = event.output_dropped, event.cause

    def finish(self) -> Output:
        """Return the output, with the text for the host and the mark for omitted objects."""
        output = self._output
        output.host_out, output.host_err = self._host_out.text(), self._host_err.text()
        if self._not_kept:
            output.output.append(more(self._not_kept, "objects"))
            self._not_kept = 0
        return output

    def _keep(self, values: t.Sequence[object]) -> None:
        kept = self._output.output
        room = len(values) if self._max_objects is None else max(self._max_objects - len(kept), 0)
        kept += values[:room]
        self._not_kept += len(values[room:])


class _BoundedText:
    """Text in pieces, with a mark in place of the text beyond the limit."""

    def __init__(self, limit: int) -> None:
        self._kept = io.StringIO()
        self._left = limit
        self._cut = 0

    def add(self, text: str) -> None:
        shown = text[: self._left]
        self._kept.write(shown)
        self._left -= len(shown)
        self._cut += len(text) - len(shown)

    def text(self) -> str:
        return self._kept.getvalue() + (more(self._cut, "characters") if self._cut else "")
