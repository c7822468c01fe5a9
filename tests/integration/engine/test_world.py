# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine in a world of memory: no sockets, threads or files, and the same history for the same seed."""

from __future__ import annotations

import contextlib
import datetime
import io
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import FileLock
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.throttle import outcome_of
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import (
    LogonObserver,
    Unobserved,
    World,
)
from tests.integration.engine.controller import ADMIN, Controller, names
from tests.simulator import SimulatedFleet
from tests.simulator.faults import Fault, fault_answer
from tests.simulator.operations import Caller, Operations
from tests.simulator.wsman import Answer, Request, read_request, write_envelope

COMPUTERS = ["srv01", "srv02", "srv03", "srv04"]
SCRIPTS = {"work": [{"output": "begun"}, {"sleep": 60}, {"output": "done"}]}
CALLER = Caller(ADMIN, "127.0.0.1")
START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(COMPUTERS, [ADMIN], SCRIPTS) as fleet:
        yield fleet


class MemoryDisk:
    """Files in memory; databases last as long as the disk does."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self._databases: dict[str, sqlite3.Connection] = {}
        self._holders: dict[str, list[tuple[MemoryLock, str]]] = {}

    def make_folder(self, path: str) -> None:
        self.folders.add(path)

    def exists(self, path: str) -> bool:
        return path in self.files or path in self.folders

    def is_folder(self, path: str) -> bool:
        return path in self.folders

    def check_folder(self, path: str) -> None:
        if path not in self.folders:
            raise FileNotFoundError(path)

    def append(self, path: str, data: bytes) -> None:
        self.files[path] = self.files.get(path, b"") + data

    def read(self, path: str) -> BinaryIO:
        if path not in self.files:
            raise FileNotFoundError(path)
        return io.BytesIO(self.files[path])

    def lock(self, path: str, part: int | None = None) -> FileLock:
        return MemoryLock(self._holders.setdefault(path if part is None else f"{path} {part}", []))

    def rename(self, path: str, new_path: str) -> None:
        self.files[new_path] = self.files.pop(path)

    def database(self, path: str | None) -> sqlite3.Connection:
        def opened() -> sqlite3.Connection:
            return sqlite3.connect(f"file:{id(self)}{path}?mode=memory&cache=shared", isolation_level=None, uri=True)

        if path is not None and path not in self._databases:
            self._databases[path] = opened()  # the database lasts as long as one connection does
        return opened()

    def close(self) -> None:
        for database in self._databases.values():
            database.close()


class MemoryLock:
    """A lock on a file in memory.

    Args:
        holders: Of the file, each with how it holds it.
    """

    def __init__(self, holders: list[tuple[MemoryLock, str]]) -> None:
        self._holders = holders

    def exclusive(self) -> bool:
        return self._take("alone", not any(holder is not self for holder, _how in self._holders))

    def shared(self) -> bool:
        others = (how for holder, how in self._holders if holder is not self)
        return self._take("together", "alone" not in others)

    def release(self) -> None:
        self._holders[:] = [(holder, how) for holder, how in self._holders if holder is not self]

    def _take(self, how: str, is_possible: bool) -> bool:
        if is_possible:
            self.release()
            self._holders.append((self, how))
        return is_possible


class OneByOne:
    """Runs each job to its end, in an order of chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def map(
        self, work: Callable[[Any], Any], jobs: Sequence[Any], go_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[Any, Any]]:
        for job in self._chance.sample(jobs, len(jobs)):
            yield job, outcome_of(work, job)
            if not go_on():
                return


class Simulation:
    """A world in which everything is in memory and follows from a seed.

    Attributes:
        sent: The requests in order, with the computer of each.
        now: Seconds since the beginning.
        loses: The operation whose next answer is lost after it took effect, or None once it was.
    """

    def __init__(self, fleet: SimulatedFleet, seed: int) -> None:
        self.fleet = fleet
        self.operations = {computer.name: Operations(computer) for computer in fleet}
        self.disk = MemoryDisk()
        self.sent: list[tuple[str, Request]] = []
        self.now = 0.0
        self.loses: str | None = None
        chance = random.Random(seed)
        self.world = World(
            lambda endpoint: MemoryConversation(self, endpoint),
            monotonic=lambda: self.now,
            now=lambda: START + datetime.timedelta(seconds=self.now),
            sleep=self.sleep,
            random=chance,
            job_pool=lambda _limit: OneByOne(chance),
            disk=self.disk,
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.fleet.clock.advance(seconds)

    @property
    def changes(self) -> list[tuple[str, str, str | None, str | None]]:
        """The requests but for those that only look, with the computer, the session and the command of each."""
        looks = ("Enumerate", "Receive")
        return [
            (request.operation, computer, request.shell_id, request.command_id)
            for computer, request in self.sent
            if request.operation not in looks
        ]


class MemoryConversation:
    """Carries envelopes to the service of a simulated computer, without a socket."""

    def __init__(self, simulation: Simulation, endpoint: Endpoint) -> None:
        self.endpoint = endpoint.uri
        self.time_limit = 0.0
        self.way = ""
        self.mechanism = ""
        self.observer: LogonObserver = Unobserved()
        address = urlsplit(endpoint.uri).hostname
        self._computer = next(each for each in simulation.fleet if each.address == address)
        self._simulation = simulation

    def send(self, message: bytes) -> str:
        request, simulation = read_request(message.decode()), self._simulation
        simulation.sent.append((self._computer.name, request))
        answer = simulation.fleet._loop_thread.run(self._answer(request))
        if request.operation == simulation.loses:
            simulation.loses = None
            raise TransportError(None, "the connection broke")
        return write_envelope(answer, request.message_id)

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._simulation.operations[self._computer.name].carry_out(request, CALLER)
        except Fault as fault:
            return fault_answer(fault, self._computer.host_name)

    def follow(self, uri: str) -> None:
        raise AssertionError(f"nothing redirects to {uri}")

    def close(self) -> None:
        pass


@pytest.fixture
def simulation(fleet: SimulatedFleet) -> Iterator[Callable[[int], Simulation]]:
    """Make a simulation from a seed."""
    with contextlib.ExitStack() as made:

        def make(seed: int) -> Simulation:
            simulation = Simulation(fleet, seed)
            made.callback(simulation.disk.close)
            return simulation

        yield make


@pytest.fixture
def simulated(fleet: SimulatedFleet, tmp_path: Path) -> Any:
    """Run a task of one's own controller in a simulation: a plugin of the collection with its options."""
    controller = Controller(fleet, tmp_path / "state")

    def run(simulation: Simulation, plugin: _plugins.Plugin, **options: Any) -> dict[str, Any]:
        controller.surroundings["world"] = simulation.world
        return controller.run(plugin, *COMPUTERS, **options)

    return run


def whole_life(history: Simulation, run: Any, loses: str | None = None) -> dict[str, Any]:
    """Start work in a session of each computer, receive its output later, and remove the sessions.

    Args:
        loses: The operation whose first answer is lost after it took effect.
    """
    history.loses = loses
    started = run(
        history,
        _plugins.INVOKE,
        session_name=["night"],
        script="work",
        in_disconnected_session=True,
        journal="/journal",
    )
    assert started["errors"] == []
    history.sleep(3600)
    received: dict[str, Any] = run(history, _plugins.RECEIVE, name=["night"], journal="/journal")
    assert received["errors"] == []
    assert run(history, _plugins.REMOVE, name=["night"])["errors"] == []
    return received


def test_all_of_it_happens_in_memory(fleet: SimulatedFleet, simulation: Any, simulated: Any, tmp_path: Path) -> None:
    history = simulation(1)
    received = whole_life(history, simulated)
    assert names(received) == ["night"] * 4
    assert [each["output"] for each in received["results"]] == [["begun", "done"]] * 4
    assert set(history.disk.files) == {"/journal", str(tmp_path / "state.client")}
    assert fleet.requests == []
    assert list(tmp_path.iterdir()) == []
    assert not Path("/journal").exists()


@pytest.mark.parametrize("lost", ["Create", "Disconnect", "Reconnect", "Delete"])
def test_an_answer_is_lost_after_it_took_effect(simulation: Any, simulated: Any, lost: str) -> None:
    history = simulation(1)
    received = whole_life(history, simulated, loses=lost)
    assert history.loses is None
    assert [each["output"] for each in received["results"]] == [["begun", "done"]] * 4


def test_the_same_seed_is_the_same_history(simulation: Any, simulated: Any) -> None:
    def changes(seed: int) -> list[tuple[str, str, str | None, str | None]]:
        history = simulation(seed)
        whole_life(history, simulated)
        return cast("list[tuple[str, str, str | None, str | None]]", history.changes)

    first, again, other = changes(1), changes(1), changes(2)
    assert first == again
    # Other ids, and the computers in another order.
    assert {each[2] for each in first}.isdisjoint({each[2] for each in other})
    assert [each[1] for each in first] != [each[1] for each in other]
