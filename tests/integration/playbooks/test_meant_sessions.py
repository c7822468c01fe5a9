# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sessions a task means: names that look like patterns, and the work of another journal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, USER, Controller, Run, inventory_of
from .shipped import Shipped

SCRIPTS = {
    "Work": [{"output": "done"}],
    "Other work": [{"output": "theirs"}, {"sleep": 600}],
}
OTHER = {"name": "Job 1", "commands": [{"script": "Other work"}]}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], SCRIPTS) as started:
        yield started


@pytest.fixture
def shipped(fleet: SimulatedFleet, tmp_path: Path) -> Shipped:
    return Shipped(tmp_path, inventory_of(fleet))


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(tmp_path, inventory_of(fleet))


def names(fleet: SimulatedFleet) -> list[str]:
    return sorted(session.name or "" for session in fleet["srv01"].sessions)


def output(run: Run) -> list[Any]:
    """What the only work of a run has given."""
    (told,) = [result for result in run.results if result.values.get("results")]
    output: list[Any] = told["results"][0]["output"]
    return output


@pytest.mark.parametrize("name", ["Job [123]", "Job [12\n"])
def test_work_whose_name_looks_like_a_pattern(shipped: Shipped, fleet: SimulatedFleet, name: str) -> None:
    fleet["srv01"].add_session(OTHER)
    work = {"name": name, "script": "Other work", "busy_timeout": 1, "journal": str(shipped.folder / "journal")}
    for _again in range(2):
        run = shipped.play("resume", timeout=1, **work)
        assert "The work on srv01 still runs" in run.output
        assert names(fleet) == sorted(["Job 1", name.strip()])
    fleet["srv01"].session(name.strip()).close()
    run = shipped.play("resume", **{**work, "script": "Work", "start_anew": True})
    assert (run.exit_code, output(run)) == (0, ["done"]), run.output
    assert names(fleet) == ["Job 1"]


@pytest.mark.parametrize("playbook", ["start", "resume"])
@pytest.mark.parametrize("name", ["Job ?", "Job*", "Job 1,Job 2", ["Job 1", "Job 2"]])
def test_work_with_a_pattern_or_several_names_is_refused(
    shipped: Shipped, fleet: SimulatedFleet, playbook: str, name: str | list[str]
) -> None:
    run = shipped.play(playbook, name=name, script="Work")
    assert run.exit_code == 2
    assert "name" in run.output
    assert fleet.requests == []


def test_a_task_with_such_a_name_means_the_session_that_is_called_so(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    for name in ("Job 1", "Job [123]"):
        fleet["srv01"].add_session(name=name)
    remove = """
        - psremoting.fleet.remove_pssession:
            name: Job [123]
            on_missing: skip
          register: removed
        - psremoting.fleet.remove_pssession:
            name: "{{ name | default('Job [123]') }}"
            on_missing: skip
        """
    controller.run(remove)
    assert names(fleet) == ["Job 1"], "the second task took the name for a pattern"
    run = controller.run(remove, "-e", "name='Job [145]'")
    assert names(fleet) == []
    assert "no session has the name Job [145], so it is used as a pattern. It matches Job 1 on srv01" in " ".join(
        run.output.split()
    )


def test_a_session_of_the_name_with_another_configuration_is_told(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    fleet["srv01"].add_session(name="Job 1", configuration="ITHelpDesk.JEA")
    run = controller.run("""
        - psremoting.fleet.invoke_command:
            session_name: Job 1
            script: Work
            in_disconnected_session: true
            configuration_name: Microsoft.PowerShell
        """)
    assert run.exit_code == 0
    assert "On srv01 there is a session named Job 1 with the configuration ITHelpDesk.JEA" in " ".join(
        run.output.split()
    )


def test_another_journal_does_not_join_the_work_of_the_first(shipped: Shipped, fleet: SimulatedFleet) -> None:
    work = {"name": "Nightly", "busy_timeout": 1}
    monday = {**work, "script": "Other work", "journal": str(shipped.folder / "monday")}
    tuesday = {**work, "script": "Work", "journal": str(shipped.folder / "tuesday")}
    shipped.play("resume", timeout=1, **monday)
    run = shipped.play("resume", **tuesday)
    assert run.exit_code == 2
    assert "tuesday/srv01.jsonl: another job" in run.output
    assert names(fleet) == ["Nightly"]
    assert not list((shipped.folder / "tuesday").glob("*.result.json"))
    assert "still runs" in shipped.play("resume", timeout=1, adopt=True, **tuesday).output


def test_resume_adopts_what_start_began(shipped: Shipped, fleet: SimulatedFleet) -> None:
    work = {"name": "Nightly", "script": "Work"}
    assert shipped.play("start", **work).exit_code == 0
    run = shipped.play("resume", journal=str(shipped.folder / "journal"), adopt=True, **work)
    assert (run.exit_code, output(run)) == (0, ["done"]), run.output
    assert names(fleet) == []


DOMAIN = [
    User("svc-jobs", PASSWORD, administrator=True, domain="LAB", principal_name="jobs.night@lab.test"),
    User("admin", PASSWORD, administrator=True, domain="LAB"),
    User("admin", "local-secret-7", administrator=True),
]
LONG = {"Long work": [{"output": "begun"}, {"sleep": 600}, {"output": "done"}]}


@pytest.fixture
def domain() -> Iterator[SimulatedFleet]:
    """A computer of a domain, whose name here is another than its own."""
    with SimulatedFleet.build(["srv01"], DOMAIN, LONG) as started:
        yield started


def as_user(folder: Path, fleet: SimulatedFleet, user: str, **variables: str) -> Shipped:
    """A new pod that logs on with a user name."""
    return Shipped(folder, inventory_of(fleet, ansible_user=user, **variables))


@pytest.mark.parametrize("pods", [False, True], ids=["one controller", "a new pod each time"])
def test_a_user_principal_name_finds_its_own_sessions(domain: SimulatedFleet, tmp_path: Path, pods: bool) -> None:
    def play(playbook: str, number: int, **variables: Any) -> Run:
        folder = tmp_path / (f"pod-{number}" if pods else "controller")
        return as_user(folder, domain, "jobs.night@lab.test").play(playbook, **variables)

    work = {"name": "Nightly", "script": "Long work"}
    for number in range(2):
        run = play("start", number, **work)
        assert run.exit_code == 0, run.output
    assert [(each.name, each.owner) for each in domain["srv01"].sessions] == [("Nightly", "svc-jobs")]
    assert sum(request.status == 200 for request in domain.requests_of(operation="Command")) == 1
    run = play("resume", 2, timeout=1, busy_timeout=1, **work)
    assert "The work on srv01 still runs" in run.output
    run = play("extend", 3, expires_within=100000, idle_timeout=90000)
    if pods:
        assert run.exit_code == 2
        assert "LAB\\\\svc-jobs" in run.output
        assert "is jobs.night@lab.test" in run.output
    else:
        assert domain["srv01"].session("Nightly").idle_timeout == 90000
        assert "nothing to remove: looked for sessions of LAB\\svc-jobs" in play("cleanup", 4).output


@pytest.mark.parametrize("user", [".\\admin", "SRV01\\admin", "admin"])
def test_a_local_account_starts_its_own_work_beside_that_of_the_domain(
    domain: SimulatedFleet, tmp_path: Path, user: str
) -> None:
    domain["srv01"].add_session(name="Nightly", owner="LAB\\admin", commands=[{"script": "Long work"}])
    if user == "admin":
        domain["srv01"].users.sort(key=lambda each: each.domain or "")
    controller = as_user(tmp_path, domain, user, ansible_password="local-secret-7")
    for _again in range(2):
        run = controller.play("start", name="Nightly", script="Long work")
        assert run.exit_code == 0, run.output
        assert names(domain) == ["Nightly", "Nightly"]
    assert "nothing of" not in controller.play("extend", expires_within=100000).output


def test_a_session_may_be_that_of_an_unknown_account(domain: SimulatedFleet, tmp_path: Path) -> None:
    domain["srv01"].add_session(name="Old", owner="svc-jobs", inactivity=4000)
    controller = as_user(tmp_path, domain, "jobs.night@lab.test")
    for playbook in ("extend", "cleanup"):
        run = controller.play(playbook, expires_within=100000) if playbook == "extend" else controller.play(playbook)
        assert run.exit_code == 2
        assert (
            "it is not known whether LAB\\\\svc-jobs, the owner of Old on srv01, is jobs.night@lab.test" in run.output
        )
    run = controller.play("start", "--check", name="Old", script="Long work")
    assert run.exit_code == 2
    run = controller.play("cleanup", owner="LAB\\svc-jobs", name="*", remove=True)
    assert (run.exit_code, names(domain)) == (0, []), run.output


def test_the_account_is_the_one_that_the_connection_logs_on_with(domain: SimulatedFleet, tmp_path: Path) -> None:
    domain["srv01"].add_session(name="Old", owner="LAB\\admin", inactivity=4000)
    inventory = inventory_of(domain, ansible_user="deploy", ansible_psrp_user="LAB\\admin")
    controller = Shipped(tmp_path, inventory)
    run = controller.play("cleanup", name="*", remove=True)
    assert (run.exit_code, names(domain)) == (0, []), run.output
    run = controller.play("cleanup")
    assert "nothing to remove: looked for sessions of LAB\\admin" in run.output


HOSTS = ["srv01", "srv02", "srv03"]


@pytest.fixture
def limited() -> Iterator[SimulatedFleet]:
    """Three computers: the first refuses a day, the second grants less, the third does neither."""
    with SimulatedFleet.build(HOSTS, [User(USER, PASSWORD)], {**SCRIPTS, **LONG}) as started:
        started["srv01"].max_idle_timeout = 43200
        started["srv01"].idle_timeout_text = "Das Leerlaufzeitlimit muss zwischen 60.000 und 43.200.000 liegen."
        started["srv02"].granted_idle_timeout = 3600
        yield started


def kept(fleet: SimulatedFleet) -> list[float]:
    return [session.idle_timeout for computer in fleet for session in computer.sessions]


@pytest.mark.parametrize("playbook", ["start", "resume"])
def test_less_idle_time_than_asked_is_told_in_one_line(limited: SimulatedFleet, tmp_path: Path, playbook: str) -> None:
    waiting = {"timeout": 1} if playbook == "resume" else {}
    run = Shipped(tmp_path, inventory_of(limited)).play(playbook, name="Nightly", script="Long work", **waiting)
    assert run.exit_code == (2 if waiting else 0), run.output
    assert kept(limited) == [43200, 3600, 86400]
    begin = "Without a client, servers keep the new sessions for less than the 86400 seconds"
    (told,) = [line for line in run.stdout.splitlines() if line.startswith(begin)]
    assert re.search(r"1 host until \S+Z: srv01; 1 host until \S+Z: srv02$", told), told


def test_less_idle_time_is_told_by_modules(limited: SimulatedFleet, tmp_path: Path) -> None:
    run = Controller(tmp_path, inventory_of(limited)).run("""
        - psremoting.fleet.new_pssession:
            computer_name: [srv01, srv02, srv03]
            name: Nightly
            session_option: {idle_timeout: 86400}
          run_once: true
          register: opened
        - psremoting.fleet.disconnect_pssession:
            session: "{{ opened.sessions }}"
          run_once: true
        """)
    assert run.exit_code == 0, run.output
    (opened,) = (result for result in run.results if "new_pssession" in result.task)
    (warning,) = opened["warnings"]
    assert "1 host for 43200 seconds: srv01; 1 host for 3600 seconds: srv02. idle_timeout asked for 86400" in warning
    assert kept(limited) == [43200, 3600, 86400]
    assert {each["computer_name"]: each["idle_timeout"] for each in opened["sessions"]} == dict(
        zip(HOSTS, kept(limited), strict=True)
    )


def test_a_new_pod_resumes_the_work_of_a_user_principal_name_by_its_journal(
    domain: SimulatedFleet, tmp_path: Path
) -> None:
    work = {"name": "Nightly", "script": "Long work", "journal": str(tmp_path / "journal"), "busy_timeout": 1}
    for number in range(2):
        pod = as_user(tmp_path / f"pod-{number}", domain, "jobs.night@lab.test")
        run = pod.play("resume", timeout=1, **work)
        assert "The work on srv01 still runs" in run.output, run.output
    assert sum(request.status == 200 for request in domain.requests_of(operation="Command")) == 1
    domain["srv01"].session("Nightly").close()
    gone = as_user(tmp_path / "pod-2", domain, "jobs.night@lab.test").play("resume", **work)
    assert "its session is gone: there is no session Nightly of jobs.night@lab.test" in gone.output
