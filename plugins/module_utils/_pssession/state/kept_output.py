"""Output of a task with `until`, for its next attempt, because results do not keep earlier attempts."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.sessions import PSSession
from .journals import NoJournal

_Key: t.TypeAlias = "tuple[str, str]"


class KeptOutput(NoJournal):
    """Replaces the journal in such a task. It keeps output in memory while the task repeats itself.

    A session is worked with by one thread at a time.
    """

    def __init__(self) -> None:
        # By instance id of the session and id of the command.
        self._pieces: dict[_Key, list[bytes]] = {}
        self._answered: dict[_Key, set[int]] = {}

    def last_command_of(self, session: PSSession) -> str | None:
        """Return the id of the command in a session that output was received from last, or None."""
        found = [command_id for instance_id, command_id in self._pieces if instance_id == session.instance_id]
        return found[-1] if found else None

    def pieces_of(self, session: PSSession, command_id: str) -> t.Iterator[bytes]:
        """Yield the pieces of a command that attempts before received, in the order they came."""
        return iter(tuple(self._pieces.get((session.instance_id, command_id), ())))

    def append(self, session: PSSession, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Keep the pieces of an answer."""
        self._pieces.setdefault((session.instance_id, command_id), []).extend(pieces)

    def answered_calls_of(self, session: PSSession, command_id: str) -> t.Collection[int]:
        """Return the ids of a command's host calls that were answered."""
        return frozenset(self._answered.get((session.instance_id, command_id), ()))

    def note_answer(self, session: PSSession, command_id: str, call_id: int) -> None:
        """Keep that a call of a command's host was answered."""
        self._answered.setdefault((session.instance_id, command_id), set()).add(call_id)
