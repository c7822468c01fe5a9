# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for events: a test continues when something has happened, on a fast and on a slow machine alike."""

from __future__ import annotations

from tests.simulator.waiting import PATIENCE, POLL_SECONDS, meanwhile, until

__all__ = ["PATIENCE", "POLL_SECONDS", "meanwhile", "until"]
