"""PowerShell's wildcard patterns (about_Wildcards): ``*``, ``?``, ``[a-z]`` and the backtick as escape."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .names import folded, is_same_name

ESCAPE = "`"
_WILDCARDS = "*?[]"


@dataclass(frozen=True)
class _Several:
    """Any number of any characters."""


@dataclass(frozen=True)
class _One:
    """One character.

    Attributes:
        literal: The only allowed character, folded, or empty.
        ranges: First and last character of each allowed range, both included. None means any character.
    """

    literal: str = ""
    ranges: tuple[tuple[str, str], ...] | None = None

    def may_be(self, character: str) -> bool:
        if self.literal:
            return folded(character) == self.literal
        if self.ranges is None:
            return True
        # A range contains a character if it contains its lower or upper case form, as in .NET's regular expressions.
        variants = {character, folded(character), character.lower(), folded(character).lower()}
        same = [variant for variant in variants if folded(variant) == folded(character)]
        return any(first <= variant <= last for first, last in self.ranges for variant in same)


_Part: t.TypeAlias = "_Several | _One"


class WildcardPattern:
    """A pattern that matches whole names, ignoring case as `names.folded` does.

    Attributes:
        pattern: The text that the user gave.
        has_wildcards: Whether it can match more than one name.
        literal_prefix: The ASCII text with which each matching name begins, ignoring case.
        problem: The reason if the text is not a valid pattern, or empty. An invalid pattern matches only the text
            itself.
    """

    def __init__(self, pattern: str) -> None:
        """Read a pattern.

        Raises:
            ValueError: It has a ``[`` without its ``]``, or a range that runs backwards.
        """
        self.pattern = pattern
        self.problem = ""
        self._parts = tuple(_parts(pattern))
        self.has_wildcards = any(isinstance(part, _Several) or not part.literal for part in self._parts)
        self.literal_prefix = _ascii_prefix(self._parts)

    @classmethod
    def of_name(cls, name: str) -> WildcardPattern:
        """Read the name of a session from an option: a pattern, or the literal name if it is not a valid pattern."""
        try:
            return cls(name)
        except ValueError as error:
            return cls._of_text(name, str(error))

    def as_name(self) -> WildcardPattern:
        """Return the pattern that matches only the text of this pattern as a name."""
        return self._of_text(self.pattern, self.problem)

    @classmethod
    def _of_text(cls, text: str, problem: str) -> WildcardPattern:
        name = cls(escaped(text))
        name.pattern, name.problem = text, problem
        return name

    @property
    def is_everything(self) -> bool:
        """Return whether the pattern selects everything."""
        return self.pattern == "*"

    @property
    def is_plain(self) -> bool:
        """Return whether the text has no wildcard and no escape."""
        return escaped(self.pattern) == self.pattern

    @property
    def may_be_a_name(self) -> bool:
        """Return whether the text may also be the exact name of a session, although it has wildcards."""
        return not self.is_everything and not self.is_plain

    def matches(self, name: str) -> bool:
        """Return whether the whole name matches."""
        return _match(self._parts, name)

    def selects(self, name: str) -> bool:
        """Return whether a name matches, with or without the blanks at its ends.

        Names in options have no blanks at their ends. A session that another client opened may have some.
        """
        return self.matches(name) or self.matches(name.strip())

    def is_name(self, name: str) -> bool:
        """Return whether the text of the pattern is exactly this name."""
        return is_same_name(self.pattern, name)


def escaped(name: str) -> str:
    """Return the pattern that matches this name only (WildcardPattern.Escape)."""
    return "".join(f"{ESCAPE}{each}" if each in _WILDCARDS or each == ESCAPE else each for each in name)


def _parts(pattern: str) -> t.Iterator[_Part]:
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == ESCAPE and position + 1 < len(pattern):
            position += 1
            yield _One(folded(pattern[position]))
        elif character == "*":
            yield _Several()
        elif character == "?":
            yield _One()
        elif character == "[":
            ranges, position = _ranges(pattern, position + 1)
            yield _One(ranges=ranges)
        else:
            yield _One(folded(character))
        position += 1


def _ascii_prefix(parts: t.Iterable[_Part]) -> str:
    prefix = ""
    for part in parts:
        if isinstance(part, _Several) or not " " <= part.literal <= "~":
            break
        prefix += part.literal
    return prefix


def _match(parts: t.Sequence[_Part], name: str) -> bool:
    """Match a name. If it fails after a ``*``, only the last ``*`` takes one more character."""
    part = position = 0
    star = taken = -1
    while position < len(name):
        current = parts[part] if part < len(parts) else None
        if isinstance(current, _Several):
            star, taken = part, position
            part += 1
        elif current is not None and current.may_be(name[position]):
            part += 1
            position += 1
        elif star >= 0:
            taken += 1
            part, position = star + 1, taken
        else:
            return False
    return all(isinstance(each, _Several) for each in parts[part:])


def _ranges(pattern: str, start: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """Read the set after a ``[``. Return its ranges and the position of its ``]``.

    A ``]`` that comes first is a member, and so is a ``-`` that does not stand between two others.
    """
    members: list[tuple[str, bool]] = []  # each character, and whether it could be the sign of a range
    position = start
    while position < len(pattern) and (pattern[position] != "]" or position == start):
        is_escaped = pattern[position] == ESCAPE and position + 1 < len(pattern)
        if is_escaped:
            position += 1
        members.append((pattern[position], pattern[position] == "-" and not is_escaped))
        position += 1
    if position == len(pattern):
        raise ValueError(f"the wildcard pattern {pattern!r} has a '[' without ']'")
    ranges: list[tuple[str, str]] = []
    while members:
        first = last = members.pop(0)[0]
        if len(members) > 1 and members[0][1]:
            last = members[1][0]
            if first > last:
                raise ValueError(f"the range {first}-{last} in the wildcard pattern {pattern!r} is reversed")
            del members[:2]
        ranges.append((first, last))
    return tuple(ranges), position


def how_to_write(pattern: WildcardPattern) -> str:
    """Return a hint how to write a name with brackets, for a text that found nothing, or an empty text."""
    if "[" not in pattern.pattern:
        return ""
    if pattern.problem:
        return f"The text was used as a literal name: {pattern.problem}."
    return (
        f"Brackets are wildcards if no session has exactly this name. Write the literal name as "
        f"{escaped(pattern.pattern)!r}."
    )
