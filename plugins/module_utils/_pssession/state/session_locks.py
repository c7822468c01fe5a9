"""Locks on sessions. One process of a controller at a time starts something in a session or receives from it.

All processes of a controller are one client to a server, which would send each of them a part of the output. A lock is
one byte of a file beside the registry, so it leaves nothing behind. The end of its process, or a kill, releases it.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib

from ..system.disk import FileLock
from ..system.world import World

_BYTES = 7  # of a digest: positions that any system has


class SessionLocks:
    """The locks of one task.

    Args:
        registry: Path of the registry's file, used or not; None where there is none. Without one, or where the file
            system has no locks, every lock is free.
    """

    def __init__(self, registry: str | None, world: World) -> None:
        self._path = None if registry is None else f"{registry}.locks"
        self._world = world
        self._held: dict[str, FileLock] = {}

    def take(self, name: str) -> bool:
        """Return whether this task has the lock of that name from now on, or had it before."""
        if name in self._held or self._path is None:
            return True
        part = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:_BYTES], "big")
        try:
            lock = self._world.disk.lock(self._path, part)
            if not lock.exclusive():
                return False
        except OSError:
            return True  # the registry's warning has told that nothing can be kept here
        self._held[name] = lock
        return True

    def release(self) -> None:
        """Release all locks."""
        while self._held:
            lock = self._held.popitem()[1]
            with contextlib.suppress(OSError):
                lock.release()


def of_session(instance_id: str) -> str:
    """Return the name of the lock of a session, whatever name its computer is called by."""
    return f"session {instance_id.lower()}"


def of_start(endpoint: str, name: str) -> str:
    """Return the name of the lock of opening a session.

    Args:
        endpoint: Key of the endpoint.
        name: Of the session, folded.
    """
    return f"start {endpoint} {name}"
