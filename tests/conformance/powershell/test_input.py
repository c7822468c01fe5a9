# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random parameters, arguments and input, as a script in a real PowerShell gets them."""

from __future__ import annotations

import pytest

from tests.conformance.powershell import inputs, machine
from tests.conformance.powershell.conftest import Extent
from tests.conformance.powershell.session import Run


@pytest.mark.timeout(7200)
def test_random_values_that_go_in(run: Run, extent: Extent, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = machine.run(inputs.givens(), inputs.judge_in(run), count=extent.values, seed=extent.seed)
    if extent.is_full:
        with capsys.disabled():
            print(f"\n{outcome}")
    assert not outcome.wrong, str(outcome)
