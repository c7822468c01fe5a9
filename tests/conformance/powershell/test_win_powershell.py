# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task moves from ansible.windows.win_powershell by its name alone: both modules return the same, but for a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.conformance.powershell.test_differences import PAGE
from tests.conformance.powershell.win_powershell import ALIKE, DIFFERENCES, DIFFERENT_VALUES, VALUES, Case, of, table
from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, Controller, inventory_of
from tests.integration.playbooks.windows_collection import need_ansible_windows
from tests.integration.playbooks.windows_machine import windows_machine
from tests.powershell import need_powershell
from tests.simulator import SimulatedFleet, User

CASES = [*ALIKE, DIFFERENT_VALUES, *{each.case.name: each.case for each in DIFFERENCES}.values()]
SCRIPT = "param ($Name = 'nobody')\n'Hello ' + $Name\n"


def task(title: str, module: str, case: Case, **options: Any) -> dict[str, Any]:
    given = {**({} if "path" in case.options else {"script": case.script}), **case.options, **options}
    return {"name": title, module: given, "ignore_errors": True, **case.keywords}


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller with both collections, for a computer with the session `compared`."""
    collections = need_ansible_windows()
    folder = tmp_path_factory.mktemp("compared")
    machine = windows_machine(folder / "machine", need_powershell())
    with SimulatedFleet.build(
        [{"name": "srv01"}], [User(USER, PASSWORD, administrator=True)], powershell=machine, switches=PATIENT
    ) as fleet:
        found = Controller(folder / "controller", inventory_of(fleet))
        found.environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{collections}"
        found.write("compared.ps1", SCRIPT)
        opened = found.run("- {name: Open, psremoting.fleet.new_pssession: {name: compared}}")
        assert opened.exit_code == 0, opened.output
        yield found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_return_the_same_but_for_the_table(controller: Controller, case: Case) -> None:
    tasks = [
        task("theirs", "ansible.windows.win_powershell", case),
        task("ours", "psremoting.fleet.invoke_command", case, name="compared"),
    ]
    run = controller.run(yaml.safe_dump(tasks), "-v")
    theirs, ours = of(run["theirs"]), of(run["ours"])
    if case is DIFFERENT_VALUES:
        assert theirs.pop("output") == [each.theirs for each in VALUES]
        assert ours.pop("output") == [each.ours for each in VALUES]
    for each in DIFFERENCES:
        if each.case is case:
            assert (theirs.pop(each.key), ours.pop(each.key)) == (each.theirs, each.ours)
    assert ours == theirs


def test_the_table_is_in_the_docs() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
