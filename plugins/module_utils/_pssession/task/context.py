"""Context: callables and settings that a wrapper gives the engine."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..model.events import Event
from ..model.journals import HostJournal
from ..model.sessions import PSSession
from ..state.foreseen import ForeseenSessions
from ..state.kept_output import KeptOutput
from ..state.registry import Registry
from ..system.world import World
from ..target.endpoint import SettingsSource
from ..wsman.http import Shared
from .opened import Opened


def real_world() -> World:
    """Return the world that is no simulation: HTTP, and the clocks, threads and files of this computer."""
    return World(Shared().conversation)


def _silent(_event: Event) -> None:
    pass


@dataclass(frozen=True)
class Context:
    """Callables and settings that a wrapper gives the engine.

    Attributes:
        registry: The sessions this controller knows.
        settings_of: Returns the inventory's settings of a computer, or None.
        client_id: This client's identity on the wire, a GUID. None means the registry's.
        run_client_id: Returns the identity if the registry cannot be used. None means a new one.
        check_mode: Whether to only predict changes.
        foreseen: The changes that earlier tasks of a run in check mode would have made. None for any other run.
        verbosity: Ansible's, for scripts: 0, or how often ``-v`` was given.
        confirm: Asked with operation, target and session before each step; None means not to ask.
        opened: Registry and connections that stay open after this call; None closes the connections in the end.
        kept_output: Output of earlier attempts, for a task with `until`. None for any other task.
        journals: The journals of a job, by host in lower case; None for any other task, whose option `journal` says.
        emit: Gets the events of the task as they happen, also from the threads of its jobs.
        world: Access to network, time, random numbers, threads and files.
    """

    registry: Registry
    settings_of: SettingsSource = lambda _computer, _host: None
    client_id: str | None = None
    run_client_id: t.Callable[[], str] | None = None
    check_mode: bool = False
    foreseen: ForeseenSessions | None = None
    verbosity: int = 0
    confirm: t.Callable[[str, str, PSSession], bool] | None = None
    opened: Opened | None = None
    kept_output: KeptOutput | None = None
    journals: t.Mapping[str, HostJournal] | None = None
    emit: t.Callable[[Event], None] = _silent
    world: World = field(default_factory=real_world)
