# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to the recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.tests.recordings import find_recordings


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the recordings."""
    return find_recordings()
