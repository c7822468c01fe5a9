"""Unix: what other systems do not have. The import works everywhere."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys

# Does not wait for the other end of a named pipe.
OPEN_WITHOUT_WAITING: int = getattr(os, "O_NONBLOCK", 0)

try:
    import resource
except ImportError:

    def open_files() -> int:
        """Return a very large number: the limit is not known."""
        return sys.maxsize

else:

    def open_files() -> int:
        """Return how many files this process may have open (RLIMIT_NOFILE), or a very large number without a limit."""
        limit, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if limit == resource.RLIM_INFINITY else limit


try:
    import fcntl
except ImportError:

    class LockedFile:
        """A lock that locks nothing: the system has no such locks."""

        def __init__(self, _path: str) -> None:
            pass

        def exclusive(self) -> bool:
            return True

        def shared(self) -> bool:
            return True

        def release(self) -> None:
            pass

else:

    class LockedFile:  # type: ignore[no-redef]
        """A lock on a file (flock), as `disk.FileLock`. The kernel releases it when the process ends, however it ends.

        Args:
            path: The file; it exists.

        Raises:
            OSError: The file cannot be opened. The methods raise it where the file system has no locks.
        """

        def __init__(self, path: str) -> None:
            self._descriptor = os.open(path, os.O_RDONLY | OPEN_WITHOUT_WAITING)

        def exclusive(self) -> bool:
            return self._lock(fcntl.LOCK_EX)

        def shared(self) -> bool:
            return self._lock(fcntl.LOCK_SH)

        def release(self) -> None:
            os.close(self._descriptor)

        def _lock(self, kind: int) -> bool:
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
