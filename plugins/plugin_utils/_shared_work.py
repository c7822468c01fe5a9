"""Work that one process of a task does for the hosts of all processes.

Ansible runs a task for each host in a separate process. The first process does the work for all hosts, and writes a
file with the result of each host. The other processes wait for these files. The files are in a folder that only the
processes of this run know, and that Ansible removes at the end of the run:

    no file         nothing was done for the host: do the work for all hosts
    an empty file   a process began the work and ended before it had the result
    a file          the result; the process of this host reads it and removes the file

A lock allows one process at a time. The kernel releases the lock when its process ends, however it ends.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix

Result = t.Mapping[str, t.Any]


class BrokenWorkError(Exception):
    """Another process began the work for all hosts, and ended before it had the result of this host."""


class SharedWork:
    """Results that the processes of one task share.

    Args:
        folder: A folder for the task. It is made when a process needs it.

    Raises:
        OSError: The folder or the files cannot be used, or the file system has no locks. Each method may raise it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def is_begun(self) -> bool:
        """Return whether a process of the task has shared its work, or has looked for shared work."""
        return os.path.isdir(self._folder)

    @contextlib.contextmanager
    def alone(self) -> t.Iterator[None]:
        """Keep the other processes waiting while a block runs."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        path = os.path.join(self._folder, "lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with unix.locked(descriptor):
                yield
        finally:
            os.close(descriptor)

    def begin(self, hosts: t.Iterable[str]) -> None:
        """Note that the work for some hosts begins."""
        for host in hosts:
            self._write(host, b"")

    def leave(self, host: str, result: Result) -> None:
        """Write the result of a host for the process of this host."""
        # A script may return half of a surrogate pair; JSON has it as an escape sequence.
        self._write(host, json.dumps(result).encode("ascii"))

    def take(self, host: str) -> Result | None:
        """Return the result of a host from another process, and remove it; None if the work is yet to be done.

        Raises:
            BrokenWorkError: The work began and did not end.
        """
        path = self._path(host)
        try:
            with open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return None
        os.unlink(path)
        try:
            return t.cast(Result, json.loads(content))
        except ValueError as error:  # nothing, or half of it
            raise BrokenWorkError from error

    def _write(self, host: str, content: bytes) -> None:
        # Readers wait for the lock, and refuse an incomplete file, so the file need not be written atomically.
        descriptor = os.open(self._path(host), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)

    def _path(self, host: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(host.encode()).hexdigest())
