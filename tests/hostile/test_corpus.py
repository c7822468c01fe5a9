# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each answer of the corpus costs its own computer, within bounds, and nothing else."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
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


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that are forked from one that has imported the engine."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.hostile.client"])
    return context


def played(
    case: Case, fleet: SimulatedFleet, processes: ForkServerContext, folder: Path
) -> tuple[dict[str, Any], int, list[str]]:
    """Run the task of a case; return its result, the memory in KiB that it took, and what the server was asked."""
    for computer in fleet:
        for session in computer.sessions:
            session.close()
    fleet.clear_requests()
    for name in ("hostile", "honest"):
        if case.task not in ("new", "start"):
            fleet[name].add_session("bad" if name == "hostile" else "good", commands=[{"script": "quick"}])
    hostile, honest = fleet["hostile"], fleet["honest"]
    with HostileServer((hostile.address, hostile.port), case.action, case.answer, case.times) as server:
        ours, theirs = processes.Pipe(duplex=False)
        ports = {"hostile": ("127.0.0.1", server.port), "honest": (honest.address, honest.port)}
        process = processes.Process(target=client.run, args=(theirs, case.task, ports, str(folder)), daemon=True)
        process.start()
        theirs.close()
        try:
            ended = ours.recv()
        except EOFError:
            process.join()
            pytest.fail(f"the process ended with {process.exitcode}")
        finally:
            process.kill()
            process.join()
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
def test_case(fleet: SimulatedFleet, processes: ForkServerContext, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    result, kib, requests = played(case, fleet, processes, tmp_path)
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
