"""Journals: a file, a folder with a file for each session, a file for each host, or none."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import typing as t

from ..model.commands import Delivery
from ..model.endpoints import Endpoint
from ..model.errors import JournalError, PSSessionError
from ..model.journals import HostJournal
from ..model.names import folded
from ..model.sessions import PSSession
from ..system.disk import Disk
from .journal import Journal
from .journal_lock import JournalLock


class _Journals:
    """Several journals. Each session has one of them. One thread at a time works with a session."""

    def _of(self, session: PSSession) -> Journal:
        """Return the journal of a session, created if it does not exist."""
        raise NotImplementedError

    def _has(self, session: PSSession) -> bool:
        """Return whether the journal of a session exists."""
        raise NotImplementedError

    def last_command_of(self, session: PSSession) -> str | None:
        """Return the value of `Journal.last_command_of`. Nothing is written for a session without a journal."""
        return self._of(session).last_command_of(session) if self._has(session) else None

    def is_unstarted(self, session: PSSession) -> bool:
        """Return the value of `Journal.is_unstarted`."""
        return self._has(session) and self._of(session).is_unstarted(session)

    def pieces_of(self, session: PSSession, command_id: str) -> t.Iterator[bytes]:
        """Return the pieces that `Journal.pieces_of` yields."""
        return self._of(session).pieces_of(session, command_id)

    def answered_calls_of(self, session: PSSession, command_id: str) -> t.Collection[int]:
        """Return the ids of `Journal.answered_calls_of`."""
        return self._of(session).answered_calls_of(session, command_id)

    def unreadable_reported_of(self, session: PSSession, command_id: str) -> int:
        """Return the number of `Journal.unreadable_reported_of`."""
        return self._of(session).unreadable_reported_of(session, command_id)

    def delivery_of(self, session: PSSession, command_id: str) -> Delivery | None:
        """Return the value of `Journal.delivery_of`."""
        return self._of(session).delivery_of(session, command_id) if self._has(session) else None

    def append(self, session: PSSession, command_id: str, pieces: t.Iterable[bytes]) -> None:
        """Do what `Journal.append` does."""
        self._of(session).append(session, command_id, pieces)

    def note_opening(self, sessions: t.Iterable[PSSession]) -> None:
        """Do what `Journal.note_opening` does."""
        for session in sessions:
            self._of(session).note_opening([session])

    def note_start(self, session: PSSession, command_id: str) -> None:
        """Do what `Journal.note_start` does."""
        self._of(session).note_start(session, command_id)

    def note_refusal(self, session: PSSession, command_id: str) -> None:
        """Do what `Journal.note_refusal` does."""
        self._of(session).note_refusal(session, command_id)

    def note_delivery(self, session: PSSession, command_id: str, delivery: Delivery) -> None:
        """Do what `Journal.note_delivery` does."""
        self._of(session).note_delivery(session, command_id, delivery)

    def note_answer(self, session: PSSession, command_id: str, call_id: int) -> None:
        """Do what `Journal.note_answer` does."""
        self._of(session).note_answer(session, command_id, call_id)

    def note_unreadable(self, session: PSSession, command_id: str, count: int) -> None:
        """Do what `Journal.note_unreadable` does."""
        self._of(session).note_unreadable(session, command_id, count)


class JournalFolder(_Journals):
    """A folder with a journal for each session, named after its instance id.

    So tasks with different sessions can share a folder at the same time, and each only reads the journals of its own
    sessions.

    Args:
        path: The folder; it is made with mode 0700.
        lock: Keeps other runs from the journals of the sessions that this task works with.

    Raises:
        JournalError: The folder cannot be used.
    """

    def __init__(self, path: str, disk: Disk, lock: JournalLock | None = None) -> None:
        self._path = path
        self._disk = disk
        self._lock = lock
        self._journals: dict[str, Journal] = {}
        try:
            disk.make_folder(path)
            disk.check_folder(path)
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error

    def problem_of(self, _endpoint: Endpoint) -> str | None:
        """Return None, because the folder is usable once the constructor has succeeded."""

    def lock_start(self, endpoint: Endpoint, name: str) -> None:
        """Keep other runs from starting something in a session of this name on this computer.

        Raises:
            JournalError: Another run is doing it.
        """
        if self._lock is None:
            return
        digest = hashlib.sha256(f"{endpoint.key} {folded(name)}".encode()).hexdigest()[:32]
        path = os.path.join(self._path, f".start-{digest}")
        try:
            self._disk.append(path, b"")
            self._lock.hold(path)
        except OSError as error:
            raise JournalError(f"journal: {path} cannot be used: {error.strerror}") from error

    def unopened_id(self, _session: PSSession) -> str | None:
        """Return None, because it is unknown which journal would have it."""

    def done_with(self, session: PSSession) -> None:
        """Close the journal of a session, because there may be more sessions than the process may open files."""
        self._journals.pop(session.instance_id, None)
        if self._lock is not None:
            self._lock.release_one(self._file(session))

    def _file(self, session: PSSession) -> str:
        return os.path.join(self._path, f"{session.instance_id}.jsonl")

    def _has(self, session: PSSession) -> bool:
        return self._disk.exists(self._file(session))

    def _of(self, session: PSSession) -> Journal:
        if session.instance_id not in self._journals:
            self._journals[session.instance_id] = Journal(self._file(session), self._disk, self._lock)
        return self._journals[session.instance_id]


class HostJournals(_Journals):
    """A journal for each host, so that one call can work with many hosts. All journals are locked for the whole call.

    A journal that cannot be used is a problem of its host alone. Nothing may be done there.

    Args:
        places: By inventory host, or computer name where the inventory does not know it, in lower case.
        lock: As for `Journal`; None only reads those journals that exist.
    """

    def __init__(self, places: t.Mapping[str, HostJournal], disk: Disk, lock: JournalLock | None) -> None:
        self._journals: dict[str, Journal] = {}
        self._problems: dict[str, str] = {}
        # For all journals together, because another run may have many of them.
        give_up_at = None if lock is None else lock.patience()
        for host, place in places.items():
            if lock is None and not disk.exists(place.path):
                continue
            try:
                journal = Journal(
                    place.path, disk, lock, only_reads=lock is None, work=place.work, give_up_at=give_up_at
                )
            except PSSessionError as error:
                self._problems[host] = str(error)
                continue
            # Now that it is locked: until then another run may have started the same work, and ended it.
            if place.known is None or place.known == {each.command_id.lower() for each in journal.commands()}:
                self._journals[host] = journal
            else:
                self._problems[host] = "another run has worked there at the same time. Run this again for the result"
        self._may_be_missing = lock is None

    def done_with(self, _session: PSSession) -> None:
        """Do nothing: the journal stays locked until the end of the call."""

    def problem_of(self, endpoint: Endpoint) -> str | None:
        """Return the reason why nothing may be done on a computer, or None."""
        name = self._name_of(endpoint)
        if name in self._problems:
            return self._problems[name]
        if name in self._journals or self._may_be_missing:
            return None
        return f"journal: {endpoint.computer_name} has none in this job"

    def lock_start(self, _endpoint: Endpoint, _name: str) -> None:
        """Do nothing, because the lock on the host's journal keeps other runs from starting the same work."""

    def unopened_id(self, session: PSSession) -> str | None:
        """Return the id of `Journal.unopened_id`."""
        return self._of(session).unopened_id(session) if self._has(session) else None

    def _has(self, session: PSSession) -> bool:
        return self._name_of(session.endpoint) in self._journals

    def _of(self, session: PSSession) -> Journal:
        return self._journals[self._name_of(session.endpoint)]

    def _name_of(self, endpoint: Endpoint) -> str:
        """Return the name by which the journal of a computer is known."""
        names = (str(name).lower() for name in (endpoint.inventory_hostname, endpoint.computer_name) if name)
        known = [name for name in names if name in self._journals or name in self._problems]
        return known[0] if known else endpoint.computer_name.lower()


class NoJournal:
    """Replaces the journal in a task without one. It keeps nothing."""

    def problem_of(self, _endpoint: Endpoint) -> str | None:
        return None

    def done_with(self, _session: PSSession) -> None:
        pass

    def lock_start(self, _endpoint: Endpoint, _name: str) -> None:
        pass

    def last_command_of(self, _session: PSSession) -> str | None:
        return None

    def is_unstarted(self, _session: PSSession) -> bool:
        return False

    def unopened_id(self, _session: PSSession) -> str | None:
        return None

    def pieces_of(self, _session: PSSession, _command_id: str) -> t.Iterator[bytes]:
        return iter(())

    def answered_calls_of(self, _session: PSSession, _command_id: str) -> t.Collection[int]:
        return ()

    def unreadable_reported_of(self, _session: PSSession, _command_id: str) -> int:
        return 0

    def delivery_of(self, _session: PSSession, _command_id: str) -> Delivery | None:
        return None

    def append(self, _session: PSSession, _command_id: str, _pieces: t.Iterable[bytes]) -> None:
        pass

    def note_opening(self, _sessions: t.Iterable[PSSession]) -> None:
        pass

    def note_start(self, _session: PSSession, _command_id: str) -> None:
        pass

    def note_refusal(self, _session: PSSession, _command_id: str) -> None:
        pass

    def note_delivery(self, _session: PSSession, _command_id: str, _delivery: Delivery) -> None:
        pass

    def note_answer(self, _session: PSSession, _command_id: str, _call_id: int) -> None:
        pass

    def note_unreadable(self, _session: PSSession, _command_id: str, _count: int) -> None:
        pass


AnyJournal: t.TypeAlias = "Journal | JournalFolder | HostJournals | NoJournal"


def journal_at(path: str | None, disk: Disk, lock: JournalLock | None = None) -> AnyJournal:
    """Return the journal at a path: a file, or a folder if it is one or ends with a slash. `NoJournal` without a path.

    Raises:
        JournalError: It cannot be used.
    """
    if path is None:
        return NoJournal()
    return JournalFolder(path, disk, lock) if path.endswith("/") or disk.is_folder(path) else Journal(path, disk, lock)
