# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded conversations with real servers. They are not part of the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest


def find_recordings() -> Path:
    """The folder ``shared/recordings`` beside the checkout; skips the test where there is none."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "recordings"
        if folder.is_dir():
            return folder
    pytest.skip("the recordings are not part of the simulator and not here")
