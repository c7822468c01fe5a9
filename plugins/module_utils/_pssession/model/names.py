"""Names as PowerShell compares them: character by character, ignoring case."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

# Their capitals are ASCII letters, but an ordinal comparison treats them as different letters.
_OF_THEIR_OWN = frozenset("\u0131\u017f")


def folded(name: str) -> str:
    """Return a name in the form in which names are compared (StringComparison.OrdinalIgnoreCase).

    Each character becomes its simple capital, one character; ``ß`` has none and stays. The result has as many
    characters as the name. Seen: PowerShell 7.6, Linux, for all characters below U+D800.
    """
    return name.upper() if name.isascii() else "".join(map(_capital, name))


def is_same_name(one: str, other: str) -> bool:
    """Return whether two names are the same, ignoring blanks at their ends."""
    return folded(one.strip()) == folded(other.strip())


def _capital(character: str) -> str:
    if character in _OF_THEIR_OWN:
        return character
    # Where the capital is several characters, the title case may be the simple capital, as of Greek letters with iota.
    capitals = (character.upper(), character.title(), character)
    return next(capital for capital in capitals if len(capital) == 1)
