# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller for tests: it has an inventory of a simulated fleet and runs the real ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import forked
from tests.simulator import SimulatedFleet
from tests.waiting import PATIENCE

USER = "operator"
PASSWORD = "Tr0ub4dor&3-staple"
# Switches of a fleet whose sessions stay connected for as long as a test takes on any machine: seconds until a server
# takes a session from a silent client.
SILENCE = 1800
PATIENT = {"silence_timeout": SILENCE}
PLUGINS = Path(__file__).resolve().parent / "plugins"
# What a test's environment may say to Ansible or to the collection; everything else of the kind is taken out.
_KEPT = ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG")


@dataclass(frozen=True)
class TaskResult:
    """One task on one host; a mapping of what the task returned."""

    task: str
    host: str
    outcome: str
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    @property
    def message(self) -> str:
        return str(self.values.get("msg", ""))

    @property
    def sessions(self) -> list[tuple[str, str]]:
        """Computer and name of the sessions returned."""
        return [(session["computer_name"], session["name"]) for session in self.values["sessions"]]


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook that has ended."""

    exit_code: int
    stdout: str
    stderr: str
    results: list[TaskResult]

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def on(self, task: str, host: str) -> TaskResult:
        """The result of a task on a host."""
        found = [result for result in self.results if (result.task, result.host) == (task, host)]
        assert len(found) == 1, f"{task!r} on {host} has {len(found)} results:\n{self.output}"
        return found[0]

    def __getitem__(self, task: str) -> TaskResult:
        """The result of a task that ran on one host."""
        found = [result for result in self.results if result.task == task]
        assert len(found) == 1, f"{task!r} has {len(found)} results:\n{self.output}"
        return found[0]

    def of(self, task: str) -> dict[str, TaskResult]:
        """The results of a task by host."""
        return {result.host: result for result in self.results if result.task == task}


@dataclass
class Controller:
    """A machine with Ansible, its own home folder and an inventory.

    Attributes:
        folder: Where everything is that it reads and writes.
        environment: Variables of its runs, beside those of the tests' process.
        inventory: As in a YAML inventory file; changeable between runs.
    """

    folder: Path
    inventory: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _KEPT or not name.startswith(("ANSIBLE_", "PSSESSION_"))
        }
        self.environment = {
            **kept,
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote-temp"),
            "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
            **self.environment,
        }

    @property
    def group_variables(self) -> dict[str, Any]:
        """The variables of the group `windows` in the inventory; changeable."""
        found: dict[str, Any] = self.inventory["all"]["children"]["windows"]["vars"]
        return found

    @property
    def registry(self) -> Path:
        """Where it keeps its sessions by default."""
        return self.folder / "home" / "pssession" / "state.sqlite3"

    @property
    def record(self) -> Path:
        """The file with the results of the latest run."""
        return self.folder / f"results-{self._runs}.jsonl"

    def write(self, name: str, content: str) -> Path:
        """Write one of its files."""
        path = self.folder / name
        path.write_text(textwrap.dedent(content), encoding="utf-8")
        return path

    def command(self, playbook: str, *arguments: str, hosts: str = "windows") -> list[str]:
        """Get ready for one run and return its command line.

        Args:
            playbook: YAML: plays, or just tasks, which are then for `hosts`.
            arguments: More arguments for ansible-playbook.
        """
        self._runs += 1
        content = yaml.safe_load(textwrap.dedent(playbook))
        if not any("hosts" in entry or "import_playbook" in entry for entry in content):
            content = [{"name": "Test", "hosts": hosts, "gather_facts": False, "tasks": content}]
        files = {
            f"inventory-{self._runs}.yml": self.inventory,
            f"playbook-{self._runs}.yml": content,
        }
        for name, value in files.items():
            self.write(name, yaml.dump(value, Dumper=_Dumper, sort_keys=False))
        inventory, book = (str(self.folder / name) for name in files)
        return ["ansible-playbook", "-i", inventory, book, *arguments]

    def run(self, playbook: str, *arguments: str, hosts: str = "windows", **environment: str) -> Run:
        """Run a playbook to its end in a forked process (see `tests.forked`); see `command`."""
        command = self.command(playbook, *arguments, hosts=hosts)
        ended = forked.run(command, cwd=self.folder, env=self.variables(**environment))
        return self._run_of(ended.returncode, ended.stdout, ended.stderr)

    def started(
        self, playbook: str, *arguments: str, hosts: str = "windows", **environment: str
    ) -> subprocess.Popen[str]:
        """Start a run of a playbook in a process of its own; see `command`."""
        return subprocess.Popen(
            self.command(playbook, *arguments, hosts=hosts),
            cwd=self.folder,
            env=self.variables(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process: subprocess.Popen[str]) -> Run:
        """Wait for the end of the latest run."""
        stdout, stderr = process.communicate(timeout=PATIENCE)
        return self._run_of(process.returncode, stdout, stderr)

    def _run_of(self, exit_code: int, stdout: str, stderr: str) -> Run:
        assert "DEPRECATION" not in stderr, stderr  # the collection uses nothing that will go
        return Run(exit_code, stdout, stderr, list(self.results()))

    def variables(self, **environment: str) -> dict[str, str]:
        """The environment variables of the run that `command` got ready."""
        return {**self.environment, "RECORDER_PATH": str(self.record), **environment}

    def results(self) -> Iterator[TaskResult]:
        """The results that the latest run has recorded so far."""
        if self.record.exists():
            for line in self.record.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                yield TaskResult(entry["task"], entry["host"], entry["outcome"], entry["result"])


def inventory_of(fleet: SimulatedFleet, **variables: Any) -> dict[str, Any]:
    """Return an inventory with the fleet's computers in the group `windows`, for the psrp connection over HTTP.

    Args:
        variables: Of the group; None takes one away.
    """
    given = {
        "ansible_connection": "psrp",
        "ansible_port": 5985,
        "ansible_psrp_protocol": "http",
        "ansible_psrp_auth": "basic",
        "ansible_psrp_message_encryption": "never",
        "ansible_user": USER,
        "ansible_password": PASSWORD,
        **variables,
    }
    hosts = {computer.name: {"ansible_host": computer.address} for computer in fleet}
    group = {"hosts": hosts, "vars": {name: value for name, value in given.items() if value is not None}}
    return {"all": {"children": {"windows": group}}}


class _Dumper(yaml.SafeDumper):
    """Knows Ansible's own tags."""


@dataclass(frozen=True)
class Vaulted:
    """A value encrypted with ansible-vault."""

    text: str


def _vaulted(dumper: yaml.SafeDumper, value: Vaulted) -> yaml.Node:
    return dumper.represent_scalar("!vault", value.text, style="|")


_Dumper.add_representer(Vaulted, _vaulted)
