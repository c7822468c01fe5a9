# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Journals of hosts in one call, and what a journal says of its commands to those who have no session."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.journals import HostJournal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recorded import recorded_in
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal_lock import JournalLock
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journals import HostJournals
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import begun_in
from tests.unit.builders import endpoint, session, world
from tests.unit.test_host import COMPLETED, OUTPUT, STATE, fragment_of
from tests.unit.test_statements import status

ONE, TWO = "11111111-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002"
WORK = {"name": "Nightly", "script": "digest"}
A = session(
    endpoint("srv01", inventory_hostname="SRV01", own_host="srv01"), shell_id="AAAAAAAA-0000-0000-0000-00000000000A"
)
B = session(endpoint("srv02"), shell_id="BBBBBBBB-0000-0000-0000-00000000000B")


def lock(run_id: str, waits: list[float] | None = None) -> JournalLock:
    """A lock whose waits take a second each, and no time."""
    waits = [] if waits is None else waits
    return JournalLock(world(monotonic=lambda: float(len(waits)), sleep=waits.append), run_id)


def places(folder: Path, *hosts: str) -> dict[str, HostJournal]:
    return {host: HostJournal(str(folder / f"{host}.jsonl"), WORK) for host in hosts}


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_host_has_its_own_file(tmp_path: Path) -> None:
    journals = HostJournals(places(tmp_path, "srv01", "srv02"), LocalDisk(), lock("run"))
    journals.note_opening([A, B])
    assert (journals.is_unstarted(A), journals.unopened_id(A)) == (False, None)  # as of when it was opened
    journals.note_start(A, ONE)
    journals.append(B, TWO, [b"one", b"two"])
    assert [journals.problem_of(each.endpoint) for each in (A, B)] == [None, None]
    for each, command in ((A, ONE), (B, TWO)):
        journal = Journal(str(tmp_path / f"{each.endpoint.computer_name}.jsonl"), LocalDisk())
        assert [found.command_id for found in journal.commands()] == [command]
    later = HostJournals(places(tmp_path, "srv01", "srv02"), LocalDisk(), None)
    assert list(later.pieces_of(B, TWO)) == [b"one", b"two"]
    assert (later.last_command_of(A), later.last_command_of(B)) == (ONE, TWO)


def test_what_the_work_is_told_by_is_there_with_each_command(tmp_path: Path) -> None:
    journals = HostJournals(places(tmp_path, "srv01"), LocalDisk(), lock("run"))
    journals.note_start(A, ONE)
    journals.append(A, ONE, [b"one"])
    journals.append(A, ONE, [b"two"])
    journals.append(A, TWO, [b"three"])
    works = [line.get("work") for line in lines(tmp_path / "srv01.jsonl") if "command" in line]
    assert works == [WORK, WORK, None, WORK]


def test_a_journal_that_cannot_be_used_is_a_problem_of_its_host(tmp_path: Path) -> None:
    other, waits = lock("other run"), list[float]()
    hosts = [f"srv{number:02}" for number in range(1, 30)]
    taken = HostJournals(places(tmp_path, *hosts[5:]), LocalDisk(), other)
    (tmp_path / "srv02.jsonl").mkdir()
    journals = HostJournals(places(tmp_path, *hosts), LocalDisk(), lock("run", waits))
    problems = {host: journals.problem_of(endpoint(host)) for host in hosts}
    assert {host for host, problem in problems.items() if problem is None} == {"srv01", "srv03", "srv04", "srv05"}
    assert "cannot be used" in str(problems["srv02"])
    assert "is in use: another run works with it" in str(problems["srv29"])
    assert len(waits) < 10, "the journals are not waited for one after the other"
    assert "has none in this job" in str(journals.problem_of(endpoint("srv99")))
    del taken
    other.release()


def test_check_mode_makes_no_file(tmp_path: Path) -> None:
    HostJournals(places(tmp_path, "srv01"), LocalDisk(), lock("run")).note_start(A, ONE)
    before = (tmp_path / "srv01.jsonl").read_bytes()
    journals = HostJournals(places(tmp_path, "srv01", "srv02"), LocalDisk(), None)
    assert (journals.last_command_of(A), journals.last_command_of(B), journals.problem_of(B.endpoint)) == (
        ONE,
        None,
        None,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["srv01.jsonl"]
    assert (tmp_path / "srv01.jsonl").read_bytes() == before


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_lines_of_one_command_belong_together_whatever_they_say_of_its_place(
    order: tuple[int, ...], tmp_path: Path
) -> None:
    """A journal of format 1 that went on in format 2, with an address that changed."""
    places_of_lines = [{}, {"at": "http://old:5985/wsman", "host": "srv01"}, {"at": "http://new:5985/wsman"}]
    entries = [
        {"session": A.instance_id, **places_of_lines[number], "command": ONE, "piece": "QUFB"} for number in order
    ]
    (tmp_path / "j.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    journal = Journal(str(tmp_path / "j.jsonl"), LocalDisk(), only_reads=True)
    (command,) = journal.commands()
    assert (command.host, command.instance_id, command.name) == ("srv01", A.instance_id, None)
    assert list(journal.pieces_in(command.blocks)) == [b"AAA"] * 3


def test_two_hosts_with_one_session_id_are_two(tmp_path: Path) -> None:
    entries = [
        {"session": A.instance_id, "at": f"http://{host}/", "host": host, "command": ONE, "name": "Nightly"}
        for host in ("srv01", "srv02")
    ]
    (tmp_path / "j.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    commands = Journal(str(tmp_path / "j.jsonl"), LocalDisk(), only_reads=True).commands()
    assert [(each.host, each.name) for each in commands] == [("srv01", "Nightly"), ("srv02", "Nightly")]


def test_the_work_of_a_journal_is_that_of_the_last_start_that_was_not_refused() -> None:
    def line(command: str, **fields: object) -> bytes:
        return json.dumps({"session": "s", "command": command, **fields}).encode()

    first, second = {"script": "1"}, {"script": "2"}
    started = [line("A", work=first), line("A", piece="", work=second)]
    assert begun_in(started).work == first
    assert begun_in([*started, line("b", work=second)]).work == second
    refused = begun_in([*started, line("b", work=second), line("B", refused=True)])
    assert (refused.work, refused.commands) == (first, {"s": {"a"}})
    assert begun_in([line("A")]).work is None
    assert begun_in([]).commands == {}


def test_a_recorded_command_is_read_as_one_that_is_received(tmp_path: Path) -> None:
    """What the script left in $Ansible is in its result, and no part of its output."""
    told = status(ONE, changed='<B N="Value">false</B>', result='<I32 N="Value">3</I32>')
    messages = ((OUTPUT, "<S>begun</S>"), (OUTPUT, told), (STATE, COMPLETED))
    pieces = [fragment_of(number, *message) for number, message in enumerate(messages, start=1)]
    path = str(tmp_path / "j.jsonl")
    Journal(path, LocalDisk()).append(A, ONE, pieces[:1])
    (unfinished,) = recorded_in(path, LocalDisk())
    Journal(path, LocalDisk()).append(A, ONE, pieces[1:])
    (recorded,) = recorded_in(path, LocalDisk())
    assert (unfinished.result.as_dict()["state"], unfinished.result.as_dict()["output"]) == ("Running", ["begun"])
    found = recorded.result.as_dict()
    assert {name: found[name] for name in ("output", "state", "changed", "result", "name", "inventory_hostname")} == {
        "output": ["begun"],
        "state": "Completed",
        "changed": False,
        "result": 3,
        "name": "job1",
        "inventory_hostname": "srv01",
    }
    assert recorded.unreadable == ()


def test_a_journal_with_commands_that_the_job_does_not_know_is_left_alone(tmp_path: Path) -> None:
    """Another run has written them after the job has looked, and before the journal was locked."""
    path = str(tmp_path / "a.jsonl")
    Journal(path, LocalDisk()).note_start(A, ONE)
    for known, is_usable in ((None, True), (frozenset({ONE}), True), (frozenset(), False)):
        journals = HostJournals({"srv01": HostJournal(path, known=known)}, LocalDisk(), None)
        assert (journals.problem_of(A.endpoint) is None) is is_usable
