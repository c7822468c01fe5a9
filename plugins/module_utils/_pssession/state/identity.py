"""The identity of a controller user on the wire: a GUID in a small file beside the registry.

The file can be read while another process locks the registry, so all tasks of a run are the same client.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import uuid

from ..system.disk import Disk


class Identity:
    """The file with the identity.

    Args:
        registry: Path of the registry's file; None for a registry that is in memory only.
    """

    def __init__(self, registry: str | None, disk: Disk) -> None:
        self._path = None if registry is None else f"{registry}.client"
        self._disk = disk

    def read(self) -> str | None:
        """Return the identity, or None if there is none yet or it cannot be read."""
        if self._path is None:
            return None
        with contextlib.suppress(OSError, ValueError), self._disk.read(self._path) as file:
            return str(uuid.UUID(file.readline().decode("ascii").strip()))
        return None

    def keep(self, client_id: str) -> str:
        """Write the identity unless there is one, and return the valid one.

        If several processes write at the same moment, the first line counts. If the file cannot be written, the given
        identity is valid for this task.
        """
        if self._path is not None and self.read() is None:
            with contextlib.suppress(OSError):
                self._disk.append(self._path, f"{client_id}\n".encode("ascii"))
        return self.read() or client_id
