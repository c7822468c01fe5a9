"""The journal of commands. Starts and output are on disk before they are used, because servers send output once."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import array
import base64
import dataclasses
import json
import os
import threading
import typing as t
from dataclasses import dataclass

from ..model.commands import Delivery
from ..model.endpoints import Endpoint
from ..model.errors import FormatError, JournalError
from ..model.names import is_same_name
from ..model.sessions import PSSession
from ..system.disk import Disk
from .journal_lock import JournalLock

# The format of the file, in a separate line. Format 1 had no number, and identified sessions by their instance ids
# alone.
FORMAT = 2

# The place of a line's session: the address of its endpoint and the inventory host, if the line has them.
_Place: t.TypeAlias = "tuple[str | None, str | None]"


@dataclass(frozen=True)
class JournalCommand:
    """A command in a journal, as far as its lines describe it.

    Attributes:
        instance_id: Instance id of its session.
        name: Of its session.
        at: Address of the endpoint.
        host: The inventory host in lower case.
        blocks: Positions in the file at which blocks of its lines begin and end, in turn.
    """

    instance_id: str
    command_id: str
    name: str | None
    at: str | None
    host: str | None
    blocks: t.Sequence[int]


class Journal:
    """An append-only file with one line for each piece of output received, and for each thing about to be done.

    Every piece is written and synced before it is parsed. So a reader that is killed at any time loses nothing. The
    next reader finds all pieces here and goes on after them. A piece that was half written during a power failure is
    left out. The server still has it, because it was not acknowledged.

    The opening of a session and the start of a command are written before they are requested. So a session in the
    journal without a command never had a command from a task with this journal. If the server refused a start, another
    line takes it back. Older readers treat such a line as a note of the start.

    Args:
        path: The file. It is created with mode 0600, because it has the output of commands.
        lock: Keeps other runs from using it. None reads it without a lock.
        only_reads: Whether the file exists and nothing will be written.
        work: The identity of the work, which is written with each command.
        give_up_at: As for `JournalLock.hold`.

    Raises:
        JournalError: The file cannot be read or written, or another run works with it.
        FormatError: The file was written by a newer version.
    """

    def __init__(
        self,
        path: str,
        disk: Disk,
        lock: JournalLock | None = None,
        *,
        only_reads: bool = False,
        work: t.Mapping[str, str] | None = None,
        give_up_at: float | None = None,
    ) -> None:
        self._path = path
        self._of_work = {} if work is None else {"work": dict(work)}
        self._disk = disk
        self._writing = threading.Lock()
        self._format = 1  # files without a number have it
        # For each session, by instance id and place, and command: where blocks of its lines begin and end in the file,
        # by turns.
        self._lines: dict[str, dict[_Place, dict[str, array.array[int]]]] = {}
        # For each session, place and command: how many unreadable messages were reported.
        self._unreadable: dict[tuple[str, _Place, str], int] = {}
        # For each session, place and command: what the server had of its script and input.
        self._deliveries: dict[tuple[str, _Place, str], Delivery] = {}
        # Sessions that were to be opened, with their names where the line has one.
        self._opened: dict[tuple[str, _Place], str | None] = {}
        # Names of sessions by instance id, and the commands whose lines have one.
        self._names: dict[str, str] = {}
        self._named: set[tuple[str, str]] = set()
        # For each session, place and command: the calls of its host that were answered.
        self._answered: dict[tuple[str, _Place, str], set[int]] = {}
        self._is_torn = False
        try:
            if not only_reads:
                disk.make_folder(os.path.dirname(path) or ".")
                disk.append(path, b"")
            if lock is not None:
                lock.hold(path, give_up_at)
            self._read()
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error
        if self._format > FORMAT:
            raise FormatError("journal", path, self._format, FORMAT, "Name another journal.")

    def problem_of(self, _endpoint: Endpoint) -> str | None:
        """Return None, because the journal is usable for all computers once the constructor has succeeded."""

    def done_with(self, _session: PSSession) -> None:
        """Keep the journal: it is one file for all sessions."""

    def lock_start(self, _endpoint: Endpoint, _name: str) -> None:
        """Do nothing, because the lock on the whole file keeps other runs from starting the same work."""

    def last_command_of(self, session: PSSession) -> str | None:
        """Return the id of the last command of a session in the journal, or None."""
        return next(reversed(self._commands_of(session)), None)

    def is_unstarted(self, session: PSSession) -> bool:
        """Return whether the journal has the opening of a session, but no start in it."""
        guid = session.instance_id
        was_opened = any((guid, place) in self._opened for place in self._places_of(session))
        return was_opened and not self._commands_of(session)

    def unopened_id(self, session: PSSession) -> str | None:
        """Return the instance id of the last opening of a session of this name in which nothing was started.

        Its request may still be under way. A server refuses a second session with the same id.
        """
        ids = [
            instance_id
            for (instance_id, place), name in self._opened.items()
            if name is not None and is_same_name(name, session.name) and _is_of(place, session)
        ]
        last = ids[-1] if ids else None
        return None if last is None or any(self._lines.get(last, {}).values()) else last

    def pieces_of(self, session: PSSession, command_id: str) -> t.Iterator[bytes]:
        """Yield the pieces of a command that the journal had when it was opened, in the order of their arrival."""
        return self.pieces_in(self._commands_of(session).get(command_id, ()))

    def commands(self) -> list[JournalCommand]:
        """Return all commands that the journal had when it was opened, in their order for each session."""
        found: dict[tuple[str, str | None, str], JournalCommand] = {}
        for instance_id, places in self._lines.items():
            hosts = {host for _at, host in places if host}
            for (at, own_host), commands in places.items():
                # Lines of earlier formats have no place, and lines of a redirected session have no host.
                host = own_host or (next(iter(hosts)) if len(hosts) == 1 else None)
                for command_id, blocks in commands.items():
                    key = (instance_id, host or at, command_id)
                    before = found.get(key)
                    found[key] = JournalCommand(
                        instance_id,
                        command_id,
                        self._names.get(instance_id),
                        at if at or before is None else before.at,
                        host,
                        _in_order(array.array("Q", [*(before.blocks if before else ()), *blocks])),
                    )
        return list(found.values())

    def pieces_in(self, blocks: t.Sequence[int]) -> t.Iterator[bytes]:
        """Yield the pieces in blocks of lines."""
        with self._disk.read(self._path) as file:
            for number in range(0, len(blocks), 2):
                position, end = blocks[number : number + 2]
                file.seek(position)
                while position < end:
                    line = file.readline()
                    position += len(line)
                    yield base64.b64decode(json.loads(line)["piece"])

    def answered_calls_of(self, session: PSSession, command_id: str) -> t.Collection[int]:
        """Return the ids of a command's host calls that were answered when the journal was opened."""
        guid = session.instance_id
        answered = (self._answered.get((guid, place, command_id), ()) for place in self._places_of(session))
        return {call for calls in answered for call in calls}

    def unreadable_reported_of(self, session: PSSession, command_id: str) -> int:
        """Return how many messages of a command could not be read and were reported when the journal was opened."""
        guid, places = session.instance_id, self._places_of(session)
        return max((self._unreadable.get((guid, place, command_id), 0) for place in places), default=0)

    def delivery_of(self, session: PSSession, command_id: str) -> Delivery | None:
        """Return the part of a command that the server had when the journal was opened, or None if unknown."""
        guid, places = session.instance_id, self._places_of(session)
        found = (self._deliveries.get((guid, place, command_id)) for place in places)
        return next((delivery for delivery in found if delivery is not None), None)

    def append(self, session: PSSession, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Write the pieces of an answer and wait until they are on disk.

        Raises:
            JournalError: It could not be written.
        """
        entries = [
            {**_about(session), "command": command_id, "piece": base64.b64encode(piece).decode("ascii")}
            for piece in pieces
        ]
        if entries and (session.instance_id, command_id) not in self._named:
            self._named.add((session.instance_id, command_id))
            entries[0] |= {"name": session.name, **self._of_work}
        self._write_synced(entries)

    def note_opening(self, sessions: t.Iterable[PSSession]) -> None:
        """Write that sessions are about to be opened, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced({**_about(session), "name": session.name} for session in sessions)

    def note_start(self, session: PSSession, command_id: str) -> None:
        """Write that a command is about to be started, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{**_about(session), "command": command_id, **self._of_work}])

    def note_refusal(self, session: PSSession, command_id: str) -> None:
        """Write that the server refused to start a command, and wait until it is on disk: the command never was.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{**_about(session), "command": command_id, "refused": True}])

    def note_delivery(self, session: PSSession, command_id: str, delivery: Delivery) -> None:
        """Write which part of a command's script and input the server has, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        entry = {**_about(session), "command": command_id, "delivery": dataclasses.asdict(delivery)}
        self._write_synced([entry])

    def note_answer(self, session: PSSession, command_id: str, call_id: int) -> None:
        """Write that a call of a command's host was answered, and wait until it is on disk.

        It is written after the answer. A command ignores a second answer, but without an answer it would wait for ever.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{**_about(session), "command": command_id, "answered": call_id}])

    def _places_of(self, session: PSSession) -> list[_Place]:
        return [place for place in self._lines.get(session.instance_id, {}) if _is_of(place, session)]

    def _commands_of(self, session: PSSession) -> dict[str, array.array[int]]:
        """Return the commands of a session with the blocks of their lines, in the order the journal heard of them."""
        found: dict[str, array.array[int]] = {}
        for place in self._places_of(session):
            for command_id, blocks in self._lines[session.instance_id][place].items():
                found.setdefault(command_id, array.array("Q")).extend(blocks)
        return {command_id: _in_order(blocks) for command_id, blocks in found.items()}

    def note_unreadable(self, session: PSSession, command_id: str, count: int) -> None:
        """Write how many messages of a command could not be read and are reported now, and wait until it is on disk.

        Raises:
            JournalError: It could not be written.
        """
        self._write_synced([{**_about(session), "command": command_id, "unreadable": count}])

    def _write_synced(self, entries: t.Iterable[dict[str, t.Any]]) -> None:
        lines = [json.dumps(entry) for entry in entries]
        if not lines:
            return
        if self._format < FORMAT:
            lines.insert(0, json.dumps({"format": FORMAT}))
            self._format = FORMAT
        with self._writing:
            try:
                # An incomplete line is not continued. The next entry begins on a new line.
                begin, self._is_torn = "\n" if self._is_torn else "", True
                self._disk.append(self._path, (begin + "".join(f"{line}\n" for line in lines)).encode("ascii"))
                self._is_torn = False
            except OSError as error:
                raise JournalError(f"journal: {self._path} cannot be written: {error.strerror}") from error

    def _read(self) -> None:
        """Note the positions of each command's lines, because their content may not fit into memory."""
        position, line = 0, b"\n"
        with self._disk.read(self._path) as file:
            for line in file:
                try:
                    self._take(json.loads(line), position, position + len(line))
                except (ValueError, KeyError, TypeError):
                    pass  # half a line, from a power failure
                position += len(line)
        if not line.endswith(b"\n"):
            self._is_torn = True  # so that the next piece does not continue it

    def _take(self, entry: dict[str, t.Any], start: int, end: int) -> None:
        if "piece" in entry:
            base64.b64decode(entry["piece"], validate=True)
        if "format" in entry:
            self._format = max(self._format, int(entry["format"]))
            return
        places = self._lines.setdefault(str(entry["session"]), {})
        place = (entry.get("at"), entry.get("host"))
        commands = places.setdefault(place, {})
        if entry.get("name"):
            self._names[str(entry["session"])] = str(entry["name"])
        if "command" not in entry:
            self._opened[str(entry["session"]), place] = entry.get("name")
            return
        if "refused" in entry:
            commands.pop(str(entry["command"]), None)
            self._deliveries.pop((str(entry["session"]), place, str(entry["command"])), None)
            return
        if "delivery" in entry:
            self._deliveries[str(entry["session"]), place, str(entry["command"])] = Delivery(**entry["delivery"])
        blocks = commands.setdefault(str(entry["command"]), array.array("Q"))
        if "unreadable" in entry:
            self._unreadable[str(entry["session"]), place, str(entry["command"])] = int(entry["unreadable"])
        if "answered" in entry:
            answered = self._answered.setdefault((str(entry["session"]), place, str(entry["command"])), set())
            answered.add(int(entry["answered"]))
        if "piece" not in entry:
            return
        if blocks and blocks[-1] == start:
            blocks[-1] = end
        else:
            blocks.extend((start, end))


def _about(session: PSSession) -> dict[str, t.Any]:
    """Return the fields of a line that identify its session."""
    host = session.endpoint.own_host
    return {"session": session.instance_id, "at": session.endpoint.key, **({"host": host} if host else {})}


def _is_of(place: _Place, session: PSSession) -> bool:
    """Return whether lines with a place are about a session. Its inventory host may have another address now."""
    at, host = place
    return at is None or at == session.endpoint.key or (host is not None and host == session.endpoint.own_host)


def _in_order(blocks: array.array[int]) -> array.array[int]:
    pairs = sorted((blocks[number], blocks[number + 1]) for number in range(0, len(blocks), 2))
    return array.array("Q", [position for pair in pairs for position in pair])
