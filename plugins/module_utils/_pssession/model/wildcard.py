"""PowerShell's wildcard patterns (about_Wildcards): ``*``, ``?``, ``[a-z]`` and the backtick as escape."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

ESCAPE = "`"


class WildcardPattern:
    """A pattern that matches whole names, ignoring case.

    Attributes:
        literal_prefix: The ASCII text with which each matching name begins, ignoring case.

    Raises:
        ValueError: The pattern has a ``[`` without its ``]``, or a range that runs backwards.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.has_wildcards = False
        self.literal_prefix = re.match(r"[ -~]*?(?=[*?[`]|[^ -~]|$)", pattern, re.DOTALL)[0]  # type: ignore[index]
        self._regex = re.compile(self._translate(pattern), re.IGNORECASE | re.DOTALL)

    def matches(self, name: str) -> bool:
        """Tell whether the whole name matches."""
        return self._regex.fullmatch(name) is not None

    def selects(self, name: str) -> bool:
        """Tell whether a name matches as it is, or without blanks at its ends.

        Names in options have no blanks at their ends. A session that another client opened may have some.
        """
        return self.matches(name) or self.matches(name.strip())

    def _translate(self, pattern: str) -> str:
        regex = []
        position = 0
        while position < len(pattern):
            character = pattern[position]
            if character == ESCAPE and position + 1 < len(pattern):
                position += 1
                regex.append(re.escape(pattern[position]))
            elif character in "*?":
                self.has_wildcards = True
                regex.append(".*" if character == "*" else ".")
            elif character == "[":
                self.has_wildcards = True
                character_class, position = self._character_class(pattern, position + 1)
                regex.append(character_class)
            else:
                regex.append(re.escape(character))
            position += 1
        return "".join(regex)

    @staticmethod
    def _character_class(pattern: str, start: int) -> tuple[str, int]:
        """Translate the set that begins behind a ``[``; return it and the position of its ``]``.

        A ``]`` that comes first is a member, and so is a ``-`` that does not stand between two others.
        """
        members: list[tuple[str, bool]] = []  # each character, and whether it could be the sign of a range
        position = start
        while position < len(pattern) and (pattern[position] != "]" or position == start):
            escaped = pattern[position] == ESCAPE and position + 1 < len(pattern)
            if escaped:
                position += 1
            members.append((pattern[position], pattern[position] == "-" and not escaped))
            position += 1
        if position == len(pattern):
            raise ValueError(f"the wildcard pattern {pattern!r} has a '[' without ']'")
        parts: list[str] = []
        while members:
            first = members.pop(0)[0]
            part = re.escape(first)
            if len(members) > 1 and members[0][1]:
                last = members[1][0]
                if first > last:
                    raise ValueError(f"the range {first}-{last} in the wildcard pattern {pattern!r} is reversed")
                part += f"-{re.escape(last)}"
                del members[:2]
            parts.append(part)
        return f"[{''.join(parts)}]", position
