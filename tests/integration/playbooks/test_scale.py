# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hundreds of computers: one task for all of them, and a task for each."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import processes_of
from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, SILENCE, USER, Controller, inventory_of

COUNT = 500
# More than one round of work, where the number matters no further.
SOME = 160
# As the option throttle_limit has it when a task does not say otherwise.
THROTTLE = 32
CONNECT_ALL = """
- name: Connect
  psremoting.fleet.connect_pssession:
    computer_name: "{{ groups['windows'] }}"
    name: ITTask
"""


def fleet_of(count: int) -> SimulatedFleet:
    declared = {"name": "srv{:03}", "count": count, "sessions": [{"name": "ITTask"}]}
    return SimulatedFleet.build([declared], [User(USER, PASSWORD)], switches=PATIENT)


@pytest.fixture(scope="module")
def computers() -> Iterator[SimulatedFleet]:
    """The same for all tests that need so many: to start them takes a while."""
    with fleet_of(COUNT) as started:
        yield started


@pytest.fixture
def some() -> Iterator[SimulatedFleet]:
    """Computers with one session each, which no client is connected to."""
    with fleet_of(SOME) as started:
        yield started


@pytest.fixture
def fleet(computers: SimulatedFleet) -> SimulatedFleet:
    """Five hundred computers with one session each, which no client is connected to."""
    for computer in computers:
        for session in computer.sessions:
            session.close()
        computer.add_session("ITTask")
    computers.clear_requests()
    return computers


def operations(fleet: SimulatedFleet) -> Counter[str]:
    return Counter(request.operation for request in fleet.requests)


def states(fleet: SimulatedFleet) -> Counter[str]:
    return Counter(session.state for computer in fleet for session in computer.sessions)


def state_of(fleet: SimulatedFleet, computer: str) -> str:
    return fleet[computer].session("ITTask").state


@dataclass
class Usage:
    """What processes needed at most at any time, as far as it was sampled.

    Attributes:
        memory: KiB of the process that had most.
        files: Open files of the process that had most.
        threads: Likewise.
    """

    memory: int = 0
    files: int = 0
    threads: int = 0

    def look(self, pid: int) -> None:
        """Look at a process and all that came of it."""
        for each in processes_of(pid):
            try:
                status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
                files = len(os.listdir(f"/proc/{each}/fd"))
            except OSError:
                continue  # it has ended meanwhile
            values = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", status, re.MULTILINE)}
            self.files = max(self.files, files)
            self.memory = max(self.memory, values.get("VmHWM", 0))
            self.threads = max(self.threads, values.get("Threads", 0))


def with_files(limit: int) -> list[str]:
    """Return what to put before a command that may have so many open files."""
    return ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"]


def usage_of(command: list[str], controller: Controller) -> Usage:
    """Run a command to its end and watch it."""
    usage = Usage()
    with subprocess.Popen(
        command, env=controller.variables(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            usage.look(process.pid)
            time.sleep(0.02)
    assert process.returncode == 0
    return usage


def test_one_task_connects_to_five_hundred_computers(fleet: SimulatedFleet, tmp_path: Path) -> None:
    few = Controller(tmp_path / "few", inventory_of(fleet))
    a_tenth = CONNECT_ALL.replace("groups['windows']", f"groups['windows'][:{COUNT // 10}]")
    little = usage_of(few.command(a_tenth, hosts="localhost"), few)
    assert operations(fleet) == {"Enumerate": COUNT // 10, "Connect": COUNT // 10}

    for computer in fleet:
        for session in computer.sessions:
            session.disconnect()
    fleet.clear_requests()
    controller = Controller(tmp_path / "many", inventory_of(fleet))
    # As few files as some systems allow a process by default: half as many as there are computers.
    usage = usage_of([*with_files(COUNT // 2), *controller.command(CONNECT_ALL, hosts="localhost")], controller)
    (result,) = controller.results()
    assert result.outcome == "ok", result.message
    assert len(result["sessions"]) == COUNT
    assert {session["changed"] for session in result["sessions"]} == {True}
    assert states(fleet) == {"Connected": COUNT}
    assert operations(fleet) == {"Enumerate": COUNT, "Connect": COUNT}
    assert {len(fleet.requests_of(computer.name)) for computer in fleet} == {2}
    print(f"{COUNT // 10} computers: {little}, {COUNT}: {usage}")
    # Those kept for later, those at work, and what any run of Ansible has open.
    assert usage.files <= COUNT // 4 + THROTTLE + 32
    # A thread and a watchdog for each request under way, watchdogs that have not ended yet, and those of Ansible.
    assert usage.threads <= COUNT // 2
    # Ten times as many computers: what is kept is a conversation (at most COUNT // 4) and a dict for each of them.
    assert usage.memory - little.memory <= THROTTLE * 1024


def test_some_computers_give_trouble(some: SimulatedFleet, tmp_path: Path) -> None:
    controller = Controller(tmp_path, inventory_of(some))
    hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
    every_tenth = [computer.name for computer in some][::10]
    unreachable, denied, busy, refusing = (every_tenth[part::4] for part in range(4))
    for name in unreachable:
        hosts[name]["ansible_port"] = 1
    for name in denied:
        hosts[name]["ansible_password"] = "not the right one"
    for name in busy:
        some[name].session("ITTask").close()
        some[name].add_session("ITTask", state="Connected", held=True)
    for name in refusing:
        some[name].inject(Injection("Connect", fault_code=0x80540FA3))
    run = controller.run(CONNECT_ALL, hosts="localhost")
    assert run.exit_code == 2
    result = run["Connect"]
    reasons = {error["inventory_hostname"]: error["reason"] for error in result["errors"]}
    assert len(result["errors"]) == len(reasons)
    assert reasons == {
        **dict.fromkeys(unreachable, "unreachable"),
        **dict.fromkeys(denied, "access_denied"),
        **dict.fromkeys(busy, "busy"),
        **dict.fromkeys(refusing, "failed"),
    }
    assert f"{len(every_tenth)} errors, {SOME - len(every_tenth)} sessions went well" in result.message
    connected = {session["computer_name"] for session in result["sessions"]}
    assert connected == {computer.name for computer in some} - set(every_tenth)
    assert {state_of(some, name) for name in connected} == {"Connected"}

    for name in unreachable:
        hosts[name]["ansible_port"] = 5985
    for name in denied:
        del hosts[name]["ansible_password"]
    for name in busy:
        some[name].session("ITTask").disconnect()
    some.clear_requests()
    again = controller.run(CONNECT_ALL, hosts="localhost")
    assert again.exit_code == 0, again.output
    changed = [session["computer_name"] for session in again["Connect"]["sessions"] if session["changed"]]
    assert sorted(changed) == sorted(every_tenth)
    assert operations(some) == {
        "Enumerate": SOME,
        "Connect": len(every_tenth),
        "Reconnect": SOME - len(every_tenth),
    }
    assert states(some) == {"Connected": SOME}


@pytest.mark.parametrize(("number", "remembers"), [(signal.SIGKILL, True), (signal.SIGINT, False)])
def test_a_run_is_interrupted_in_the_middle(
    some: SimulatedFleet, tmp_path: Path, number: signal.Signals, remembers: bool
) -> None:
    controller = Controller(tmp_path, inventory_of(some))
    # Half of them are connected; then all that are at work get no answer.
    for computer in list(some)[SOME // 2 :][:THROTTLE]:
        computer.inject(Injection("Connect", action="hang"))
    with subprocess.Popen(
        controller.command(CONNECT_ALL, hosts="localhost"),
        env=controller.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        until(lambda: operations(some)["Connect"] == SOME // 2 + THROTTLE or process.poll() is not None)
        assert process.poll() is None
        # Ctrl+C is for Ansible, which ends its workers. A pod is killed with all that is in it.
        for pid in processes_of(process.pid) if number is signal.SIGKILL else [process.pid]:
            os.kill(pid, number)
        output, _errors = process.communicate()
    assert process.returncode != 0
    assert "Traceback" not in output
    assert states(some) == {"Connected": SOME // 2, "Disconnected": SOME // 2}
    left = [computer.name for computer in some if state_of(some, computer.name) == "Disconnected"]

    if not remembers:  # another controller, a minute later
        controller.registry.unlink(missing_ok=True)
        some.clock.advance(SILENCE + 1)
        left = [computer.name for computer in some]
    some.clear_requests()
    again = controller.run(CONNECT_ALL, hosts="localhost")
    assert again.exit_code == 0, again.output
    changed = [session["computer_name"] for session in again["Connect"]["sessions"] if session["changed"]]
    assert sorted(changed) == left
    assert sorted(request.computer for request in some.requests_of(operation="Connect")) == left
    assert states(some) == {"Connected": SOME}


def test_a_slow_fleet_shows_how_far_it_is(tmp_path: Path) -> None:
    count = 40
    with fleet_of(count) as fleet:
        controller = Controller(tmp_path, inventory_of(fleet))
        for computer in fleet:
            computer.inject(Injection(action="delay", seconds=0.8, times=None))
        with subprocess.Popen(
            controller.command(CONNECT_ALL + "    throttle_limit: 5\n", hosts="localhost"),
            env=controller.variables(),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            seen = []
            for line in process.stdout:
                progress = re.fullmatch(r"Connect: (\d+) of 40 (computers listed|sessions)\n", line)
                if progress:
                    # What a line says has happened, and the rest has not.
                    happened = len(fleet.requests_of(operation="Connect" if progress[2] == "sessions" else "Enumerate"))
                    seen.append((progress[2], int(progress[1]), happened))
                elif line.startswith("changed:"):
                    seen.append(("changed", count, count))
    assert process.returncode == 0
    kinds = [kind for kind, _told, _happened in seen]
    assert kinds[-1] == "changed"
    assert set(kinds) == {"computers listed", "sessions", "changed"}
    for kind in ("computers listed", "sessions"):
        told = [number for each, number, _happened in seen if each == kind]
        assert told == sorted(set(told))
        assert 0 < told[0] < count
    assert all(told <= happened for _kind, told, happened in seen)


def test_more_at_once_than_there_may_be_open_files(tmp_path: Path) -> None:
    count, files = 90, 80
    with fleet_of(count) as fleet:
        controller = Controller(tmp_path, inventory_of(fleet))
        command = controller.command(CONNECT_ALL + f"    throttle_limit: {count}\n", hosts="localhost")
        ended = subprocess.run(
            [*with_files(files), *command],
            env=controller.variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert f"throttle_limit is {files // 2} instead of {count}" in " ".join(ended.stderr.split())
        assert states(fleet) == {"Connected": count}
        assert operations(fleet) == {"Enumerate": count, "Connect": count}


def test_a_task_for_each_host_and_many_at_once(tmp_path: Path) -> None:
    count = 60
    with fleet_of(count) as fleet:
        controller = Controller(tmp_path, inventory_of(fleet))
        run = controller.run(
            "[{name: Connect, psremoting.fleet.connect_pssession: {name: ITTask}}]", "--forks", "20", hosts="windows"
        )
        assert run.exit_code == 0, run.output
        assert "registry" not in run.output
        results = run.of("Connect")
        assert len(results) == count
        ids = {result["sessions"][0]["instance_id"]: result["sessions"][0]["id"] for result in results.values()}
        assert sorted(ids.values()) == list(range(1, count + 1))
        with sqlite3.connect(controller.registry) as database:
            written = database.execute("SELECT instance_id, id, connected_at, client_id FROM session").fetchall()
        assert {instance_id: number for instance_id, number, _connected_at, _client in written} == ids
        assert all(connected_at for _id, _number, connected_at, _client in written)
        assert len({client for _id, _number, _connected_at, client in written}) == 1  # the servers see one client
        assert operations(fleet) == {"Enumerate": count, "Connect": count}
        assert states(fleet) == {"Connected": count}
