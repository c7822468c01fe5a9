# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and folders that others could have prepared are refused."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk

OTHER = 12345


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["append", "read", "lock", "database"])
def using(request: pytest.FixtureRequest) -> str:
    """A way in which the engine uses files."""
    return str(request.param)


def use(way: str, path: Path) -> None:
    disk = LocalDisk()
    if way == "append":
        disk.append(str(path), b"x")
    elif way == "read":
        disk.read(str(path)).close()
    elif way == "lock":
        disk.lock(str(path)).release()
    else:
        disk.database(str(path)).close()


@pytest.mark.parametrize(
    ("prepare", "problem"),
    [
        (lambda file, other: (file.unlink(), file.symlink_to(other)), "symbolic link"),
        (lambda file, other: (file.unlink(), file.hardlink_to(other)), "another name"),
        (lambda file, _other: file.chmod(0o666), "others may write it"),
        (lambda file, _other: file.chmod(0o620), "others may write it"),
        (
            lambda file, _other: (file.unlink(), subprocess.run(["mkfifo", file], check=True)),
            "not a regular file|No such device",
        ),
        (lambda file, _other: (file.unlink(), file.mkdir()), "regular file|directory"),
    ],
    ids=["a link", "a hard link", "open to all", "open to a group", "a pipe", "a folder"],
)
def test_a_file_that_others_prepared(tmp_path: Path, using: str, prepare: object, problem: str) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.touch(0o600)
    other.touch(0o600)
    use(using, file)
    prepare(file, other)  # type: ignore[operator]
    with pytest.raises(OSError, match=problem):
        use(using, file)
    assert other.read_bytes() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user(tmp_path: Path, using: str) -> None:
    file = tmp_path / "file"
    file.touch(0o600)
    os.chown(file, OTHER, -1)
    with pytest.raises(OSError, match=f"belongs to the user with id {OTHER}"):
        use(using, file)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path, using: str) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o644)
    use(using, file)
    assert mode_of(file) == 0o600


@pytest.mark.parametrize(("mode", "is_refused"), [(0o755, False), (0o777, True), (0o1777, False), (0o2770, False)])
def test_a_folder(tmp_path: Path, mode: int, is_refused: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)  # its group is one of ours
    for check in (LocalDisk().make_folder, LocalDisk().check_folder):
        if is_refused:
            with pytest.raises(OSError, match="everyone may write"):
                check(str(folder))
        else:
            check(str(folder))
    assert mode_of(folder) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.parametrize(("user", "group", "mode", "problem"), [
    (OTHER, 0, 0o700, "belongs to the user"),
    (0, OTHER, 0o770, "a group that this user is not in"),
])  # fmt: skip
def test_a_folder_of_others(tmp_path: Path, user: int, group: int, mode: int, problem: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, user, group)
    with pytest.raises(OSError, match=problem):
        LocalDisk().make_folder(str(folder))


def test_folders_are_made_for_the_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        LocalDisk().database(str(tmp_path / "a" / "b" / "file")).close()
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("a", "a/b", "a/b/file")] == [0o700, 0o700, 0o600]


def test_elsewhere_than_on_unix_users_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch(0o666)
    monkeypatch.delattr(os, "geteuid")
    os.close(unix.open_own_file(str(file), os.O_RDONLY))
    unix.check_own_folder(str(tmp_path))
