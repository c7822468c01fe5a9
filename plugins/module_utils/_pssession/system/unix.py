"""Functions that only Unix has. The import works everywhere."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import typing as t

# Do not wait for the other end of a named pipe, do not follow a symbolic link, and do not convert line ends.
_OPEN_SAFELY: int = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def open_own_file(path: str, flags: int) -> int:
    """Open a file that only the user of this process can read or write. A new file gets these permissions.

    A user who can write these files could make tasks send passwords to other servers, or skip work as already done. If
    other users can only read the file, this function takes that permission away.

    Returns:
        A file descriptor.

    Raises:
        OSError: The file cannot be opened, is a link, a folder or a device, has a second name, belongs to another user,
            or can be written by others.
    """
    try:
        descriptor = os.open(path, flags | _OPEN_SAFELY, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link", path) from error
        raise
    try:
        found = os.fstat(descriptor)
        if problem := _problem_of_file(found):
            raise OSError(errno.EPERM, problem, path)
        if _is_unix() and found.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_own_file(path: str) -> bool:
    """Check and protect a file as `open_own_file` does, and return whether it exists.

    The file is not opened, because closing it would release the locks that SQLite has on it in this process.

    Raises:
        OSError: As for `open_own_file`, except that the file may not exist.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a symbolic link", path)
    if problem := _problem_of_file(found):
        raise OSError(errno.EPERM, problem, path)
    if _is_unix() and found.st_mode & 0o077:
        os.chmod(path, 0o600)
    return True


def check_own_folder(path: str) -> None:
    """Check that only the user of this process, or root, can replace files in a folder.

    The group may have write access. In a folder with the sticky bit, users can replace only their own files.

    Raises:
        OSError: Others may replace files in it.
    """
    found = os.stat(path)
    if problem := _problem_of_folder(found):
        raise OSError(errno.EPERM, problem, path)


def make_own_folder(path: str) -> None:
    """Make a folder and its missing parents with mode 0700, whatever the umask. Existing folders stay as they are.

    Raises:
        OSError: It cannot be made.
    """
    if os.path.isdir(path):
        return
    above = os.path.dirname(path.rstrip(os.sep))
    if above and not os.path.lexists(above):
        make_own_folder(above)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def _problem_of_file(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if not _is_unix():
        return ""
    if found.st_uid != os.geteuid():
        return f"it belongs to the user with id {found.st_uid}, and this one has id {os.geteuid()}"
    if found.st_nlink > 1:
        return "it is a hard link: the same file has another name"
    if found.st_mode & 0o022:
        return f"others may write it (mode {stat.S_IMODE(found.st_mode):04o}); make it 0600 if its content is yours"
    return ""


def _problem_of_folder(found: os.stat_result) -> str:
    if not _is_unix():
        return ""
    mode = f"mode {stat.S_IMODE(found.st_mode):04o}"
    if found.st_uid not in (0, os.geteuid()):
        return f"the folder belongs to the user with id {found.st_uid}, and this one has id {os.geteuid()}"
    if found.st_mode & stat.S_ISVTX:
        return ""
    if found.st_mode & 0o002:
        return f"everyone may write in the folder ({mode}); make it 0700"
    if found.st_mode & 0o020 and found.st_gid not in (os.getegid(), *os.getgroups()):
        return f"a group that this user is not in may write in the folder ({mode}); make it 0700"
    return ""


def _is_unix() -> bool:
    return hasattr(os, "geteuid")


try:
    import resource
except ImportError:

    def open_files() -> int:
        """Return a very large number, because the limit is unknown."""
        return sys.maxsize

else:

    def open_files() -> int:
        """Return the limit of open files for this process (RLIMIT_NOFILE), or a very large number without a limit."""
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

    @contextlib.contextmanager
    def locked(descriptor: int) -> t.Iterator[None]:
        """Lock nothing: the system has no forks either, which would share the file."""
        del descriptor
        yield

    @contextlib.contextmanager
    def locked_folder(path: str) -> t.Iterator[None]:
        """Lock nothing, as above."""
        del path
        yield

    class LockedPart(LockedFile):
        """A lock on a part of a file that locks nothing."""

        def __init__(self, path: str, _part: int) -> None:
            super().__init__(path)

else:

    class LockedFile:  # type: ignore[no-redef]
        """A lock on a file (flock), as `disk.FileLock`. The kernel releases it when the process ends, however it ends.

        Args:
            path: The file; it exists.

        Raises:
            OSError: The file cannot be opened. The methods raise it where the file system has no locks.
        """

        def __init__(self, path: str) -> None:
            self._descriptor = open_own_file(path, os.O_RDONLY)

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

    @contextlib.contextmanager
    def locked(descriptor: int) -> t.Iterator[None]:
        """Lock an open file against other processes while a block runs, and wait for those that have locked it."""
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def locked_folder(path: str) -> t.Iterator[None]:
        """Lock a folder against other processes while a block runs, if the file system has locks.

        Raises:
            OSError: There is no such folder.
        """
        descriptor = os.open(path, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # By path. They stay open: closing one would release all locks of the process on the file.
    _descriptors: dict[str, int] = {}

    class LockedPart:  # type: ignore[no-redef]
        """A lock on one byte of a file (fcntl), as `disk.FileLock`. The kernel releases it when the process ends.

        Args:
            path: The file; it is made if it does not exist.
            part: Position of the byte.

        Raises:
            OSError: The file cannot be opened. The methods raise it where the file system has no locks.
        """

        def __init__(self, path: str, part: int) -> None:
            if path not in _descriptors:
                _descriptors[path] = open_own_file(path, os.O_RDWR | os.O_CREAT)
            self._descriptor = _descriptors[path]
            self._part = part

        def exclusive(self) -> bool:
            return self._lock(fcntl.LOCK_EX)

        def shared(self) -> bool:
            return self._lock(fcntl.LOCK_SH)

        def release(self) -> None:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, self._part)

        def _lock(self, kind: int) -> bool:
            try:
                fcntl.lockf(self._descriptor, kind | fcntl.LOCK_NB, 1, self._part)
            except (BlockingIOError, PermissionError):  # either, as systems differ
                return False
            return True
