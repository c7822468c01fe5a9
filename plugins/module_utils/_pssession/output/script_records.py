"""Warnings about the errors and warnings that scripts wrote. They are few and short, for fleets of many hosts."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.commands import CommandResult
from ..model.events import Warned
from ..model.sessions import SessionKey
from ..model.text import counted, shown_in_line
from ..psrp.records import message_of

# Limits for lines, sessions of a line, records of a stream and characters of a record. Results have everything.
MOST_LINES, MOST_SESSIONS, MOST_RECORDS, MOST_CHARACTERS = 10, 5, 3, 200


def warnings_of(results: t.Iterable[CommandResult]) -> t.Iterator[Warned]:
    """Yield a warning for each session whose script wrote errors or warnings. Equal texts share one warning."""
    groups: dict[str, list[CommandResult]] = {}
    for result in results:
        if said := _said(result):
            groups.setdefault(said, []).append(result)
    for said, group in list(groups.items())[:MOST_LINES]:
        yield _warning(f"{_scripts_in(group)} wrote {said}", group)
    rest = [result for group in list(groups.values())[MOST_LINES:] for result in group]
    if rest:
        sessions = counted(len(rest), "more session")
        told = f"The scripts in {sessions} wrote errors or warnings. The results have them (error, warning)."
        yield _warning(told, rest)


def _warning(text: str, about: t.Iterable[CommandResult]) -> Warned:
    return Warned(text, has_output=True, records=frozenset(each for result in about for each in _records_of(result)))


def _records_of(result: CommandResult) -> t.Iterator[tuple[SessionKey, str, str]]:
    for record in result.output.error:
        yield result.session.key, "error", message_of(record)
    for text in result.output.warning:
        yield result.session.key, "warning", text


def _said(result: CommandResult) -> str:
    """Return the errors and warnings of a script as text, or an empty string."""
    errors = [message_of(record) for record in result.output.error]
    streams = [("an error", "errors", errors), ("a warning", "warnings", result.output.warning)]
    return ", and ".join(
        f"{one if len(texts) == 1 else f'{len(texts)} {many}'}: {_joined(texts)}"
        for one, many, texts in streams
        if texts
    )


def _scripts_in(group: t.Sequence[CommandResult]) -> str:
    if len(group) == 1:
        return f"The script in session {group[0].session.place}"
    named = [result.session for result in group[:MOST_SESSIONS]]
    names = {session.name for session in named}
    places = [session.endpoint.computer_name if len(names) == 1 else session.place for session in named]
    of_one_name = f"{shown_in_line(named[0].name)} on " if len(names) == 1 and named[0].name else ""
    more = f" and {len(group) - MOST_SESSIONS} more" if len(group) > MOST_SESSIONS else ""
    return f"The scripts in {len(group)} sessions ({of_one_name}{', '.join(places)}{more}) each"


def _joined(texts: t.Sequence[str]) -> str:
    shown = [_short(text) for text in texts[:MOST_RECORDS]]
    more = len(texts) - len(shown)
    return " | ".join(shown) + (f" | {more} more in the result" if more else "")


def _short(text: str) -> str:
    line = shown_in_line(text)
    return line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS] + "..."
