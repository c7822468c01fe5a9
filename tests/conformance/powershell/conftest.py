# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much is tried: a little with all other tests, as much as one likes with `make conformance`."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import pytest

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
