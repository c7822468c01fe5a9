# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder for output: which file has what, whoever wrote there before."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _output_folder
from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_folder import OutputFolder

ONE, OTHER = "11111111-aaaa-4000-8000-000000000001", "22222222-aaaa-4000-8000-000000000002"


def result(command_id: str | None = ONE, output: tuple[Any, ...] = ("done",), **fields: Any) -> dict[str, Any]:
    return {"name": "Nightly", "command_id": command_id, "state": "Completed", "output": list(output), **fields}


def write(folder: Path, *results: dict[str, Any], host: str = "srv01") -> dict[str, str]:
    """Write as another run does."""
    return OutputFolder(str(folder)).write(host, results)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.txt"))}


def test_each_command_has_a_text_and_a_json_file_for_the_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        places = write(tmp_path / "out", result(output=("ä", {"a": "\ud800"})), result(None))
    finally:
        os.umask(old)
    assert places == {ONE: str(tmp_path / "out" / "srv01" / "Nightly.txt")}
    assert files(tmp_path / "out") == {"srv01/Nightly.txt": "ä\na : _xD800_\n"}
    kept = json.loads((tmp_path / "out" / "srv01" / "Nightly.json").read_text())
    assert kept == {"format": 1, "host": "srv01", **result(output=("ä", {"a": "\ud800"}))}
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out", *(tmp_path / "out").rglob("*"))}
    assert modes == {"out": 0o700, "srv01": 0o700, "Nightly.txt": 0o600, "Nightly.json": 0o600}


def test_a_second_command_of_a_name_gets_digits_of_its_id(tmp_path: Path) -> None:
    write(tmp_path, result(), result(OTHER, ("other",)))
    assert files(tmp_path) == {"srv01/Nightly.txt": "done\n", "srv01/Nightly-22222222.txt": "other\n"}
    # The same again, in any order, is the same files.
    write(tmp_path, result(OTHER, ("other",)))
    write(tmp_path, result())
    assert sorted(files(tmp_path)) == ["srv01/Nightly-22222222.txt", "srv01/Nightly.txt"]


def test_output_that_goes_on_replaces_its_beginning_and_a_rest_does_not(tmp_path: Path) -> None:
    write(tmp_path, result(output=("begun",), state="Running"))
    write(tmp_path, result(output=("begun", "done")))
    assert files(tmp_path) == {"srv01/Nightly.txt": "begun\ndone\n"}
    write(tmp_path, result(output=("the rest",)))
    write(tmp_path, result(output=("the end",)))
    assert list(files(tmp_path).values()) == ["the end\n", "the rest\n", "begun\ndone\n"]
    assert sorted(files(tmp_path)) == [f"srv01/Nightly{end}.txt" for end in ("-11111111-2", "-11111111", "")]


@pytest.mark.parametrize(
    ("host", "name"),
    [("../outside", "Nightly"), ("srv01", "../../outside"), ("a/b", "c\nd"), ("..", ".."), ("x" * 300, "y" * 300)],
)
def test_no_name_leads_out_of_its_folder(host: str, name: str, tmp_path: Path) -> None:
    write(tmp_path / "out", result(name=name), host=host)
    (path,) = tmp_path.rglob("*.txt")
    assert path.parent.parent == tmp_path / "out"


def test_names_that_differ_only_in_case(tmp_path: Path) -> None:
    folder = OutputFolder(str(tmp_path))
    for host in ("srv01", "SRV01"):
        folder.write(host, [result(output=(host,)), result(OTHER, (host,), name="NIGHTLY")])
    assert len({path.name.lower() for path in tmp_path.iterdir()}) == 2
    assert sorted(files(tmp_path).values()) == ["SRV01\n"] * 2 + ["srv01\n"] * 2


def test_what_others_have_put_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "srv01").mkdir()
    (tmp_path / "srv01" / "Nightly.json").write_text("notes of mine")
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "srv01" / "Nightly-11111111.json").symlink_to(tmp_path / "secret")
    write(tmp_path, result())
    assert files(tmp_path) == {"srv01/Nightly-11111111-2.txt": "done\n"}
    assert (tmp_path / "srv01" / "Nightly.json").read_text() == "notes of mine"
    assert (tmp_path / "secret").read_text() == "{}"


def test_a_folder_that_others_can_change_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    with pytest.raises(PermissionError, match="everyone may write in the folder"):
        OutputFolder(str(tmp_path / "out")).make()
    with pytest.raises(PermissionError, match="everyone may write in the folder"):
        write(tmp_path / "out", result())


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, _text: bytes, _mode: int) -> None:
        raise OSError(28, "No space left on device", path)

    write(tmp_path, result(output=("begun",), state="Running"))
    monkeypatch.setattr(_output_folder, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, result(output=("begun", "done")))
    assert files(tmp_path) == {"srv01/Nightly.txt": "begun\n"}


def test_a_folder_in_which_nothing_can_be_opened_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No further name is tried for it: there is always one more."""

    def refuse(path: str, _flags: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    monkeypatch.setattr(unix, "open_own_file", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        write(tmp_path, result())
    assert files(tmp_path) == {}
