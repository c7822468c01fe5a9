"""Text in the cells of a console: measures, cuts and wraps it as PowerShell does.

Widths and breaks were compared with ``Out-String -Width 120`` of PowerShell 7.6 on Linux.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import re
import typing as t
from itertools import islice

from .clixml import CUT

ELLIPSIS = "\u2026"

# Colours, cursor modes and links (ECMA-48 and OSC 8), which formatted values may contain.
_ESCAPES = re.compile("\x1b\\[[0-9;]*m|\x1b\\[\\?[0-9]+[hl]|\x1b\\]8;;[^\x1b]*\x1b\\\\")
# Characters of two cells: East Asian ones, and all beyond 16 bits.
_WIDE = re.compile(
    "[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3040-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f"
    "\uff00-\uff60\uffe0-\uffe6\U00010000-\U0010ffff]"
)
_WORDS = re.compile("[^ \t]*[ \t]?")
# Lines of one text or object that are kept.
MAX_LINES = 100_000
MORE_LINES = f"{CUT} more lines are not shown"


class Alignment(enum.IntEnum):
    """TextAlignment of PowerShell's formatting."""

    UNDEFINED = 0
    LEFT = 1
    CENTER = 2
    RIGHT = 3


def plain(text: object) -> str:
    """Return text without terminal control sequences. None becomes an empty text."""
    return _ESCAPES.sub("", text) if isinstance(text, str) else ""


def width(text: str) -> int:
    """Return the number of cells that a line takes."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def at_most(lines: t.Iterable[str]) -> list[str]:
    """Return `MAX_LINES` lines, and a mark if there are more."""
    lines = iter(lines)
    shown = list(islice(lines, MAX_LINES))
    return shown if next(lines, None) is None else [*shown, MORE_LINES]


def lines_of(text: str) -> t.Iterator[str]:
    """Yield the lines of a text one by one, for there may be millions."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def head(text: str, cells: int) -> str:
    """Return the beginning of a line that fits into a width."""
    shown = text[:cells]
    while width(shown) > cells:
        shown = shown[: len(shown) - max(1, (width(shown) - cells) // 2)]
    return shown


def tail(text: str, cells: int) -> str:
    """Return the end of a line that fits into a width."""
    return head(text[-cells:][::-1], cells)[::-1] if cells > 0 else ""


def cell(text: str, cells: int, alignment: int, *, is_last: bool) -> str:
    """Return the first line of a text for a field of a table. If it does not fit, it ends with an ellipsis.

    Args:
        is_last: Whether it is the last field of the line, which is not padded with blanks.
    """
    first, *rest = re.split("[\r\n]", text, maxsplit=1)
    shown = first + ELLIPSIS if rest else first
    if width(shown) > cells:
        kept = cells - 1 if cells > 1 else cells
        mark = ELLIPSIS if cells > 1 else ""
        shown = mark + tail(shown, kept) if alignment == Alignment.RIGHT else head(shown, kept) + mark
    return _filled(shown, cells, alignment, is_last)


def _filled(line: str, cells: int, alignment: int, is_last: bool) -> str:
    missing = cells - width(line)
    if alignment == Alignment.RIGHT:
        return " " * missing + line
    if alignment == Alignment.CENTER:
        left = missing // 2
        return " " * left + line + ("" if is_last else " " * (missing - left))
    return line if is_last else line + " " * missing


def cell_lines(text: str, cells: int, alignment: int, *, is_last: bool) -> list[str]:
    """Return a text in a field of a table that takes as many lines as it needs."""
    return at_most(_filled(line, cells, alignment, is_last) for line in wrapped(text, cells, cells))


def wrapped(text: str, first: int, following: int) -> t.Iterator[str]:
    """Yield the lines of a text. Lines that are too wide are broken between words, and words that are too wide within.

    PowerShell does so where its language is English, French, German, Italian, Portuguese or Spanish.

    Args:
        first: Cells of the first piece of each line.
        following: Cells of the others.
    """
    for line in lines_of(text.replace("\r", "")):
        if width(line) <= first:
            yield line
        else:
            yield from _broken(line, first, following)


def _broken(line: str, first: int, following: int) -> t.Iterator[str]:
    pieces: list[str] = []
    cells = remaining = first
    for found in _WORDS.finditer(line):
        # A word that is wider than a line is broken between any two characters.
        for piece in found[0] if width(found[0]) > cells else (found[0],):
            taken = min(width(piece), cells)
            if taken > remaining:
                yield "".join(pieces)
                pieces, cells, remaining = [], following, following
            pieces.append(piece)
            remaining -= taken
    yield "".join(pieces)
