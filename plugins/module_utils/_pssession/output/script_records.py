"""Errors and warnings that scripts wrote to their streams, as warnings of the task: few and short, since many hosts say much."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.commands import CommandResult
from ..model.text import shown_in_line
from ..psrp.records import message_of

# Sessions that are named, records of each stream that are repeated, and characters of each; the results have all.
MOST_SESSIONS, MOST_RECORDS, MOST_CHARACTERS = 10, 3, 200


def warnings_of(results: t.Iterable[CommandResult]) -> t.Iterator[str]:
    """Yield a line for each stream of each session in which there is something."""
    told = [each for each in results if each.output.error or each.output.warning]
    for result in told[:MOST_SESSIONS]:
        errors = [message_of(record) for record in result.output.error]
        for noun, texts in (("error", errors), ("warning", result.output.warning)):
            if texts:
                count = f"{_article(noun)} {noun}" if len(texts) == 1 else f"{len(texts)} {noun}s"
                yield f"The script in session {result.session.place} wrote {count}: {_joined(texts)}"
    if len(told) > MOST_SESSIONS:
        more = len(told) - MOST_SESSIONS
        sessions = "1 more session" if more == 1 else f"{more} more sessions"
        yield f"The scripts in {sessions} wrote errors or warnings. The results have them (error, warning)."


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _joined(texts: t.Sequence[str]) -> str:
    shown = [_short(text) for text in texts[:MOST_RECORDS]]
    more = len(texts) - len(shown)
    return " | ".join(shown) + (f" | {more} more in the result" if more else "")


def _short(text: str) -> str:
    line = shown_in_line(text)
    return line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS] + "..."
