"""The line of a script by which people know it."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

# What a script may begin with: blanks, comments (`#requires` is one), `using` and an empty statement.
_SKIPPED = re.compile(
    r"\s+|;|<#.*?#>|#[^\n]*|using\s+(?:namespace|module|assembly)\s[^\n;]*", re.DOTALL | re.IGNORECASE
)
# An attribute such as [CmdletBinding()], and the parameters; both end with a parenthesis of their own.
_ATTRIBUTE, _PARAMETERS = re.compile(r"\[\w[\w.]*\s*\("), re.compile(r"param\s*\(", re.IGNORECASE)
_END_OF_ATTRIBUTE = re.compile(r"\s*\]")
# What may have parentheses that do not count, and those that do.
_TOKEN = re.compile(r"<#.*?#>|#[^\n]*|'[^']*'|\"(?:[^\"`]|`.)*\"|`.|[()]", re.DOTALL)


def telling_lines(script: str) -> list[str]:
    """Return the lines of a script without its comments, attributes and parameters at the beginning.

    All lines are returned where nothing else is there, as in a text that was cut within its parameters.
    """
    position = 0
    while (end := _end_of_preamble(script, position)) > position:
        position = end
    return script[position:].splitlines() or script.strip().splitlines()


def _end_of_preamble(script: str, position: int) -> int:
    """Return the end of the next part of a script's preamble, or the same position if there is no further part."""
    if skipped := _SKIPPED.match(script, position):
        return skipped.end()
    if parameters := _PARAMETERS.match(script, position):
        return _after_parenthesis(script, parameters.end()) or position
    attribute = _ATTRIBUTE.match(script, position)
    after = _after_parenthesis(script, attribute.end()) if attribute else None
    end = _END_OF_ATTRIBUTE.match(script, after) if after else None
    return end.end() if end else position


def _after_parenthesis(script: str, position: int) -> int | None:
    """Return the position after the parenthesis that closes an open one, or None if it is not there."""
    depth = 1
    for token in _TOKEN.finditer(script, position):
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
    return None
