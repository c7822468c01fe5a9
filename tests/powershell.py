# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the tests that want a real PowerShell can run here, and how many did not."""

from __future__ import annotations

import os

import pytest

from tests.simulator.tests.needs import POWERSHELL_ADVICE, need_powershell

__all__ = ["need_powershell", "tell_skipped"]


def tell_skipped(terminal: pytest.TerminalReporter) -> None:
    """Say how many tests of a run were skipped for want of a PowerShell; with CI set, also if none was."""
    skipped = sum(POWERSHELL_ADVICE in str(report.longrepr) for report in terminal.stats.get("skipped", ()))
    if skipped or "CI" in os.environ:
        terminal.write_line(
            f"{skipped} test{'s' if skipped > 1 else ''} skipped: {POWERSHELL_ADVICE}"
            if skipped
            else "No test skipped for want of a PowerShell"
        )
