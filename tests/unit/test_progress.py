# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The display of events: progress of long tasks now and then, and the interruption of a task."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    InCommand,
    Interrupted,
    Progressed,
    Reconnecting,
    Waiting,
    Warned,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._event_display import EventDisplay
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal
from tests.unit.builders import endpoint, session


class Shown(Terminal):
    """A terminal that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.verbose: list[str] = []
        self.warnings: list[str] = []

    def show(self, text: str, color: str | None = None) -> None:
        del color
        self.lines.append(text)

    def show_verbose(self, text: str) -> None:
        self.verbose.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_a_line_now_and_then() -> None:
    clock, terminal = SimpleNamespace(now=100.0), Shown()
    display = EventDisplay("Connect", terminal, lambda: float(clock.now))
    # Lines come with the first step after 5 s, and not within 5 s of the line before.
    for number, clock.now in enumerate((100.1, 104.9, 105.1, 110.0, 110.2), start=1):
        display(Progressed(number, 5, "sessions"))
    assert terminal.lines == ["Connect: 3 of 5 sessions", "Connect: 5 of 5 sessions"]
    assert terminal.verbose == [f"Connect: {number} of 5 sessions" for number in (1, 2, 4)]


def test_each_line_with_vvv() -> None:
    terminal = Shown()
    display = EventDisplay("Connect", terminal, lambda: 0.0)
    display(Progressed(2, 3, "computers listed"))
    display(Warned("in the result"))
    display(Waiting([session(endpoint())], 84.6))
    broken = Reconnecting(2, 2.1, TransportError(None, "cable cut"))
    display(InCommand(session(endpoint()), "command", broken))
    assert terminal.verbose == [
        "Connect: 2 of 3 computers listed",
        "Connect: waiting for 1 sessions in use elsewhere, 85 s at most",
        "Connect: the connection to session job1 on srv01 broke (cable cut); attempt 2 to connect again in 2 s",
    ]


def test_an_interruption_is_a_warning() -> None:
    terminal = Shown()
    EventDisplay("Start", terminal)(Interrupted(2, 1))
    assert len(terminal.warnings) == 1
    assert terminal.warnings[0].startswith("Start: interrupted. 2 sessions are disconnected, 1 will be in a minute")
