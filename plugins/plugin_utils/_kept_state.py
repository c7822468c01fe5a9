"""The state of a session that is kept for tasks, in a file that one process at a time has locked.

Nothing is lost with it: a session whose state is not known here is looked at first.
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

# The file of the same folder that has the secret of the ids.
SECRET = "secret"
# The end of the names of the files that have results.
RESULT = ".result"
DAY = 86400.0
_WEEK = 7 * DAY


@dataclasses.dataclass(frozen=True)
class Known:
    """A session as the latest task left it.

    Attributes:
        instance_id: Its GUID.
        kind: A digest of what sessions must not share: role, become user and so on.
        tasks: How many tasks it has had.
        is_free: Whether no command is in it. A task that begins in it says no, and yes when it is done.
        run: Identity of the run whose task that was. Between two runs, another controller may have used the session.
        is_beside: Whether other sessions may have commands that earlier runs left, one of which the next task may join.
    """

    instance_id: str
    kind: str
    tasks: int = 0
    is_free: bool = True
    run: str = ""
    is_beside: bool = False


class KeptState:
    """The file of one session.

    Args:
        path: The folder is made if need be.

    Raises:
        OSError: It cannot be used.

    Attributes:
        path: Of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        unix.make_own_folder(os.path.dirname(path))
        LocalDisk().append(path, b"")
        self._lock = unix.LockedFile(path)

    def take(self) -> bool:
        """Return whether this process has it from now on; its end gives it back."""
        return self._lock.exclusive()

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def read(self) -> Known | None:
        """Return what is known, or None."""
        return known_at(self.path)

    def write(self, known: Known | None) -> None:
        """Note it; without it the next task looks at the server."""
        data = b"" if known is None else json.dumps(dataclasses.asdict(known)).encode()
        descriptor = unix.open_own_file(self.path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)


def known_at(path: str) -> Known | None:
    """Return what a file says, whoever has it, or None."""
    with contextlib.suppress(OSError, ValueError, TypeError), LocalDisk().read(path) as file:
        return Known(**json.loads(file.read()))
    return None


def prune(folder: str) -> None:
    """Remove the files of sessions that no task has had for a week, and results of a day; each run has files."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            kept = DAY if entry.name.endswith(RESULT) else _WEEK
            if entry.name != SECRET and time.time() - entry.stat().st_mtime > kept:
                os.unlink(entry.path)
