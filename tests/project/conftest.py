# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that run playbooks do so in a folder that has the same path in each test."""

from __future__ import annotations

import pytest

from tests.forked import same_folder

tmp_path = pytest.fixture(same_folder, name="tmp_path")
