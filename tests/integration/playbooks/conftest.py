# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet and a controller for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of

COMPUTERS = [
    {"name": "srv01", "sessions": [{"name": "ITTask"}, {"name": "ITBackup"}, {"name": "Patch"}]},
    {"name": "srv02", "sessions": [{"name": "ITTask"}]},
    {"name": "srv03", "sessions": [{"name": "ITTask"}]},
]


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder that has the same path in each test, so that their runs have the same settings.

    Processes forked from one that has imported Ansible with these settings are fast; see `tests.forked`.
    """
    path = tmp_path_factory.getbasetemp() / "folder"
    path.mkdir()
    yield path
    path.rename(tmp_path_factory.mktemp("folder") / "folder")


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
