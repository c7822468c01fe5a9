# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""A journal of what was received: servers hand out output once, so it is on disk before anybody works with it."""

from __future__ import annotations

import array
import base64
import json
import os
import threading
import typing as t

from .errors import JournalError


class Journal:
    """An append-only file of the pieces of output received, one line each.

    Every piece is written and synced before it is parsed. A reader that is killed at any point thus loses nothing: the
    next one finds all pieces here and goes on behind them. What was half written when the power went is left out; the
    server still has it, for it was not acknowledged.

    Args:
        path: The file; it is made with mode 0600, for it holds what commands print.

    Raises:
        JournalError: The file cannot be read or written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._lines: dict[str, dict[str, array.array[int]]] = {}
        self._is_torn = False
        try:
            folder = os.path.dirname(os.path.abspath(path))
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.close(self._open())
            self._read()
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error

    def last_command_of(self, instance_id: str) -> str | None:
        """Return the id of the command in a session that the journal heard of last, or None."""
        return next(reversed(self._lines.get(instance_id, {})), None)

    def pieces_of(self, instance_id: str, command_id: str) -> t.Iterator[bytes]:
        """Yield the pieces of a command that were there when the journal was opened, in the order they came."""
        with open(self._path, "rb") as file:
            for position in self._lines.get(instance_id, {}).get(command_id, ()):
                file.seek(position)
                yield base64.b64decode(json.loads(file.readline())["piece"])

    def append(self, instance_id: str, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Write the pieces of an answer and wait until they are on disk.

        Raises:
            JournalError: It could not be written.
        """
        lines = [
            json.dumps(
                {"session": instance_id, "command": command_id, "piece": base64.b64encode(piece).decode("ascii")}
            )
            for piece in pieces
        ]
        if not lines:
            return
        with self._lock:
            try:
                descriptor = self._open()
                try:
                    self._write(descriptor, "".join(f"{line}\n" for line in lines).encode("ascii"))
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise JournalError(f"journal: {self._path} cannot be written: {error.strerror}") from error

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _write(self, descriptor: int, lines: bytes) -> None:
        """Write all of some lines, on a new one if the last could not be finished."""
        rest = memoryview(b"\n" + lines if self._is_torn else lines)
        self._is_torn = True
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        self._is_torn = False

    def _read(self) -> None:
        """Note where the lines of each command begin; what they hold may be more than fits into memory."""
        position, line = 0, b"\n"
        with open(self._path, "rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    base64.b64decode(entry["piece"], validate=True)
                    commands = self._lines.setdefault(str(entry["session"]), {})
                    commands.setdefault(str(entry["command"]), array.array("Q")).append(position)
                except (ValueError, KeyError, TypeError):
                    pass  # half a line, from a moment when the power went
                position += len(line)
        if not line.endswith(b"\n"):
            self._is_torn = True  # so that the next piece does not continue it


class JournalFolder:
    """A folder with a journal for each session, named after its instance id.

    So tasks that work with different sessions can share one place at the same time, and each reads only what is about
    its own. A session is worked with by one thread at a time.

    Args:
        path: The folder; it is made with mode 0700.

    Raises:
        JournalError: The folder cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._journals: dict[str, Journal] = {}
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            os.listdir(path)
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise JournalError(f"journal: {path} cannot be written")

    def last_command_of(self, instance_id: str) -> str | None:
        """Return what `Journal.last_command_of` does; nothing is written for a session that was never heard of."""
        return self._of(instance_id).last_command_of(instance_id) if os.path.exists(self._file(instance_id)) else None

    def pieces_of(self, instance_id: str, command_id: str) -> t.Iterator[bytes]:
        """Return what `Journal.pieces_of` does."""
        return self._of(instance_id).pieces_of(instance_id, command_id)

    def append(self, instance_id: str, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Do what `Journal.append` does."""
        self._of(instance_id).append(instance_id, command_id, pieces)

    def _file(self, instance_id: str) -> str:
        return os.path.join(self._path, f"{instance_id}.jsonl")

    def _of(self, instance_id: str) -> Journal:
        if instance_id not in self._journals:
            self._journals[instance_id] = Journal(self._file(instance_id))
        return self._journals[instance_id]


def journal_at(path: str) -> Journal | JournalFolder:
    """Return the journal that a path means: a file, or a folder if it is one or ends like one.

    Raises:
        JournalError: It cannot be used.
    """
    return JournalFolder(path) if path.endswith("/") or os.path.isdir(path) else Journal(path)
