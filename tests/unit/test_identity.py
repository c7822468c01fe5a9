# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity of a controller user: one for all tasks, whatever happens to the registry."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Event, Warned
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state import registry_schema
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.memory import Memory
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import disk
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from tests.unit.builders import session, world

RUN, NEXT_RUN = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "ab")


class TracingDisk(LocalDisk):
    """Notes what is said to databases."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def database(self, path: str | None) -> sqlite3.Connection:
        opened = super().database(path)
        opened.set_trace_callback(self.statements.append)
        return opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pssession" / "registry.sqlite3"


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a registry as another process does that writes for a long time."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        yield


def identity(path: Path, run: str, events: list[Event], given_up: Path | None = None) -> tuple[str, list[str]]:
    """The identity of a task that looks something up and writes something down, and its statements."""
    traced = TracingDisk()
    here = dataclasses.replace(world(), disk=traced)
    registry = Registry.open(str(path), events.append, here, None if given_up is None else str(given_up))
    with contextlib.closing(registry):
        memory = Memory(registry, lambda: run, events.append, here)
        memory.owners([session()])
        memory.remember([session()])
        return memory.client_id, traced.statements


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_BUSY_SECONDS", 0.1)


def test_a_held_registry_is_waited_for_by_one_task_of_a_run(path: Path, tmp_path: Path) -> None:
    registered, _statements = identity(path, RUN, [])
    events: list[Event] = []
    mark = tmp_path / "given-up"
    with held(path):
        first, waited = identity(path, RUN, events, mark)
        second, hurried = identity(path, RUN, events, mark)
    assert {first, second} == {registered}
    assert "PRAGMA busy_timeout = 0" not in waited
    assert "PRAGMA busy_timeout = 0" in hurried
    assert len({event.text for event in events if isinstance(event, Warned)}) == 1
    assert len(events) == 2  # each task has one, and Ansible shows the same text once


def test_a_registry_that_was_never_free_gives_one_identity(path: Path) -> None:
    path.parent.mkdir()
    with held(path):
        found = [identity(path, RUN, [])[0] for _task in range(2)]
    found += [identity(path, NEXT_RUN, [])[0] for _task in range(2)]
    assert set(found) == {RUN}


def test_a_registry_that_is_taken_while_a_task_works_costs_one_wait(path: Path) -> None:
    events: list[Event] = []
    registry = Registry.open(str(path), events.append, world())
    with contextlib.closing(registry):
        memory = Memory(registry, lambda: RUN, events.append, world())
        registry._database.execute("DROP TABLE session")  # any failure will do
        for _time in range(3):
            assert memory.owners([session()]) == {}
            assert memory.remember([session()]) == {}
    assert len(events) == 1


@pytest.mark.parametrize("problem", ["disk I/O error", "database is locked", "locking protocol"])
def test_a_disk_without_locks_leaves_the_identity(path: Path, monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    """SQLite says one of these where fcntl() fails, such as by ENOLCK over NFS."""
    registered, _statements = identity(path, RUN, [])

    real = registry_schema.prepare

    def prepare(database: sqlite3.Connection, on_disk: str | None, sleep: Callable[[float], None]) -> None:
        if on_disk is not None:
            raise sqlite3.OperationalError(problem)
        real(database, on_disk, sleep)

    monkeypatch.setattr(registry_schema, "prepare", prepare)
    events: list[Event] = []
    assert identity(path, NEXT_RUN, events)[0] == registered
    (warned,) = events
    assert isinstance(warned, Warned)
    assert f"cannot be used: {problem}. The task continues without it" in warned.text


def test_a_folder_that_cannot_be_used_gives_the_identity_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "registry.sqlite3"
    assert [identity(path, run, [])[0] for run in (RUN, RUN, NEXT_RUN)] == [RUN, RUN, NEXT_RUN]


def test_what_is_no_identity_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    Path(f"{path}.client").write_bytes(b"\xff\n")
    assert identity(path, RUN, [])[0] == identity(path, RUN, [])[0]


def test_without_a_home_there_is_a_warning_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events: list[Event] = []
    with contextlib.closing(Registry.open(None, events.append, world())) as registry:
        assert Memory(registry, lambda: RUN, events.append, world()).client_id == RUN
    (warned,) = events
    assert isinstance(warned, Warned)
    assert "there is no home folder for the state file" in warned.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "is_lacking"),
    [("~/x", True), ("/srv/~/.ansible/x", True), ("/home/me/x", False), ("/home/a~b/x", False), ("x~", False)],
)
def test_lacks_home(path: str, is_lacking: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda given: given)  # as for a user without a home
    assert _plugins.lacks_home(path) is is_lacking
