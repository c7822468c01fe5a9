"""Makes text from outside safe for results and messages."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t

# Control characters, marks that change the direction of text, line separators, halves of surrogate pairs, and the
# beginning of a template. A terminal would act on control characters. A name with a line break would look like two
# results.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|\\{(?=[{%#])")
_MAX_MESSAGE = 2_000


def escaped_nul(text: str) -> str:
    """Return a text without U+0000, which readers of CSV and databases refuse."""
    return text.replace("\0", "_x0000_")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in singular or plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(text: str) -> str:
    """Return a text without characters that a terminal or a template engine acts on.

    They are replaced by CLIXML's form, such as ``_x001B_`` (MS-PSRP 2.2.5.3.2).
    """
    return _UNSAFE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def shown_in(value: t.Any) -> t.Any:
    """Return plain data with `shown` applied to all texts."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown_in(key): shown_in(item) for key, item in value.items()}
    return [shown_in(item) for item in value] if isinstance(value, list) else value


def shown_in_line(text: str) -> str:
    """Return a message in one line, cut after 2,000 characters."""
    line = shown(" ".join(text.split()))
    return line if len(line) <= _MAX_MESSAGE else line[:_MAX_MESSAGE] + "..."
