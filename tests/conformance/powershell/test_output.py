# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random values from a real PowerShell, through a session and the engine, beside its own ConvertTo-Json."""

from __future__ import annotations

import pytest

from tests.conformance.powershell import machine, trees
from tests.conformance.powershell.conftest import Extent
from tests.conformance.powershell.expectations import VIEWED
from tests.conformance.powershell.session import Run, judge_in


@pytest.mark.timeout(7200)
def test_random_values(run: Run, extent: Extent, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = machine.run(trees.values(), judge_in(run), count=extent.values, seed=extent.seed)
    if extent.is_full:
        with capsys.disabled():
            print(f"\n{outcome}")
    assert {each.kind for sample in outcome.samples for each in sample.walk() if each.has_own_view} <= VIEWED
    assert not outcome.wrong, str(outcome)
