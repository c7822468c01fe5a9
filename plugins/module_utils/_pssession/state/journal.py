"""The journal of commands: every start and all output are on disk before they are used, as servers send output once."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import array
import base64
import json
import os
import threading
import typing as t

from ..model.errors import JournalError
from ..system.disk import Disk


class Journal:
    """An append-only file with one line for each piece of output received, and for each thing about to be done.

    Every piece is written and synced before it is parsed. A reader that is killed at any point thus loses nothing: the
    next one finds all pieces here and goes on behind them. What was half written when the power went is left out; the
    server still has it, for it was not acknowledged.

    That a session is to be opened, or a command started, is written before it is asked for. So a session that is in
    here without a command never had one from a task with this journal. A start that the server refused is taken back by
    a line of its own; a reader that does not know such lines takes it for a note of the start, as before.

    Args:
        path: The file; it is made with mode 0600, for it holds what commands print.

    Raises:
        JournalError: The file cannot be read or written.
    """

    def __init__(self, path: str, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._lock = threading.Lock()
        # For each session and command: where blocks of its lines begin and end in the file, by turns.
        self._lines: dict[str, dict[str, array.array[int]]] = {}
        # For each session and command: how many unreadable messages were reported.
        self._unreadable: dict[tuple[str, str], int] = {}
        # Sessions that were to be opened.
        self._opened: set[str] = set()
        # For each session and command: the calls of its host that were answered.
        self._answered: dict[tuple[str, str], set[int]] = {}
        self._is_torn = False
        try:
            disk.make_folder(os.path.dirname(path) or ".")
            disk.append(path, b"")
            self._read()
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error

    def last_command_of(self, instance_id: str) -> str | None:
        """Return the id of the command in a session that the journal heard of last, or None."""
        return next(reversed(self._lines.get(instance_id, {})), None)

    def is_unstarted(self, instance_id: str) -> bool:
        """Tell whether a session was to be opened, and nothing was ever to be started in it."""
        return instance_id in self._opened and not self._lines.get(instance_id)

    def pieces_of(self, instance_id: str, command_id: str) -> t.Iterator[bytes]:
        """Yield the pieces of a command that were there when the journal was opened, in the order they came."""
        blocks = self._lines.get(instance_id, {}).get(command_id, ())
        with self._disk.read(self._path) as file:
            for number in range(0, len(blocks), 2):
                position, end = blocks[number : number + 2]
                file.seek(position)
                while position < end:
                    line = file.readline()
                    position += len(line)
                    yield base64.b64decode(json.loads(line)["piece"])

    def answered_calls_of(self, instance_id: str, command_id: str) -> t.Collection[int]:
        """Return the ids of a command's host calls that were answered when the journal was opened."""
        return self._answered.get((instance_id, command_id), ())

    def unreadable_reported_of(self, instance_id: str, command_id: str) -> int:
        """Return how many messages of a command could not be read and were reported when the journal was opened."""
        return self._unreadable.get((instance_id, command_id), 0)

    def append(self, instance_id: str, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Write the pieces of an answer and wait until they are on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced(
            {"session": instance_id, "command": command_id, "piece": base64.b64encode(piece).decode("ascii")}
            for piece in pieces
        )

    def note_opening(self, instance_ids: t.Iterable[str]) -> None:
        """Write that sessions are about to be opened, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced({"session": instance_id} for instance_id in instance_ids)

    def note_start(self, instance_id: str, command_id: str) -> None:
        """Write that a command is about to be started, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{"session": instance_id, "command": command_id}])

    def note_refusal(self, instance_id: str, command_id: str) -> None:
        """Write that the server refused to start a command, and wait until it is on disk: the command never was.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{"session": instance_id, "command": command_id, "refused": True}])

    def note_answer(self, instance_id: str, command_id: str, call_id: int) -> None:
        """Write that a call of a command's host was answered, and wait until it is on disk.

        It is written after the answer: a command that is answered twice passes over the second, and one that gets no
        answer waits for ever.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{"session": instance_id, "command": command_id, "answered": call_id}])

    def note_unreadable(self, instance_id: str, command_id: str, count: int) -> None:
        """Write how many messages of a command could not be read and are reported now, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{"session": instance_id, "command": command_id, "unreadable": count}])

    def _write_synced(self, entries: t.Iterable[dict[str, t.Any]]) -> None:
        lines = [json.dumps(entry) for entry in entries]
        if not lines:
            return
        with self._lock:
            try:
                # What could not be written to its end is not continued: the next line begins on a new one.
                begin, self._is_torn = "\n" if self._is_torn else "", True
                self._disk.append(self._path, (begin + "".join(f"{line}\n" for line in lines)).encode("ascii"))
                self._is_torn = False
            except OSError as error:
                raise JournalError(f"journal: {self._path} cannot be written: {error.strerror}") from error

    def _read(self) -> None:
        """Note where the lines of each command are; what they hold may be more than fits into memory."""
        position, line = 0, b"\n"
        with self._disk.read(self._path) as file:
            for line in file:
                try:
                    self._take(json.loads(line), position, position + len(line))
                except (ValueError, KeyError, TypeError):
                    pass  # half a line, from a moment when the power went
                position += len(line)
        if not line.endswith(b"\n"):
            self._is_torn = True  # so that the next piece does not continue it

    def _take(self, entry: dict[str, t.Any], start: int, end: int) -> None:
        if "piece" in entry:
            base64.b64decode(entry["piece"], validate=True)
        commands = self._lines.setdefault(str(entry["session"]), {})
        if "command" not in entry:
            self._opened.add(str(entry["session"]))
            return
        if "refused" in entry:
            commands.pop(str(entry["command"]), None)
            return
        blocks = commands.setdefault(str(entry["command"]), array.array("Q"))
        if "unreadable" in entry:
            self._unreadable[str(entry["session"]), str(entry["command"])] = int(entry["unreadable"])
        if "answered" in entry:
            answered = self._answered.setdefault((str(entry["session"]), str(entry["command"])), set())
            answered.add(int(entry["answered"]))
        if "piece" not in entry:
            return
        if blocks and blocks[-1] == start:
            blocks[-1] = end
        else:
            blocks.extend((start, end))


class JournalFolder:
    """A folder with a journal for each session, named after its instance id.

    So tasks that work with different sessions can share one place at the same time, and each reads only what is about
    its own. A session is worked with by one thread at a time.

    Args:
        path: The folder; it is made with mode 0700.

    Raises:
        JournalError: The folder cannot be used.
    """

    def __init__(self, path: str, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._journals: dict[str, Journal] = {}
        try:
            disk.make_folder(path)
            disk.check_folder(path)
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error

    def last_command_of(self, instance_id: str) -> str | None:
        """Return what `Journal.last_command_of` does; nothing is written for a session that was never heard of."""
        return (
            self._of(instance_id).last_command_of(instance_id) if self._disk.exists(self._file(instance_id)) else None
        )

    def is_unstarted(self, instance_id: str) -> bool:
        """Tell what `Journal.is_unstarted` does."""
        return self._has(instance_id) and self._of(instance_id).is_unstarted(instance_id)

    def pieces_of(self, instance_id: str, command_id: str) -> t.Iterator[bytes]:
        """Return what `Journal.pieces_of` does."""
        return self._of(instance_id).pieces_of(instance_id, command_id)

    def answered_calls_of(self, instance_id: str, command_id: str) -> t.Collection[int]:
        """Return what `Journal.answered_calls_of` does."""
        return self._of(instance_id).answered_calls_of(instance_id, command_id)

    def unreadable_reported_of(self, instance_id: str, command_id: str) -> int:
        """Return what `Journal.unreadable_reported_of` does."""
        return self._of(instance_id).unreadable_reported_of(instance_id, command_id)

    def append(self, instance_id: str, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Do what `Journal.append` does."""
        self._of(instance_id).append(instance_id, command_id, pieces)

    def note_opening(self, instance_ids: t.Iterable[str]) -> None:
        """Do what `Journal.note_opening` does."""
        for instance_id in instance_ids:
            self._of(instance_id).note_opening([instance_id])

    def note_start(self, instance_id: str, command_id: str) -> None:
        """Do what `Journal.note_start` does."""
        self._of(instance_id).note_start(instance_id, command_id)

    def note_refusal(self, instance_id: str, command_id: str) -> None:
        """Do what `Journal.note_refusal` does."""
        self._of(instance_id).note_refusal(instance_id, command_id)

    def note_answer(self, instance_id: str, command_id: str, call_id: int) -> None:
        """Do what `Journal.note_answer` does."""
        self._of(instance_id).note_answer(instance_id, command_id, call_id)

    def note_unreadable(self, instance_id: str, command_id: str, count: int) -> None:
        """Do what `Journal.note_unreadable` does."""
        self._of(instance_id).note_unreadable(instance_id, command_id, count)

    def _file(self, instance_id: str) -> str:
        return os.path.join(self._path, f"{instance_id}.jsonl")

    def _has(self, instance_id: str) -> bool:
        return self._disk.exists(self._file(instance_id))

    def _of(self, instance_id: str) -> Journal:
        if instance_id not in self._journals:
            self._journals[instance_id] = Journal(self._file(instance_id), self._disk)
        return self._journals[instance_id]


class NoJournal:
    """Stands where a task has no journal: it keeps nothing and knows nothing."""

    def last_command_of(self, _instance_id: str) -> str | None:
        return None

    def is_unstarted(self, _instance_id: str) -> bool:
        return False

    def pieces_of(self, _instance_id: str, _command_id: str) -> t.Iterator[bytes]:
        return iter(())

    def answered_calls_of(self, _instance_id: str, _command_id: str) -> t.Collection[int]:
        return ()

    def unreadable_reported_of(self, _instance_id: str, _command_id: str) -> int:
        return 0

    def append(self, _instance_id: str, _command_id: str, _pieces: t.Iterable[bytes]) -> None:
        pass

    def note_opening(self, _instance_ids: t.Iterable[str]) -> None:
        pass

    def note_start(self, _instance_id: str, _command_id: str) -> None:
        pass

    def note_refusal(self, _instance_id: str, _command_id: str) -> None:
        pass

    def note_answer(self, _instance_id: str, _command_id: str, _call_id: int) -> None:
        pass

    def note_unreadable(self, _instance_id: str, _command_id: str, _count: int) -> None:
        pass


AnyJournal: t.TypeAlias = "Journal | JournalFolder | NoJournal"


def journal_at(path: str | None, disk: Disk) -> AnyJournal:
    """Return the journal that a path means: a file, or a folder if it is one or ends like one; or that there is none.

    Raises:
        JournalError: It cannot be used.
    """
    if path is None:
        return NoJournal()
    return JournalFolder(path, disk) if path.endswith("/") or disk.is_folder(path) else Journal(path, disk)
