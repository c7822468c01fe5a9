# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal's file: what was written is there, in order, whatever else is in it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import JournalError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal, JournalFolder
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk

pytestmark = pytest.mark.timing

A, B = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
ONE, TWO = "11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002"
TORN = [b"{", b'{"session": "x", "command": "y", "piece": "AAA', b"\xff\xfe", b"[1]", b"", b"null\n", b"{}\n"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.jsonl"


def write(path: Path, session: str, command: str, *pieces: bytes) -> None:
    journal = Journal(str(path), LocalDisk())
    journal.append(session, command, pieces)


def read(path: Path, session: str = A, command: str = ONE) -> list[bytes]:
    return list(Journal(str(path), LocalDisk()).pieces_of(session, command))


def test_pieces_come_back_as_they_were_in_their_order(path: Path) -> None:
    pieces = [b"", b"\0\xff\n", *(str(number).encode() for number in range(100))]
    write(path, A, ONE, *pieces[:10])
    write(path, A, ONE, *pieces[10:])
    assert read(path) == pieces


def test_several_sessions_and_commands_between_each_other(path: Path) -> None:
    for number in range(20):
        for session in (A, B):
            for command in (ONE, TWO):
                write(path, session, command, f"{session}{command}{number}".encode(), b"second")
    for session in (A, B):
        for command in (ONE, TWO):
            assert read(path, session, command) == [
                piece for number in range(20) for piece in (f"{session}{command}{number}".encode(), b"second")
            ]


def test_what_is_appended_is_not_read_by_the_same_journal(path: Path) -> None:
    """It has been read already, by whoever had it appended."""
    write(path, A, ONE, b"before")
    journal = Journal(str(path), LocalDisk())
    journal.append(A, ONE, [b"now"])
    assert list(journal.pieces_of(A, ONE)) == [b"before"]


def test_the_last_command_of_a_session(path: Path) -> None:
    for command in (TWO, ONE):
        write(path, A, command, b"x")
    write(path, B, TWO, b"x")
    journal = Journal(str(path), LocalDisk())
    assert [journal.last_command_of(each) for each in (A, B, "unknown")] == [ONE, TWO, None]
    assert list(journal.pieces_of(A, "unknown")) == []


def test_openings_and_starts_are_noted(path: Path) -> None:
    journal = Journal(str(path), LocalDisk())
    journal.note_opening([A, B])
    journal.note_start(A, ONE)
    journal = Journal(str(path), LocalDisk())
    assert [journal.is_unstarted(each) for each in (A, B, "unknown")] == [False, True, False]
    assert [journal.last_command_of(each) for each in (A, B)] == [ONE, None]
    assert list(journal.pieces_of(A, ONE)) == []


def test_a_folder_notes_likewise(tmp_path: Path) -> None:
    folder = JournalFolder(str(tmp_path), LocalDisk())
    folder.note_opening([A, B])
    folder.note_start(A, ONE)
    folder = JournalFolder(str(tmp_path), LocalDisk())
    assert [folder.is_unstarted(each) for each in (A, B, "unknown")] == [False, True, False]
    assert sorted(file.stem for file in tmp_path.iterdir()) == [A, B]


def test_a_refused_start_is_taken_back(path: Path) -> None:
    journal = Journal(str(path), LocalDisk())
    journal.note_opening([A])
    for session in (A, B):  # B was not opened by a task with this journal
        journal.note_start(session, ONE)
        journal.note_refusal(session, ONE)
    journal = Journal(str(path), LocalDisk())
    assert [journal.is_unstarted(each) for each in (A, B)] == [True, False]
    assert journal.last_command_of(A) is None
    journal.note_start(A, ONE)
    journal = Journal(str(path), LocalDisk())
    assert (journal.is_unstarted(A), journal.last_command_of(A)) == (False, ONE)


@pytest.mark.parametrize("torn", TORN)
def test_torn_lines_do_no_harm(path: Path, torn: bytes) -> None:
    write(path, A, ONE, b"one")
    with path.open("ab") as file:
        file.write(torn)
    write(path, A, ONE, b"two")
    with path.open("ab") as file:
        file.write(torn)
    write(path, A, ONE, b"three", b"four")
    assert read(path) == [b"one", b"two", b"three", b"four"]


@pytest.mark.parametrize("torn", TORN)
def test_only_a_torn_line(path: Path, torn: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(torn)
    assert read(path) == []


def test_a_write_that_was_cut_off_is_not_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, A, ONE, b"one")
    journal = Journal(str(path), LocalDisk())
    original = os.write

    def half(descriptor: int, data: bytes) -> int:
        original(descriptor, bytes(data)[:30])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "write", half)
        with pytest.raises(JournalError, match="No space left"):
            journal.append(A, ONE, [b"two"])
    journal.append(A, ONE, [b"three"])
    assert read(path) == [b"one", b"three"]


def test_it_is_synced_before_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(str(path), LocalDisk())
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    journal.append(A, ONE, [b"one", b"two"])
    assert sizes == [path.stat().st_size]
    journal.append(A, ONE, [])
    assert len(sizes) == 1


def test_only_its_owner_can_read_it(path: Path) -> None:
    mask = os.umask(0)
    try:
        write(path, A, ONE, b"one")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_threads_do_not_mix_their_lines(path: Path) -> None:
    journal = Journal(str(path), LocalDisk())

    def work(command: str) -> None:
        for number in range(50):
            journal.append(A, command, [f"{command} {number}".encode() * 50] * 3)

    threads = [threading.Thread(target=work, args=(command,)) for command in (ONE, TWO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for command in (ONE, TWO):
        expected = [[f"{command} {number}".encode() * 50] * 3 for number in range(50)]
        assert read(path, A, command) == [piece for pieces in expected for piece in pieces]


@pytest.mark.parametrize("where", ["a folder", "below a file", "a pipe"])
def test_what_cannot_be_a_journal(tmp_path: Path, where: str) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_text("")
    os.mkfifo(pipe)
    path = {"a folder": tmp_path, "below a file": file / "journal", "a pipe": pipe}[where]
    with pytest.raises(JournalError, match="cannot be used") as refused:
        Journal(str(path), LocalDisk())
    assert str(path) in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else(path: Path) -> None:
    write(path, A, ONE, b"one")
    path.chmod(0)
    with pytest.raises(JournalError, match="Permission denied"):
        Journal(str(path), LocalDisk())


def test_a_descriptor_is_not_left_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_journal: Journal) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Journal, "_read", unreadable)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(JournalError, match="Input/output error"):
        Journal(str(path), LocalDisk())
    assert len(os.listdir("/proc/self/fd")) == before
