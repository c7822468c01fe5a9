# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much is tried: a little with all other tests, as much as one likes with `make conformance`."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.conformance.powershell.session import Run
from tests.integration.engine.controller import ADMIN, Controller, Result
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
def fleet() -> Iterator[SimulatedFleet]:
    """One computer, whose sessions run in a real PowerShell."""
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=need_powershell()) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def controller(fleet: SimulatedFleet, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """A controller that has opened the session `conformance`."""
    controller = Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")
    opened = controller.run(_plugins.NEW, "srv01", name=["conformance"])
    assert opened["changed"], opened
    return controller


@pytest.fixture(scope="module")
def invoke(controller: Controller) -> Callable[..., Result]:
    """Run a script in the session and return its result."""

    def invoke(script: str, **options: Any) -> Result:
        wanted = {"timeout": 300, "max_output_objects": None, **options}
        result = controller.run(_plugins.INVOKE, "srv01", name=["conformance"], script=script, **wanted)
        assert "results" in result, result["msg"]
        (got,) = result["results"]
        assert got["state"] == "Completed", result["errors"]
        return dict(got)

    return invoke


@pytest.fixture(scope="module")
def run(invoke: Callable[..., Result]) -> Run:
    """Run a script in the session and return its output; there must be no errors."""

    def run(script: str, **options: Any) -> Sequence[Any]:
        got = invoke(script, **options)
        assert got["error"] == []
        output: Sequence[Any] = got["output"]
        return output

    return run
