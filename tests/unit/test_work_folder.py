# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of a piece of work: its result files, and the question whether something was started."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.gathering import Gatherer
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Call, Order
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.resume import resume
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import FORMAT, WorkFolder
from tests.unit.builders import session

# Files that older versions wrote, by their format.
FORMATS = Path(__file__).parent / "formats"
RESULT = {"sessions": [{"instance_id": "s", "state": "Opened"}], "results": [{"output": ["\ud800", "ä"]}], "errors": []}


def test_a_result_is_kept_for_the_user_alone(tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path / "work"))
    assert folder.result_of("srv01") is None
    assert not (tmp_path / "work").exists()
    folder.keep_result("srv01", RESULT)
    kept = dict(folder.result_of("srv01") or {})
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\+00:00", kept.pop("kept_on"))
    assert kept == {"format": FORMAT, **RESULT}
    assert folder.result_of("srv02") is None
    (path,) = (tmp_path / "work").iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("srv01.result.json", 0o600)


def test_a_result_without_a_number_is_read(tmp_path: Path) -> None:
    (tmp_path / "srv01.result.json").write_text(json.dumps(RESULT))
    assert WorkFolder(str(tmp_path)).result_of("srv01") == RESULT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps({"format": FORMAT + 1}), f"has format {FORMAT + 1}, and this version .* up to {FORMAT}"),
        (json.dumps({"format": "new"}), "is not the result of a job"),
        ("[]", "is not the result of a job"),
        ('{"results": [', "Expecting value"),
    ],
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "srv01.result.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        WorkFolder(str(tmp_path)).result_of("srv01")


def test_a_start_is_seen_as_soon_as_the_server_may_be_asked_for_it(tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path))
    assert folder.begun_of("srv01").commands == {}
    journal = Journal(folder.journal_of("srv01"), LocalDisk())
    journal.note_opening([session()])
    assert folder.begun_of("srv01").commands == {}
    with open(folder.journal_of("srv01"), "a", encoding="ascii") as file:
        file.write('{"session": "session", "command": "c')  # the power went
    assert folder.begun_of("srv01").commands == {}
    Journal(folder.journal_of("srv01"), LocalDisk()).note_start(session(), "COMMAND")
    assert folder.begun_of("srv01").commands == {session().instance_id: {"command"}}
    assert folder.begun_of("srv02").commands == {}


def test_a_start_that_was_refused_does_not_count(tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path))
    journal = Journal(folder.journal_of("srv01"), LocalDisk())
    journal.note_start(session(), "COMMAND")
    journal.note_refusal(session(), "COMMAND")
    assert folder.begun_of("srv01").commands == {}
    journal.note_start(session(), "COMMAND")
    assert folder.begun_of("srv01").commands == {session().instance_id: {"command"}}


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder that the playbook resume wrote before formats had numbers: the work was started anew, and is done."""
    shutil.copytree(FORMATS / "1" / "work", tmp_path / "work")
    return tmp_path / "work"


def test_a_result_of_format_1_is_that_of_finished_work(earlier: Path) -> None:
    """Its session was not removed yet, which is all that is left to do."""
    job = resume(Order(["srv01"], {"name": ["Nightly"]}, folder=WorkFolder(str(earlier))))
    call = next(job)
    assert isinstance(call, Call)
    assert (call.module, [each["instance_id"] for each in call.options["session"]]) == (
        "remove_pssession",
        ["db9445cd-7dc6-49f9-b1bf-5455485024d2"],
    )
    with pytest.raises(StopIteration) as end:
        job.send({"sessions": [{**call.options["session"][0], "changed": True}], "results": [], "errors": []})
    assert end.value.value.by_host()["srv01"]["results"][0]["output"] == ["done"]
    kept = json.loads((earlier / "srv01.result.json").read_text())
    assert (kept["format"], kept["sessions"][0]["state"]) == (FORMAT, "Closed")


def test_a_journal_of_format_1_has_the_output(earlier: Path) -> None:
    folder = WorkFolder(str(earlier))
    ended, worked = folder.begun_of("srv01").commands.items()
    assert ended == ("4cca5ba2-c7a7-445d-bbde-b7223e919229", {"d8bf3bd9-7d90-4e1f-a6d4-fa61ec1e130b"})
    journal = Journal(folder.journal_of("srv01"), LocalDisk())
    where = session(shell_id=worked[0].upper())
    command = journal.last_command_of(where) or ""
    assert {command} == worked[1]
    gatherer, stream = Gatherer(), CommandStream()
    for piece in journal.pieces_of(where, command):
        for event in stream.feed(piece):
            gatherer.add(event)
    output = gatherer.finish()
    assert (output.output, output.state.value) == (["done"], "Completed")


@pytest.mark.parametrize("host", ["rack1/web1", "..", "../outside", "a\nb", "x" * 300])
def test_files_of_any_host_are_in_the_folder(host: str, tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path / "work"))
    folder.keep_result(host, RESULT)
    assert (WorkFolder(str(tmp_path / "work")).result_of(host) or {})["results"] == RESULT["results"]
    assert Path(folder.journal_of(host)).parent == tmp_path / "work"
    (path,) = tmp_path.rglob("*.json")
    assert path.parent == tmp_path / "work"


def test_hosts_that_differ_only_in_case_share_no_file(tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path))
    for host in ("srv01", "SRV01"):
        folder.keep_result(host, {"sessions": [], "results": [{"name": host}], "errors": []})
    assert len({path.name.lower() for path in tmp_path.iterdir()}) == 2
    for host in ("SRV01", "srv01"):
        assert (WorkFolder(str(tmp_path)).result_of(host) or {})["results"] == [{"name": host}]


def test_files_that_an_earlier_version_put_into_a_folder_of_the_host_are_found(tmp_path: Path) -> None:
    (tmp_path / "work" / "rack1").mkdir(parents=True)
    (tmp_path / "work" / "rack1" / "web1.jsonl").touch()
    (tmp_path / "outside.result.json").write_text(json.dumps(RESULT))
    folder = WorkFolder(str(tmp_path / "work"))
    folder.keep_result("rack1/web1", RESULT)
    assert (tmp_path / "work" / "rack1" / "web1.result.json").exists()
    assert Path(folder.journal_of("rack1/web1")) == tmp_path / "work" / "rack1" / "web1.jsonl"
    assert folder.result_of("../outside") is None
