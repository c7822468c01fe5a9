# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated computer with a real PowerShell, on which a run is killed at one of its requests and made again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.playbooks.controller import PASSWORD, PLUGINS, USER, Controller, Run, inventory_of
from tests.integration.playbooks.windows_machine import windows_machine
from tests.kill_sweep.cases import MODES, WORKS, Case
from tests.kill_sweep.killed_run import end_sessions, requests_until_killed
from tests.simulator import SimulatedComputer, SimulatedFleet, User

OURS = "psremoting.fleet.psrp"
# Seconds, on the fleet's clock, until the server takes a session from a silent client; no busy machine takes so long.
SILENCE = 1800
# What a joined task says beside its result, and what tells the time.
VARYING = frozenset({"joined", "started_at", "warnings", "exception", "deprecations"})


@dataclass
class Told:
    """What was seen of a case.

    Attributes:
        expected: The result of an uninterrupted run.
        run: The run after the kill.
        starts: How often the work began, in all.
        operations: Requests of the killed run that the server carried out.
        late: Requests of the killed run after the kill.
        left: Sessions that the kill left.
    """

    expected: dict[str, Any]
    run: Run
    starts: int
    operations: list[str]
    late: list[str]
    left: int

    @property
    def result(self) -> dict[str, Any]:
        """The result of the run after the kill."""
        return result_of(self.run)


@dataclass
class Bench:
    """One computer, and the controllers that work with it."""

    folder: Path
    fleet: SimulatedFleet
    _expected: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    requests: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _controllers: int = 0

    @property
    def computer(self) -> SimulatedComputer:
        """The computer."""
        return self.fleet["srv01"]

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def measure(self, work: str, mode: str) -> None:
        """Run a task without a kill: its result, and the operations of its requests."""
        if (work, mode) not in self.requests:
            self._begin()
            run = self.controller(mode).run(self._playbook(work))
            if run.exit_code != 0:
                raise RuntimeError(f"{work} fails without a kill:\n{run.output}")
            self._expected[work, mode] = result_of(run)
            self.requests[work, mode] = [each.operation for each in self.fleet.requests]

    def controller(self, mode: str) -> Controller:
        """Return a controller with a home of its own; all have the same secret."""
        self._controllers += 1
        library = {
            "ANSIBLE_LIBRARY": str(PLUGINS / "modules"),
            "PSSESSION_CLIENT_SECRET": "only for the sweep, shared by its controllers",
        }
        inventory = inventory_of(self.fleet, ansible_connection=OURS, **MODES[mode])
        return Controller(self.folder / f"controller-{self._controllers}", inventory, library)

    def play(self, case: Case) -> Told | None:
        """Kill a run of the case's task, and run the task again; None if it ended before.

        Into how many answers a PowerShell puts what it gives differs from run to run.
        """
        self.measure(case.work, case.mode)
        self._begin()
        controller = self.controller(case.mode)
        sent = requests_until_killed(
            self.fleet,
            controller,
            self._playbook(case.work),
            (case.operation, case.number),
            is_carried_out=case.is_carried_out,
            is_whole=case.is_whole,
        )
        if sent is None:
            return None
        late = [each.operation for each in self.fleet.requests[len(sent) :]]
        carried_out = [each.operation for each in sent if each.status == 200]
        if case.is_carried_out:  # its status was never sent
            carried_out.append(sent[-1].operation)
        left = len(self.computer.sessions)
        if not case.is_same:
            controller = self.controller(case.mode)
            self.fleet.clock.advance(SILENCE + 1)
        run = controller.run(self._playbook(case.work), "-v")
        return Told(self._expected[case.work, case.mode], run, self._starts(), carried_out, late, left)

    def _playbook(self, work: str) -> str:
        return WORKS[work].format(log=self._log, script=self.folder / "work.ps1")

    def _starts(self) -> int:
        return self._log.read_text(encoding="utf-8").split().count("started") if self._log.exists() else 0

    def _begin(self) -> None:
        end_sessions(self.fleet)
        self._log.unlink(missing_ok=True)
        self.fleet.clear_requests()


def result_of(run: Run) -> dict[str, Any]:
    """Return the result of the task, without what differs from run to run."""
    return {name: value for name, value in run["Work"].values.items() if name not in VARYING}


@contextlib.contextmanager
def bench(folder: Path, powershell: str) -> Iterator[Bench]:
    """Start a computer.

    Args:
        folder: An empty folder for everything.
        powershell: Path of the PowerShell.
    """
    (folder / "work.ps1").write_text(f"param($a) Add-Content '{folder}/log' started; \"$a\"; 'two'\n", encoding="utf-8")
    machine = windows_machine(folder / "machine", powershell)
    switches = {"silence_timeout": SILENCE}
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], switches=switches, powershell=machine) as fleet:
        yield Bench(folder, fleet)
