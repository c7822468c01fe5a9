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
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
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
                self._write("".join(f"{line}\n" for line in lines).encode("ascii"))
                os.fsync(self._descriptor)
            except OSError as error:
                raise JournalError(f"journal: {self._path} cannot be written: {error.strerror}") from error

    def _write(self, lines: bytes) -> None:
        """Write all of some lines, on a new one if the last could not be finished."""
        rest = memoryview(b"\n" + lines if self._is_torn else lines)
        self._is_torn = True
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._is_torn = False

    def close(self) -> None:
        os.close(self._descriptor)

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
