"""Small records that the jobs of a task share. With `ForkedRecords`, the processes of a run share them as well."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import typing as t

from . import unix

Record = dict[str, t.Any]
Result = t.TypeVar("Result")


class Records(t.Protocol):
    """Records of plain data by name, which change one at a time.

    Attributes:
        secret: Bytes of chance that are the same for all that share the records, and known to nothing else.
    """

    secret: bytes

    def change(self, name: str, function: t.Callable[[Record], Result]) -> Result:
        """Let a function read and change one record, empty at first, and return what the function returns."""


class LocalRecords:
    """Records of one process, shared by its threads."""

    def __init__(self) -> None:
        self.secret = os.urandom(16)
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    def change(self, name: str, function: t.Callable[[Record], Result]) -> Result:
        """Let a function change one record; see `Records`."""
        with self._lock:
            return function(self._records.setdefault(name, {}))


class ForkedRecords:
    """Records that a process shares with those that it forks later.

    They are in a file without a name, which only these processes have. It is gone with the last of them.
    """

    def __init__(self) -> None:
        self.secret = os.urandom(16)
        # Locks of files are of processes; the threads of one have to agree among themselves.
        self._lock = threading.Lock()
        # A descriptor alone, which ends with the process: a file object would complain that nobody closed it.
        self._descriptor, path = tempfile.mkstemp(prefix="pssession-")
        os.unlink(path)

    def change(self, name: str, function: t.Callable[[Record], Result]) -> Result:
        """Let a function change one record; see `Records`."""
        descriptor = self._descriptor
        with self._lock, unix.locked(descriptor):
            # The place in the file is shared with the other processes, so it is not used.
            records = _read(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
            result = function(records.setdefault(name, {}))
            content = json.dumps(records).encode("ascii")
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
            return result


def _read(content: bytes) -> dict[str, Record]:
    """Return records, or none if a process was killed while it wrote them."""
    with contextlib.suppress(ValueError):
        return t.cast("dict[str, Record]", json.loads(content))
    return {}


def shared_records() -> Records:
    """Return records that processes share which are forked from now on, or local ones.

    They are local if no file can be made, and where the system has no forks.
    """
    if not hasattr(os, "fork"):
        return LocalRecords()
    try:
        return ForkedRecords()
    except OSError:
        return LocalRecords()
