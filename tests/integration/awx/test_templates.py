# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job templates, launched as AWX does it: with answers to their surveys, and a password that it types in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.awx.controller import COLLECTIONS, Made, make
from tests.integration.awx.jobs import PROJECT, Job, Outcome
from tests.integration.playbooks.controller import PASSWORD, USER, inventory_of
from tests.simulator import SimulatedFleet, User
from tests.waiting import until

SCRIPT = "Test-Databases"
SCRIPTS = {SCRIPT: [{"output": "begun"}, {"sleep": 300}, {"output": "12 updates"}]}
NIGHTLY = {(name, "Nightly", "Disconnected") for name in ("srv01", "srv02")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What is in AWX; journals go to a volume that all pods have."""
    folder = tmp_path_factory.mktemp("awx")
    return make(folder, COLLECTIONS[0], pssession_awx_journal=str(folder / "volume"))


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01", "srv02"], [User(USER, PASSWORD)], SCRIPTS) as started:
        yield started


@pytest.fixture
def job(made: Made, fleet: SimulatedFleet, tmp_path: Path) -> Callable[..., Job]:
    """A job of a template, by name; what is answered other than the survey offers is said by variable."""

    def job(name: str, *, check: bool = False, **answers: Any) -> Job:
        (template,) = [each for each in made.of("job_template") if each["name"] == name]
        questions = template["survey_spec"]["spec"]
        assert set(answers) <= {question["variable"] for question in questions}
        offered = {question["variable"]: question["default"] for question in questions}
        inventory = inventory_of(fleet, ansible_user=None, ansible_password=None)
        inventory["all"]["hosts"] = {"linux01": {}}
        return Job(
            tmp_path / f"job-{len(list(tmp_path.iterdir()))}",
            inventory,
            PROJECT,
            template["playbook"],
            variables={**template["extra_vars"], **offered, **answers},
            passwords={r"SSH password:\s*?$": PASSWORD},
            arguments=f"--user {USER} --ask-pass {'--check' if check else ''}",
        )

    return job


def run(job: Job) -> Outcome:
    """Run a job in a home of its own; it has to end well."""
    (job.folder / "home").mkdir()
    outcome = job.run(job.folder / "home")
    assert outcome.code == 0, outcome.stdout
    return outcome


def sessions(fleet: SimulatedFleet) -> set[tuple[str, str | None, str]]:
    """Computer, name and state."""
    return {(computer.name, each.name, each.state) for computer in fleet for each in computer.sessions}


def test_from_the_start_to_the_end_of_some_work(job: Callable[..., Job], fleet: SimulatedFleet) -> None:
    run(job("Sessions: start", pssession_script=SCRIPT))
    assert sessions(fleet) == NIGHTLY
    assert "Nightly" in run(job("Sessions: list", pssession_name="Week*,Night*")).stdout

    run(job("Sessions: connect", check=True))
    assert fleet.requests_of(operation="Connect") == []
    connected = run(job("Sessions: connect", pssession_name="Nightly"))
    assert connected.artifacts == {"pssession_outcomes": {"changed": ["srv01", "srv02"]}, "pssession_pending": 0}
    assert len(fleet.requests_of(operation="Connect")) == 2
    assert sessions(fleet) == NIGHTLY

    early = run(job("Sessions: harvest", pssession_when_done="remove"))
    assert early.artifacts["pssession_pending"] == 2
    assert sessions(fleet) == NIGHTLY

    fleet.clock.advance(86400 - 3000)
    run(job("Sessions: extend", pssession_idle_timeout=172800))
    assert {computer.sessions[0].idle_timeout for computer in fleet} == {172800}

    run(job("Sessions: clean up", pssession_remove="true", pssession_minimum_age=0))
    assert sessions(fleet) == NIGHTLY, "there is a command with results, so they are not left behind"
    harvested = run(job("Sessions: harvest", pssession_when_done="remove"))
    assert harvested.artifacts["pssession_pending"] == 0
    assert sessions(fleet) == set()


def waiting(fleet: SimulatedFleet) -> bool:
    """Whether a client waits for more output of the command on every computer."""
    asked = [request for request in fleet.requests_of(operation="Receive") if request.command_id]
    return len({request.computer for request in asked if request.ended is None}) == len(fleet)


def test_a_pod_dies_and_its_job_is_launched_again(
    job: Callable[..., Job], fleet: SimulatedFleet, tmp_path: Path
) -> None:
    answers = {"pssession_script": SCRIPT, "pssession_journal": str(tmp_path / "volume" / "this work")}
    first = job("Sessions: resume", **answers).launch(tmp_path / "pod-1")
    until(lambda: waiting(fleet))
    first.kill()
    fleet.clock.advance(61)  # the request that the pod was waiting in comes to its end
    until(lambda: not waiting(fleet))
    fleet.clock.advance(61)  # and no client sends another
    assert sessions(fleet) == NIGHTLY

    fleet.clear_requests()
    again = job("Sessions: resume", **answers)
    second = again.launch(tmp_path / "pod-2")
    until(lambda: waiting(fleet))
    fleet.clock.advance(300)
    second.wait()
    outcome = again.process(second)
    assert outcome.code == 0, outcome.stdout
    assert outcome.stdout.count("begun") == outcome.stdout.count("12 updates") == 1  # equal on all hosts
    assert f"{', '.join(computer.name for computer in fleet)}: Nightly, Completed" in outcome.stdout
    assert fleet.requests_of(operation="Command") == [], "the work was started once"
