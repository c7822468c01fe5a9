"""Context: callables and settings that a wrapper gives the engine."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ..model.events import Event
from ..model.sessions import PSSession
from ..state.registry import Registry
from ..target.endpoint import SettingsSource


def _silent(_event: Event) -> None:
    pass


@dataclass(frozen=True)
class Context:
    """Callables and settings that a wrapper gives the engine.

    Attributes:
        registry: The sessions this controller knows.
        settings_of: What the inventory knows of a computer, or None.
        client_id: Our identity on the wire, a GUID; None means the registry's.
        check_mode: Only look and tell what would be done.
        confirm: Asked with operation, target and session before each step; None means not to ask.
        emit: Gets the events of the task as they happen, also from the threads of its jobs.
        clock, sleep: In seconds; for waiting, not for time stamps.
    """

    registry: Registry
    settings_of: SettingsSource = lambda _computer, _host: None
    client_id: str | None = None
    check_mode: bool = False
    confirm: t.Callable[[str, str, PSSession], bool] | None = None
    emit: t.Callable[[Event], None] = _silent
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
