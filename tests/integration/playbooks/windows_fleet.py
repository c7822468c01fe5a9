# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated computer on which Ansible's Windows tasks run in a real PowerShell.

The tests of a module share it, by a fixture of its own: `fleet = pytest.fixture(one_windows_computer, scope="module",
name="fleet")`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER
from .windows_machine import windows_machine


def one_windows_computer(powershell: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    """The computer `srv01`."""
    machine = windows_machine(tmp_path_factory.mktemp("windows") / "machine", powershell)
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], switches=PATIENT, powershell=machine) as fleet:
        yield fleet
