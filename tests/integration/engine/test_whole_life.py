# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole life of many sessions, the second half of it on a controller that knows nothing of the first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller
from tests.simulator import SimulatedFleet

pytestmark = pytest.mark.timing

COMPUTERS = [f"srv{number:02}" for number in range(10)]
NAMES = [f"job{number}" for number in range(5)]
SCRIPTS = {"work": [{"output": ["begun"]}, {"sleep": 3600}, {"output": ["done", {"errors": 0}]}]}


def test_fifty_sessions_on_ten_computers(tmp_path: Path) -> None:
    with SimulatedFleet.build(COMPUTERS, [ADMIN], SCRIPTS) as fleet:
        evening = Controller(fleet, tmp_path / "evening.sqlite3")
        made = evening.run(_plugins.NEW, *COMPUTERS, name=NAMES)
        assert made["errors"] == []
        assert len(made["sessions"]) == 50
        started = evening.run(_plugins.INVOKE, session=made["sessions"], script="work", timeout=0)
        assert started["errors"] == []
        assert {result["state"] for result in started["results"]} == {"Running"}
        assert {session.state for computer in fleet for session in computer.sessions} == {"Disconnected"}

        fleet.clock.advance(3601)
        morning = Controller(fleet, tmp_path / "morning.sqlite3")
        found = morning.get(*COMPUTERS, name=["job*"])
        assert Counter(session["computer_name"] for session in found["sessions"]) == dict.fromkeys(COMPUTERS, 5)
        received = morning.run(_plugins.RECEIVE, session=found["sessions"], when_done="disconnect")
        assert received["errors"] == []
        assert [result["output"] for result in received["results"]] == [["done", {"errors": 0}]] * 50
        assert {result["state"] for result in received["results"]} == {"Completed"}
        removed = morning.remove(session=received["sessions"])
        assert removed["errors"] == []
        assert len(removed["sessions"]) == 50
        assert [session for computer in fleet for session in computer.sessions] == []
        clients = {request.client_session_id for request in fleet.requests_of(operation="Create")}
        clients |= {request.client_session_id for request in fleet.requests_of(operation="Delete")}
        assert len(clients) == 2
        assert len(fleet.requests_of(operation="Create")) == len(fleet.requests_of(operation="Command")) == 50
