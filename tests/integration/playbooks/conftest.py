# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet and a controller for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import same_folder
from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of

COMPUTERS = [
    {"name": "srv01", "sessions": [{"name": "ITTask"}, {"name": "ITBackup"}, {"name": "Patch"}]},
    {"name": "srv02", "sessions": [{"name": "ITTask"}]},
    {"name": "srv03", "sessions": [{"name": "ITTask"}]},
]
tmp_path = pytest.fixture(same_folder, name="tmp_path")


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """Three computers, each with a session ITTask; srv01 has ITBackup and Patch, too."""
    with SimulatedFleet.build(
        COMPUTERS, [User(USER, PASSWORD), User("alice", "alice-secret")], switches=PATIENT
    ) as started:
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """A controller that knows the fleet."""
    return Controller(tmp_path, inventory_of(fleet))
