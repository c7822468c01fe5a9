# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry: private, stable, safe under many workers, and no loss when it is lost."""

from __future__ import annotations

import dataclasses
import multiprocessing
import sqlite3
import stat
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import RegistryError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Event, Warned
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Registry
from tests.unit.builders import endpoint, session, world

CLIENT = "00000000-0000-0000-0000-00000000000c"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pssession" / "registry.sqlite3"


@pytest.fixture
def registry(path: Path) -> Iterator[Registry]:
    opened = Registry(str(path), world())
    yield opened
    opened.close()


def numbered(number: int, name: str = "job") -> PSSession:
    return session(endpoint(f"srv{number % 3}"), shell_id=str(uuid.UUID(int=number)), name=f"{name}{number}")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_user_may_read_it(registry: Registry, path: Path) -> None:
    registry.remember([session()], CLIENT)
    assert (mode(path.parent), mode(path)) == (0o700, 0o600)


def test_an_id_stays_for_good(registry: Registry, path: Path) -> None:
    first = registry.remember([numbered(1), numbered(2)], CLIENT)
    assert len(set(first.values())) == 2
    again = registry.remember([numbered(2, "renamed"), numbered(3), numbered(1)], CLIENT)
    assert {key: again[key] for key in first} == first
    reopened = Registry(str(path), world())
    assert {each.instance_id: each.id for each in reopened.sessions()} == again
    assert [each.name for each in reopened.sessions() if each.instance_id == numbered(2).instance_id] == ["renamed2"]
    reopened.close()


def test_an_id_is_not_given_again(registry: Registry) -> None:
    (first,) = registry.remember([numbered(1)], CLIENT).values()
    registry.forget([numbered(1).instance_id])
    assert registry.sessions() == []
    (second,) = registry.remember([numbered(2)], CLIENT).values()
    assert second > first


def test_what_is_known_uses_up_no_ids(registry: Registry) -> None:
    for _time in range(3):
        registry.remember([numbered(1), numbered(2)], CLIENT)
    registry.remember([numbered(3)], CLIENT)
    assert [each.id for each in registry.sessions()] == [1, 2, 3]


def test_what_it_remembers_of_a_session(registry: Registry) -> None:
    at = endpoint("srv01", inventory_hostname="win1")
    registry.remember([session(at).opened()], CLIENT)
    (known,) = registry.sessions()
    assert (known.name, known.computer_name, known.inventory_hostname) == ("job1", "srv01", "win1")
    assert (known.connection_uri, known.state, known.client_id) == (at.uri, "Opened", CLIENT)


def test_it_remembers_the_last_client_while_the_session_is_disconnected(registry: Registry) -> None:
    registry.remember([session().opened()], CLIENT)
    registry.remember([session()], "another")
    (known,) = registry.sessions()
    assert (known.state, known.client_id) == ("Disconnected", CLIENT)


def test_the_client_id_is_made_once(registry: Registry, path: Path) -> None:
    made = registry.client_id()
    assert str(uuid.UUID(made)) == made
    other = Registry(str(path), world())
    assert registry.client_id() == other.client_id() == made
    other.close()


def test_no_secret_gets_into_the_file(registry: Registry, path: Path) -> None:
    registry.remember([session(endpoint()).opened()], CLIENT)
    registry.close()
    assert b"job1" in path.read_bytes()
    for file in path.parent.iterdir():
        assert b"secret-pw" not in file.read_bytes()


def write_many(path: str, first: int) -> tuple[str, dict[str, int]]:
    """What one worker does: opens the registry anew for every session."""
    ids: dict[str, int] = {}
    client_id = ""
    for number in range(first, first + 10):
        registry = Registry(path, world())
        client_id = registry.client_id()
        ids |= registry.remember([numbered(number), numbered(0)], client_id)
        registry.close()
    return client_id, ids


def test_workers_write_at_once(path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("forkserver")) as workers:
        results = list(workers.map(write_many, [str(path)] * 4, [1, 11, 21, 31]))
    registry = Registry(str(path), world())
    known = {each.instance_id: each.id for each in registry.sessions()}
    assert len(known) == len(set(known.values())) == 41
    assert {client_id for client_id, _ids in results} == {registry.client_id()}
    for _client_id, ids in results:
        assert ids.items() <= known.items()
    registry.close()


def test_a_damaged_file_is_put_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this was a database once" * 100)
    events: list[Event] = []
    registry = Registry.open(str(path), events.append, world())
    registry.remember([session()], CLIENT)
    registry.close()
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"this was")
    (warned,) = events
    assert isinstance(warned, Warned)
    assert str(aside) in warned.text
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM session").fetchone() == (1,)
    database.close()


@pytest.mark.parametrize("place", ["file/registry.sqlite3", "."], ids=["below a file", "a folder"])
def test_an_unusable_path_costs_a_warning_only(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    events: list[Event] = []
    registry = Registry.open(str(tmp_path / place), events.append, world())
    assert registry.path is None
    assert list(registry.remember([session()], CLIENT)) == [session().instance_id]
    (warned,) = events
    assert isinstance(warned, Warned)
    assert "Going on without" in warned.text
    registry.close()


def test_without_the_fallback_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be used"):
        Registry(str(tmp_path), world())


def test_a_failing_write_leaves_nothing_half_done(registry: Registry) -> None:
    broken = dataclasses.replace(numbered(2), endpoint=endpoint("srv01", uri=None))
    with pytest.raises(RegistryError):
        registry.remember([numbered(1), broken], CLIENT)
    assert registry.sessions() == []
    registry.remember([numbered(1)], CLIENT)
    assert len(registry.sessions()) == 1
