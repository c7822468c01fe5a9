# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each answer of the corpus costs its own computer, within bounds, and nothing else."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import client
from tests.hostile.corpus import CASES, Case
from tests.hostile.server import HostileServer
from tests.simulator import SimulatedFleet, User

ADMIN = User("admin", "secret", administrator=True)
SCRIPTS = {"quick": [{"output": "done"}]}
MAX_KIB = 250 * 1024
MAX_REQUESTS = 60
# Texts that only Python would show to a user.
RAW = re.compile(r"Traceback|IncompleteRead|_ssl\.c|object at 0x|Error\(|\\x|b'|Errno|codec can't|invalid literal")
# Control characters, C1, bidirectional marks and line separators.
CONTROLS = re.compile("[\0-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MAX_MESSAGE = 2_500


@pytest.fixture(scope="module")
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["hostile", "honest"], [ADMIN], SCRIPTS) as started:
        yield started


class Tasks:
    """Runs tasks in a process that is forked from one that has imported the engine, and in a new one if that ends."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.hostile.client"])
        self._process: ForkServerProcess | None = None

    def run(self, *task: Any) -> dict[str, Any]:
        """Run a task and return what came of it."""
        if self._process is None:
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(target=client.serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        self._pipe.send(task)
        try:
            ended: dict[str, Any] = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            exitcode, self._process = self._process.exitcode, None
            pytest.fail(f"the process ended with {exitcode}")
        return ended

    def end(self) -> None:
        """End the process; a task that runs is killed."""
        if self._process is not None:
            self._process.kill()
            self._process.join()


@pytest.fixture(scope="module")
def tasks() -> Iterator[Tasks]:
    started = Tasks()
    yield started
    started.end()


def played(case: Case, fleet: SimulatedFleet, tasks: Tasks, folder: Path) -> tuple[dict[str, Any], int, list[str]]:
    """Run the task of a case; return its result, the memory in KiB that it took, and what the server was asked."""
    for computer in fleet:
        for session in computer.sessions:
            session.close()
    fleet.clear_requests()
    hostile, honest = fleet["hostile"], fleet["honest"]
    if case.task not in ("new", "start"):
        hostile.add_session("bad", commands=[{"script": "quick"}])
        honest.add_session("good", commands=[{"script": "quick"}])
    with HostileServer((hostile.address, hostile.port), case.action, case.answer, case.times) as server:
        ports = {"hostile": ("127.0.0.1", server.port), "honest": (honest.address, honest.port)}
        ended = tasks.run(case.task, ports, str(folder))
        assert "crash" not in ended, ended["crash"]
        return json.loads(ended["result"]), ended["kib"], list(server.requests)


def texts_of(value: object) -> Iterator[str]:
    """Yield all texts in a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_of(key)
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CASES)
def test_case(fleet: SimulatedFleet, tasks: Tasks, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    result, kib, requests = played(case, fleet, tasks, tmp_path)
    print(f"{name}: {kib} KiB, {len(requests)} requests, {[error['message'] for error in result['errors']]}"[:600])

    assert [error for error in result["errors"] if error["computer_name"] != "hostile"] == []
    assert any(session["computer_name"] == "honest" for session in result["sessions"])
    assert kib < MAX_KIB
    assert len(requests) < MAX_REQUESTS
    if not case.works:
        assert result["errors"]
    for error in result["errors"]:
        for text in texts_of(error):
            assert not RAW.search(text)
            assert not CONTROLS.search(text)
            assert len(text) < MAX_MESSAGE
    for session in result["sessions"]:
        for text in texts_of(session):
            assert not CONTROLS.search(text)
