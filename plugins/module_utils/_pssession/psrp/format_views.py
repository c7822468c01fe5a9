"""Turn the format objects of PowerShell (table, list, wide and custom) into lines of text."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from itertools import islice

from .console_text import MAX_LINES, Alignment, at_most, cell, cell_lines, head, lines_of, plain, width, wrapped

WIDTH = 120
# The rows or characters for which a table waits to find its column widths. PowerShell waits for 300 ms, or with
# -AutoSize for the whole group.
MAX_WAITING_ROWS = 10_000
MAX_WAITING_CHARACTERS = 1_000_000
# More columns than any view of PowerShell has.
_MAX_COLUMNS = 1_000
_MAX_DEPTH = 50
_LABEL_END = " : "

# The property by which PowerShell recognises its formatting objects, and its values for views.
CLASS_ID = "ClassId2e4f51ef21dd47e99d3c952918aff9cd"
_TABLE = "e3b7a39c089845d388b2e84c5d38f5dd"
_LIST = "830bdcb24c1642258724e441512233a4"
_WIDE = "b2e2775d33d544c794d0081f27021b5c"

Record = t.Mapping[str, t.Any]


class View:
    """Text of one group of formatted output. This class shows the entries of Format-Custom."""

    def start(self) -> list[str]:
        """Return the lines above the first entry."""
        return []

    def add(self, entry: Record) -> list[str]:
        """Return the lines of one entry."""
        return free_text(entry, WIDTH)

    def between(self, lines: list[str]) -> list[str]:
        """Return lines for text between two entries that is not part of the view."""
        return lines

    def flush(self) -> list[str]:
        """Return the lines that wait for more entries."""
        return []

    def end(self) -> list[str]:
        """Return the last lines of the group."""
        return self.flush()


class _Row(t.NamedTuple):
    texts: list[str]
    alignments: list[int]
    is_multi_line: bool


class _Table(View):
    def __init__(self, shape: Record, autosize: bool) -> None:
        columns = _records(shape.get("tableColumnInfoList"))[:_MAX_COLUMNS]
        self._labels = [_label(column) for column in columns]
        self._alignments = [_number(column.get("alignment")) for column in columns]
        self._widths = [_number(column.get("width")) for column in columns]
        self._hides_header = shape.get("hideHeader") is True
        self._waiting: list[_Row | list[str]] = []
        self._waiting_characters = 0
        self._is_waiting = autosize or (bool(columns) and self._widths[0] == 0)

    def start(self) -> list[str]:
        return [] if self._is_waiting else self._begin()

    def add(self, entry: Record) -> list[str]:
        fields = _records(entry.get("formatPropertyFieldList"))[: len(self._labels)]
        missing = len(self._labels) - len(fields)
        texts = [_property(field) for field in fields] + [""] * missing
        alignments = [_number(field.get("alignment")) for field in fields] + [int(Alignment.LEFT)] * missing
        row = _Row(texts, alignments, entry.get("multiLine") is True)
        if not self._is_waiting:
            return self._lines(row)
        return self._wait(row, texts)

    def between(self, lines: list[str]) -> list[str]:
        return self._wait(lines, lines) if self._is_waiting else lines

    def _wait(self, row_or_lines: _Row | list[str], texts: list[str]) -> list[str]:
        self._waiting.append(row_or_lines)
        self._waiting_characters += sum(map(len, texts))
        is_full = len(self._waiting) >= MAX_WAITING_ROWS or self._waiting_characters >= MAX_WAITING_CHARACTERS
        return self.flush() if is_full else []

    def flush(self) -> list[str]:
        if not self._is_waiting:
            return []
        self._is_waiting = False
        waiting, self._waiting = self._waiting, []
        self._widths = list(map(width, self._labels))
        for each in waiting:
            if isinstance(each, _Row):
                self._widths = list(map(max, self._widths, map(width, each.texts)))
        lines = self._begin()
        for each in waiting:
            lines += self._lines(each) if isinstance(each, _Row) else each
        return lines

    def _begin(self) -> list[str]:
        """Determine the widths and return the header."""
        self._widths = column_widths(self._widths, WIDTH)
        if self._hides_header or not any(cells > 0 for cells in self._widths):
            return []
        dashes = [
            "-" * min(width(label) or cells, cells) for label, cells in zip(self._labels, self._widths, strict=True)
        ]
        own: list[int] = [Alignment.UNDEFINED] * len(self._labels)
        return [*self._lines(_Row(self._labels, own, True)), *self._lines(_Row(dashes, own, False))]

    def _lines(self, row: _Row) -> list[str]:
        columns = [number for number, cells in enumerate(self._widths) if cells > 0]
        if not columns:
            return []
        texts = row.texts
        alignments = [own or column for own, column in zip(row.alignments, self._alignments, strict=True)]
        if not row.is_multi_line:
            last = len(self._widths) - 1
            cells = [cell(texts[k], self._widths[k], alignments[k], is_last=k == last) for k in columns]
            return [" ".join(cells)]
        fields = [cell_lines(texts[k], self._widths[k], alignments[k], is_last=k == columns[-1]) for k in columns]
        return _side_by_side(fields, [self._widths[k] for k in columns])


class _List(View):
    def add(self, entry: Record) -> list[str]:
        return [*list_entry(entry), ""]


class _Wide(View):
    def __init__(self, shape: Record, autosize: bool) -> None:
        self._columns = min(_number(shape.get("columns")), _MAX_COLUMNS)
        self._is_waiting = autosize and self._columns <= 0
        self._items: list[str] = []
        self._characters = 0
        self._widths: list[int] = []
        if not self._is_waiting:
            self._settle(self._columns if self._columns > 0 else 2)

    def add(self, entry: Record) -> list[str]:
        self._items.append(_property(record_of(entry.get("formatPropertyField"))))
        self._characters += len(self._items[-1])
        if self._is_waiting:
            is_full = len(self._items) >= MAX_WAITING_ROWS or self._characters >= MAX_WAITING_CHARACTERS
            return self.flush() if is_full else []
        return self._rows() if len(self._items) == len(self._widths) else []

    def flush(self) -> list[str]:
        if self._is_waiting:
            self._is_waiting = False
            self._settle(_items_in_a_row(max(map(width, self._items), default=0)))
        return self._rows()

    def _settle(self, columns: int) -> None:
        self._widths = column_widths([0] * columns, WIDTH)

    def _rows(self) -> list[str]:
        rows, columns = [], len(self._widths)
        for start in range(0, len(self._items), columns):
            items = self._items[start : start + columns]
            items += [""] * (columns - len(items))
            cells = [
                cell(text, cells, Alignment.LEFT, is_last=number == columns - 1)
                for number, (text, cells) in enumerate(zip(items, self._widths, strict=True))
                if cells > 0
            ]
            rows.append(" ".join(cells))
        self._items = []
        return rows


def view_of(shape: Record, autosize: bool) -> View:
    """Return the view that a FormatStartData asks for.

    Args:
        autosize: Whether the widths depend on the whole group.
    """
    kind = shape.get(CLASS_ID)
    if kind == _TABLE:
        return _Table(shape, autosize)
    if kind == _WIDE:
        return _Wide(shape, autosize)
    return _List() if kind == _LIST else View()


def is_list(shape: Record) -> bool:
    """Return whether a view is that of Format-List."""
    return shape.get(CLASS_ID) == _LIST


def out_of_band(entry: Record) -> list[str]:
    """Return the lines of an entry outside any view: text among the objects, or an object of another type."""
    if "text" in entry:
        return at_most(lines_of(plain(entry["text"]).removesuffix("\n")))
    if "listViewFieldList" in entry:
        return ["", *list_entry(entry), ""]
    return free_text(entry, None)


def without_view(entry: Record) -> list[str]:
    """Return the lines of an entry whose view is not known."""
    if "listViewFieldList" in entry:
        return [*list_entry(entry), ""]
    if "formatPropertyFieldList" in entry:
        return [" ".join(_property(field) for field in _records(entry["formatPropertyFieldList"]))]
    if "formatPropertyField" in entry:
        return [_property(record_of(entry["formatPropertyField"]))]
    return free_text(entry, WIDTH)


def list_entry(entry: Record) -> list[str]:
    """Return the lines of a ListViewEntry: label and value of each property, with aligned values."""
    return at_most(_list_lines(_records(entry.get("listViewFieldList"))))


def _list_lines(fields: list[Record]) -> t.Iterator[str]:
    labels = [_label(field) for field in fields]
    cells = min(max(map(width, labels), default=0), WIDTH - len(_LABEL_END) - 1)
    room = WIDTH - cells - len(_LABEL_END)
    blank = " " * (cells + len(_LABEL_END))
    for label, field in zip(labels, fields, strict=True):
        shown = head(label, cells)
        before = shown + " " * (cells - width(shown)) + _LABEL_END
        for line in wrapped(_property(record_of(field.get("formatPropertyField"))), room, room):
            # A label may have several lines, too.
            yield from lines_of(before + line)
            before = blank


def free_text(entry: Record, cells: int | None) -> list[str]:
    """Return the lines of a ComplexViewEntry or GroupingEntry: pieces of text in frames with indentations.

    Args:
        cells: Width that lines are broken at, or None for no limit.
    """
    writer = _FreeText(cells)
    for value in _records(entry.get("formatValueList")):
        writer.write(value, [])
    writer.end_line([])
    return at_most(writer.lines)


class _FreeText:
    def __init__(self, cells: int | None) -> None:
        self.lines: list[str] = []
        self._cells = cells
        self._pieces: list[str] = []

    def write(self, entry: Record, frames: list[Record]) -> None:
        for value in _records(entry.get("formatValueList")):
            if "formatValueList" in value:
                frame = value.get("frameInfo")
                if len(frames) < _MAX_DEPTH:
                    self.write(value, frames if frame is None else [*frames, record_of(frame)])
            elif "propertyValue" in value:
                self._pieces.append(_property(value))
            elif "text" in value:
                self._pieces.append(plain(value["text"]))
            else:
                self.end_line(frames)

    def end_line(self, frames: list[Record]) -> None:
        text, self._pieces = "".join(self._pieces), []
        left = min(sum(_number(frame.get("leftIndentation")) for frame in frames), _MAX_COLUMNS)
        right = sum(_number(frame.get("rightIndentation")) for frame in frames)
        first = _number(frames[-1].get("firstLine")) if frames else 0
        room = None if self._cells is None else max(self._cells - left - right, 1)
        if room is not None and abs(first) >= room:
            first = 0
        indents = (max(left + first, 0), left) if first >= 0 else (left, left - first)
        if room is None:
            broken: t.Iterable[str] = lines_of(text)
        else:
            broken = wrapped(text, room - max(first, 0), room + min(first, 0))
        # One more than is shown, so that the mark is added.
        broken = islice(broken, MAX_LINES + 1 - len(self.lines))
        self.lines += [" " * indents[min(number, 1)] + line for number, line in enumerate(broken)]


def column_widths(wanted: t.Sequence[int], total: int) -> list[int]:
    """Return the widths of columns. A column without room gets -1 and is not shown.

    Columns without a width share the remaining cells. If there are too few, the last columns become narrower.
    """
    widths = [cells if cells > 0 else 1 for cells in wanted]
    excess = sum(widths) + len(widths) - 1 - total
    free = [number for number, cells in enumerate(wanted) if cells <= 0]
    if excess <= 0:
        for count, number in enumerate(free):
            share, rest = divmod(-excess, len(free))
            widths[number] += share + (count < rest)
        return widths
    for number in reversed(range(len(widths))):
        if excess <= 0:
            break
        if widths[number] - excess >= 1:
            widths[number] -= excess
            excess = 0
        else:
            excess -= widths[number] + 1
            widths[number] = -1
    return widths


def _items_in_a_row(cells: int) -> int:
    """Return the number of items of a width that fit into a line, with a blank after each item."""
    return max(WIDTH // (cells + 1), 1) if cells else 2


def _side_by_side(fields: list[list[str]], widths: list[int]) -> list[str]:
    """Return the lines of a row whose fields have several lines, without blanks at the ends."""
    count = max(map(len, fields))
    rows = []
    for number in range(count):
        last = max(k for k, lines in enumerate(fields) if len(lines) > number)
        shown = [
            lines[number] if number < len(lines) else " " * widths[k] for k, lines in enumerate(fields[: last + 1])
        ]
        if count > 1:
            shown[-1] = shown[-1].rstrip()
        rows.append(" ".join(shown))
    return rows


def record_of(value: object) -> Record:
    """Return a value if it is a record, or else an empty record."""
    return value if isinstance(value, dict) else {}


def _records(value: object) -> list[Record]:
    return [record_of(each) for each in value] if isinstance(value, list) else []


def _label(column: Record) -> str:
    label = column.get("label")
    return plain(label if isinstance(label, str) else column.get("propertyName"))


def _property(field: Record) -> str:
    return plain(field.get("propertyValue"))


def _number(value: object) -> int:
    """Return a number of cells or columns, at most `_MAX_COLUMNS`, or 0."""
    return max(-_MAX_COLUMNS, min(value, _MAX_COLUMNS)) if isinstance(value, int) else 0
