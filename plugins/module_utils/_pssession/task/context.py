"""Context: callables and settings that a wrapper gives the engine."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ..model.sessions import PSSession
from ..state.registry import Registry
from ..target.endpoint import SettingsSource


def _silent(_text: str) -> None:
    pass


@dataclass(frozen=True)
class Context:
    """What the engine needs of the world around it; a wrapper fills it in.

    Attributes:
        registry: The sessions this controller knows.
        settings_of: What the inventory knows of a computer, or None.
        client_id: Our identity on the wire, a GUID; None means the registry's.
        check_mode: Only look and tell what would be done.
        confirm: Asked with operation, target and session before each step; None means not to ask.
        warn, progress: Get lines of text.
        last_words: Gets a line of text when the work is cut short, so that there will be no result.
        clock, sleep: In seconds; for waiting, not for time stamps.
    """

    registry: Registry
    settings_of: SettingsSource = lambda _computer, _host: None
    client_id: str | None = None
    check_mode: bool = False
    confirm: t.Callable[[str, str, PSSession], bool] | None = None
    warn: t.Callable[[str], None] = _silent
    progress: t.Callable[[str], None] = _silent
    last_words: t.Callable[[str], None] = _silent
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
