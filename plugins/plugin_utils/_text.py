"""Text from servers, made safe to show."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """Return a text with a question mark for each character that is not printable and not among those to keep.

    Names come from servers. Control characters would break lines and terminals, and some of Unicode's turn the
    direction of what follows.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else "?" for each in text)
