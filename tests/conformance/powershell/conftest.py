# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much is tried: a little with all other tests, as much as one likes with `make conformance`."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _verbs
from tests.conformance.powershell.session import Run
from tests.integration.engine.controller import ADMIN, Controller
from tests.powershell import need_powershell
from tests.simulator import SimulatedFleet

VALUES = 300


@dataclass(frozen=True)
class Extent:
    """How much to try.

    Attributes:
        values: How many random values.
        seed: What they are drawn by.
        is_full: Whether this is `make conformance`, which tries what takes minutes, too.
    """

    values: int
    seed: int
    is_full: bool


@pytest.fixture(scope="session")
def extent() -> Extent:
    """How much to try; with CI set, the same values on each run."""
    values = os.environ.get("PSSESSION_CONFORMANCE_VALUES", "")
    seed = os.environ.get("PSSESSION_CONFORMANCE_SEED", "")
    chance = 0 if "CI" in os.environ else random.SystemRandom().randrange(2**32)
    return Extent(int(values or VALUES), int(seed) if seed else chance, bool(values))


@pytest.fixture
def full_extent(extent: Extent) -> Extent:
    """The same, for tests that take minutes."""
    if not extent.is_full:
        pytest.skip("takes minutes: only with make conformance")
    return extent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a script in a session of a real PowerShell that the engine has opened, and return its output."""
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=need_powershell()) as fleet:
        controller = Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")
        opened = controller.run(_verbs.NEW, "srv01", name=["conformance"])
        assert opened["changed"], opened

        def run(script: str, **options: Any) -> Sequence[Any]:
            result = controller.run(
                _verbs.INVOKE,
                "srv01",
                name=["conformance"],
                script=script,
                timeout=300,
                max_output_objects=None,
                **options,
            )
            (got,) = result["results"]
            assert got["state"] == "Completed", result["errors"]
            assert got["error"] == []
            output: Sequence[Any] = got["output"]
            return output

        yield run
