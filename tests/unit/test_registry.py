# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry: private, stable, safe under many workers, and no loss when it is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import multiprocessing
import shutil
import sqlite3
import stat
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import FormatError, RegistryError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Event, Warned
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    PSSession,
    SessionReference,
    State,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Listed, Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import disk
from tests.unit.builders import endpoint, logon, session, world
from tests.waiting import PATIENCE

CLIENT = "00000000-0000-0000-0000-00000000000c"
OTHER_ID = "2A2B3C4D-0000-0000-0000-123456789ABC"
DAY = 86400.0
# Files that older versions wrote, by their format.
FORMATS = Path(__file__).parent / "formats"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pssession" / "registry.sqlite3"


@pytest.fixture
def registry(path: Path) -> Iterator[Registry]:
    opened = Registry(str(path), world())
    yield opened
    opened.close()


@pytest.fixture
def now() -> list[float]:
    """The time of `dated`; a test may change it."""
    return [1_000_000.0]


@pytest.fixture
def dated(path: Path, now: list[float]) -> Iterator[Registry]:
    """A registry whose clock the test moves."""
    opened = Registry(
        str(path),
        dataclasses.replace(world(), now=lambda: datetime.datetime.fromtimestamp(now[0], datetime.timezone.utc)),
    )
    yield opened
    opened.close()


def known(registry: Registry) -> list[SessionReference]:
    """All sessions that exist as far as the registry knows."""
    return registry.named(WildcardPattern("*"))


def listed(*sessions: PSSession, at: float, where: Endpoint | None = None) -> Listed:
    return Listed(where or sessions[0].endpoint, at, frozenset(each.instance_id for each in sessions))


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
    assert {each.key: each.id for each in known(reopened)} == again
    assert [each.name for each in reopened.of_instance(numbered(2).instance_id)] == ["renamed2"]
    reopened.close()


def test_an_id_is_not_given_again(dated: Registry, now: list[float]) -> None:
    (first,) = dated.remember([dataclasses.replace(numbered(1), state=State.CLOSED)], CLIENT).values()
    now[0] += 31 * DAY
    dated.remember([], CLIENT)
    assert dated.numbered(first) == []
    (second,) = dated.remember([numbered(2)], CLIENT).values()
    assert second > first


def test_what_is_known_uses_up_no_ids(registry: Registry) -> None:
    for _time in range(3):
        registry.remember([numbered(1), numbered(2)], CLIENT)
    registry.remember([numbered(3)], CLIENT)
    assert [each.id for each in known(registry)] == [1, 2, 3]


def test_what_it_remembers_of_a_session(registry: Registry) -> None:
    at = endpoint("srv01", inventory_hostname="win1")
    registry.remember([session(at).opened()], CLIENT)
    (found,) = known(registry)
    assert (found.name, found.computer_name, found.inventory_hostname) == ("job1", "srv01", "win1")
    assert (found.connection_uri, found.state, found.client_id) == (at.uri, "Opened", CLIENT)


def test_it_remembers_the_last_client_while_the_session_is_disconnected(registry: Registry) -> None:
    registry.remember([session().opened()], CLIENT)
    registry.remember([session()], "another")
    (found,) = known(registry)
    assert (found.state, found.client_id, found.connected_at) == ("Disconnected", CLIENT, None)


def test_a_session_that_is_only_listed_as_connected_keeps_its_client(dated: Registry, now: list[float]) -> None:
    """Whose it is, the list does not say: what is known of this client stays as it was."""
    dated.remember([session().opened()], CLIENT)
    opened_at, now[0] = now[0], now[0] + 10
    dated.remember([session(free=False)], CLIENT)
    (found,) = known(dated)
    assert (found.state, found.connected_at) == ("Opened", opened_at)
    dated.remember([session()], CLIENT)
    dated.remember([session(free=False)], CLIENT)
    (found,) = known(dated)
    assert (found.state, found.connected_at) == ("Disconnected", None)


def test_two_servers_with_one_instance_id(registry: Registry) -> None:
    """What one of them says displaces nothing of the other."""
    first, second = session(endpoint("srv01"), name="one").opened(), session(endpoint("srv02"), name="two")
    ids = registry.remember([first], CLIENT) | registry.remember([second], CLIENT)
    assert len(set(ids.values())) == 2
    assert [(each.name, each.state) for each in known(registry)] == [("one", "Opened"), ("two", "Disconnected")]
    assert registry.rows_of([second])[second.key].client_id is None
    assert registry.rows_of([first])[first.key].client_id == CLIENT


def test_an_inventory_host_that_moves_keeps_its_sessions(registry: Registry) -> None:
    before = session(endpoint("win1", own_host="win1"))
    after = session(endpoint("win1", own_host="win1", uri="https://192.0.2.7:5986/wsman"))
    assert list(registry.remember([before], CLIENT).values()) == list(registry.remember([after], CLIENT).values())
    assert [each.connection_uri for each in known(registry)] == ["https://192.0.2.7:5986/wsman"]


def test_what_a_list_no_longer_has_is_over(dated: Registry, now: list[float]) -> None:
    kept, gone = session(name="kept"), session(shell_id=OTHER_ID, name="gone")
    ids = dated.remember([kept, gone], CLIENT)
    now[0] += 10
    dated.remember([kept], CLIENT, [listed(kept, at=now[0] - 1)])
    assert [each.name for each in known(dated)] == ["kept"]
    (found,) = dated.numbered(ids[gone.key])
    assert found.is_over
    assert [each.is_over for each in dated.named(WildcardPattern("GONE"))] == [True]
    dated.remember([gone], CLIENT)
    assert [each.name for each in known(dated)] == ["kept", "gone"]


def test_what_is_newer_than_a_list_is_not_over(dated: Registry, now: list[float]) -> None:
    """Another task opened it after this one had asked the computer."""
    dated.remember([session()], CLIENT)
    dated.remember([], CLIENT, [listed(at=now[0] - 1, where=endpoint())])
    assert len(known(dated)) == 1


@pytest.mark.parametrize(
    ("where", "remains"),
    [
        (endpoint("srv02"), True),
        (endpoint("srv01", logon=logon(credential=Credential("alice", "pw"))), True),
        (endpoint("srv01", logon=logon(credential=Credential("USER", "pw"))), False),
        (endpoint("SRV01"), False),
    ],
    ids=["another computer", "another account", "the same account", "the same computer"],
)
def test_a_list_says_nothing_of_others(dated: Registry, now: list[float], where: Endpoint, remains: bool) -> None:
    dated.remember([session()], CLIENT)
    dated.remember([], CLIENT, [listed(at=now[0] + 1, where=where)])
    assert bool(known(dated)) is remains


def test_what_is_over_is_deleted_after_a_month(dated: Registry, now: list[float]) -> None:
    (number,) = dated.remember([dataclasses.replace(session(), state=State.CLOSED)], CLIENT).values()
    for days, rows in ((29, 1), (2, 0)):
        now[0] += days * DAY
        dated.remember([], CLIENT)
        assert len(dated.numbered(number)) == rows


def test_a_session_that_must_have_expired_is_deleted_after_a_month(dated: Registry, now: list[float]) -> None:
    """Its computer may have been decommissioned, so that no list ever says that it is over."""
    dated.remember([session(idle_timeout=DAY, shell_inactivity=DAY / 2)], CLIENT)
    for days, rows in ((30, 1), (1, 0)):
        now[0] += days * DAY
        dated.remember([], CLIENT)
        assert len(known(dated)) == rows


def work(registry: Registry, patterns: tuple[str, ...]) -> None:
    """All that a task may do with the registry."""
    mine, other = session(name="mine"), session(shell_id=OTHER_ID, name="other")
    registry.client_id(str)
    registry.remember([mine, other], CLIENT, [listed(mine, other, at=1e6)])
    registry.rows_of([mine, other])
    registry.numbered(7)
    registry.of_instance(mine.instance_id)
    for pattern in patterns:
        registry.named(WildcardPattern(pattern))
    registry.remember([dataclasses.replace(mine, state=State.CLOSED)], CLIENT, [listed(other, at=2e6)])
    registry.remember([], CLIENT)


@pytest.mark.parametrize(
    ("gone", "patterns"),
    [(1.0, ("mine", "nosuch", "job1-7", "mi*", "*xyz*", "*")), (None, ("mine", "nosuch", "job1-7", "mi*"))],
    ids=["sessions that ended", "sessions of other computers"],
)
def test_a_task_costs_the_same_however_many_rows_there_are(
    path: Path, gone: float | None, patterns: tuple[str, ...]
) -> None:
    """Counted in instructions of SQLite's virtual machine, which reading one row takes some of."""
    costs = []
    other = endpoint("srv01" if gone else "other")
    for number, count in enumerate((100, 100_000)):
        registry = Registry(str(path.with_name(f"{number}.sqlite3")), world())
        database = registry._database
        columns = "instance_id, name, name_key, computer_name, connection_uri, uri_key, account, seen, expires, gone"
        database.execute("BEGIN")
        database.executemany(
            f"INSERT INTO session ({columns}) VALUES (?, ?, ?, 'other', ?, ?, 'user', 1, 9e9, ?)",
            (
                (str(uuid.UUID(int=row)), f"job1-{row}", f"job1-{row}", other.uri, other.key, gone)
                for row in range(count)
            ),
        )
        database.execute("COMMIT")
        work(registry, patterns)  # what is new for the registry is no longer new
        instructions = 0

        def count_instruction() -> int:
            nonlocal instructions
            instructions += 1
            return 0

        database.set_progress_handler(count_instruction, 1)
        work(registry, patterns)
        costs.append(instructions)
        registry.close()
    assert costs[0] == pytest.approx(costs[1], rel=0.02)


def test_reading_waits_for_no_writer(registry: Registry, path: Path) -> None:
    registry.remember([session()], CLIENT)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE session SET name = 'half done'")
        assert [each.name for each in known(registry)] == ["job1"]
        writer.execute("ROLLBACK")


def test_a_file_of_format_1(tmp_path: Path) -> None:
    """Written by the version before formats had numbers."""
    shutil.copy(FORMATS / "1" / "state.sqlite3", tmp_path / "state.sqlite3")
    registry = Registry(str(tmp_path / "state.sqlite3"), world())
    assert registry.client_id(str) == CLIENT
    first, second = known(registry)
    assert (first.id, first.name, first.state, first.client_id, first.own_host) == (
        1,
        "Nightly",
        "Opened",
        CLIENT,
        "win1",
    )
    assert (second.id, second.uri_key, second.state) == (2, "https://srv02:5986/wsman", "Disconnected")
    assert list(registry.remember([numbered(9)], CLIENT).values()) == [5]  # 3 and 4 were given once
    registry.close()
    reopened = Registry(str(tmp_path / "state.sqlite3"), world())
    assert [each.id for each in known(reopened)] == [1, 2, 5]
    reopened.close()


def test_a_file_of_format_2(tmp_path: Path) -> None:
    """It did not tell sessions that were removed here from others that ended."""
    shutil.copy(FORMATS / "2" / "state.sqlite3", tmp_path / "state.sqlite3")
    for _time in range(2):
        registry = Registry(str(tmp_path / "state.sqlite3"), world())
        assert [(each.id, each.name, each.was_removed) for each in known(registry)] == [
            (1, "Nightly", False),
            (2, "Weekly", False),
        ]
        registry.close()


def test_what_was_removed_here_is_told_from_what_ended_otherwise(registry: Registry) -> None:
    removed, ended = session(name="job"), session(endpoint("srv02"), shell_id=OTHER_ID, name="Job")
    registry.remember([removed, ended], CLIENT)
    registry.remember([dataclasses.replace(removed, state=State.CLOSED)], CLIENT, over=[2])
    assert [(each.id, each.is_over, each.was_removed) for each in registry.ever_named("JOB")] == [
        (1, True, True),
        (2, True, False),
    ]
    registry.remember([removed], CLIENT)  # another one of the same id, as a server may list it
    assert [(each.is_over, each.was_removed) for each in registry.numbered(1)] == [(False, False)]


def test_a_file_of_a_newer_format_is_refused(registry: Registry, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(FormatError, match=r"has format 99, and this version of .* reads formats up to 3"):
        Registry.open(str(path), lambda _event: None, world())
    assert path.read_bytes() == before


def test_the_client_id_is_made_once(registry: Registry, path: Path) -> None:
    made = registry.client_id(str)
    assert str(uuid.UUID(made)) == made
    other = Registry(str(path), world())
    assert registry.client_id(str) == other.client_id(str) == made
    other.close()


def test_no_secret_gets_into_the_file(registry: Registry, path: Path) -> None:
    registry.remember([session(endpoint()).opened()], CLIENT)
    registry.close()
    assert b"job1" in path.read_bytes()
    for file in path.parent.iterdir():
        assert b"secret-pw" not in file.read_bytes()


def write_many(path: str, first: int) -> tuple[str, dict[tuple[str, str], int], list[str]]:
    """What one worker does: opens the registry anew for every session."""
    ids: dict[tuple[str, str], int] = {}
    client_id = ""
    events: list[Event] = []
    for number in range(first, first + 5):
        registry = Registry.open(path, events.append, world())
        client_id = registry.client_id(str)
        ids |= registry.remember([numbered(number), numbered(0)], client_id)
        known(registry)
        registry.close()
    return client_id, ids, [repr(event) for event in events]


def test_forty_workers_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_BUSY_SECONDS", PATIENCE)  # workers inherit it
    with ProcessPoolExecutor(40, mp_context=multiprocessing.get_context("fork")) as workers:
        results = list(workers.map(write_many, [str(path)] * 40, range(1, 400, 10)))
    registry = Registry(str(path), world())
    rows = {each.key: each.id for each in known(registry)}
    assert len(rows) == len(set(rows.values())) == 201
    assert {client_id for client_id, _ids, _warnings in results} == {registry.client_id(str)}
    for _client_id, ids, warnings in results:
        assert ids.items() <= rows.items()
        assert warnings == []
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
    assert list(registry.remember([session()], CLIENT)) == [session().key]
    (warned,) = events
    assert isinstance(warned, Warned)
    assert "The task continues without" in warned.text
    registry.close()


def test_without_the_fallback_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be used"):
        Registry(str(tmp_path), world())


def test_a_failing_write_leaves_nothing_half_done(registry: Registry) -> None:
    broken = dataclasses.replace(numbered(2), endpoint=endpoint("srv01", inventory_hostname=object()))
    with pytest.raises(RegistryError):
        registry.remember([numbered(1), broken], CLIENT)
    assert known(registry) == []
    registry.remember([numbered(1)], CLIENT)
    assert len(known(registry)) == 1
