# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that compares connection plugins measures each task by each of them, and says where which is slower."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of
from .windows_collection import need_ansible_windows, without_windows
from .windows_machine import for_windows, windows_machine


@pytest.fixture
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_windows(need_ansible_windows(), tmp_path_factory.mktemp("collections") / "windows")


def test_it_prints_a_row_for_each_task_number_and_connection(
    powershell: str, collections: Path, tmp_path: Path
) -> None:
    machine = windows_machine(tmp_path / "machine", powershell)
    users = [User(USER, PASSWORD)]
    with SimulatedFleet.build(["srv01"], users, switches=PATIENT, powershell=machine) as fleet:
        controller = for_windows(Controller(tmp_path / "controller", inventory_of(fleet)))
        controller.environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{collections}"
        wanted = {
            "pssession_hosts": "windows",
            "pssession_compare_times": 1,
            "pssession_compare_hosts": [1, 10],
            "__pssession_compare_works": ["copy"],  # one is enough here
        }
        # Imported, because the shell for Linux is beside the playbook.
        playbook = "- import_playbook: psremoting.fleet.compare_connections"
        run = controller.run(playbook, "--extra-vars", json.dumps(wanted))
        assert run.exit_code == 0, run.output
        commands = len(fleet.requests_of(operation="Command"))
    lines = [re.split("  +", line.strip()) for line in run["Show the table"]["msg"]]
    ways = ["psrp", *(f"psremoting.fleet.psrp{more}" for more in ("", ", reuse", ", durable"))]
    assert [line[:3] for line in lines[1:]] == [["copy", "1", way] for way in ways]
    assert all(float(line[3]) > 0 for line in lines[1:])
    assert [len(line) for line in lines[1:]] == [4, 5, 5, 5]
    assert commands >= 6  # at least one for each task
    assert list((tmp_path / "machine" / "temp").glob("psremoting-*")) == []
