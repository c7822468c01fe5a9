# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invoke-Command -InDisconnectedSession that was interrupted: a second run starts what never was, and nothing twice."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Event, Interrupted
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output import running
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import starting
from tests.integration.engine.controller import ADMIN, Controller, Result, names, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.waiting import meanwhile, until

pytestmark = pytest.mark.timing

SCRIPTS = {"work": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}], "quick": [{"output": "done"}]}


class Killed(BaseException):
    """The process is gone: nothing more is done."""


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01", "srv02", "srv03"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def start(controller: Controller, journal: Path) -> Any:
    """Start the work in the session `night`; `journal=None` does without one."""

    def run(script: str = "work", **options: Any) -> Result:
        given = {"computer_name": ["srv01"], "session_name": ["night"], "journal": str(journal), **options}
        return controller.run(_plugins.INVOKE, script=script, in_disconnected_session=True, **given)

    return run


def killed_in(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, where: Any, name: str, start: Any, **options: Any
) -> None:
    """Start, and kill the controller at a certain point. The server notices that it is silent."""

    def kill(*_given: Any, **_options: Any) -> Any:
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(where, name, kill)
        context.setattr(
            "ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.disconnecting._disconnect_at_once",
            kill,
        )
        with pytest.raises(Killed):
            start(**options)
    computer.clock.advance(61)


def commands(computer: SimulatedComputer) -> list[int]:
    return [len(session.commands) for session in computer.sessions]


def test_killed_before_the_start(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    killed_in(monkeypatch, computer, running.Runner, "start", start)
    assert commands(computer) == [0]
    fleet.clear_requests()
    would = start(check_mode=True)
    assert (would["changed"], set(operations(fleet))) == (True, {"Enumerate"})
    again = start()
    assert (again["changed"], names(again), again["warnings"]) == (True, ["night"], [])
    assert commands(computer) == [1]
    assert computer.session("night").state == "Disconnected"
    assert len(fleet.requests_of(operation="Command")) == 1
    assert not start()["changed"]
    assert commands(computer) == [1]


def test_killed_in_the_start(
    monkeypatch: pytest.MonkeyPatch,
    computer: SimulatedComputer,
    fleet: SimulatedFleet,
    start: Any,
    controller: Controller,
    journal: Path,
) -> None:
    """The request may have been sent, so nothing is started, and both verbs say why."""
    killed_in(monkeypatch, computer, starting, "start", start)
    again = start()
    assert not again["changed"]
    assert again["failed"]
    assert "has no command" in again["msg"]
    assert fleet.requests_of(operation="Command") == []
    received = controller.run(_plugins.RECEIVE, "srv01", name=["night"], journal=str(journal))
    assert received["failed"]
    assert "or the command never started" in received["msg"]


def test_killed_after_the_start(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    killed_in(monkeypatch, computer, running, "CommandResult", start)
    assert commands(computer) == [1]
    again = start()
    assert (again["changed"], again["warnings"]) == (False, [])
    assert len(fleet.requests_of(operation="Command")) == 1


def test_without_a_journal(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    killed_in(monkeypatch, computer, running.Runner, "start", start, journal=None)
    for options in ({"journal": None}, {}):  # a journal that was not there then proves nothing
        again = start(**options)
        assert not again["changed"]
        assert again["failed"]
        (error,) = again["errors"]
        assert (error["reason"], error["session_name"]) == ("failed", "night")
        assert "remove the session (remove_pssession) and run the task again" in error["hint"]
        assert [session["commands"] for session in again["sessions"]] == [[]]
    assert fleet.requests_of(operation="Command") == []


def test_another_run_may_still_be_at_it(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    killed_in(monkeypatch, computer, running.Runner, "start", start)
    computer.session("night").connect_elsewhere()
    again = start()
    assert not again["changed"]
    assert "run the task again in a minute" in again["errors"][0]["hint"]
    assert fleet.requests_of(operation="Command") == []


def test_work_that_was_collected_is_not_started_again(
    computer: SimulatedComputer, fleet: SimulatedFleet, start: Any, controller: Controller
) -> None:
    assert start("quick")["changed"]
    assert controller.run(_plugins.RECEIVE, "srv01", name=["night"])["results"][0]["output"] == ["done"]
    computer.session("night").disconnect()
    assert not start("quick")["changed"]
    assert len(fleet.requests_of(operation="Command")) == 1


def test_what_receive_says_of_an_empty_session(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, start: Any, controller: Controller, journal: Path
) -> None:
    """No command id: with this journal nothing was ever started in it."""
    killed_in(monkeypatch, computer, running.Runner, "start", start)
    result = controller.run(_plugins.RECEIVE, "srv01", name=["night"], journal=str(journal))
    assert "failed" not in result
    (got,) = result["results"]
    assert (got["command_id"], got["state"], got["output"]) == (None, None, [])


def test_each_session_is_started_as_soon_as_it_is_open(
    computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    assert start(session_name=["a", "b", "c"], throttle_limit=1)["changed"]
    mutating = [name for name in operations(fleet) if name in ("Create", "Command", "Disconnect")]
    assert mutating == ["Create", "Command"] * 3 + ["Disconnect"] * 3
    assert len({request.connection for request in fleet.requests}) == 1


@pytest.mark.parametrize("spelling", ["night ", "\tnight", "NIGHT"])
def test_blanks_at_the_ends_of_a_name_do_not_count(computer: SimulatedComputer, start: Any, spelling: str) -> None:
    assert start(session_name=[spelling])["changed"]
    assert not start(session_name=[spelling])["changed"]
    assert not start()["changed"]
    assert commands(computer) == [1]


def test_a_listed_name_with_blanks_is_found_and_shown_as_it_is(
    computer: SimulatedComputer, start: Any, controller: Controller
) -> None:
    computer.add_session(" night ")
    assert not start()["changed"]
    assert names(controller.get("srv01", name=["night "])) == [" night "]
    assert names(controller.get(name=["night"])) == [" night "]  # in the registry
    assert names(controller.get("srv01", name=["*t"])) == [" night "]


@pytest.mark.parametrize("is_folder", [False, True])
def test_two_spellings_are_one(
    computer: SimulatedComputer, fleet: SimulatedFleet, start: Any, tmp_path: Path, is_folder: bool
) -> None:
    journal = f"{tmp_path}/folder/" if is_folder else f"{tmp_path}/journal"
    spellings = ["srv01", "SRV01", "srv01.", computer.address, "srv02"]
    result = start(computer_name=spellings, session_name=["a", "A", "b "], journal=journal)
    assert result["errors"] == []
    assert sorted((each["computer_name"], each["name"]) for each in result["sessions"]) == [
        ("srv01", "a"),
        ("srv01", "b"),
        ("srv02", "a"),
        ("srv02", "b"),
    ]
    assert len(fleet.requests_of(operation="Command")) == 4


def test_on_error_stop(computer: SimulatedComputer, fleet: SimulatedFleet, start: Any) -> None:
    computer.inject(Injection("Command", action="fault", fault_code=5))
    result = start(session_name=["a", "b", "c"], throttle_limit=1, on_error="stop")
    assert result["failed"]
    assert len(fleet.requests_of(operation="Create")) == 1


REFUSALS = {
    "denied": Injection("Command", action="fault", fault_code=5),
    "403": Injection("Command", action="status", status=403),
    "quota": Injection("Command", action="fault", fault_code=0x803381E7),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refused_start_is_done_by_the_next_run(
    computer: SimulatedComputer, fleet: SimulatedFleet, start: Any, refusal: Injection, journal: Path
) -> None:
    computer.inject(dataclasses.replace(refusal))
    assert start()["failed"]
    assert json.loads(journal.read_text().splitlines()[-1])["refused"]
    assert computer.sessions == []
    again = start()
    assert (again["changed"], again["warnings"], again["errors"]) == (True, [], [])
    assert commands(computer) == [1]
    third = start()
    assert (third["changed"], third["warnings"]) == (False, [])
    assert commands(computer) == [1]


@pytest.mark.parametrize("with_journal", [True, False])
@pytest.mark.parametrize("refusal", [*REFUSALS.values(), Injection("Command", fault_code=1115)])
def test_a_refused_start_leaves_no_session_behind(
    computer: SimulatedComputer, start: Any, journal: Path, refusal: Injection, with_journal: bool
) -> None:
    """Without a journal, too, the next run does what this one could not."""
    options = {"journal": str(journal) if with_journal else None}
    computer.inject(dataclasses.replace(refusal))
    first = start(**options)
    (error,) = first["errors"]
    assert "The task removed the session that it had opened for the command." in error["hint"]
    assert (first["sessions"], first["changed"], computer.sessions) == ([], False, [])
    assert start(**options)["errors"] == []
    assert commands(computer) == [1]


def test_a_session_that_another_client_took_is_not_removed(
    computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    injection = Injection("Command", fault_code=0x803381CD, seconds=1)
    computer.inject(injection)

    def take() -> None:
        computer.session("night").disconnect()
        computer.session("night").connect_elsewhere()
        fleet.clock.advance(1)

    with meanwhile(lambda: injection.waiting, take):
        result = start()
    (error,) = result["errors"]
    assert (error["reason"], result["sessions"]) == ("busy", [])
    assert computer.session("night").state == "Connected"
    again = start()
    (error,) = again["errors"]
    assert error["reason"] == "busy"


def test_a_refused_start_whose_session_cannot_be_removed(computer: SimulatedComputer, start: Any) -> None:
    """There is one error, and the next run is not green."""
    computer.inject(Injection("Command", fault_code=0x803381E7))
    computer.inject(Injection("Delete", fault_code=1115))
    first = start(journal=None)
    assert len(first["errors"]) == 1
    assert commands(computer) == [0]
    assert "has no command" in start(journal=None)["msg"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_session_without_a_command_is_an_error(computer: SimulatedComputer, start: Any, check_mode: bool) -> None:
    computer.add_session("night")
    result = start(journal=None, check_mode=check_mode)
    assert (result["failed"], result["changed"], names(result)) == (True, False, ["night"])
    assert commands(computer) == [0]


def test_a_key_that_does_not_come_is_no_start(computer: SimulatedComputer, start: Any) -> None:
    secret = {"sensitive_parameters": [{"name": "Password", "value": "secret"}]}
    computer.inject(Injection("Send", action="close_without_answer"))
    assert start(**secret)["failed"]
    assert commands(computer) == []
    assert start(**secret)["errors"] == []
    assert commands(computer) == [1]


def test_a_start_that_timed_out_on_the_server_is_not_refused(
    computer: SimulatedComputer, fleet: SimulatedFleet, start: Any
) -> None:
    """The server may go on with it, so the list of commands decides."""
    computer.inject(Injection("Command", action="fault", fault_code=0x80338029))
    assert start()["errors"] == []
    assert commands(computer) == [1]
    sent = fleet.requests_of(operation="Command")
    assert [request.command_id for request in sent] == [sent[0].command_id] * 2


def test_the_answer_to_create_gets_lost(computer: SimulatedComputer, fleet: SimulatedFleet, start: Any) -> None:
    computer.inject(Injection("Create", action="close_without_answer"))
    result = start()
    assert "failed" not in result
    assert (len(fleet.requests_of(operation="Create")), commands(computer)) == (1, [1])
    assert result["results"][0]["command_id"]


def test_a_journal_that_cannot_be_used(fleet: SimulatedFleet, start: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert start(journal=str(tmp_path / "file" / "journal"))["failed"]
    assert fleet.requests == []


def test_the_journal_knows_what_was_started(start: Any, journal: Path) -> None:
    result = start()
    _run, numbered, opened, started = (json.loads(line) for line in journal.read_text().splitlines())
    (session,) = result["sessions"]
    assert numbered == {"format": 2}
    about = {"session": session["instance_id"], "at": session["connection_uri"]}
    assert opened == {**about, "name": "night"}
    assert started == {**about, "command": result["results"][0]["command_id"]}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_two_runs_at_one_moment_with_one_journal(
    fleet: SimulatedFleet, computer: SimulatedComputer, start: Any, tmp_path: Path, kind: str
) -> None:
    """The second has a clear word and starts nothing; after the first it finds the session."""
    journal = str(tmp_path / "journal") + ("/" if kind == "folder" else "")
    late = Injection("Create", action="delay", seconds=60)
    computer.inject(late)
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(start, journal=journal)
        until(lambda: late.waiting or first.done(), "the first run opens its session")
        fleet.clear_requests()
        second = start(journal=journal)
        assert fleet.requests == []
        assert "is in use: another run works with it at this moment" in second["msg"]
        fleet.clock.advance(60)
        assert "failed" not in first.result()
    again = start(journal=journal)
    assert ("failed" in again, again["changed"]) == (False, False)
    assert len(computer.sessions) == 1


def test_check_mode_makes_no_journal(start: Any, journal: Path) -> None:
    assert start(check_mode=True)["changed"]
    assert not journal.exists()


def test_check_mode_foresees_the_disconnected_session(start: Any, journal: Path) -> None:
    """The diff of check mode is that of the run."""
    foreseen, done = (start(check_mode=check_mode, diff_mode=True)["diff"]["after"] for check_mode in (True, False))
    assert foreseen == done
    assert "Disconnected, None" in done


def test_a_surprise_in_one_start_is_its_own_error(
    monkeypatch: pytest.MonkeyPatch, fleet: SimulatedFleet, computer: SimulatedComputer, start: Any
) -> None:
    """The other scripts start, and the session of the failed start is there and disconnected."""
    start_in = running.Runner.start

    def surprising(runner: Any, session: Any, script: Any, **options: Any) -> Any:
        if session.name == "b":
            raise ValueError("secret")
        return start_in(runner, session, script, **options)

    monkeypatch.setattr(running.Runner, "start", surprising)
    result = start(session_name=["a", "b", "c"])
    (error,) = result["errors"]
    assert (error["session_name"], "unexpected ValueError" in error["message"]) == ("b", True)
    assert "secret" not in str(result)
    assert sorted(names(result)) == ["a", "b", "c"]
    assert {session.name: (session.state, len(session.commands)) for session in computer.sessions} == {
        "a": ("Disconnected", 1),
        "b": ("Disconnected", 0),
        "c": ("Disconnected", 1),
    }


def test_interrupted(
    monkeypatch: pytest.MonkeyPatch, computer: SimulatedComputer, start: Any, controller: Controller
) -> None:
    """What was opened is disconnected on the way out, also where the start is still under way."""
    events: list[Event] = []
    controller.surroundings["emit"] = events.append

    def interrupted(*_given: Any, **_options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(running.Runner, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start()
    assert computer.session("night").state == "Disconnected"
    assert events[-1] == Interrupted(disconnected=1, connected=0, by_signal=True)


def test_a_request_to_open_that_arrives_late(computer: SimulatedComputer, fleet: SimulatedFleet, start: Any) -> None:
    """The second run opens under the same id; where the first request was quicker, it takes that session."""
    computer.inject(Injection("Create", action="reset"))
    assert start()["failed"]
    computer.inject(Injection("Create", fault_code=0x803381D6))
    refused = start()
    assert refused["failed"]  # nothing is listed: the fault was injected
    assert start()["errors"] == []
    assert commands(computer) == [1]
    ids = {re.search(r'ShellId="([^"]+)"', each.body).group(1) for each in fleet.requests_of(operation="Create")}  # type: ignore[union-attr]
    assert len(ids) == 1
