"""Disk: the file operations of the journal and the registry."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import sqlite3
import typing as t

from . import unix

# How long a task waits for other processes that write to the same database. Writing takes milliseconds.
_BUSY_SECONDS = 5.0


class FileLock(t.Protocol):
    """A lock on a file, which ends with its process."""

    def exclusive(self) -> bool:
        """Try to lock the file for this holder alone, without waiting, and return whether that succeeded."""

    def shared(self) -> bool:
        """Try to share a lock on the file with other holders, without waiting, and return whether that succeeded."""

    def release(self) -> None:
        """Release the lock. It cannot be used again."""


class Disk(t.Protocol):
    """Files and folders by their paths. All methods raise OSError. Those of the database also raise sqlite3.Error."""

    def make_folder(self, path: str) -> None:
        """Make a folder and its missing parents with mode 0700. Refuse an existing folder that others can change."""

    def exists(self, path: str) -> bool:
        """Return whether a path exists."""

    def is_folder(self, path: str) -> bool:
        """Return whether a path is a folder."""

    def check_folder(self, path: str) -> None:
        """Make sure that the files of a folder can be listed, and new ones be made."""

    def append(self, path: str, data: bytes) -> None:
        """Write to the end of a file and wait until all of it is on disk.

        The file is made with mode 0600, in a folder that exists; without data nothing else is done. If it raises, any
        part of the data may have been written.
        """

    def read(self, path: str) -> t.BinaryIO:
        """Open a file for reading."""

    def rename(self, path: str, new_path: str) -> None:
        """Rename a file, and replace an existing file at the new path."""

    def lock(self, path: str, part: int | None = None) -> FileLock:
        """Return a lock on an existing file. Nothing is locked yet.

        Args:
            part: Position of the one byte to lock. Such a lock is of a process, and its threads share it. Neither the
                byte nor the file need exist, and nothing else may open the file. None locks the whole file.
        """

    def database(self, path: str | None) -> sqlite3.Connection:
        """Open a database without automatic transactions. A new file gets mode 0600, and its folder 0700.

        Args:
            path: None for one that is in memory only.
        """


class LocalDisk:
    """The disk of this computer."""

    def make_folder(self, path: str) -> None:
        unix.make_own_folder(path)
        unix.check_own_folder(path)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path)

    def check_folder(self, path: str) -> None:
        unix.check_own_folder(path)
        os.listdir(path)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    def append(self, path: str, data: bytes) -> None:
        descriptor = unix.open_own_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            if data:
                self._write(descriptor, data)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: str) -> t.BinaryIO:
        return open(unix.open_own_file(path, os.O_RDONLY), "rb")

    def rename(self, path: str, new_path: str) -> None:
        os.replace(path, new_path)

    def lock(self, path: str, part: int | None = None) -> FileLock:
        return unix.LockedFile(path) if part is None else unix.LockedPart(path, part)

    def database(self, path: str | None) -> sqlite3.Connection:
        if path is not None:
            self.make_folder(os.path.dirname(os.path.abspath(path)))
            if not unix.check_own_file(path):
                os.close(unix.open_own_file(path, os.O_RDWR | os.O_CREAT))
            for of_sqlite in ("-wal", "-shm", "-journal"):
                unix.check_own_file(path + of_sqlite)
        return sqlite3.connect(path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None)

    @staticmethod
    def _write(descriptor: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
