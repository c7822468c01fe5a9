# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play of ten Windows tasks whose run is killed at a random request, and which is run again to its end.

The run after the kill begins with the first task, or with the one that was running (`--start-at-task`).
"""

from __future__ import annotations

import contextlib
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.release import __version__ as core_version
from packaging.version import Version

from tests.integration.playbooks.controller import PASSWORD, PATIENT, PLUGINS, SILENCE, USER, Controller, inventory_of
from tests.integration.playbooks.windows_collection import find_ansible_windows, without_windows
from tests.integration.playbooks.windows_machine import for_windows, windows_machine
from tests.kill_sweep.cases import MODES
from tests.kill_sweep.judge import LOST
from tests.kill_sweep.killed_run import end_sessions, requests_until_killed
from tests.simulator import SimulatedFleet, User
from tests.simulator.request_log import LoggedRequest

# Those whose work writes their name to the file {log} when it begins.
LOGGED = ("Raw", "Shell", "Command", "PowerShell", "Module", "Script", "Background")
PLAY = """
- name: Raw
  ansible.builtin.raw: Add-Content '{log}' Raw; 'one'; Start-Sleep -Milliseconds 300; 'two'
- name: Folder
  ansible.windows.win_file: {{path: "{there}", state: directory}}
- name: Copy
  ansible.windows.win_copy: {{src: "{folder}/file", dest: "{there}/copied"}}
- name: Template
  ansible.windows.win_template: {{src: "{folder}/file.j2", dest: "{there}/rendered"}}
- name: Shell
  ansible.windows.win_shell: Add-Content '{log}' Shell; 'shell'
  environment: {{SAID: said}}
- name: Command
  ansible.windows.win_command: sh -c "echo Command >> '{log}'; echo command"
- name: PowerShell
  ansible.windows.win_powershell: {{script: "Add-Content '{log}' PowerShell; 'powershell'"}}
- name: Module
  wait_for_go: {{log: "{log}"}}
- name: Script
  ansible.builtin.script: "{folder}/work.ps1 one"
- name: Background
  ansible.windows.win_shell: Add-Content '{log}' Background; 'later'
  async: {seconds}
  poll: 1
"""
TASKS = tuple(re.findall(r"^- name: (\w+)", PLAY, re.MULTILINE))
# Seconds for the task in the background; 0 for cores whose way to do that needs Windows.
_ASYNC_SECONDS = 300 if Version(core_version) >= Version("2.19") else 0
# Of results, what does not differ by time or by what is there already.
_COMPARED = ("rc", "stdout", "stderr", "output", "said", "text", "failed")
_FILES = {"copied": "ü, as it is\n", "rendered": "srv01 is rendered\n"}


@dataclass(frozen=True)
class Kill:
    """Where a run of the play is killed, and how it is run again.

    Attributes:
        request: Its number, from 0.
        is_carried_out: The server has carried it out, and its answer never comes.
        is_whole: ansible-playbook is killed with its workers, or alone.
        is_same: The same controller runs the play again, or another one with the same secret.
        is_from_start: The play begins with its first task then.
    """

    request: int
    is_carried_out: bool
    is_whole: bool
    is_same: bool
    is_from_start: bool

    def __str__(self) -> str:
        return ", ".join(
            (
                f"request {self.request} {'carried out' if self.is_carried_out else 'not carried out'}",
                "whole tree" if self.is_whole else "only ansible-playbook",
                "same controller" if self.is_same else "other controller",
                "from the first task" if self.is_from_start else "from the task that was running",
            )
        )


@dataclass
class Outcome:
    """What came of a kill.

    Attributes:
        task: The one that was running, or None after the last one.
        faults: What is not as promised, as sentences.
        repeated: Whether the task that was running was started again, since its command had given its result.
        failed_once: Whether its rerun failed first, on a controller without the result of the one that was killed.
    """

    task: str | None
    faults: list[str] = field(default_factory=list)
    repeated: bool = False
    failed_once: bool = False


@dataclass
class Bench:
    """A computer, and the controllers that play on it."""

    folder: Path
    fleet: SimulatedFleet
    collections: Path
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: int = 0
    _controllers: int = 0

    def measure(self) -> None:
        """Run the play without a kill: its results, and the number of its requests."""
        self._begin()
        run = self._controller().run(self._play())
        if run.exit_code != 0:
            raise RuntimeError(f"the play fails without a kill:\n{run.output}")
        self.expected = {task: _compared(run[task].values) for task in TASKS}
        self.requests = len(self.fleet.requests)

    def drawn(self, count: int, chance: random.Random) -> list[Kill]:
        """Return so many kills; every fifth one begins anew with the first task."""
        return [
            Kill(
                request=chance.randrange(self.requests),
                is_carried_out=chance.random() < 0.5,
                is_whole=chance.random() < 0.5,
                is_same=chance.random() < 0.5,
                is_from_start=number % 5 == 4,
            )
            for number in range(count)
        ]

    def play(self, case: Kill) -> Outcome | None:
        """Kill a run of the play, and run it again; None if it ended before."""
        self._begin()
        controller = self._controller()
        killed = requests_until_killed(
            self.fleet,
            controller,
            self._play(),
            ("*", case.request),
            is_carried_out=case.is_carried_out,
            is_whole=case.is_whole,
        )
        if killed is None:
            return None
        ended = [each.task for each in controller.results() if each.task in TASKS]
        running = next((task for task in TASKS if task not in ended), None)
        if not case.is_same:
            controller = self._controller()
            self.fleet.clock.advance(SILENCE + 1)
        begin = () if case.is_from_start or running is None else ("--start-at-task", running)
        run = controller.run(self._play(), *begin)
        outcome = Outcome(running)
        if run.exit_code != 0 and running is not None and not case.is_same and LOST in run.output:
            run = controller.run(self._play(), *begin)
            outcome.failed_once = True
        if run.exit_code != 0:
            outcome.faults.append(f"the run after the kill failed:\n{run.output}")
            return outcome
        results = {each.task: _compared(each.values) for each in run.results if each.task in TASKS}
        outcome.faults += [
            f"the result of {task} is {result}, without a kill it is {self.expected[task]}"
            for task, result in results.items()
            if result != self.expected[task]
        ]
        may_repeat = outcome.failed_once or _has_given_its_result(killed, case)
        for task, starts in self._starts().items():
            most = 1 + (task in ended and task in results) + (task == running and may_repeat)
            if not 1 <= starts <= most:
                outcome.faults.append(f"{task} was started {starts} times, and at most {most} is right")
            outcome.repeated |= task == running and starts > 1
        if outcome.faults:
            outcome.faults.append(f"the killed run had sent {', '.join(map(_told, killed))}")
        for name, content in _FILES.items():
            if (self._there / name).read_text(encoding="utf-8") != content:
                outcome.faults.append(f"the file {name} is not as it should be")
        return outcome

    @property
    def _there(self) -> Path:
        return self.folder / "there"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _controller(self) -> Controller:
        self._controllers += 1
        inventory = inventory_of(self.fleet, ansible_connection="psremoting.fleet.psrp", **MODES["durable"])
        made = Controller(
            self.folder / f"controller-{self._controllers}",
            inventory,
            {
                "ANSIBLE_LIBRARY": str(PLUGINS / "modules"),
                "PSSESSION_CLIENT_SECRET": "only for the sweep, shared by its controllers",
            },
        )
        made.environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{self.collections}"
        return for_windows(made)

    def _play(self) -> str:
        return PLAY.format(log=self._log, folder=self.folder, there=self._there, seconds=_ASYNC_SECONDS)

    def _starts(self) -> Counter[str]:
        # The module writes another word than its task's name.
        words = self._log.read_text(encoding="utf-8").split() if self._log.exists() else []
        found = Counter("Module" if word == "started" else word for word in words)
        return Counter({task: found[task] for task in LOGGED})

    def _begin(self) -> None:
        end_sessions(self.fleet)
        self._log.unlink(missing_ok=True)
        for name in _FILES:
            (self._there / name).unlink(missing_ok=True)
        if self._there.exists():
            self._there.rmdir()
        self.fleet.clear_requests()


@contextlib.contextmanager
def bench(folder: Path, powershell: str) -> Iterator[Bench]:
    """Start a computer.

    Args:
        folder: An empty folder for everything.
        powershell: Path of the PowerShell.

    Raises:
        RuntimeError: The collection ansible.windows is not installed.
    """
    installed = find_ansible_windows()
    if installed is None:
        raise RuntimeError("the collection ansible.windows is not installed")
    (folder / "file").write_text(_FILES["copied"], encoding="utf-8")
    (folder / "file.j2").write_text("{{ inventory_hostname }} is rendered\n", encoding="utf-8")
    (folder / "work.ps1").write_text(f"param($a) Add-Content '{folder}/log' Script; \"$a\"\n", encoding="utf-8")
    machine = windows_machine(folder / "machine", powershell)
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], switches=PATIENT, powershell=machine) as fleet:
        yield Bench(folder, fleet, without_windows(installed, folder / "collections"))


def _told(request: LoggedRequest) -> str:
    title = re.search(r"Ansible task: ([^<]*), started", request.body)
    return f"{request.operation} {title[1]}" if title else request.operation


def _compared(values: Any) -> dict[str, Any]:
    return {name: values[name] for name in _COMPARED if name in values}


def _has_given_its_result(requests: Sequence[LoggedRequest], case: Kill) -> bool:
    """Tell whether the last command of a task that is joined was signalled away before the kill.

    The guide names this moment. A task with async has it as soon as its work is in the background.
    """
    done = requests if case.is_carried_out else requests[:-1]
    signalled = {each.command_id for each in done if each.operation == "Signal"}
    started = [
        each.command_id
        for each in done
        if each.operation == "Command" and "Ansible task" in each.body and ", repeatable" not in each.body
    ]
    return bool(started) and started[-1] in signalled
