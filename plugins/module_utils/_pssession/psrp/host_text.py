"""Text that a command writes to its host, without text that its records have already."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t

from ..model.events import CommandEvent, HostTextReceived, ProgressReceived, RecordReceived
from .clixml import PROGRESS_PARTS
from .host import HostCall, Method

# The position of the text among the parameters of a call, and its end. Colours come before it and are left out.
_WRITES: t.Mapping[int, tuple[int | None, str]] = {
    Method.WRITE: (0, ""),
    Method.WRITE_IN_COLOURS: (2, ""),
    Method.WRITE_EMPTY_LINE: (None, "\n"),
    Method.WRITE_LINE: (0, "\n"),
    Method.WRITE_LINE_IN_COLOURS: (2, "\n"),
}
_LINES: t.Mapping[int, str] = {
    Method.WRITE_DEBUG_LINE: "debug",
    Method.WRITE_VERBOSE_LINE: "verbose",
    Method.WRITE_WARNING_LINE: "warning",
}
# Colours inside a text, as PowerShell 7 formats tables (ECMA-48, select graphic rendition).
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class HostText:
    """Makes events of the text that a command writes to a host with a user interface.

    The text of Write-Host, Write-Warning and similar cmdlets comes twice: as a record, and directly after it as a call
    with the same text (seen: PowerShell 7.6, Linux). The record is kept, and the call is left out. A call belongs to
    the last record of its stream, if the text is the same and the record has had no call yet. A record that the script
    redirects has no call. So two equal lines, one from Write-Host and one from $Host.UI.WriteLine, become a record and
    a line of text for the host.
    """

    def __init__(self) -> None:
        # For each stream, the text of the last record that has had no call yet.
        self._recorded: dict[str, str] = {}

    def note_record(self, stream: str, text: object) -> None:
        """Note a record of a stream, for the call that may follow."""
        self._recorded[stream] = _as_written(text)

    def events_of(self, call: HostCall) -> t.Sequence[CommandEvent]:
        """Return the text that a call writes. It is empty if a record has the same text, or the call writes none."""
        parameters = call.parameters
        if call.method in _WRITES:
            position, end = _WRITES[call.method]
            text = "" if position is None else _as_written(_at(parameters, position))
            if not self._is_recorded("information", text):
                return (HostTextReceived(_COLOUR.sub("", text) + end),)
        elif call.method == Method.WRITE_ERROR_LINE:
            return (HostTextReceived(_COLOUR.sub("", _as_written(_at(parameters, 0))) + "\n", is_error=True),)
        elif call.method in _LINES:
            stream, text = _LINES[call.method], _as_written(_at(parameters, 0))
            if not self._is_recorded(stream, text):
                return (RecordReceived(stream, text),)
        elif call.method == Method.WRITE_PROGRESS:
            record = _at(parameters, 1)
            if isinstance(record, dict) and not self._is_recorded("progress", _as_written(record.get("Activity"))):
                return (ProgressReceived({key: record.get(name) for key, _element, name in PROGRESS_PARTS}),)
        return ()

    def _is_recorded(self, stream: str, text: str) -> bool:
        is_recorded = self._recorded.get(stream) == text
        if is_recorded:
            del self._recorded[stream]
        return is_recorded


def _at(values: t.Sequence[t.Any], position: int) -> t.Any:
    return values[position] if position < len(values) else None


def _as_written(value: object) -> str:
    """Return a value as text. The text of Write-Host is the message of a HostInformationMessage."""
    if isinstance(value, dict):
        value = value.get("Message")
    return "" if value is None else str(value)
