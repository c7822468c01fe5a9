"""The lock on journals: one run at a time works with a journal. The end of the run, or a kill, releases it."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

from ..model.errors import JournalError
from ..system.disk import FileLock
from ..system.world import World

# Seconds that a task waits for another one that is taking the lock, or for the processes of a killed run, and between
# its checks.
_PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_FROM_END = 2


class JournalLock:
    """Holds journals for one run of Ansible, whose parallel tasks share them.

    The first task locks the file for itself, writes whose it is, and then shares the lock. Another task gets a share as
    well, and goes on only if the file is its own run's. Between locking and sharing another run may come first, so the
    first task looks, too.

    Args:
        run_id: The same for all tasks of one run, and for no others.
    """

    def __init__(self, world: World, run_id: str) -> None:
        self._world = world
        self._run_id = run_id
        self._held: dict[str, FileLock] = {}

    def hold(self, path: str, give_up_at: float | None = None) -> None:
        """Keep other runs from using an existing file until `release`.

        Args:
            give_up_at: When not to wait any longer, in seconds of `World.monotonic`; None waits for 5 seconds.

        Raises:
            JournalError: Another run has it.
            OSError: The file cannot be locked.
        """
        if path in self._held:
            return
        give_up_at = self.patience() if give_up_at is None else give_up_at
        while not self._try(path):
            if self._world.monotonic() >= give_up_at:
                raise JournalError(
                    f"journal: {path} is in use: another run works with it at this moment. Nothing was done. Wait for "
                    "its end and run this again. With another journal, each of the two would get a part of the output."
                )
            self._world.sleep(_POLL_SECONDS)

    def patience(self) -> float:
        """Return the end of a wait for a file that begins now, in seconds of `World.monotonic`."""
        return self._world.monotonic() + _PATIENCE_SECONDS

    def release_one(self, path: str) -> None:
        """Release one file, if it is held."""
        held = self._held.pop(path, None)
        if held is not None:
            held.release()

    def release(self) -> None:
        """Release all files."""
        while self._held:
            self._held.popitem()[1].release()

    def _try(self, path: str) -> bool:
        lock = self._world.disk.lock(path)
        is_ours = False
        try:
            if lock.exclusive():
                line = json.dumps({"run": self._run_id})
                self._world.disk.append(path, f"{self._end_of_torn_line(path)}{line}\n".encode("ascii"))
            is_ours = lock.shared() and self._owner_of(path) == self._run_id
        finally:
            if is_ours:
                self._held[path] = lock
            else:
                lock.release()  # two runs that wait must not keep each other from it
        return is_ours

    def _end_of_torn_line(self, path: str) -> str:
        """Return the line end that the last line of a file lacks after a power failure."""
        with self._world.disk.read(path) as file:
            is_empty = file.seek(0, _FROM_END) == 0
            if is_empty:
                return ""
            file.seek(-1, _FROM_END)
            return "" if file.read() == b"\n" else "\n"

    def _owner_of(self, path: str) -> str | None:
        """Return the last run that locked the file."""
        owner = None
        with self._world.disk.read(path) as file:
            for line in file:
                if b'"run"' in line:
                    owner = _run_in(line) or owner
        return owner


def _run_in(line: bytes) -> str | None:
    try:
        return t.cast("str | None", json.loads(line).get("run"))
    except (ValueError, AttributeError):
        return None
