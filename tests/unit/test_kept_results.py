# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of commands in files of the controller: of an earlier run, once, and for the user alone."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_results import KeptResult, KeptResults

MESSAGES = [(1, b"one"), (2, b"\0\xff")]


def test_a_later_run_has_the_messages(tmp_path: Path) -> None:
    KeptResults(str(tmp_path)).keep("id", "session", MESSAGES)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    later = KeptResults(str(tmp_path))
    assert later.found("id") == KeptResult("session", MESSAGES)
    assert later.found("other") is None
    later.remove("id")
    assert list(tmp_path.iterdir()) == []


def test_a_loop_does_not_take_its_own_result(tmp_path: Path) -> None:
    results = KeptResults(str(tmp_path))
    results.keep("id", "session", MESSAGES)
    assert results.found("id") is None


def test_the_end_of_a_task_removes_its_own_results(tmp_path: Path) -> None:
    KeptResults(str(tmp_path)).keep("earlier", "session", MESSAGES)
    results = KeptResults(str(tmp_path))
    results.keep("own", "session", MESSAGES)
    results.keep("own", "session", MESSAGES)
    results.end()
    assert [each.name for each in tmp_path.iterdir()] == ["earlier.result"]


def test_a_later_run_knows_that_a_part_was_received(tmp_path: Path) -> None:
    first, later = (CorePipeline(None) for _number in range(2))
    assert not KeptResults(str(tmp_path)).watch("id", first, is_started=True)
    assert list(tmp_path.iterdir()) == []
    assert first.early is not None
    first.early()
    results = KeptResults(str(tmp_path))
    assert not results.watch("other", later, is_started=False)
    assert results.watch("id", later, is_started=False)
    assert results.found("id") is None
    results.end()
    assert list(tmp_path.iterdir()) == []


def test_a_new_start_is_not_taken_for_the_earlier_one(tmp_path: Path) -> None:
    pipeline = CorePipeline(None)
    KeptResults(str(tmp_path)).watch("id", pipeline, is_started=True)
    assert pipeline.early is not None
    pipeline.early()
    assert not KeptResults(str(tmp_path)).watch("id", CorePipeline(None), is_started=True)
    assert list(tmp_path.iterdir()) == []


def test_old_and_broken_results_are_not_taken(tmp_path: Path) -> None:
    results = KeptResults(str(tmp_path))
    for content in ("", "[]", "{}", '{"session": "a"}', '{"session": "a", "messages": [[1]]}'):
        (tmp_path / "id.result").write_text(content, encoding="utf-8")
        assert results.found("id") is None
    KeptResults(str(tmp_path)).keep("old", "session", MESSAGES)
    os.utime(tmp_path / "old.result", (0, 0))
    assert results.found("old") is None
