# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows tasks by the connection plugin psremoting.fleet.psrp: as by core's psrp, and over broken connections."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import kill, let_time_out
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of
from .shipped import Shipped, outcomes

OURS = "psremoting.fleet.psrp"
PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
# Playbooks whose tasks run by the connections of their hosts; they have tests of their own.
BY_CONNECTIONS = {"compare_connections"}
# What raw makes of its text.
END = "\nexit $LASTEXITCODE"
SCRIPTS = {
    f"work{END}": [
        {"output": "one"},
        {"write_host": "written"},
        {"error": "two"},
        {"output": {"a": 1}},
        {"exit": 3},
    ],
    f"last{END}": [{"output": "done"}],
    "job": [{"output": "done"}],
    f"forever{END}": [{"output": "begun"}, {"sleep": 1e9}],
    f"long{END}": [{"output": "begun"}, {"sleep": 60}, {"output": "done"}],
}
FOREVER = "[{name: Work, raw: forever}]"


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


@pytest.fixture
def srv01(fleet: SimulatedFleet) -> SimulatedComputer:
    return fleet["srv01"]


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(tmp_path, inventory_of(fleet, ansible_connection=OURS))


def operations(fleet: SimulatedFleet) -> list[str]:
    return [request.operation for request in fleet.requests]


def break_while_it_waits(computer: SimulatedComputer, times: int | None = 1) -> None:
    """Break connections from the second Receive of a command on; two are for opening the session."""
    computer.inject(Injection("Receive", action="reset", after=3, times=times))


def test_a_task_has_the_result_and_the_requests_of_core(fleet: SimulatedFleet, controller: Controller) -> None:
    seen = []
    for connection in ("psrp", OURS):
        controller.group_variables["ansible_connection"] = connection
        fleet.clear_requests()
        run = controller.run("[{name: Work, raw: work, ignore_errors: true}, {name: Last, raw: last}]")
        results = [{name: run[task][name] for name in ("rc", "stdout", "stderr")} for task in ("Work", "Last")]
        seen.append((results, operations(fleet)))
    assert seen[0] == seen[1]
    assert seen[0][0][0]["rc"] == 3
    assert fleet["srv01"].sessions == []


def test_a_connection_that_breaks_while_a_task_waits_is_healed(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    break_while_it_waits(srv01)
    process = controller.started("[{name: Work, raw: long}]")
    until(lambda: operations(fleet).count("Connect") == 2, "the recovery")
    fleet.clock.advance(61)
    run = controller.ended(process)
    assert run.exit_code == 0, run.output
    assert run["Work"]["stdout_lines"] == ["begun", "done"]
    assert "the connection broke" in run.stderr
    assert operations(fleet).count("Command") == operations(fleet).count("Create") == 1
    assert operations(fleet)[-1] == "Delete"


def test_one_that_does_not_heal_makes_the_host_unreachable_and_leaves_the_work(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables["ansible_psrp_recovery_timeout"] = 1
    break_while_it_waits(srv01)
    for operation in ("Disconnect", "Connect", "Reconnect"):
        srv01.inject(Injection(operation, action="reset", times=None))
    run = controller.run(FOREVER)
    (session,) = srv01.sessions
    assert run["Work"].outcome == "unreachable"
    assert "may still be doing it; it was not stopped" in run["Work"].message
    assert session.shell_id.lower() in run["Work"].message.lower()
    assert {"Signal", "Delete"}.isdisjoint(operations(fleet))
    assert [command.state for command in session.commands] == ["Running"]


def test_without_recovery_a_break_is_the_end(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables["ansible_psrp_recovery_timeout"] = 0
    break_while_it_waits(srv01)
    assert controller.run(FOREVER)["Work"].outcome == "unreachable"
    assert {"Reconnect", "Connect", "Signal", "Delete"}.isdisjoint(operations(fleet))


def test_a_lost_session_fails_the_task(fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller) -> None:
    """Its host is reachable, and what the work has done is not known: no play goes on as if nothing had happened."""
    srv01.inject(Injection("Receive", action="fault", fault_code=0x8033805B, after=3))
    run = controller.run(FOREVER)
    assert run["Work"].outcome == "failed"
    assert "may have done its work" in run["Work"].message
    assert operations(fleet).count("Command") == 1


def test_a_session_that_cannot_be_opened_makes_the_host_unreachable(
    srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables["ansible_password"] = "wrong"
    run = controller.run(FOREVER)
    assert run["Work"].outcome == "unreachable"
    assert "No session could be opened on" in run["Work"].message
    assert "Check the user name and the password" in run["Work"].message
    assert "wrong" not in run.output


def test_a_redirection_is_not_followed(fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller) -> None:
    srv01.redirect(f"http://{srv01.address}:5985/elsewhere")
    run = controller.run(FOREVER)
    assert run["Work"].outcome == "unreachable"
    assert "redirect" in run["Work"].message
    assert len([each for each in fleet.requests if each.operation != "Unauthenticated"]) == 1


def test_the_keyword_timeout_stops_the_command(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    process = controller.started("[{name: Work, raw: forever, timeout: 3600}]")
    until(lambda: any(session.commands for session in srv01.sessions), "the command")
    let_time_out(process)
    run = controller.ended(process)
    assert run["Work"].outcome == "failed"
    assert operations(fleet)[-2:] == ["Signal", "Delete"]
    assert srv01.sessions == []


def test_ctrl_c_stops_the_command(fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller) -> None:
    process = controller.started(FOREVER)
    until(lambda: any(session.commands for session in srv01.sessions), "the command")
    process.send_signal(signal.SIGINT)
    assert controller.ended(process).exit_code != 0
    until(lambda: operations(fleet)[-2:] == ["Signal", "Delete"], "the end of the session")


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_controller_leaves_the_command_to_the_server(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller, number: signal.Signals, is_whole: bool
) -> None:
    """Whether its workers are killed with it, or notice that it is gone."""
    process = controller.started(FOREVER)
    until(lambda: any(session.commands for session in srv01.sessions), "the command")
    assert len(kill(process, is_whole=is_whole, number=number)) > 1
    assert {"Signal", "Delete"}.isdisjoint(operations(fleet))
    assert [command.state for command in srv01.sessions[0].commands] == ["Running"]


def test_an_answer_that_is_lost_when_the_command_starts_starts_it_once(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    srv01.inject(Injection("Command", action="close_without_answer"))
    run = controller.run("[{name: Last, raw: last}]")
    assert run.exit_code == 0, run.output
    assert operations(fleet).count("Command") == 1


def test_the_connection_is_reset_by_a_new_session(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    run = controller.run("[{name: Last, raw: last}, {name: Reset, meta: reset_connection}, {name: Again, raw: last}]")
    assert run.exit_code == 0, run.output
    assert operations(fleet).count("Create") == operations(fleet).count("Delete") == 2
    assert srv01.sessions == []


def test_its_hosts_are_windows_hosts_for_everything_else(fleet: SimulatedFleet, tmp_path: Path) -> None:
    """Modules, lookup and role know them by the name of the connection, and the playbooks, too."""
    shipped = Shipped(tmp_path, inventory_of(fleet, ansible_connection=OURS))
    journal = str(tmp_path / "journal")
    variables_of: dict[str, dict[str, Any]] = {
        "start": {"name": "Nightly", "script": "job"},
        "list": {},
        "connect": {"name": "Nightly"},
        "extend": {"expires_within": 1e6},
        "collect": {"name": "Nightly", "journal": journal},
        "harvest": {"name": "Nightly", "journal": journal},
        "cleanup": {"name": "Nightly", "minimum_age": 0},
        "resume": {"name": "Anew", "script": "job", "journal": f"{journal}-anew"},
        "journal": {"name": "Nightly", "journal": journal},  # reads what is on the controller
    }
    assert set(variables_of) == {path.stem for path in PLAYBOOKS.glob("*.yml")} - BY_CONNECTIONS
    for playbook, of_playbook in variables_of.items():
        fleet.clear_requests()
        run = shipped.play(playbook, **of_playbook)
        assert run.exit_code == 0, (playbook, run.output)
        assert outcomes(run).keys() == {"srv01"}, playbook
        assert bool(fleet.requests) is (playbook != "journal"), playbook
    controller = Controller(tmp_path / "modules", shipped.inventory)
    run = controller.run(
        """
        - {name: Open, psremoting.fleet.new_pssession: {name: Other}}
        - {name: Run, psremoting.fleet.invoke_command: {name: Other, script: job}}
        - {name: Leave, psremoting.fleet.disconnect_pssession: {name: Other}}
        - {name: Come back, psremoting.fleet.connect_pssession: {name: Other}}
        - {name: Receive, psremoting.fleet.receive_pssession: {name: Other}}
        - {name: Info, psremoting.fleet.pssession_info: {name: Other}}
        - {name: Remove, psremoting.fleet.remove_pssession: {name: Other}}
        """
    )
    assert run.exit_code == 0, run.output
    assert run["Info"].sessions == [("srv01", "Other")]
