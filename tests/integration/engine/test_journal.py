# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of received output: whatever happens to the reader, nothing is lost and nothing comes twice."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import CommandEvent
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.unix import LockedFile
from tests.integration.engine.controller import ADMIN, Controller, Result, only
from tests.integration.engine.killed_reader import ANYWHERE, POINTS
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.waiting import until

pytestmark = pytest.mark.timing

ROOT = Path(__file__).resolve().parents[3]
COUNT = 20000
# What happens once in the life of a reader.
AT_ONCE = {
    "before listing",
    "before connecting",
    "connected",
    "connected to the command",
    "before the end is confirmed",
    "after the end is confirmed",
}
AT_THE_END = ("before the end is confirmed", "after the end is confirmed")
# Where a reader has written something.
WRITTEN = {"half written", "written, not synced", "synced, not read"}
# The server has a reader wait for an answer to a request that was not carried out, or was.
FROM_OUTSIDE: tuple[Literal["hang", "withhold"], ...] = ("hang", "withhold")
NUMBERS = [f"{number:05}" for number in range(COUNT)]
SCRIPTS: dict[str, Any] = {
    "numbers": [{"output": NUMBERS}],
    "done": [{"output": "one"}, {"output": "two"}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "job.jsonl"


@pytest.fixture
def receive(controller: Controller, path: Path) -> Any:
    def run(**options: Any) -> Result:
        return controller.run(_plugins.RECEIVE, "srv01", name=["job"], journal=str(path), **options)

    return run


def plant(computer: SimulatedComputer, script: str, state: str = "running") -> Any:
    return computer.add_session("job", commands=[{"script": script, "state": state}])


def test_only_its_owner_can_read_it(computer: SimulatedComputer, receive: Any, path: Path) -> None:
    plant(computer, "done")
    mask = os.umask(0)
    try:
        receive()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_synced_before_parsed(
    computer: SimulatedComputer, receive: Any, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    happened: list[str] = []
    sync, feed = os.fsync, CommandStream.feed

    def noted_sync(descriptor: int) -> None:
        sync(descriptor)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            happened.append("synced")

    def noted_feed(stream: CommandStream, data: bytes) -> Iterator[CommandEvent]:
        happened.append("parsed")
        return feed(stream, data)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(CommandStream, "feed", noted_feed)
    plant(computer, "done", "finished")
    receive()
    # First the run that works with the journal, then the three pieces that came in one answer.
    assert happened == ["synced", "synced", *["parsed"] * 3]


@pytest.mark.parametrize(
    "torn", [b"{", b'{"session": "x", "command": "y", "piece": "AAA', b"\xff\xfe", b"[1]\n", b"\n"]
)
def test_torn_last_line(
    computer: SimulatedComputer, fleet: SimulatedFleet, receive: Any, path: Path, torn: bytes
) -> None:
    plant(computer, "slow")
    assert only(receive(timeout=0))["output"] == ["begun"]
    with path.open("ab") as file:
        file.write(torn)
    fleet.clock.advance(3600)
    for _time in range(2):
        assert only(receive())["output"] == ["begun", "done"]


def test_one_file_for_several_sessions(computer: SimulatedComputer, controller: Controller, path: Path) -> None:
    for name in ("job1", "job2"):
        computer.add_session(name, commands=[{"script": "done", "state": "finished"}])
    for _time in range(2):
        result = controller.run(_plugins.RECEIVE, "srv01", name=["*"], journal=str(path))
        assert [got["output"] for got in result["results"]] == [["one", "two"]] * 2


@pytest.mark.parametrize("where", ["folder, but a file", "folder below a file", "file below a file"])
def test_unusable(
    computer: SimulatedComputer, controller: Controller, fleet: SimulatedFleet, tmp_path: Path, where: str
) -> None:
    job = plant(computer, "done", "finished")
    file = tmp_path / "file"
    file.write_text("")
    target = {"folder, but a file": f"{file}/", "folder below a file": f"{file}/new/"}.get(where, f"{file}/journal")
    result = controller.run(_plugins.RECEIVE, "srv01", name=["job"], journal=target)
    assert result["failed"]
    assert "journal" in result["msg"]
    assert fleet.requests_of(operation="Receive") == []  # nothing was taken that could not be kept
    assert [command.collected for command in job.commands] == [False]


@pytest.mark.parametrize("exists", [True, False])
def test_each_session_has_a_file_of_its_own_in_a_folder(
    computer: SimulatedComputer, controller: Controller, tmp_path: Path, exists: bool
) -> None:
    jobs = [plant(computer, "done", "finished") for _number in range(2)]
    computer.add_session("job")
    folder = tmp_path / "journals"
    if exists:
        folder.mkdir()
    journal = str(folder) if exists else f"{folder}/"
    for _time in range(2):
        result = controller.run(_plugins.RECEIVE, "srv01", name=["job"], journal=journal)
        assert sorted(got["output"] for got in result["results"]) == [[], ["one", "two"], ["one", "two"]]
        assert {path.stem for path in folder.iterdir()} == {job.shell_id.lower() for job in jobs}
    one = next(folder.iterdir())
    about = {json.loads(line).get("session") for line in one.read_text().splitlines()}
    assert about - {None} == {one.stem}


def test_disk_full(computer: SimulatedComputer, receive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computer.replay_after_connect = True
    job = plant(computer, "done", "finished")

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "write", full)
        result = receive()
    assert result["failed"]
    assert "No space left" in result["msg"]
    assert job.state == "Disconnected"
    assert only(receive())["output"] == ["one", "two"]


def test_what_was_received_before_the_disk_was_full_is_in_the_result(
    computer: SimulatedComputer, controller: Controller, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """Of the session in which that happened, and of all before it."""
    computer.configure({"replay_after_connect": "shell"})
    controller.inventory["srv01"] = {"max_envelope_size": 32768}
    for name, script in (("a", "done"), ("b", "numbers"), ("c", "done")):
        computer.add_session(name, commands=[{"script": script, "state": "finished"}])
    write, written = os.write, 0

    def full(descriptor: int, data: bytes) -> int:
        nonlocal written
        written += b'"piece"' in bytes(data)
        if written > 2:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    def receive() -> Result:
        return controller.run(_plugins.RECEIVE, "srv01", name=["*"], journal=str(path), throttle_limit=1)

    with monkeypatch.context() as context:
        context.setattr(os, "write", full)
        result = receive()
    assert result["failed"]
    first, second, third = result["results"]
    assert (first["name"], first["output"]) == ("a", ["one", "two"])
    assert second["output"] == NUMBERS[: len(second["output"])]
    assert 0 < len(second["output"]) < COUNT
    assert (third["name"], third["output"]) == ("c", [])
    assert [error["session_name"] for error in result["errors"]] == ["b", "c"]
    assert all("No space left" in error["message"] for error in result["errors"])
    assert [got["output"] for got in receive()["results"]] == [["one", "two"], NUMBERS, ["one", "two"]]


def test_short_writes(computer: SimulatedComputer, receive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take less than it is given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
    plant(computer, "done", "finished")
    for _time in range(2):
        assert only(receive())["output"] == ["one", "two"]


def in_any_order(chance: random.Random) -> list[str]:
    """Each point of a reader's work some times, but for those that end it."""
    points = [point for point in POINTS if point not in AT_THE_END] * 4 + [ANYWHERE, *FROM_OUTSIDE] * 4
    chance.shuffle(points)
    return points


def times_of(point: str, chance: random.Random) -> int:
    """How often a reader gets to a point before it is killed there."""
    if point == ANYWHERE:
        # A hundred calls lead from an answer to the disk, some thousands to the next request.
        return int(10 ** chance.uniform(0, 4))
    return 1 if point in AT_ONCE else chance.randint(1, 3)


class Reader:
    """Orders to `killed_reader`."""

    def __init__(self, settings: dict[str, Any], journal: Path) -> None:
        self._settings = settings
        self._journal = journal
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.engine.killed_reader"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, registry: Path, point: str | None = None, time: int = 1) -> int:
        """Let it receive; returns its process id."""
        options = {"computer_name": ["srv01"], "name": ["job"], "on_missing": "error"}
        options |= {"journal": str(self._journal), "state_file": str(registry)}
        order = {"options": options, "settings": self._settings, "point": point, "time": time}
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return int(self.line())

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip()

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def reader(controller: Controller, path: Path) -> Iterator[Reader]:
    started = Reader({**controller.settings_of("srv01", None), "max_envelope_size": 32768}, path)
    yield started
    started.close()


def test_reader_killed_at_any_point(
    computer: SimulatedComputer, fleet: SimulatedFleet, reader: Reader, path: Path, tmp_path: Path
) -> None:
    """Some kill themselves at certain points of their work, others are killed from outside while the server has them
    wait. No point depends on time, so it does not matter how fast the machine is."""
    job = plant(computer, "numbers", "finished")
    seed = int(os.environ.get("PSSESSION_TEST_SEED") or random.randrange(1 << 32))
    print(f"to see the same again: PSSESSION_TEST_SEED={seed}")
    chance = random.Random(seed)
    computer.configure({"replay_after_connect": chance.choice(["shell", "command", "any"])})
    registry = tmp_path / "registry.sqlite3"
    for number, point in enumerate([*in_any_order(chance), *AT_THE_END]):
        before = path.stat().st_size if path.exists() else 0
        if chance.random() < 0.5:  # another controller, which comes when the server has noticed that the first is gone
            registry = tmp_path / f"registry{number}.sqlite3"
            job.disconnect()
        if point in FROM_OUTSIDE:
            hold = Injection("*", action=point, after=chance.randrange(6))
            computer.inject(hold)
            process = reader.start(registry)
            until(lambda: hold.waiting, f"request {hold.after} of reader {number}")  # noqa: B023
            os.kill(process, signal.SIGKILL)
        else:
            reader.start(registry, point, times_of(point, chance))
        assert reader.line() == "killed", point
        until(lambda: all(request.ended for request in fleet.requests), "the end of the reader's connection")
        fleet.clear_requests()
        assert point not in WRITTEN or path.stat().st_size > before, point
    assert job.commands == []  # the last but one had all of it, the last one said so
    job.disconnect()
    reader.start(tmp_path / "last.sqlite3")
    result = json.loads(reader.line())
    assert reader.line() == "ended"
    assert result.get("failed") is None, result["msg"]
    assert only(result)["output"] == NUMBERS
    assert (only(result)["state"], only(result)["command_id"] is None) == ("Completed", False)


def test_a_folder_holds_the_journals_of_sessions_that_are_received_now(
    computer: SimulatedComputer, controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is an open file, and one task may receive from more sessions than a process may have files."""
    held, most = set[LockedFile](), 0
    exclusive, release = LockedFile.exclusive, LockedFile.release

    def locked(lock: LockedFile) -> bool:
        nonlocal most
        held.add(lock)
        most = max(most, len(held))
        return exclusive(lock)

    def released(lock: LockedFile) -> None:
        held.discard(lock)
        release(lock)

    monkeypatch.setattr(LockedFile, "exclusive", locked)
    monkeypatch.setattr(LockedFile, "release", released)
    for _each in range(12):
        plant(computer, "done")
    wanted: dict[str, Any] = {"name": ["job"], "journal": f"{tmp_path}/journals/", "throttle_limit": 2}
    for _again in range(2):
        result = controller.run(_plugins.RECEIVE, "srv01", **wanted)
        assert [each["output"] for each in result["results"]] == [["one", "two"]] * 12
    assert (len(held), 0 < most <= 2) == (0, True)
