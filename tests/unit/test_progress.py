# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The display of events: progress of long tasks now and then, and the interruption of a task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    InCommand,
    Interrupted,
    Progressed,
    Reconnecting,
    Waiting,
    Warned,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _event_display
from ansible_collections.psremoting.fleet.plugins.plugin_utils._event_display import EventDisplay
from tests.unit.builders import endpoint, session


def test_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    shown: list[str] = []
    monkeypatch.setattr(_event_display, "time", clock)
    monkeypatch.setattr(_event_display.display, "display", shown.append)
    display = EventDisplay("Connect")
    # Lines come with the first step after 5 s, and not within 5 s of the line before.
    for number, clock.now in enumerate((100.1, 104.9, 105.1, 110.0, 110.2), start=1):
        display(Progressed(number, 5, "sessions"))
    assert shown == ["Connect: 3 of 5 sessions", "Connect: 5 of 5 sessions"]


def test_each_line_with_vvv(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(_event_display.display, "vvv", shown.append)
    display = EventDisplay("Connect")
    display(Progressed(2, 3, "computers listed"))
    display(Warned("in the result"))
    display(Waiting(1, 84.6))
    broken = Reconnecting(2, 2.1, TransportError(None, "cable cut"))
    display(InCommand(session(endpoint()), "command", broken))
    assert shown == [
        "Connect: 2 of 3 computers listed",
        "Connect: waiting for 1 sessions in use elsewhere, 85 s at most",
        "Connect: the connection to session job1 on srv01 broke (cable cut); attempt 2 to connect again in 2 s",
    ]


def test_an_interruption_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(_event_display.display, "warning", shown.append)
    EventDisplay("Start")(Interrupted(2, 1))
    assert len(shown) == 1
    assert shown[0].startswith("Start: interrupted. 2 sessions are disconnected, 1 will be in a minute")
