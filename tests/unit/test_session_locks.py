# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks on sessions: held until released, and free where the file system has none."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.session_locks import (
    SessionLocks,
    of_session,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import FileLock, LocalDisk
from tests.unit.builders import world

NAME = of_session("1A2B")
# Takes the same lock in another process, and prints whether that was possible.
ANOTHER = """
import sys
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.session_locks import SessionLocks
from tests.unit.builders import world
print(SessionLocks(sys.argv[1], world()).take(sys.argv[2]))
"""


class WithoutLocks(LocalDisk):
    """A disk over NFS whose server has no lock service."""

    def lock(self, path: str, part: int | None = None) -> FileLock:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), path)


def taken_by_another(registry: Path) -> bool:
    ended = subprocess.run(
        [sys.executable, "-c", ANOTHER, str(registry), NAME],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return ended.stdout.strip() == "True"


def test_one_process_has_a_lock_at_a_time(tmp_path: Path) -> None:
    registry = tmp_path / "state.sqlite3"
    locks = SessionLocks(str(registry), world())
    assert locks.take(NAME)
    assert locks.take(NAME)
    assert not taken_by_another(registry)
    locks.release()
    assert taken_by_another(registry)


@pytest.mark.parametrize("registry", ["state.sqlite3", None])
def test_every_lock_is_free_where_there_are_none(tmp_path: Path, registry: str | None) -> None:
    here = dataclasses.replace(world(), disk=WithoutLocks())
    path = None if registry is None else str(tmp_path / registry)
    one, other = SessionLocks(path, here), SessionLocks(path, here)
    assert one.take(NAME)
    assert other.take(NAME)
    one.release()
