# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that are interrupted while they connect to sessions: they disconnect from those they had connected to."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Event,
    Interrupted,
    Progressed,
)
from tests.integration.engine.controller import Controller
from tests.simulator import Injection, SimulatedComputer
from tests.waiting import meanwhile

WORK: list[dict[str, Any]] = [{"script": "forever"}]


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, although a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("plugin", "commands", "options"),
    [(_plugins.RECEIVE, WORK, {}), (_plugins.INVOKE, [], {"script": "forever"})],
    ids=["receive_pssession", "invoke_command"],
)
def test_interrupted_while_it_connects(
    computer: SimulatedComputer, controller: Controller, plugin: Any, commands: list[Any], options: dict[str, Any]
) -> None:
    for name in ("first", "second"):
        computer.add_session(name, commands=commands)
    events: list[Event] = []
    states: list[list[str]] = []

    def emit(event: Event) -> None:
        events.append(event)
        if event == Progressed(1, 2, "sessions"):
            states.append(sorted(session.state for session in computer.sessions))
            raise KeyboardInterrupt

    controller.surroundings["emit"] = emit
    with pytest.raises(KeyboardInterrupt):
        controller.run(plugin, "srv01", name=["*"], throttle_limit=1, **options)
    assert states == [["Connected", "Disconnected"]]
    assert [session.state for session in computer.sessions] == ["Disconnected", "Disconnected"]
    assert events[-1] == Interrupted(disconnected=1, connected=0, by_signal=True)


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize(
    ("plugin", "options"),
    [
        (_plugins.RECEIVE, {}),
        (_plugins.INVOKE, {"script": "forever"}),
        (
            _plugins.INVOKE,
            {"script": "forever", "in_disconnected_session": True, "session_name": ["new"], "name": None},
        ),
    ],
    ids=["receive_pssession", "invoke_command", "in_disconnected_session"],
)
def test_interrupted_while_an_answer_is_under_way(
    computer: SimulatedComputer, controller: Controller, plugin: Any, options: dict[str, Any], arrived: bool
) -> None:
    """A connect that took effect before its answer leaves the session connected to a client that is no more."""
    computer.add_session("other")
    if "session_name" not in options:
        computer.add_session("job", commands=WORK if plugin is _plugins.RECEIVE else [])
    operation = "Create" if "session_name" in options else "Connect"
    stuck = Injection(operation, action="withhold" if arrived else "hang")
    computer.inject(stuck)
    events: list[Event] = []
    controller.surroundings["emit"] = events.append

    over = threading.Event()

    def interrupt() -> None:
        """Press Ctrl-C, and again if Python loses it: one in a callback of the garbage collector is only printed."""
        _thread.interrupt_main()
        while not over.wait(60):
            _thread.interrupt_main()

    def run() -> None:
        with meanwhile(lambda: stuck.waiting, lambda: threading.Thread(target=interrupt, daemon=True).start()):
            controller.run(plugin, "srv01", **{"name": ["job"], **options})

    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        over.set()
    assert [session.state for session in computer.sessions if session.state == "Connected"] == []
    assert events[-1] == Interrupted(1 if arrived else 0, connected=0, by_signal=True)
