# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that one process does for the hosts of all: what the others find, also where that process was killed."""

from __future__ import annotations

import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._shared_work import BrokenWorkError, SharedWork

from ..waiting import until


@pytest.fixture
def shared(tmp_path: Path) -> SharedWork:
    return SharedWork(str(tmp_path / "task"))


def test_each_host_takes_its_result_once(shared: SharedWork) -> None:
    is_begun = shared.is_begun
    with shared.alone():
        assert shared.take("srv01") is None
        shared.begin(["srv02", "a/b"])
        for host in ("srv02", "a/b"):
            shared.leave(host, {"host": host, "output": ["\ud83d", "\x00", 1.5, None]})
    assert (is_begun, shared.is_begun) == (False, True)
    for host in ("srv02", "a/b"):
        with shared.alone():
            assert shared.take(host) == {"host": host, "output": ["\ud83d", "\x00", 1.5, None]}
            assert shared.take(host) is None


@pytest.mark.parametrize("content", [b"", b'{"host": "srv0'])
def test_work_that_did_not_end_is_said_once(shared: SharedWork, tmp_path: Path, content: bytes) -> None:
    with shared.alone():
        shared.begin(["srv02"])
        (file,) = (each for each in (tmp_path / "task").iterdir() if each.name != "lock")
        file.write_bytes(content)
        with pytest.raises(BrokenWorkError):
            shared.take("srv02")
        assert shared.take("srv02") is None


def test_only_the_user_can_read_it(shared: SharedWork, tmp_path: Path) -> None:
    with shared.alone():
        shared.begin(["srv01"])
        shared.leave("srv02", {})
    found = [tmp_path / "task", *(tmp_path / "task").iterdir()]
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in found] == [0] * len(found)


def waits_for_a_lock() -> bool:
    """Whether this process waits for the lock of a file that another one holds."""
    lines = [line.split() for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines()]
    return any(line[1] == "->" and line[5] == str(os.getpid()) for line in lines)


@pytest.mark.timing
@pytest.mark.parametrize("is_killed", [False, True])
def test_the_others_wait_for_the_process_that_works(shared: SharedWork, is_killed: bool) -> None:
    begun, release = os.pipe(), os.pipe()
    worker = os.fork()
    if worker == 0:
        try:
            with shared.alone():
                shared.begin(["srv02"])
                os.write(begun[1], b"x")
                os.read(release[0], 1)
                shared.leave("srv02", {"host": "srv02"})
        finally:  # also after an error: this process must not go on with the other tests
            os._exit(0)
    os.close(begun[1])
    assert os.read(begun[0], 1) == b"x"
    found: list[object] = []

    def take() -> None:
        with shared.alone():
            try:
                found.append(shared.take("srv02"))
            except BrokenWorkError:
                found.append("broken")

    thread = threading.Thread(target=take)
    thread.start()
    until(waits_for_a_lock, "the process that waits")
    assert found == []
    if is_killed:
        os.kill(worker, signal.SIGKILL)
    else:
        os.write(release[1], b"x")
    thread.join()
    os.waitpid(worker, 0)
    assert found == ["broken" if is_killed else {"host": "srv02"}]
