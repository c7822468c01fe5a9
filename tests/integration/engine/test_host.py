# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host of a command: whether it has a user interface, what is written to it, and questions, which are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result, only
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

SCRIPTS: dict[str, Any] = {
    "writes": [
        {"write_host": "a"},
        {"write_host": {"text": "b", "no_newline": True}},
        {"warning": "w"},
        {"verbose": "v"},
        {"debug": "d"},
        {"progress": "p"},
        {"host": {"method": "WriteLine2", "parameters": ["direct"]}},
        {"host": {"method": "WriteErrorLine", "parameters": ["wrong"]}},
    ],
    "asks": [{"output": "before"}, {"prompt": {"method": "ReadLine", "caught": True}}, {"output": "after"}],
    "asks twice": [
        {"prompt": {"method": "ReadLine", "caught": True}},
        {"prompt": {"method": "ReadLine", "caught": True}},
        {"sleep": 60},
        {"output": "end"},
    ],
}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


def invoke(controller: Controller, script: str, **options: Any) -> Result:
    return only(controller.run(_plugins.INVOKE, "srv01", name=["job"], script=script, **options))


def start(controller: Controller, script: str, **options: Any) -> None:
    wanted = {"session_name": ["job"], "in_disconnected_session": True, "script": script, **options}
    result = controller.run(_plugins.INVOKE, "srv01", **wanted)
    assert "failed" not in result, result["msg"]


def receive(controller: Controller, **options: Any) -> Result:
    return only(controller.run(_plugins.RECEIVE, "srv01", name=["job"], **options))


STREAMS = ("warning", "verbose", "debug", "host_out", "host_err")


def test_what_is_written_is_there_once(controller: Controller, computer: SimulatedComputer) -> None:
    computer.add_session("job")
    got = invoke(controller, "writes")
    assert [got[stream] for stream in STREAMS] == [["w"], ["v"], ["d"], "direct\n", "wrong\n"]
    assert [record["message_data"]["Message"] for record in got["information"]] == ["a", "b"]
    assert got["progress"]["activity"] == "p"


def test_without_a_user_interface_records_are_all_there_is(controller: Controller, computer: SimulatedComputer) -> None:
    """What a script tells its host directly goes nowhere then; the simulated script does not care."""
    computer.add_session("job")
    got = invoke(controller, "writes", host_ui=False)
    assert [got[stream] for stream in STREAMS[:3]] == [["w"], ["v"], ["d"]]
    assert len(got["information"]) == 2


@pytest.mark.parametrize(("host_ui", "fails_at_once"), [(None, False), (True, False), (False, True)])
def test_question_where_the_task_waits(
    controller: Controller,
    computer: SimulatedComputer,
    fleet: SimulatedFleet,
    host_ui: bool | None,
    fails_at_once: bool,
) -> None:
    computer.add_session("job")
    got = invoke(controller, "asks", host_ui=host_ui)
    assert (got["state"], got["output"]) == (
        ("Failed", ["before"]) if fails_at_once else ("Completed", ["before", "after"])
    )
    assert len(fleet.requests_of(operation="Send")) == (0 if fails_at_once else 1)


@pytest.mark.parametrize(("host_ui", "fails_at_once"), [(None, True), (True, False), (False, True)])
def test_question_in_a_disconnected_session(
    controller: Controller, fleet: SimulatedFleet, host_ui: bool | None, fails_at_once: bool
) -> None:
    start(controller, "asks", host_ui=host_ui)
    got = receive(controller)
    assert (got["state"], got["output"]) == (
        ("Failed", ["before"]) if fails_at_once else ("Completed", ["before", "after"])
    )
    assert len(fleet.requests_of(operation="Send")) == (0 if fails_at_once else 1)


@pytest.mark.parametrize("has_journal", [True, False])
def test_a_question_whose_client_is_gone_is_refused_by_the_next(
    controller: Controller, computer: SimulatedComputer, fleet: SimulatedFleet, tmp_path: Path, has_journal: bool
) -> None:
    """The connection of the first reader breaks before it can refuse.

    The next one, another client, has the question from the journal, or once more from the server.
    """
    computer.replay_after_connect = not has_journal
    start(controller, "asks", host_ui=True)
    journal = str(tmp_path / "journal.jsonl") if has_journal else None
    computer.inject(Injection("Send", action="reset", times=9))
    broken = controller.run(_plugins.RECEIVE, "srv01", name=["job"], journal=journal, recovery_timeout=0)
    assert broken["failed"]
    computer.injections.clear()
    fleet.clock.advance(61)
    fleet.clear_requests()
    got = receive(Controller(fleet, tmp_path / "other" / "registry.sqlite3"), journal=journal, busy_timeout=90)
    assert (got["state"], got["output"][-1]) == ("Completed", "after")
    assert len(fleet.requests_of(operation="Send")) == 1


def test_questions_of_the_journal_are_not_answered_again(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    start(controller, "asks twice", host_ui=True)
    journal = str(tmp_path / "journal.jsonl")
    assert receive(controller, journal=journal, timeout=0)["state"] == "Running"
    while len(fleet.requests_of(operation="Send")) < 2:
        receive(controller, journal=journal, timeout=0)
    fleet.clear_requests()
    fleet.clock.advance(60)
    got = receive(controller, journal=journal)
    assert (got["state"], got["output"]) == ("Completed", ["end"])
    assert fleet.requests_of(operation="Send") == []
