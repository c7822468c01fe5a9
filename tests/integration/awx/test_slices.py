# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three slices of one job at once, each in a pod; one pod is killed in the middle, and its slice is launched again."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.awx.jobs import Job, Pod
from tests.integration.playbooks.controller import PASSWORD, PATIENT, SILENCE, USER, inventory_of
from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a pod and what runs in it are found by /proc, which only Linux has"
)

HOSTS = [f"srv{number:02}" for number in range(1, 16)]
# AWX deals the hosts out to the slices, one after the other.
SLICES = [HOSTS[first::3] for first in range(3)]
DYING = 1
# In the slice whose pod is killed, these got their session, and those wait for an answer when it happens.
HELD, WAITING = SLICES[DYING][:3], SLICES[DYING][3:]
IN_USE = 0x803381CD

# One task, because fifteen hosts run it: test_templates.py has the playbooks of the collection.
PROJECT = {
    "connect.yml": """
- name: Connect to the sessions of last night
  hosts: windows
  gather_facts: false
  tasks:
    - name: Connect
      psremoting.fleet.connect_pssession:
        name: Nightly
        busy_timeout: 600
"""
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    declared = {"name": "srv{:02}", "count": len(HOSTS), "sessions": [{"name": "Nightly"}]}
    with SimulatedFleet.build([declared], [User(USER, PASSWORD)], switches=PATIENT) as started:
        for host in WAITING:
            started[host].inject(Injection("Connect", action="delay", seconds=3600))
        yield started


@pytest.fixture
def launch(fleet: SimulatedFleet, tmp_path: Path) -> Iterator[Callable[..., tuple[Job, Pod]]]:
    """Launch a slice in a new pod; whatever happens, no pod outlives the test."""
    pods: list[Pod] = []

    def launch(number: int, **environment: str) -> tuple[Job, Pod]:
        folder = tmp_path / f"launch-{len(pods)}"
        inventory = inventory_of(fleet)
        group = inventory["all"]["children"]["windows"]
        group["hosts"] = {host: group["hosts"][host] for host in SLICES[number]}
        job = Job(folder / "job", inventory, PROJECT, "connect.yml", environment=environment)
        pods.append(job.launch(folder / "pod"))
        return job, pods[-1]

    yield launch
    for pod in pods:
        if pod.runs:
            pod.kill()


def connected(fleet: SimulatedFleet, hosts: list[str]) -> list[str]:
    return [host for host in hosts if fleet[host].sessions[0].state == "Connected"]


def connects(fleet: SimulatedFleet, host: str) -> list[str | None]:
    """The clients whose Connect took effect, oldest first."""
    asked = fleet.requests_of(host, "Connect")
    return [request.client_session_id for request in asked if request.status == 200]


def clients(fleet: SimulatedFleet, hosts: list[str]) -> set[str | None]:
    """Who is connected to the sessions of these hosts now."""
    assert connected(fleet, hosts) == hosts
    return {fleet[host].sessions[0].owner_client for host in hosts}


def kill_one(fleet: SimulatedFleet, launch: Callable[..., tuple[Job, Pod]], **environment: str) -> None:
    """Launch all slices, and kill a pod while it waits for answers; the others end well."""
    launched = [launch(number, **environment) for number in range(len(SLICES))]
    until(lambda: connected(fleet, HELD) == HELD and all(fleet.requests_of(host, "Connect") for host in WAITING))
    assert launched[DYING][1].runs
    launched[DYING][1].kill()
    for number, (job, pod) in enumerate(launched):
        pod.wait()
        assert job.process(pod).code == (None if number == DYING else 0)
    assert sorted(connected(fleet, HOSTS)) == sorted(set(HOSTS) - set(WAITING))


def test_what_a_dead_pod_held_is_taken_over_when_the_servers_let_go(
    fleet: SimulatedFleet, launch: Callable[..., tuple[Job, Pod]]
) -> None:
    kill_one(fleet, launch)
    (killed,) = clients(fleet, HELD)

    job, pod = launch(DYING)
    until(lambda: any(request.fault_code == IN_USE for request in fleet.requests))
    for host in HELD:  # the minute of silence is over for them only
        fleet[host].silence_timeout = 0
        assert fleet[host].sessions[0].state == "Disconnected"
        fleet[host].silence_timeout = SILENCE
    pod.wait()
    outcome = job.process(pod)
    assert outcome.code == 0, outcome.stdout
    assert {result["changed"] for result in outcome.results("Connect").values()} == {True}

    (again,) = clients(fleet, SLICES[DYING])
    others = [client for number in (0, 2) for client in clients(fleet, SLICES[number])]
    assert len({killed, again, *others}) == 4, "each pod is a client of its own"
    for host in HOSTS:
        now = fleet[host].sessions[0].owner_client
        assert connects(fleet, host) == ([killed, again] if host in HELD else [now])


def test_with_one_client_id_it_is_ours_at_once(fleet: SimulatedFleet, launch: Callable[..., tuple[Job, Pod]]) -> None:
    client = str(uuid.uuid4())
    kill_one(fleet, launch, PSSESSION_CLIENT_ID=client)

    job, pod = launch(DYING, PSSESSION_CLIENT_ID=client)
    pod.wait()
    outcome = job.process(pod)
    assert outcome.code == 0, outcome.stdout
    changed = {host: result["changed"] for host, result in outcome.results("Connect").items()}
    assert changed == dict.fromkeys(HELD, False) | dict.fromkeys(WAITING, True)
    assert [request for request in fleet.requests if request.fault_code == IN_USE] == []
    assert clients(fleet, HOSTS) == {client.upper()}
    assert {len(connects(fleet, host)) for host in HOSTS} == {1}
