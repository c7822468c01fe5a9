# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the tests that want a real PowerShell can run here, and how many did not."""

from __future__ import annotations

import os

import pytest

from tests.simulator.powershell_process import find_powershell

_ADVICE = "there is no PowerShell 7 here: put pwsh on PATH, or its path into PSSESSION_TEST_POWERSHELL"


def need_powershell() -> str:
    """Return the path of `pwsh`. Without one, skip the test; with PSSESSION_REQUIRE_POWERSHELL set, fail it."""
    path = find_powershell()
    if path is not None:
        return path
    if os.environ.get("PSSESSION_REQUIRE_POWERSHELL"):
        pytest.fail(_ADVICE)
    pytest.skip(_ADVICE)


def tell_skipped(terminal: pytest.TerminalReporter) -> None:
    """Say how many tests of a run were skipped for want of a PowerShell; with CI set, also if none was."""
    skipped = sum(_ADVICE in str(report.longrepr) for report in terminal.stats.get("skipped", ()))
    if skipped or "CI" in os.environ:
        terminal.write_line(
            f"{skipped} test{'s' if skipped > 1 else ''} skipped: {_ADVICE}"
            if skipped
            else "No test skipped for want of a PowerShell"
        )
