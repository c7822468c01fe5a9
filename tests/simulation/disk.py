# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a controller, in memory: they outlive its processes, and can be full."""

from __future__ import annotations

import errno
import io
import itertools
import os
import sqlite3
from collections.abc import Callable
from typing import Any, BinaryIO

_numbers = itertools.count()


class MemoryLock:
    """A lock on a file in memory.

    Args:
        holders: Of the file, each with whether it holds it alone.
    """

    def __init__(self, holders: dict[MemoryLock, bool]) -> None:
        self._holders = holders

    def exclusive(self) -> bool:
        return self._take(True, not self._others)

    def shared(self) -> bool:
        return self._take(False, True not in self._others)

    def release(self) -> None:
        self._holders.pop(self, None)

    @property
    def _others(self) -> list[bool]:
        return [alone for holder, alone in self._holders.items() if holder is not self]

    def _take(self, alone: bool, is_possible: bool) -> bool:
        if is_possible:
            self._holders[self] = alone
        return is_possible


class MemoryDisk:
    """Files in memory. What a process was writing when it was killed is there in part.

    Attributes:
        files: Content by path.
        room: Bytes that can still be written, or None for no limit.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.holders: dict[str, dict[MemoryLock, bool]] = {}
        self.room: int | None = None
        self._number = next(_numbers)
        self._databases: dict[str, sqlite3.Connection] = {}

    def make_folder(self, path: str) -> None:
        self.folders.add(path.rstrip("/"))

    def exists(self, path: str) -> bool:
        return path in self.files or self.is_folder(path)

    def is_folder(self, path: str) -> bool:
        return path.rstrip("/") in self.folders

    def check_folder(self, path: str) -> None:
        if not self.is_folder(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def append(self, path: str, data: bytes) -> None:
        written = data if self.room is None else data[: self.room]
        self.files[path] = self.files.get(path, b"") + written
        if self.room is not None:
            self.room -= len(written)
        if len(written) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def read(self, path: str) -> BinaryIO:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return io.BytesIO(self.files[path])

    def write_whole(self, path: str, data: bytes) -> None:
        """Write a file that is there whole or as it was before."""
        if self.room is not None and len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        self.files[path] = data

    def rename(self, path: str, new_path: str) -> None:
        self.files[new_path] = self.files.pop(path)

    def database(self, path: str | None) -> sqlite3.Connection:
        def opened(name: str) -> sqlite3.Connection:
            uri = f"file:simulated-{self._number}-{name}?mode=memory&cache=shared"
            return sqlite3.connect(uri, isolation_level=None, uri=True, check_same_thread=False)

        if path is None:
            return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if path not in self._databases:
            self._databases[path] = opened(path)  # the database lasts as long as one connection does
        return opened(path)

    def forget_databases(self) -> None:
        """Delete all databases; a process that has one open keeps it."""
        self.close()
        self._databases.clear()
        self._number = next(_numbers)

    def close(self) -> None:
        for database in self._databases.values():
            database.close()


class DiskOfProcess:
    """The disk as one process has it; locks end with the process.

    Args:
        before_write: Called before each write, with the path and the data that is appended. It may write a part of
            that and end the process.
    """

    def __init__(self, disk: MemoryDisk, before_write: Callable[[str, bytes], None]) -> None:
        self._disk = disk
        self._before_write = before_write
        self._locks: list[MemoryLock] = []

    def lock(self, path: str, part: int | None = None) -> MemoryLock:
        name = path if part is None else f"{path} {part}"
        self._locks.append(MemoryLock(self._disk.holders.setdefault(name, {})))
        return self._locks[-1]

    def release_locks(self) -> None:
        for lock in self._locks:
            lock.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    def append(self, path: str, data: bytes) -> None:
        if data:
            self._before_write(path, data)
        self._disk.append(path, data)

    def write_whole(self, path: str, data: bytes) -> None:
        self._before_write(path, b"")
        self._disk.write_whole(path, data)
