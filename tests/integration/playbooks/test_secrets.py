# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords stay out of everything that is printed, logged, kept or visible to other users."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.simulator import Injection, SimulatedFleet

from .controller import PASSWORD, USER, Controller, TaskResult, inventory_of

SECRETS = [PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]
PLAYBOOK = """
- hosts: windows
  gather_facts: false
  tasks:
    - name: Inventory
      psremoting.fleet.connect_pssession: {name: ITTask}
      ignore_errors: true
    - name: Bastion
      psremoting.fleet.connect_pssession: {name: ITTask}
      delegate_to: bastion
      ignore_errors: true
"""
WITH_CREDENTIAL = """
    - name: Option
      psremoting.fleet.connect_pssession:
        name: ITTask
        credential: {username: operator, password: "{{ secret }}"}
      ignore_errors: true
    - name: Lookup
      ansible.builtin.debug:
        msg: "{{ query('psremoting.fleet.pssession', credential=credential) }}"
      ignore_errors: true
      vars:
        credential: {username: operator, password: "{{ secret }}"}
    - name: Refused
      psremoting.fleet.connect_pssession:
        name: ITTask
        port: 0
        credential: {username: operator, password: "{{ secret }}"}
      ignore_errors: true
    - name: Bastion with option
      psremoting.fleet.connect_pssession:
        name: ITTask
        credential: {username: operator, password: "{{ secret }}"}
      delegate_to: bastion
      ignore_errors: true
"""


@contextmanager
def watched_command_lines() -> Iterator[set[bytes]]:
    """Collect the command lines of all processes that start meanwhile."""
    seen: set[bytes] = set()
    before = set(os.listdir("/proc"))
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for process in set(os.listdir("/proc")) - before:
                try:
                    seen.add(Path("/proc", process, "cmdline").read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def given_away(content: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in content or json.dumps(secret)[1:-1].encode() in content]


def assert_nothing_given_away(
    controller: Controller, fleet: SimulatedFleet, playbook: str, *arguments: str
) -> dict[str, TaskResult]:
    """Run a playbook; return the results of the host whose password is wrong, by task."""
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    fleet["srv02"].inject(Injection("Connect", times=None, action="status", status=401))
    fleet["srv03"].users = []
    log, on_the_bastion = controller.folder / "ansible.log", controller.folder / "bastion.log"
    written = {"password", "secret.yml"}
    controller.write("secret.yml", f'secret: "{PASSWORD}"\n')
    with watched_command_lines() as command_lines:
        process = controller.started(
            playbook,
            "-vvvvv",
            "-e",
            "@secret.yml",
            *arguments,
            ANSIBLE_LOG_PATH=str(log),
            BASTION_RECORD=str(on_the_bastion),
        )
        run = controller.ended(process)
    assert run.exit_code == 0, run.output
    assert run.on("Inventory", "srv01").sessions == run.on("Bastion", "srv01").sessions == [("srv01", "ITTask")]
    assert {run.on(task, "srv03").outcome for task in ("Inventory", "Bastion")} == {"ignored"}
    assert given_away(run.output.encode()) == []
    assert log.stat().st_size > 0
    assert "connect_pssession" in on_the_bastion.read_text(encoding="utf-8")  # the module; secrets: see below
    assert [line for line in command_lines if given_away(line)] == []
    # The remote and the local temporary folder, the registry, the log and the recorded results are all in there.
    files = [path for path in controller.folder.rglob("*") if path.is_file() and path.name not in written]
    assert controller.registry in files
    leaks = [str(path) for path in files if given_away(path.read_bytes()) and not path.name.startswith("inventory-")]
    assert leaks == []
    assert list((controller.folder / "remote-temp").glob("ansible-tmp-*")) == []
    return {result.task: result for result in run.results if result.host == "srv03"}


def test_in_the_inventory_and_in_options(controller: Controller, fleet: SimulatedFleet) -> None:
    results = assert_nothing_given_away(controller, fleet, PLAYBOOK + WITH_CREDENTIAL)
    with_credential = ("Option", "Lookup", "Refused", "Bastion with option")
    assert {results[task].outcome for task in with_credential} == {"ignored"}


def test_on_the_command_line(controller: Controller, fleet: SimulatedFleet) -> None:
    """Where a task does not name a credential itself, which is no matter of the command line."""
    controller.inventory = inventory_of(fleet, ansible_user=None, ansible_password=None)
    password_file = controller.write("password", f"{PASSWORD}\n")
    arguments = ("-u", USER, "--connection-password-file", str(password_file))
    assert_nothing_given_away(controller, fleet, PLAYBOOK, *arguments)
