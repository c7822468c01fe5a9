# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook resume: work is started once and its output is there once, wherever the controller is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, USER, Run
from .shipped import Shipped, inventory_with_others, outcomes

OUTPUT = ["begun", "done"]
SCRIPTS = {
    "Work": [{"output": "begun"}, {"sleep": 600}, {"output": "done"}],
    "Short work": [{"output": "done"}],
    "Broken work": [{"output": "begun"}, {"throw": "it broke"}],
}
# A server calls a session disconnected when its client has been silent for so long.
SILENCE = 61
# Where a controller is killed: while it waits for the answer to this operation, after so many of them. The server never
# sees that request.
KILLED_AT = {
    "before it has looked": ("Enumerate", 0),
    "before it has opened a session": ("Create", 0),
    "before it has started the work": ("Receive", 0),  # it would tell that the session is open
    "after it has started the work": ("Disconnect", 0),
    "before it receives": ("Connect", 0),  # to the session
    "while it connects to the command": ("Connect", 1),
    "while it receives": ("Receive", 3),  # the first two are about the session
    "after it has received everything": ("Signal", 0),
    "after it has written the result": ("Delete", 0),
}


@dataclass
class Pods:
    """Controllers that are killed and replaced: they share a folder for the journal, and nothing else."""

    folder: Path
    fleet: SimulatedFleet
    started: list[Shipped] = field(default_factory=list)

    def new(self) -> Shipped:
        controller = Shipped(self.folder / f"pod-{len(self.started)}", inventory_with_others(self.fleet))
        self.started.append(controller)
        return controller

    def resume(self, *arguments: str, script: str = "Work", journal: bool = True, **variables: Any) -> Run:
        """Run the playbook in a new pod, to its end."""
        return self.new().play("resume", *arguments, **self.variables(script, journal), **variables)

    def variables(self, script: str = "Work", journal: bool = True) -> dict[str, Any]:
        wanted = {"name": "Nightly", "script": script, "busy_timeout": 1}
        return {**wanted, "journal": str(self.folder / "journal")} if journal else wanted

    def kill(self, operation: str, after: int = 0, **variables: Any) -> None:
        """Run the playbook in a new pod, and kill it when it waits for the answer to some request."""
        computer = self.fleet["srv01"]
        hang = Injection(operation, action="hang", after=after)
        computer.inject(hang)
        controller = self.new()
        process = controller.start("resume", **(variables or self.variables()))
        until(lambda: hang.times == 0 or process.poll() is not None)
        assert process.poll() is None, f"it ended before {operation}:\n{''.join(process.communicate())}"
        controller.kill(process)
        self.fleet.clock.advance(SILENCE)

    @property
    def starts(self) -> int:
        """How often the work was started on the server."""
        return sum(request.status == 200 for request in self.fleet.requests_of(operation="Command"))

    @property
    def result(self) -> dict[str, Any]:
        text = (self.folder / "journal" / "srv01.result.json").read_text(encoding="utf-8")
        (result,) = json.loads(text)["results"]
        return result


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], SCRIPTS) as started:
        yield started


@pytest.fixture
def pods(fleet: SimulatedFleet, tmp_path: Path) -> Pods:
    return Pods(tmp_path, fleet)


def shown(run: Run) -> list[str]:
    (result,) = run.on("psremoting.fleet.pssession : Start the work or resume it", "srv01")["results"]
    return list(result["output"])


@pytest.mark.parametrize("point", KILLED_AT)
def test_a_killed_controller_is_only_a_delay(pods: Pods, fleet: SimulatedFleet, point: str) -> None:
    script, expected = ("Work", OUTPUT) if point == "while it receives" else ("Short work", ["done"])
    pods.kill(*KILLED_AT[point], **pods.variables(script))
    fleet.clock.advance(1000)
    for outcome in ("changed", "ok"):
        run = pods.resume(script=script)
        assert run.exit_code == 0, run.output
        assert (outcomes(run), shown(run)) == ({"srv01": outcome}, expected)
        assert list(fleet["srv01"].sessions) == []
    assert pods.starts == 1


def test_a_kill_in_the_middle_of_the_output(pods: Pods, fleet: SimulatedFleet) -> None:
    controller = pods.new()
    process = controller.start("resume", **pods.variables())
    journal = pods.folder / "journal" / "srv01.jsonl"
    until(lambda: journal.exists() and '"piece"' in journal.read_text(encoding="utf-8"))
    controller.kill(process)
    until(lambda: fleet["srv01"].session("Nightly").inactivity)  # its last Receive ends with its connection
    fleet.clock.advance(SILENCE)  # before the work ends: no server is told that a client was killed
    fleet.clock.advance(1000)
    run = pods.resume()
    assert (run.exit_code, shown(run), pods.starts) == (0, OUTPUT, 1)
    assert [path.stat().st_mode & 0o077 for path in journal.parent.iterdir()] == [0, 0]


def test_the_same_controller_need_not_wait_for_itself(pods: Pods, fleet: SimulatedFleet) -> None:
    controller = pods.new()
    process = controller.start("resume", **pods.variables("Short work"))
    until(lambda: pods.starts)
    controller.kill(process)
    run = controller.play("resume", **pods.variables("Short work"))
    assert (run.exit_code, shown(run), pods.starts) == (0, ["done"], 1)


def test_a_start_without_an_answer_may_have_happened(pods: Pods, fleet: SimulatedFleet) -> None:
    pods.kill("Command")
    refused = pods.resume()
    assert (refused.exit_code, pods.starts) == (2, 0)
    assert "pssession_start_anew" in refused.output
    process = pods.new().start("resume", **pods.variables("Short work"), start_anew=True)
    run = pods.started[-1].ended(process)
    assert (run.exit_code, shown(run), pods.starts) == (0, ["done"], 1)


@pytest.mark.parametrize("journal", [True, False])
def test_a_start_that_was_refused_is_made_by_the_next_run(pods: Pods, fleet: SimulatedFleet, journal: bool) -> None:
    fleet["srv01"].inject(Injection("Command", fault_code=0x803381A7))
    refused = pods.resume(script="Short work", journal=journal)
    assert (refused.exit_code, outcomes(refused), pods.starts) == (2, {"srv01": "failed"}, 0)
    run = pods.resume(script="Short work", journal=journal)
    assert (run.exit_code, shown(run), pods.starts) == (0, ["done"], 1)


def test_work_whose_session_is_gone_is_not_started_again(pods: Pods, fleet: SimulatedFleet) -> None:
    pods.kill("Connect")
    fleet["srv01"].session("Nightly").close()
    refused = pods.resume()
    assert (refused.exit_code, pods.starts) == (2, 1)
    assert "its session is gone" in refused.output
    assert outcomes(refused) == {"srv01": "expired"}
    run = pods.resume(script="Short work", start_anew=True)
    assert (run.exit_code, shown(run), pods.starts) == (0, ["done"], 2)


def test_work_that_was_started_otherwise_is_joined(pods: Pods, fleet: SimulatedFleet) -> None:
    started = pods.new().play("start", name="Nightly", script="Work")
    assert started.exit_code == 0, started.output
    fleet.clock.advance(1000)
    run = pods.resume(adopt=True)
    assert (run.exit_code, shown(run), pods.starts) == (0, OUTPUT, 1)


def test_an_end_in_time_or_a_clear_word(pods: Pods, fleet: SimulatedFleet) -> None:
    early = pods.resume(timeout=1)
    assert early.exit_code == 2
    assert "still runs. Run this again" in early.output
    assert "1 still runs (run this again to wait): srv01" in early.output
    assert outcomes(early) == {"srv01": "failed"}
    fleet.clock.advance(1000)
    run = pods.resume()
    assert (run.exit_code, shown(run), pods.starts) == (0, OUTPUT, 1)


def test_work_that_failed_fails_each_time_and_is_started_once(pods: Pods, fleet: SimulatedFleet) -> None:
    for _time in range(2):
        run = pods.resume(script="Broken work")
        assert run.exit_code == 2
        assert outcomes(run) == {"srv01": "command_failed"}
        assert "it broke" in run.output
    assert pods.starts == 1
    assert list(fleet["srv01"].sessions) == []


def test_check_mode_only_looks(pods: Pods, fleet: SimulatedFleet) -> None:
    for journal in (True, False):
        run = pods.resume("--check", journal=journal)
        assert run.exit_code == 0, run.output
        assert outcomes(run) == {"srv01": "changed"}
    assert {request.operation for request in fleet.requests} == {"Enumerate"}
    assert not (pods.folder / "journal").exists()
    pods.kill("Connect")
    fleet.clear_requests()
    run = pods.resume("--check")
    assert run.exit_code == 0, run.output
    assert {request.operation for request in fleet.requests} == {"Enumerate"}


def test_without_a_journal_it_is_started_once_as_long_as_its_session_is_there(
    pods: Pods, fleet: SimulatedFleet
) -> None:
    wanted = pods.variables(journal=False)
    for operation in ("Create", "Disconnect", "Connect"):
        pods.kill(operation, **wanted)
    fleet.clock.advance(1000)
    run = pods.resume(journal=False)
    assert (run.exit_code, shown(run), pods.starts) == (0, OUTPUT, 1)
    assert list(fleet["srv01"].sessions) == []
    again = pods.resume(script="Short work", journal=False)
    assert (again.exit_code, pods.starts) == (0, 2)  # nothing tells that it was done before


def test_without_a_journal_an_empty_session_needs_a_word(pods: Pods, fleet: SimulatedFleet) -> None:
    pods.kill("Receive", **pods.variables(journal=False))
    refused = pods.resume(journal=False)
    assert (refused.exit_code, pods.starts) == (2, 0)
    assert "pssession_start_anew" in refused.output
    assert "Look on srv01 whether it was done" in refused.output
    run = pods.resume(script="Short work", journal=False, start_anew=True)
    assert (run.exit_code, shown(run), pods.starts) == (0, ["done"], 1)
