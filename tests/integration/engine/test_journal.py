# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of received output: whatever happens to the reader, nothing is lost and nothing comes twice."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _verbs
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import pipelines
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedComputer, SimulatedFleet

ROOT = Path(__file__).resolve().parents[3]
COUNT, KILLS = 20000, 50
NUMBERS = [f"{number:05}" for number in range(COUNT)]
SCRIPTS: dict[str, Any] = {
    "numbers": [{"output": NUMBERS}],
    "done": [{"output": "one"}, {"output": "two"}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
}
# Reads as a task does, in a process of its own; it says when it begins.
READER = """
import json, sys
from ansible_collections.psremoting.fleet.plugins.module_utils import _verbs
options, settings = json.loads(sys.argv[1])
print("ready", flush=True)
result = _verbs.RECEIVE(options, settings_of=lambda _computer, _host: settings, check_mode=False)
print(json.dumps(result))
"""


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
        return controller.run(_verbs.RECEIVE, "srv01", name=["job"], journal=str(path), **options)

    return run


def only(result: Result) -> Result:
    (found,) = result["results"]
    return found


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
    sync, feed = os.fsync, pipelines.Collector.feed

    def noted_sync(descriptor: int) -> None:
        sync(descriptor)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            happened.append("synced")

    def noted_feed(collector: Any, data: bytes) -> None:
        happened.append("parsed")
        feed(collector, data)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(pipelines.Collector, "feed", noted_feed)
    plant(computer, "done", "finished")
    receive()
    assert happened == ["synced", *["parsed"] * 3]  # three pieces came in one answer


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
        result = controller.run(_verbs.RECEIVE, "srv01", journal=str(path))
        assert [got["output"] for got in result["results"]] == [["one", "two"]] * 2


@pytest.mark.parametrize("where", ["folder, but a file", "folder below a file", "file below a file"])
def test_unusable(
    computer: SimulatedComputer, controller: Controller, fleet: SimulatedFleet, tmp_path: Path, where: str
) -> None:
    job = plant(computer, "done", "finished")
    file = tmp_path / "file"
    file.write_text("")
    target = {"folder, but a file": f"{file}/", "folder below a file": f"{file}/new/"}.get(where, f"{file}/journal")
    result = controller.run(_verbs.RECEIVE, "srv01", name=["job"], journal=target)
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
        result = controller.run(_verbs.RECEIVE, "srv01", name=["job"], journal=journal)
        assert sorted(got["output"] for got in result["results"]) == [[], ["one", "two"], ["one", "two"]]
        assert {path.stem for path in folder.iterdir()} == {job.shell_id.lower() for job in jobs}
    one = next(folder.iterdir())
    assert {json.loads(line)["session"] for line in one.read_text().splitlines()} == {one.stem}


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


def test_short_writes(computer: SimulatedComputer, receive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take less than it is given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
    plant(computer, "done", "finished")
    for _time in range(2):
        assert only(receive())["output"] == ["one", "two"]


def test_reader_killed_at_any_point(
    computer: SimulatedComputer, controller: Controller, path: Path, tmp_path: Path
) -> None:
    computer.replay_after_connect = True
    job = plant(computer, "numbers", "finished")
    settings = {**controller.settings_of("srv01", None), "max_envelope_size": 32768}
    point = random.Random(4)
    grown = 0

    def start(registry: Path) -> subprocess.Popen[str]:
        options = {
            "computer_name": ["srv01"],
            "name": ["job"],
            "journal": str(path),
            "registry_path": str(registry),
            "missing": "fail",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", READER, json.dumps([options, settings])],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def size() -> int:
        return path.stat().st_size if path.exists() else 0

    def wait_for_more(process: subprocess.Popen[str], before: int) -> None:
        give_up = time.monotonic() + 20
        while process.poll() is None and size() <= before and time.monotonic() < give_up:
            time.sleep(0.001)

    for number in range(KILLS):
        before = size()
        # Every other one is another controller, which comes when the server has noticed that the first is gone.
        registry = tmp_path / f"registry{number if number % 2 else ''}.sqlite3"
        process = start(registry)
        if number % 4 > 1:  # others are killed before, while they connect
            wait_for_more(process, before)
        time.sleep(point.uniform(0, 0.05))
        process.kill()
        process.wait()
        grown += size() > before
        if number % 2 or not (tmp_path / "registry.sqlite3").exists():
            job.disconnect()
    job.disconnect()
    output, _errors = start(tmp_path / "last.sqlite3").communicate(timeout=60)
    result = json.loads(output)
    assert result.get("failed") is None, result["msg"]
    assert only(result)["output"] == NUMBERS
    assert only(result)["state"] == "Completed"
    assert grown >= KILLS // 5  # it was killed in the middle of things, not before or after
