# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A computer whose sessions run in a real PowerShell, and scripts in them.

The tests of a module share it, by fixtures of its own: `fleet = pytest.fixture(one_computer, scope="module",
name="fleet")`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import SimulatedFleet

Run = Callable[..., Result]
# The script after which scripts of a session call methods of core types only.
CONSTRAIN = "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'"


def one_computer(powershell: str) -> Iterator[SimulatedFleet]:
    """The computer `srv01`."""
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=powershell) as fleet:
        yield fleet


def shared_controller(fleet: SimulatedFleet, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """A controller with an empty registry."""
    return Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")


def open_session(controller: Controller, name: str) -> None:
    opened = controller.run(_plugins.NEW, "srv01", name=[name])
    assert "failed" not in opened, opened["msg"]


def invoke(controller: Controller, session: str, script: str, **options: Any) -> Result:
    """Run a script in a session that is open; it has five minutes."""
    return controller.run(_plugins.INVOKE, "srv01", name=[session], script=script, **{"timeout": 300, **options})


def runner(controller: Controller, session: str) -> Run:
    """Open a session, and return what runs a script in it."""
    open_session(controller, session)
    return functools.partial(invoke, controller, session)
