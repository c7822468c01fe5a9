# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of a piece of work: its result files, and the question whether something was started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import FORMAT, WorkFolder
from tests.unit.builders import session

RESULT = {"sessions": [{"instance_id": "s", "state": "Opened"}], "results": [{"output": ["\ud800", "ä"]}], "errors": []}


def test_a_result_is_kept_for_the_user_alone(tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path / "work"))
    assert folder.result_of("srv01") is None
    assert not (tmp_path / "work").exists()
    folder.keep_result("srv01", RESULT)
    assert folder.result_of("srv01") == {"format": FORMAT, **RESULT}
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
    assert folder.commands_of("srv01") == {}
    journal = Journal(folder.journal_of("srv01"), LocalDisk())
    journal.note_opening([session()])
    assert folder.commands_of("srv01") == {}
    with open(folder.journal_of("srv01"), "a", encoding="ascii") as file:
        file.write('{"session": "session", "command": "c')  # the power went
    assert folder.commands_of("srv01") == {}
    Journal(folder.journal_of("srv01"), LocalDisk()).note_start(session(), "COMMAND")
    assert folder.commands_of("srv01") == {session().instance_id: {"command"}}
    assert folder.commands_of("srv02") == {}


def test_a_start_that_was_refused_does_not_count(tmp_path: Path) -> None:
    folder = WorkFolder(str(tmp_path))
    journal = Journal(folder.journal_of("srv01"), LocalDisk())
    journal.note_start(session(), "COMMAND")
    journal.note_refusal(session(), "COMMAND")
    assert folder.commands_of("srv01") == {}
    journal.note_start(session(), "COMMAND")
    assert folder.commands_of("srv01") == {session().instance_id: {"command"}}
