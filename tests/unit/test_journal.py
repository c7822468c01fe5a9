# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal's file: what was written is there, in order, whatever else is in it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Delivery
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import FormatError, JournalError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal_lock import JournalLock
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journals import JournalFolder
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from tests.unit.builders import endpoint, session, world

pytestmark = pytest.mark.timing

A = session(shell_id="AAAAAAAA-0000-0000-0000-000000000001")
B = session(shell_id="BBBBBBBB-0000-0000-0000-000000000002")
UNKNOWN = session(shell_id="CCCCCCCC-0000-0000-0000-000000000003")
ONE, TWO = "11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002"
TORN = [b"{", b'{"session": "x", "command": "y", "piece": "AAA', b"\xff\xfe", b"[1]", b"", b"null\n", b"{}\n"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.jsonl"


def write(path: Path, at: PSSession, command: str, *pieces: bytes) -> None:
    journal = Journal(str(path), LocalDisk())
    journal.append(at, command, pieces)


def read(path: Path, at: PSSession = A, command: str = ONE) -> list[bytes]:
    return list(Journal(str(path), LocalDisk()).pieces_of(at, command))


def test_pieces_come_back_as_they_were_in_their_order(path: Path) -> None:
    pieces = [b"", b"\0\xff\n", *(str(number).encode() for number in range(100))]
    write(path, A, ONE, *pieces[:10])
    write(path, A, ONE, *pieces[10:])
    assert read(path) == pieces


def test_several_sessions_and_commands_between_each_other(path: Path) -> None:
    for number in range(20):
        for each in (A, B):
            for command in (ONE, TWO):
                write(path, each, command, f"{each.instance_id}{command}{number}".encode(), b"second")
    for each in (A, B):
        for command in (ONE, TWO):
            assert read(path, each, command) == [
                piece for number in range(20) for piece in (f"{each.instance_id}{command}{number}".encode(), b"second")
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
    assert [journal.last_command_of(each) for each in (A, B, UNKNOWN)] == [ONE, TWO, None]
    assert list(journal.pieces_of(A, UNKNOWN.instance_id)) == []


def test_openings_and_starts_are_noted(path: Path) -> None:
    journal = Journal(str(path), LocalDisk())
    journal.note_opening([A, B])
    journal.note_start(A, ONE)
    journal = Journal(str(path), LocalDisk())
    assert [journal.is_unstarted(each) for each in (A, B, UNKNOWN)] == [False, True, False]
    assert [journal.last_command_of(each) for each in (A, B)] == [ONE, None]
    assert list(journal.pieces_of(A, ONE)) == []


def test_a_folder_notes_likewise(tmp_path: Path) -> None:
    folder = JournalFolder(str(tmp_path), LocalDisk())
    folder.note_opening([A, B])
    folder.note_start(A, ONE)
    folder = JournalFolder(str(tmp_path), LocalDisk())
    assert [folder.is_unstarted(each) for each in (A, B, UNKNOWN)] == [False, True, False]
    assert sorted(file.stem for file in tmp_path.iterdir()) == [A.instance_id, B.instance_id]


def test_a_refused_start_is_taken_back(path: Path) -> None:
    journal = Journal(str(path), LocalDisk())
    journal.note_opening([A])
    for each in (A, B):  # B was not opened by a task with this journal
        journal.note_start(each, ONE)
        journal.note_refusal(each, ONE)
    journal = Journal(str(path), LocalDisk())
    assert [journal.is_unstarted(each) for each in (A, B)] == [True, False]
    assert journal.last_command_of(A) is None
    journal.note_start(A, ONE)
    journal = Journal(str(path), LocalDisk())
    assert (journal.is_unstarted(A), journal.last_command_of(A)) == (False, ONE)


@pytest.mark.parametrize("kind", [Journal, JournalFolder])
def test_what_was_delivered_is_known_until_the_start_is_taken_back(
    path: Path, kind: type[Journal | JournalFolder]
) -> None:
    journal = kind(str(path), LocalDisk())
    assert journal.delivery_of(A, ONE) is None
    journal.note_start(A, ONE)
    for delivery in (Delivery(False, total=3), Delivery(True, 1, 2, 3)):
        journal.note_delivery(A, ONE, delivery)
        assert kind(str(path), LocalDisk()).delivery_of(A, ONE) == delivery
    journal.note_refusal(A, ONE)
    assert kind(str(path), LocalDisk()).delivery_of(A, ONE) is None


@pytest.mark.parametrize("kind", [Journal, JournalFolder])
def test_unreadable_messages_are_reported_once(path: Path, kind: type[Journal | JournalFolder]) -> None:
    assert kind(str(path), LocalDisk()).unreadable_reported_of(A, ONE) == 0
    kind(str(path), LocalDisk()).note_unreadable(A, ONE, 2)
    again = kind(str(path), LocalDisk())
    assert (again.unreadable_reported_of(A, ONE), again.unreadable_reported_of(A, TWO)) == (2, 0)


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


FORMATS = Path(__file__).parent / "formats"
# The session of the files there.
OLD = session(endpoint("srv01", own_host="win1"), shell_id="00000000-0000-0000-0000-000000000001")
OLD_COMMAND = "00000000-0000-0000-0000-000000000065"


def test_a_file_of_format_1_is_read_and_continued(tmp_path: Path) -> None:
    """Written by the version before formats had numbers; it knew sessions by their instance ids alone."""
    path = tmp_path / "journal.jsonl"
    shutil.copy(FORMATS / "1" / "journal.jsonl", path)
    assert read(path, OLD, OLD_COMMAND) == [b"first", b"second"]
    write(path, OLD, OLD_COMMAND, b"third")
    journal = Journal(str(path), LocalDisk())
    assert list(journal.pieces_of(OLD, OLD_COMMAND)) == [b"first", b"second", b"third"]
    assert journal.last_command_of(OLD) == OLD_COMMAND
    assert journal.is_unstarted(session(shell_id="00000000-0000-0000-0000-000000000002"))


def test_a_folder_of_format_1_is_read(tmp_path: Path) -> None:
    shutil.copytree(FORMATS / "1" / "journals", tmp_path / "journals")
    folder = JournalFolder(str(tmp_path / "journals"), LocalDisk())
    assert list(folder.pieces_of(OLD, OLD_COMMAND)) == [b"first"]


def test_a_file_of_a_newer_format_is_refused(path: Path) -> None:
    write(path, A, ONE, b"one")
    assert json.loads(path.read_text().splitlines()[0]) == {"format": 2}
    with path.open("a") as file:
        file.write('{"format": 99}\n')
    before = path.read_bytes()
    with pytest.raises(FormatError, match=r"has format 99, and this version of .* reads formats up to 2"):
        Journal(str(path), LocalDisk())
    assert path.read_bytes() == before


def test_two_servers_with_one_instance_id(path: Path) -> None:
    """The lines of one are not those of the other."""
    here, there = session(endpoint("srv01")), session(endpoint("srv02"))
    write(path, here, ONE, b"here")
    write(path, there, TWO, b"there")
    write(path, there, ONE, b"there, too")
    journal = Journal(str(path), LocalDisk())
    journal.note_answer(there, ONE, 7)
    journal = Journal(str(path), LocalDisk())
    assert [list(journal.pieces_of(each, ONE)) for each in (here, there)] == [[b"here"], [b"there, too"]]
    assert [journal.last_command_of(each) for each in (here, there)] == [ONE, ONE]
    assert [journal.answered_calls_of(each, ONE) for each in (here, there)] == [set(), {7}]
    assert not journal.is_unstarted(session(endpoint("srv03")))


def test_an_inventory_host_that_moves_keeps_its_lines(path: Path) -> None:
    before = session(endpoint("win1", own_host="win1"))
    after = session(endpoint("win1", own_host="win1", uri="https://192.0.2.7:5986/wsman"))
    by_address = session(endpoint("192.0.2.7", uri="https://192.0.2.7:5986/wsman"))
    write(path, before, ONE, b"one")
    write(path, after, ONE, b"two")
    write(path, before, ONE, b"three")
    assert read(path, after) == [b"one", b"two", b"three"]
    assert read(path, by_address) == [b"two"]


def waiting_world(sleep: Callable[[], None] = lambda: None) -> World:
    """A world in which a wait is over at once.

    Args:
        sleep: What happens during each.
    """
    times = itertools.count()

    def wait(_seconds: float) -> None:
        sleep()

    return world(monotonic=lambda: float(next(times)), sleep=wait)


@pytest.fixture
def locks() -> Iterator[list[JournalLock]]:
    """Locks of two tasks of one run and of another run; their waits take no time."""
    made = [JournalLock(waiting_world(), run_id) for run_id in ("run 1", "run 1", "run 2")]
    yield made
    for lock in made:
        lock.release()


def test_one_run_at_a_time_works_with_a_journal(path: Path, locks: list[JournalLock]) -> None:
    """Its tasks share it; another run gets a clear word, and the journal once all of them have ended."""
    first, second, other = locks
    Journal(str(path), LocalDisk(), first).append(A, ONE, [b"one"])
    Journal(str(path), LocalDisk(), second).append(A, ONE, [b"two"])
    for task in (first, second):
        with pytest.raises(JournalError, match="is in use: another run works with it"):
            Journal(str(path), LocalDisk(), other)
        task.release()
    Journal(str(path), LocalDisk(), other).append(A, ONE, [b"three"])
    with pytest.raises(JournalError, match="is in use"):
        Journal(str(path), LocalDisk(), first)
    assert read(path) == [b"one", b"two", b"three"]


def test_a_run_waits_for_the_processes_of_a_killed_one(path: Path) -> None:
    killed = JournalLock(waiting_world(), "killed")
    Journal(str(path), LocalDisk(), killed).append(A, ONE, [b"one"])
    next_run = JournalLock(waiting_world(killed.release), "next")
    Journal(str(path), LocalDisk(), next_run).append(A, ONE, [b"two"])
    next_run.release()
    assert read(path) == [b"one", b"two"]


def test_a_torn_line_does_not_hide_who_took_a_journal(path: Path, locks: list[JournalLock]) -> None:
    write(path, A, ONE, b"one")
    with path.open("ab") as file:
        file.write(b'{"session": "x", "command": "y", "piece": "AAA')
    Journal(str(path), LocalDisk(), locks[0])
    Journal(str(path), LocalDisk(), locks[1])
    assert read(path) == [b"one"]


def test_a_folder_is_locked_by_session_and_by_start(tmp_path: Path, locks: list[JournalLock]) -> None:
    """Runs about other sessions may share it."""
    one, _same, other = (JournalFolder(str(tmp_path), LocalDisk(), lock) for lock in locks)
    one.append(A, ONE, [b"one"])
    one.lock_start(endpoint("srv01"), "Nightly")
    other.append(B, ONE, [b"two"])
    other.lock_start(endpoint("srv02"), "Nightly")
    with pytest.raises(JournalError, match="is in use"):
        other.append(A, ONE, [b"three"])
    with pytest.raises(JournalError, match="is in use"):
        other.lock_start(endpoint("SRV01"), "NIGHTLY")


HOLDER = """
import sys
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal_lock import JournalLock
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from tests.unit.builders import world
lock = JournalLock(world(), "killed")
journal = Journal(sys.argv[1], LocalDisk(), lock)
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_kill_releases_the_lock(path: Path, locks: list[JournalLock]) -> None:
    command = [sys.executable, "-c", HOLDER, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(JournalError, match="is in use"):
            Journal(str(path), LocalDisk(), locks[0])
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    Journal(str(path), LocalDisk(), locks[0])


def test_the_id_of_a_session_that_may_still_be_opened(path: Path) -> None:
    """A later task opens it with the same id, so that the server refuses one of two requests."""
    journal = Journal(str(path), LocalDisk())
    journal.note_opening([session(shell_id=str(uuid.UUID(int=1)), name="Nightly")])
    wanted = session(shell_id=str(uuid.UUID(int=9)), name="nightly")
    assert journal.unopened_id(wanted) is None  # this task has written it by itself
    assert Journal(str(path), LocalDisk()).unopened_id(wanted) == str(uuid.UUID(int=1))
    assert Journal(str(path), LocalDisk()).unopened_id(session(name="Weekly")) is None
    assert Journal(str(path), LocalDisk()).unopened_id(session(endpoint("srv09"), name="Nightly")) is None
    journal.note_start(session(shell_id=str(uuid.UUID(int=1)), name="Nightly"), "command")
    assert Journal(str(path), LocalDisk()).unopened_id(wanted) is None
