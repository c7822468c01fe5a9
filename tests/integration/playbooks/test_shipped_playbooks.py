# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's playbooks that look, start, extend and clean up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, USER, Run
from .shipped import Shipped, inventory_with_others, outcomes

READING = {"Enumerate", "Unauthenticated"}
RUNNING = {"script": "Long job", "state": "running"}
SCRIPTS = {"Long job": [{"output": "begun"}, {"sleep": 3600}, {"output": "done"}]}
COMPUTERS = [
    {
        "name": "srv01",
        "sessions": [
            {"name": "Expiring", "inactivity": 6000, "commands": [RUNNING]},
            {"name": "Idle", "inactivity": 3700},
            {"name": "Fresh"},
            {"name": "Foreign", "inactivity": 7000, "owner": "alice"},
        ],
    },
    {"name": "srv02", "sessions": [{"name": "Expiring", "state": "Connected"}, {"name": "Idle", "inactivity": 3700}]},
]


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """srv01 and srv02 with sessions to extend and to clean up; the user is an administrator and sees those of alice."""
    users = [User(USER, PASSWORD, administrator=True), User("alice", "alice-secret")]
    with SimulatedFleet.build(COMPUTERS, users, SCRIPTS, switches=PATIENT) as started:
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Shipped:
    return Shipped(tmp_path, inventory_with_others(fleet))


def idle_timeouts(fleet: SimulatedFleet) -> dict[tuple[str, str], float]:
    return {(each.name, session.name or ""): session.idle_timeout for each in fleet for session in each.sessions}


def names(fleet: SimulatedFleet, computer: str) -> set[str]:
    return {session.name or "" for session in fleet[computer].sessions}


def told(run: Run, host: str) -> Any:
    """What the role told a host."""
    (result,) = (
        each for each in run.results if each.host == host and each.task.startswith("psremoting.fleet.pssession : ")
    )
    return result.values


def operations(fleet: SimulatedFleet) -> set[str]:
    return {request.operation for request in fleet.requests}


def test_list_shows_sessions_and_what_expires_soon(controller: Shipped, fleet: SimulatedFleet) -> None:
    run = controller.play("list")
    assert run.exit_code == 0, run.output
    assert re.findall(r"^Expiring +(srv\d+)", run.stdout, re.MULTILINE) == ["srv01", "srv02"]
    soon = [line["value"].split(" expires at ")[0] for host in ("srv01", "srv02") for line in told(run, host)["lines"]]
    assert soon == ["Foreign", "Expiring", "Idle", "Idle"]
    assert outcomes(run) == {"srv01": "ok", "srv02": "ok"}
    assert operations(fleet) <= READING
    assert len(fleet.requests_of("srv01", "Enumerate")) == 5  # the sessions, and the commands of each

    narrow = controller.play("list", owner=["alice"], expires_within=60)
    assert "Foreign" in narrow.stdout
    assert "Idle" not in narrow.stdout
    assert told(narrow, "srv01")["lines"] == []


def test_a_report_is_written_where_it_is_wanted(controller: Shipped, fleet: SimulatedFleet) -> None:
    fleet["srv02"].inject(Injection("Enumerate", action="status", times=None))
    run = controller.play("list", report="reports/night.html")
    assert run.exit_code == 2
    written = {path.name for path in (controller.folder / "reports").iterdir()}
    assert written == {"night.html", "night.json", "night.csv", "night.failed.limit"}
    report = (controller.folder / "reports" / "night.json").read_text(encoding="utf-8")
    assert all(name in report for name in ("Expiring", "srv01", "srv02"))


def test_list_tells_of_everybody_before_it_fails_for_some(controller: Shipped, fleet: SimulatedFleet) -> None:
    fleet["srv02"].inject(Injection("Enumerate", action="status", times=None))
    run = controller.play("list")
    assert run.exit_code == 2
    assert "Expiring" in run.stdout
    assert outcomes(run)["srv01"] == "ok"
    assert {result.host for result in run.results if result.outcome == "failed"} == {"srv02"}


@pytest.mark.parametrize("hosts", ["linux*", "all:!windows"])
@pytest.mark.parametrize("playbook", ["list", "extend", "cleanup"])
def test_no_windows_host_at_all_is_a_failure(
    controller: Shipped, fleet: SimulatedFleet, playbook: str, hosts: str
) -> None:
    run = controller.play(playbook, hosts=hosts)
    assert run.exit_code == 2, run.output
    assert "its ansible_connection is ssh, not psrp or winrm" in run.output
    assert fleet.requests == []
    assert controller.play(playbook, hosts="nothing").exit_code == 0  # as any playbook that matches no host


def test_start_starts_everywhere_and_once(controller: Shipped, fleet: SimulatedFleet) -> None:
    wanted: dict[str, Any] = {"name": "Nightly", "path": "nightly.ps1", "idle_timeout": 7000}
    controller.write("nightly.ps1", "Long job")
    expected = controller.play("start", "--check", **wanted)
    assert outcomes(expected) == {"srv01": "changed", "srv02": "changed"}
    assert operations(fleet) <= READING
    for outcome in ("changed", "ok"):
        run = controller.play("start", **wanted)
        assert run.exit_code == 0, run.output
        assert outcomes(run) == {"srv01": outcome, "srv02": outcome}
    for computer in fleet:
        session = computer.session("Nightly")
        assert (session.state, session.idle_timeout, len(session.commands)) == ("Disconnected", 7000, 1)
    assert len(fleet.requests_of(operation="Command")) == 2


def test_connect_and_collect(controller: Shipped, fleet: SimulatedFleet) -> None:
    assert outcomes(controller.play("connect", "--check", name=["Idle"])) == {"srv01": "changed", "srv02": "changed"}
    assert operations(fleet) <= READING
    for outcome in ("changed", "ok"):
        run = controller.play("connect", name=["Idle"])
        assert run.exit_code == 0, run.output
        assert outcomes(run) == {"srv01": outcome, "srv02": outcome}
    assert {fleet[host].session("Idle").state for host in ("srv01", "srv02")} == {"Connected"}

    fleet.clock.advance(1000)
    wanted = {"name": ["Expiring"], "hosts": "srv01"}
    refused = controller.play("collect", **wanted)
    assert refused.exit_code == 2
    assert "missing required arguments: pssession_journal" in refused.output
    run = controller.play("collect", **wanted, timeout=1, journal=str(controller.folder / "journal"))
    assert run.exit_code == 0, run.output
    assert [each["output"] for each in told(run, "srv01")["results"]] == [["begun"]]
    assert told(run, "srv01")["pending"] == 1
    mistaken = controller.play("connect", way="both")
    assert (mistaken.exit_code, set(outcomes(mistaken).values())) == (2, {"failed"})
    assert "pssession_way" in mistaken.output
    accepted = controller.play("connect", name=["Missing"], fail_on=["failed"])
    assert (accepted.exit_code, set(outcomes(accepted).values())) == (0, {"missing"})


def test_harvest_fails_where_no_host_has_the_session_and_none_had_it(
    controller: Shipped, fleet: SimulatedFleet
) -> None:
    wanted = {"journal": str(controller.folder / "journal"), "when_done": "remove"}
    wrong = controller.play("harvest", name="Nightyl", **wanted)
    assert wrong.exit_code == 2
    assert "no session Nightyl (srv01, srv02)" in wrong.stdout
    assert "No host has a session Nightyl" in wrong.output
    assert controller.play("start", name="Night", script="Long job", hosts="srv01").exit_code == 0
    fleet.clock.advance(4000)
    for outcome in ("changed", "ok"):
        run = controller.play("harvest", name="Night", **wanted)
        assert (run.exit_code, outcomes(run)) == (0, {"srv01": outcome, "srv02": "ok"}), run.output


def test_brackets_belong_to_the_name(controller: Shipped, fleet: SimulatedFleet) -> None:
    """The name of a session to start is no pattern, and the other playbooks find it by that name, too."""
    for outcome in ("changed", "ok"):
        run = controller.play("start", name="Job [123]", script="Long job")
        assert (run.exit_code, set(outcomes(run).values())) == (0, {outcome}), run.output
    assert len(fleet.requests_of(operation="Command")) == 2
    fleet["srv01"].add_session("Job 1")
    run = controller.play("connect", name="Job [123]")
    assert (run.exit_code, fleet["srv01"].session("Job 1").state) == (0, "Disconnected"), run.output
    assert fleet["srv01"].session("Job [123]").state == "Connected"


def test_extend_gives_time_and_leaves_the_work_alone(controller: Shipped, fleet: SimulatedFleet) -> None:
    shown = controller.play("extend", report_only=True)
    lines = [line["value"] for line in told(shown, "srv01")["lines"] if line["kind"] == "expiring"]
    assert [line.partition(" expires at ")[0] for line in lines] == ["Expiring", "Idle"]
    checked = controller.play("extend", "--check")
    assert outcomes(shown) == {"srv01": "ok", "srv02": "ok"}
    assert outcomes(checked) == {"srv01": "changed", "srv02": "changed"}
    assert operations(fleet) <= READING

    for outcome in ("changed", "ok"):
        run = controller.play("extend")
        assert run.exit_code == 0, run.output
        assert outcomes(run) == {"srv01": outcome, "srv02": outcome}
        assert ("extended 3 sessions; now until " in run.stdout) is (outcome == "changed")
    assert idle_timeouts(fleet) == {
        ("srv01", "Expiring"): 86400,
        ("srv01", "Idle"): 86400,
        ("srv01", "Fresh"): 7200,
        ("srv01", "Foreign"): 7200,
        ("srv02", "Expiring"): 7200,
        ("srv02", "Idle"): 86400,
    }
    assert operations(fleet) <= {*READING, "Connect", "Reconnect", "Disconnect"}  # nothing was received
    working = fleet["srv01"].session("Expiring")
    assert [command.state for command in working.commands] == ["Running"]
    fleet.clock.advance(50000)
    assert fleet["srv01"].session("Expiring").commands


def test_extend_gives_what_the_server_allows(controller: Shipped, fleet: SimulatedFleet) -> None:
    fleet["srv01"].add_session("Short", inactivity=3700, max_idle_timeout=10000)
    run = controller.play("extend", name=["Short", "Idle"])
    assert run.exit_code == 0, run.output
    assert idle_timeouts(fleet)["srv01", "Short"] == 10000
    assert idle_timeouts(fleet)["srv02", "Idle"] == 86400


def test_extend_does_not_fight_for_what_somebody_takes_meanwhile(controller: Shipped, fleet: SimulatedFleet) -> None:
    taken = fleet["srv01"].session("Expiring")
    fleet["srv01"].inject(Injection("Connect", action="delay", seconds=600, times=None))
    process = controller.start("extend", name=["Expiring"])
    until(lambda: fleet.requests_of("srv01", "Connect"))
    taken.connect_elsewhere()
    fleet.clock.advance(601)
    run = controller.ended(process)
    assert run.exit_code == 0, run.output
    assert outcomes(run) == {"srv01": "busy", "srv02": "ok"}
    assert (taken.state, taken.idle_timeout) == ("Connected", 7200)
    (error,) = told(run, "srv01")["errors"]
    assert "another client" in error["message"]


def test_cleanup_shows_first_and_removes_only_what_is_idle_and_own(controller: Shipped, fleet: SimulatedFleet) -> None:
    everything = {computer.name: names(fleet, computer.name) for computer in fleet}
    for arguments in ([], ["--check"]):
        run = controller.play("cleanup", *arguments)
        assert run.exit_code == 0, run.output
        assert outcomes(run) == {"srv01": "ok", "srv02": "ok"}
        for host in ("srv01", "srv02"):
            assert len(told(run, host)["what_if"]) == 1
            lines = [line["value"] for line in told(run, host)["lines"] if line["kind"] == "left_behind"]
            assert [session["name"] for session in lines] == ["Idle"]
            assert told(run, host)["changed"] is False
    assert {computer.name: names(fleet, computer.name) for computer in fleet} == everything
    assert operations(fleet) <= READING

    for outcome in ("changed", "ok"):
        run = controller.play("cleanup", name="*", remove=True)
        assert run.exit_code == 0, run.output
        assert outcomes(run) == {"srv01": outcome, "srv02": outcome}
    for host in ("srv01", "srv02"):
        (line,) = told(run, host)["lines"]
        assert (line["kind"], line["value"]) == (
            "nothing",
            f"nothing to remove: looked for sessions of {host.upper()}\\{USER} that are disconnected for 1 h "
            "and have no command",
        )
    assert names(fleet, "srv01") == {"Expiring", "Fresh", "Foreign"}
    assert names(fleet, "srv02") == {"Expiring"}

    controller.play("cleanup", name="*", remove=True, with_commands=True)
    assert names(fleet, "srv01") == {"Fresh", "Foreign"}


@pytest.mark.parametrize(
    ("playbook", "variables", "message"),
    [
        ("list", {"expires_within": "soon"}, "pssession_expires_within"),
        ("start", {"script": "Long job"}, "pssession_name"),
        ("start", {"name": "Nightly"}, "needs one of pssession_script (the text), pssession_path (a file)"),
        (
            "start",
            {"name": "Nightly", "script": "Long job", "path": "x.ps1"},
            "needs one of pssession_script (the text), pssession_path",
        ),
        ("start", {"name": "Nightly", "path": "missing.ps1"}, "missing.ps1 cannot be read"),
        ("start", {"name": "Nightly", "script": "Long job", "idle_timeout": 59}, "idle_timeout: 59 is less than 60"),
        ("extend", {"idle_timeout": 86400000}, "idle_timeout: 86400000 is more than 2147483 seconds"),
        ("resume", {"name": "Nightly", "script": "Long job", "idle_timeout": 59}, "idle_timeout: 59 is less than 60"),
        ("extend", {"report_only": "perhaps"}, "pssession_report_only"),
        ("cleanup", {"remove": True}, "to remove sessions, name them"),
        ("resume", {"name": ["One", "Two"], "script": "Long job"}, "pssession_name must be one name"),
        ("resume", {"name": "Nightly", "script": "Long job", "timeout": "long"}, "pssession_timeout"),
    ],
)
def test_wrong_variables_are_refused_by_name(
    controller: Shipped, fleet: SimulatedFleet, playbook: str, variables: dict[str, Any], message: str
) -> None:
    run = controller.play(playbook, **variables)
    assert run.exit_code == 2
    assert message in run.output
    assert operations(fleet) <= READING


def test_own_account_is_known_however_it_was_said(controller: Shipped, fleet: SimulatedFleet) -> None:
    variables = controller.inventory["all"]["children"]["windows"]["vars"]
    variables["ansible_psrp_user"] = f".\\{variables.pop('ansible_user')}"
    assert outcomes(controller.play("cleanup", hosts="srv01"))["srv01"] == "ok"
    del variables["ansible_psrp_user"]
    assert outcomes(controller.play("cleanup", "--user", USER, hosts="srv01"))["srv01"] == "ok"
    assert outcomes(controller.play("cleanup", hosts="srv01"))["srv01"] == "access_denied"


def test_sensitive_parameters_are_shown_nowhere(controller: Shipped, fleet: SimulatedFleet) -> None:
    secret = "corr3ct-h0rse"
    controller.inventory["all"]["vars"] = {"pssession_sensitive_parameters": [{"name": "Password", "value": secret}]}
    run = controller.play("start", "-vvvv", name="Nightly", script="Long job")
    assert run.exit_code == 0, run.output
    assert secret not in run.output
