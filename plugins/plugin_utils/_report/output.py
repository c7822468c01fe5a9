"""Output of commands for the report's page: a limited number of first and last lines of each command."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import cut, lines_of

# The maximum number of lines of a command that a task may ask for.
MOST_LINES = 1_000
# The maximum number of characters of output in a page, in equal shares for all commands. Browsers open such a page
# within seconds.
MOST_CHARACTERS = 4_000_000


@dataclass(frozen=True)
class Excerpt:
    """Output of one command.

    Attributes:
        session: The name of its session, or the instance id of one without a name.
        state: The state of the command: how it ended, or that it still runs.
        first: The first lines.
        left_out: The number of lines after them that are not in the page.
        last: The last lines. Errors of a script are at their end.
        count: The number of all lines.
    """

    host: str
    session: str
    state: str
    rc: int | None
    first: list[str]
    left_out: int
    last: list[str]
    count: int


def excerpts_of(given: t.Iterable[tuple[str, Mapping[str, t.Any]]], most_lines: int) -> list[Excerpt]:
    """Return the output of commands, without commands that have none.

    Args:
        given: Names of hosts, each with an entry of `results`.
        most_lines: The maximum number of lines of each command. With 0 there is no output.
    """
    if most_lines <= 0:
        return []
    written = [(host, result, lines) for host, result in given if (lines := lines_of(result))]
    share = MOST_CHARACTERS // max(len(written), 1)
    return [_excerpt(host, result, lines, most_lines, share) for host, result, lines in written]


def _excerpt(host: str, result: Mapping[str, t.Any], lines: t.Sequence[str], most: int, characters: int) -> Excerpt:
    first: list[str] = []
    last: list[str] = []
    while len(first) + len(last) < min(most, len(lines)):
        is_first = len(first) <= len(last)
        line = cut(lines[len(first)] if is_first else lines[-1 - len(last)])
        characters -= len(line) + 1
        if characters < 0:
            break
        (first if is_first else last).append(line)
    return Excerpt(
        host=host,
        session=str(result.get("name") or result.get("instance_id")),
        state=str(result.get("state") or ""),
        rc=result.get("rc"),
        first=first,
        left_out=len(lines) - len(first) - len(last),
        last=last[::-1],
        count=len(lines),
    )
