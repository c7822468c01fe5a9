"""The objects of Format-Table, Format-List, Format-Wide and Format-Custom as lines of a console of 120 cells.

The Format cmdlets return a stream of objects instead of text. Only PowerShell's Out cmdlets can show them. Over
remoting each object is a message (seen: PowerShell 7.6, Linux):

    FormatStartData                         which view, with the columns of a table
        GroupStartData                      a heading, with -GroupBy
            FormatEntryData ...             one row, list or item each; also alone, for text among the objects
        GroupEndData
    FormatEndData

A client that begins to receive in the middle does not know the columns. It shows rows with one blank between fields.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from . import format_views as views
from .format_views import CLASS_ID, Record, View

# Values of the property by which PowerShell recognises these objects.
_FORMAT_START = "033ecb2bc07a4d43b5ef94ed5a35d280"
_FORMAT_END = "cf522b78d86c486691226b40aa69e95c"
_GROUP_START = "9e210fe47d09416682b841769c78b8a3"
_GROUP_END = "4ec4f0187cb04f4cb6973460dfe252df"
_ENTRY = "27c87ef9bbda4f709f6b4002fa4af63c"
_PACKETS = frozenset({_FORMAT_START, _FORMAT_END, _GROUP_START, _GROUP_END, _ENTRY})


def is_formatting(value: object) -> bool:
    """Return whether an object of the output is a formatting object of a Format cmdlet."""
    return isinstance(value, dict) and value.get(CLASS_ID) in _PACKETS


class FormattedOutput:
    """Turns the formatting objects of one command into lines, as they come."""

    def __init__(self) -> None:
        self._shape: Record = {}
        self._autosize = False
        self._view: View | None = None

    def feed(self, packet: Record) -> list[str]:
        """Return the lines that can be shown now. The first rows of a table wait until the widths are known.

        Args:
            packet: An object for which `is_formatting` is true.
        """
        return self._HANDLERS[t.cast(str, packet[CLASS_ID])](self, packet)

    def flush(self) -> list[str]:
        """Return the lines that were kept to wait for more rows. No more rows come now."""
        return self._view.flush() if self._view is not None else []

    def _start(self, packet: Record) -> list[str]:
        lines = self._end_view()
        self._shape = views.record_of(packet.get("shapeInfo"))
        self._autosize = packet.get("autosizeInfo") is not None
        return [*lines, ""]

    def _start_group(self, packet: Record) -> list[str]:
        lines = self._end_view()
        heading = packet.get("groupingEntry")
        if heading is not None:
            lines += [*views.free_text(views.record_of(heading), views.WIDTH), ""]
        self._view = views.view_of(self._shape, self._autosize)
        return lines + self._view.start()

    def _entry(self, packet: Record) -> list[str]:
        entry = views.record_of(packet.get("formatEntryInfo"))
        if packet.get("outOfBand") is True:
            lines = views.out_of_band(entry)
            return self._view.between(lines) if self._view is not None else lines
        return self._view.add(entry) if self._view is not None else views.without_view(entry)

    def _end_group(self, _packet: Record) -> list[str]:
        return self._end_view()

    def _end(self, _packet: Record) -> list[str]:
        lines = self._end_view()
        return lines if views.is_list(self._shape) else [*lines, ""]

    def _end_view(self) -> list[str]:
        lines = self._view.end() if self._view is not None else []
        self._view = None
        return lines

    _HANDLERS: t.ClassVar[t.Mapping[str, t.Callable[[FormattedOutput, Record], list[str]]]] = {
        _FORMAT_START: _start,
        _GROUP_START: _start_group,
        _ENTRY: _entry,
        _GROUP_END: _end_group,
        _FORMAT_END: _end,
    }
