"""The state of a session that is kept for tasks, in a file that one process at a time has locked.

Losing the file is harmless: if the state of a session is unknown, the task lists the session on the server first.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk

# The name of the file, in the same folder, with the secret for the ids.
SECRET = "secret"
# The suffix of the names of files with results.
RESULT = ".result"
DAY = 86400.0
_WEEK = 7 * DAY


@dataclasses.dataclass(frozen=True)
class Known:
    """A session as the latest task left it.

    Attributes:
        instance_id: Its GUID.
        kind: A digest of the settings that must be equal for tasks in one session: role, become user and so on.
        tasks: The number of tasks that have used the session.
        is_free: Whether the session has no command. A task writes False when it begins, and True when it is done.
        run: Identity of the run of the latest task. Between two runs, another controller may have used the session.
        is_beside: Whether other sessions may have leftover commands of earlier runs that the next task may join.
    """

    instance_id: str
    kind: str
    tasks: int = 0
    is_free: bool = True
    run: str = ""
    is_beside: bool = False


class KeptState:
    """The state file of one session.

    Args:
        path: The path of the file. A missing folder is made.

    Raises:
        OSError: The file cannot be used.

    Attributes:
        path: The path of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        unix.make_own_folder(os.path.dirname(path))
        LocalDisk().append(path, b"")
        self._lock = unix.LockedFile(path)

    def take(self) -> bool:
        """Try to lock the file for this process, and return whether that succeeded. The process's end unlocks it."""
        return self._lock.exclusive()

    def release(self) -> None:
        """Unlock the file."""
        self._lock.release()

    def read(self) -> Known | None:
        """Return the state in the file, or None if there is none."""
        return known_at(self.path)

    def write(self, known: Known | None) -> None:
        """Write the state. If that fails, the next task lists the session on the server."""
        data = b"" if known is None else json.dumps(dataclasses.asdict(known)).encode()
        descriptor = unix.open_own_file(self.path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)


def known_at(path: str) -> Known | None:
    """Return the state in a file, also if another process has locked it, or None."""
    with contextlib.suppress(OSError, ValueError, TypeError), LocalDisk().read(path) as file:
        return Known(**json.loads(file.read()))
    return None


def prune(folder: str) -> None:
    """Remove state files that no task has used for a week, and results older than a day. Each run adds files."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            kept = DAY if entry.name.endswith(RESULT) else _WEEK
            if entry.name != SECRET and time.time() - entry.stat().st_mtime > kept:
                os.unlink(entry.path)
