"""Work that one of the processes of a task does for the hosts of all.

Ansible runs a task for each host in a process of its own. The first of them does the work of all hosts, and leaves to
each of the others what came of its host; they wait for it. There is a file for each host, in a folder that only the
processes of this run know and that Ansible removes at its end:

    no file         nothing was done for the host: do the work for all of them
    an empty file   a process began the work and ended before it had the result
    a file          what came of it; its process takes it and removes the file

A lock makes it one process at a time. The kernel releases it when its process ends, however it ends.
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
    """Another process began the work for this host as well, and ended before it had the result."""


class SharedWork:
    """Results that the processes of one task share.

    Args:
        folder: A folder for the task; it is made where one of its processes needs it.

    Raises:
        OSError: The folder or the files cannot be used, or the file system has no locks; each method raises it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def is_begun(self) -> bool:
        """Return whether a process of the task shares its work, or asked whether another one does."""
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
        """Leave to the process of a host what came of it."""
        # A script may return half of a surrogate pair; JSON has it as an escape sequence.
        self._write(host, json.dumps(result).encode("ascii"))

    def take(self, host: str) -> Result | None:
        """Return what another process has left for a host, once, or None if the work is yet to be done.

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
        # Readers wait for the lock, and half a file is never taken for a whole one, so it need not appear whole.
        descriptor = os.open(self._path(host), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)

    def _path(self, host: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(host.encode()).hexdigest())
