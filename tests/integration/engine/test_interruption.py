# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that are interrupted while they connect to sessions: they disconnect from those they had connected to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Event,
    Interrupted,
    Progressed,
)
from tests.integration.engine.controller import Controller
from tests.simulator import SimulatedComputer

WORK: list[dict[str, Any]] = [{"script": "forever"}]


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
    assert events[-1] == Interrupted(disconnected=1, connected=0)
