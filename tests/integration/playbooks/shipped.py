# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller that runs the collection's own playbooks as users do: by their names, beside hosts of other kinds."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

import yaml

from tests.processes import kill
from tests.simulator import SimulatedFleet

from .controller import Controller, Run, inventory_of


@dataclass
class Shipped(Controller):
    """Runs `psremoting.fleet.NAME` where other controllers run a playbook of the test."""

    def command(self, playbook: str, *arguments: str, hosts: str = "") -> list[str]:
        """Get ready for one run of a playbook of the collection; see `Controller.command`."""
        assert not hosts, "which hosts are meant is a variable of the playbook"
        self._runs += 1
        inventory = self.write(f"inventory-{self._runs}.yml", yaml.safe_dump(self.inventory))
        return ["ansible-playbook", "-i", str(inventory), f"psremoting.fleet.{playbook}", *arguments]

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        """Run a playbook of the collection to its end.

        Args:
            variables: Variables of the playbook, without their `pssession_`.
        """
        return self.run(playbook, *arguments, *extra(**variables), hosts="", ANSIBLE_SHOW_CUSTOM_STATS="1")

    def start(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.Popen[str]:
        """Start a playbook of the collection in a process of its own; see `play`."""
        return self.started(playbook, *arguments, *extra(**variables), hosts="", ANSIBLE_SHOW_CUSTOM_STATS="1")

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a run and its workers as the end of a pod does: at once, and without a word."""
        kill(process)


def extra(**variables: Any) -> list[str]:
    """Return the arguments for ansible-playbook that set variables, given without their `pssession_`."""
    named = {f"pssession_{name}": value for name, value in variables.items()}
    return ["--extra-vars", json.dumps(named)] if named else []


def inventory_with_others(fleet: SimulatedFleet) -> dict[str, Any]:
    """Return an inventory of a fleet that has other hosts, too, and one connection by its full name."""
    inventory = inventory_of(fleet)
    inventory["all"]["hosts"] = {"linux01": {"ansible_connection": "ssh"}, "linux02": None}
    windows = inventory["all"]["children"]["windows"]["hosts"]
    next(iter(windows.values()))["ansible_connection"] = "ansible.builtin.psrp"
    return inventory


def outcomes(run: Run) -> dict[str, str]:
    """Return what a run left as statistics: how each host fared."""
    text = re.search(r"CUSTOM STATS: \*+\n\s*RUN: (\{.*?^\}|\{.*?\}$)", run.stdout, re.MULTILINE | re.DOTALL)
    assert text, run.output
    by_outcome = json.loads(text.group(1))["pssession_outcomes"]
    return {host: outcome for outcome, hosts in by_outcome.items() for host in hosts}
