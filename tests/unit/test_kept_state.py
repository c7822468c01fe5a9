# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file with the state of a session for tasks: one holder at a time, and nothing but what was noted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _kept_state
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_state import KeptState, Known


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "tasks" / "one")
    first, second = KeptState(path), KeptState(path)
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_it_has_what_was_noted_last(tmp_path: Path) -> None:
    path = tmp_path / "one"
    state = KeptState(str(path))
    assert state.read() is None
    state.write(Known("a", "kind", 3, is_free=False))
    state.write(Known("b", "kind"))
    assert KeptState(str(path)).read() == Known("b", "kind", 0, is_free=True)
    assert path.stat().st_mode & 0o777 == 0o600
    state.write(None)
    assert state.read() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"instance_id": "a", "kind": "b", "other": 1}'])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, content: str) -> None:
    path = tmp_path / "one"
    state = KeptState(str(path))
    path.write_text(content, encoding="utf-8")
    assert state.read() is None


def test_files_of_old_runs_are_removed_and_the_secret_stays(tmp_path: Path) -> None:
    for name in ("old", "new", _kept_state.SECRET):
        (tmp_path / name).touch()
    for name in ("old", _kept_state.SECRET):
        os.utime(tmp_path / name, (0, 0))
    for name, age in (("a.result", 2 * 86400), ("b.result", 3600)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    _kept_state.prune(str(tmp_path))
    assert {each.name for each in tmp_path.iterdir()} == {"new", "b.result", _kept_state.SECRET}
