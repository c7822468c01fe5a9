# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of sessions after their commands: kept, disconnected or removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, error_ids, operations
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

SCRIPTS: dict[str, Any] = {
    "done": [{"output": "one"}, {"output": "two"}],
    "slow": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}],
    "fails": [{"output": "before"}, {"throw": "broken"}],
    "exits": [{"output": "one"}, {"exit": 3}],
}


@pytest.fixture(scope="module")
def running_fleet() -> Any:
    with SimulatedFleet.build(["srv01", "srv02"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


def plant(computer: SimulatedComputer, script: str | None, state: str = "finished", name: str = "job") -> Any:
    return computer.add_session(name, commands=[{"script": script, "state": state}] if script else [])


def states(computer: SimulatedComputer) -> dict[str | None, str]:
    return {session.name: session.state for session in computer.sessions}


@pytest.mark.parametrize(
    ("when_done", "left"), [("keep", "Connected"), ("disconnect", "Disconnected"), ("remove", None)]
)
@pytest.mark.parametrize("plugin", [_plugins.INVOKE, _plugins.RECEIVE], ids=lambda plugin: plugin.name)
def test_of_a_command_that_completed(
    computer: SimulatedComputer, controller: Controller, plugin: Any, when_done: str, left: str | None
) -> None:
    plant(computer, "done" if plugin is _plugins.RECEIVE else None)
    script: dict[str, Any] = {"script": "done"} if plugin is _plugins.INVOKE else {}
    result = controller.run(plugin, "srv01", name=["job"], when_done=when_done, **script)
    assert (result["results"][0]["output"], result["errors"], result["changed"]) == (["one", "two"], [], True)
    assert states(computer) == ({"job": left} if left else {})
    (session,) = result["sessions"]
    assert session["state"] == {"keep": "Opened", "disconnect": "Disconnected", "remove": "Closed"}[when_done]
    assert session["changed"]


@pytest.mark.parametrize(
    ("script", "state", "options", "left"),
    [
        ("slow", "running", {"timeout": 0}, "Disconnected"),
        ("slow", "running", {"stop": True}, "Connected"),
        ("fails", "finished", {}, "Connected"),
        ("exits", "finished", {}, "Connected"),
        (None, "", {}, "Connected"),
    ],
    ids=["still runs", "stopped", "failed", "exit code", "no command"],
)
def test_only_what_completed_is_removed(
    computer: SimulatedComputer,
    controller: Controller,
    fleet: SimulatedFleet,
    script: str | None,
    state: str,
    options: dict[str, Any],
    left: str,
) -> None:
    plant(computer, script, state)
    plant(computer, "done", name="other")
    result = controller.run(_plugins.RECEIVE, "srv01", name=["job", "other"], when_done="remove", **options)
    assert states(computer) == {"job": left}
    assert {each["name"]: each["state"] for each in result["sessions"]}["other"] == "Closed"
    assert operations(fleet).count("Delete") == 1


def test_an_exit_code_that_is_expected(computer: SimulatedComputer, controller: Controller) -> None:
    plant(computer, "exits")
    controller.run(_plugins.RECEIVE, "srv01", name=["job"], when_done="remove", expected_return_code=[3])
    assert states(computer) == {}


def test_a_result_that_the_journal_has(computer: SimulatedComputer, controller: Controller, tmp_path: Path) -> None:
    """A task was killed after it had received everything and before it removed the session."""
    plant(computer, "done")
    options: dict[str, Any] = {"name": ["job"], "journal": str(tmp_path / "journal")}
    controller.run(_plugins.RECEIVE, "srv01", **options)
    result = controller.run(_plugins.RECEIVE, "srv01", **options, when_done="remove")
    assert (result["results"][0]["output"], result["changed"]) == (["one", "two"], True)
    assert states(computer) == {}


def test_what_another_client_took_meanwhile_is_not_removed(
    computer: SimulatedComputer, controller: Controller, fleet: SimulatedFleet
) -> None:
    plant(computer, "done")
    computer.inject(Injection("Reconnect", fault_code=0x803381C6))
    result = controller.run(_plugins.RECEIVE, "srv01", name=["job"], when_done="remove", busy_timeout=90)
    assert error_ids(result) == ["RemoveSessionCannotConnectToServer"]
    assert "another client is connected to it" in result["msg"]
    assert result["results"][0]["output"] == ["one", "two"]
    assert "Delete" not in operations(fleet)
    assert list(states(computer)) == ["job"]


def test_nothing_is_removed_in_check_mode(computer: SimulatedComputer, controller: Controller) -> None:
    plant(computer, "done")
    controller.run(_plugins.RECEIVE, "srv01", name=["job"], when_done="remove", check_mode=True)
    assert states(computer) == {"job": "Disconnected"}


def test_what_is_started_and_not_awaited_cannot_be_removed(controller: Controller, fleet: SimulatedFleet) -> None:
    result = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["job"],
        script="done",
        in_disconnected_session=True,
        when_done="remove",
    )
    assert error_ids(result) == ["AmbiguousParameterSet"]
    assert "when_done=remove cannot be used with in_disconnected_session" in result["msg"]
    assert fleet.requests == []
