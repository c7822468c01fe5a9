# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of files for hosts and sessions, which servers and inventories may call whatever they like."""

from __future__ import annotations

import itertools
from pathlib import Path
from urllib.parse import unquote

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._file_names import FileNames, file_name

NAMES = [
    "srv01",
    "srv01.example.com",
    "Nightly 2026-11-25",
    "Größe_(1)",
    "rack1/web1",
    "rack1%2Fweb1",
    "rack1\\web1",
    "..",
    ".",
    "../../etc/passwd",
    ".hidden",
    "ends.",
    "ends",
    "blank ",
    "a\nb",
    "a\x1b[2Jb",
    "a\0b",
    "\ud800",
    "right\u202eleft",
    "",
    "%",
    "a~0123456789abcdef",
    "CON:",
    "*?",
]
LONG = ["x" * 300, "x" * 301, "ü" * 80, "/" * 90]


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("srv01", "srv01.example.com", "SRV01", "Nightly 2026-11-25", "Größe_(1)"):
        assert file_name(name) == name


@pytest.mark.parametrize("name", [*NAMES, *LONG])
def test_a_file_is_one_file_in_its_folder(name: str, tmp_path: Path) -> None:
    made = file_name(name)
    assert "/" not in made
    assert made not in ("", ".", "..")
    assert made.isprintable()
    assert not made.startswith(".")
    assert len(made.encode()) < 143 - len(".result.json")
    (tmp_path / f"{made}.txt").write_text("there")
    assert [path.parent for path in tmp_path.rglob("*.txt")] == [tmp_path]


def test_two_names_have_two_files() -> None:
    for one, other in itertools.combinations([*NAMES, *LONG], 2):
        assert file_name(one) != file_name(other), (one, other)


def test_a_name_can_be_read_again() -> None:
    for name in NAMES:
        if name and name != "\ud800":
            assert unquote(file_name(name)) == name


def test_names_that_differ_only_in_case_have_files_that_differ_in_more() -> None:
    names = FileNames()
    given = [names.of(name) for name in ("srv01", "SRV01", "Srv01", "srv01", "SRV01")]
    assert given[0] == "srv01" == given[3]
    assert given[1] == given[4]
    assert len({each.casefold() for each in given}) == 3


def test_a_name_has_its_file_again_in_another_run() -> None:
    first = FileNames()
    given = {name: first.of(name) for name in ("srv01", "SRV01", "other")}
    for order in itertools.permutations(given):
        later = FileNames(given.values())
        assert {name: later.of(name) for name in order} == given
    # Also where the file of the other spelling was deleted.
    assert FileNames([given["SRV01"]]).of("SRV01") == given["SRV01"]
    assert FileNames(["SRV01"]).of("SRV01") == "SRV01"
