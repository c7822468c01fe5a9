# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that takes long shows how far it is, and one that does not shows nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _session_action


def test_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    shown: list[str] = []
    monkeypatch.setattr(_session_action, "time", clock)
    monkeypatch.setattr(_session_action.display, "display", shown.append)
    progress = _session_action._Progress("Connect")
    # Lines come with the first step after 5 s, and not within 5 s of the line before.
    for number, clock.now in enumerate((100.1, 104.9, 105.1, 110.0, 110.2), start=1):
        progress(f"{number} of 5")
    assert shown == ["Connect: 3 of 5", "Connect: 5 of 5"]
