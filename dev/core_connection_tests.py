# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-core's own tests of the psrp connection, from its source distribution, by psremoting.fleet.psrp.

These are the integration targets `connection` and `connection_psrp`. Their plays run on a simulated computer with a
real PowerShell for Linux. The run succeeds if the tasks that fail are those in the table of
tests/simulator/docs/connection_psrp.md, no more and no fewer.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ansible.release import __version__ as CORE

import tests.conftest  # noqa: F401  # pylint: disable=unused-import  # it makes the collection importable
from dev import foreign_tests, tree
from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, Controller, TaskResult, inventory_of
from tests.integration.playbooks.windows_collection import find_ansible_windows, without_windows
from tests.integration.playbooks.windows_machine import for_windows, windows_machine
from tests.simulator import SimulatedFleet, User
from tests.simulator.powershell_process import find_powershell

FOLDER = tree.CACHE / "core-connection"
TABLE = tree.ROOT / "tests" / "simulator" / "docs" / "connection_psrp.md"
CONNECTION = "psremoting.fleet.psrp"
PLAYS = (
    "connection/test_connection.yml",
    "connection/test_reset_connection.yml",
    "connection/test_reset_connection_templated.yml",
    "connection_psrp/tests.yml",
)
# A folder of Windows in the plays, which the machine has elsewhere.
WINDOWS_TEMP = "C:\\Windows\\TEMP\\"


def targets() -> Path:
    """Download and unpack the targets of the installed ansible-core, once; returns their folder.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    found = FOLDER / f"ansible_core-{CORE}" / "test" / "integration" / "targets"
    if not found.exists():
        foreign_tests.unpack("ansible-core", CORE, FOLDER, "/test/integration/targets/connection")
    return found


def run(play: str, controller: Controller, machine: Path) -> Iterator[TaskResult]:
    """Run the plays of a file to their end, whatever fails, and yield the results."""
    text = (targets() / play).read_text(encoding="utf-8").replace(WINDOWS_TEMP, f"{machine}/temp/")
    plays = [{**each, "ignore_errors": True, "ignore_unreachable": True} for each in yaml.safe_load(text)]
    variables = {
        "target_hosts": "windows",
        "action_prefix": "win_",
        "local_tmp": f"{controller.folder}/local",
        "remote_tmp": f"{machine}/temp/remote",
    }
    given = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    process = controller.started(yaml.safe_dump(plays, sort_keys=False, allow_unicode=True), *given)
    process.communicate()
    yield from controller.results()


def expected_failures() -> tuple[set[str], set[str]]:
    """Names of the tasks in the table: those that fail, and those that fail sometimes."""
    rows = re.findall(r"^\| `([^`]+)` \| (\w+)", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    sometimes = {task for task, how in rows if how == "sometimes"}
    return {task for task, _how in rows} - sometimes, sometimes


def main() -> int:
    """Run the plays and compare the tasks that fail with the table; returns the exit code."""
    powershell, collections = find_powershell(), find_ansible_windows()
    if powershell is None or collections is None:
        print("Needed: pwsh on PATH or in PSSESSION_TEST_POWERSHELL, and the collection ansible.windows")
        return 2
    results: list[TaskResult] = []
    with tempfile.TemporaryDirectory(prefix="core-connection-") as name:
        folder = Path(name)
        machine = folder / "machine"
        program = windows_machine(machine, powershell)
        users = [User(USER, PASSWORD)]
        with SimulatedFleet.build(["srv01"], users, switches=PATIENT, powershell=program) as fleet:
            controller = for_windows(
                Controller(folder / "controller", inventory_of(fleet, ansible_connection=CONNECTION))
            )
            copied = without_windows(collections, folder / "collections")
            controller.environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{copied}"
            shutil.copytree(targets() / "connection_psrp" / "files", controller.folder / "files")
            for play in PLAYS:
                results += run(play, controller, machine)
    failed = {each.task for each in results if each.outcome not in ("ok", "skipped")}
    passed = len({each.task for each in results}) - len(failed)
    print(f"{passed} tasks of {', '.join(PLAYS)} of ansible-core {CORE} passed, {len(failed)} failed")
    for each in results:
        if each.task in failed:
            print(f"{each.task}: {each.message}")
    return foreign_tests.report(failed, *expected_failures(), TABLE)


if __name__ == "__main__":
    sys.exit(main())
