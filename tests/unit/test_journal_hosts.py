# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder of journals that processes read for one host each: a process reads the journals of its host alone."""

from __future__ import annotations

import os
import typing as t
from collections import Counter
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import FormatError, JournalError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.plugin_utils._journal_hosts import journals_by_host
from ansible_collections.psremoting.fleet.plugins.plugin_utils._journals import RecordedOfHosts
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import WorkFolder
from tests.unit.builders import endpoint, session
from tests.unit.test_host import COMPLETED, OUTPUT, STATE, fragment_of

HOSTS = [f"srv{number:02}" for number in range(12)]


class CountingDisk(LocalDisk):
    """The real disk, which counts how often a file is opened for reading."""

    def __init__(self) -> None:
        self.read_files: Counter[str] = Counter()

    def read(self, path: str) -> t.BinaryIO:
        self.read_files[os.path.basename(path)] += 1
        return super().read(path)


def collect(folder: Path, *hosts: str, file: str | None = None, text: str = "done") -> None:
    """Write what a command of each host gave to a journal of its session, or to one file."""
    folder.mkdir(exist_ok=True)
    for host in hosts:
        where = session(endpoint(host, inventory_hostname=host, own_host=host), shell_id=f"ID-{host}")
        pieces = [fragment_of(1, OUTPUT, f"<S>{text} {host}</S>"), fragment_of(2, STATE, COMPLETED)]
        Journal(str(folder / (file or f"{host}-session.jsonl")), LocalDisk()).append(where, f"COMMAND-{host}", pieces)


def outputs(path: Path, host: str, notes: Path | None = None, disk: LocalDisk | None = None) -> list[t.Any]:
    """Read journals as a process that works for one host."""
    results, unreadable = RecordedOfHosts(str(path), str(notes) if notes else None, disk).of(host, None)
    assert unreadable == []
    return [result["output"] for result in results]


def test_one_process_reads_all_journals_and_the_others_only_their_own(tmp_path: Path) -> None:
    journals, notes = tmp_path / "journals", tmp_path / "notes"
    collect(journals, *HOSTS)
    disk = CountingDisk()
    for host in HOSTS:
        assert outputs(journals, host, notes, disk) == [[f"done {host}"]]
    of_each = {f"{host}-session.jsonl": disk.read_files[f"{host}-session.jsonl"] for host in HOSTS}
    alone = CountingDisk()
    outputs(journals, HOSTS[0], notes, alone)
    assert list(alone.read_files) == ["srv00-session.jsonl"]
    # What its host needs, and once to find out whose it is.
    assert set(of_each.values()) == {alone.read_files["srv00-session.jsonl"] + 1}


def test_only_the_user_can_read_the_notes(tmp_path: Path) -> None:
    collect(tmp_path / "journals", *HOSTS[:2])
    outputs(tmp_path / "journals", HOSTS[0], tmp_path / "notes")
    assert (tmp_path / "notes").stat().st_mode & 0o777 == 0o600


def test_a_journal_that_has_changed_is_read_again(tmp_path: Path) -> None:
    journals, notes = tmp_path / "journals", tmp_path / "notes"
    collect(journals, "srv00", file="all.jsonl")
    assert outputs(journals, "srv01", notes) == []
    collect(journals, "srv01", file="all.jsonl")
    assert outputs(journals, "srv01", notes) == [["done srv01"]]
    collect(journals, "srv01", text="later")
    assert outputs(journals, "srv01", notes) == [["done srv01"], ["later srv01"]]
    (journals / "all.jsonl").unlink()
    assert outputs(journals, "srv01", notes) == [["later srv01"]]


def test_a_file_may_have_commands_of_several_hosts(tmp_path: Path) -> None:
    collect(tmp_path, "srv00", "srv01", file="all.jsonl")
    assert [outputs(tmp_path / "all.jsonl", host) for host in ("SRV00", "srv01", "srv02")] == [
        [["done srv00"]],
        [["done srv01"]],
        [],
    ]


def test_notes_that_cannot_be_written_are_done_without(tmp_path: Path) -> None:
    collect(tmp_path / "journals", "srv00")
    (tmp_path / "file").write_text("")
    assert outputs(tmp_path / "journals", "srv00", tmp_path / "file" / "notes") == [["done srv00"]]


def test_a_journal_of_a_newer_version_is_an_error_of_every_host(tmp_path: Path) -> None:
    journals, notes = tmp_path / "journals", tmp_path / "notes"
    collect(journals, "srv00")
    (journals / "newer.jsonl").write_text('{"format": 99}\n')
    for _process in range(2):
        with pytest.raises(FormatError):
            outputs(journals, "srv00", notes)
    with pytest.raises(JournalError):
        journals_by_host([str(tmp_path / "none.jsonl")], LocalDisk())


def test_a_work_folder_leaves_notes_in_the_folder_of_the_run(tmp_path: Path) -> None:
    collect(tmp_path / "journals", "srv00")
    (tmp_path / "run").mkdir()
    folder = WorkFolder(str(tmp_path / "journals"), str(tmp_path / "run"))
    assert [each["output"] for each in folder.recorded_of("srv00")[0]] == [["done srv00"]]
    assert len(list((tmp_path / "run").iterdir())) == 1
