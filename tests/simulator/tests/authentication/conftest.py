# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A computer that offers everything, and a realm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ... import Realm, SimulatedComputer, SimulatedFleet
from ..conftest import SCRIPTS
from ..needs import need_kerberos
from .clients import ALL, HOST, USER


@pytest.fixture(scope="module")
def fleet() -> Iterator[SimulatedFleet]:
    """One computer that offers everything; encryption is required over HTTP."""
    scripts = {**SCRIPTS, "huge": [{"output": "y" * 400_000}]}
    switches = {"allow_unencrypted": False, "keep_raw": True}
    with SimulatedFleet.build(["srv01"], [USER], scripts, switches, authentication=ALL) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> Iterator[SimulatedComputer]:
    """The computer, with its settings as they were."""
    computer = fleet["srv01"]
    fleet.clear_requests()
    settings = {name: getattr(computer, name) for name in ("authentication", "allow_unencrypted", "channel_binding")}
    yield computer
    usual = {"lockout_after": None, "certificate": "valid", "tls_version": None, "certificate_request": "handshake"}
    computer.configure({**settings, **usual})
    computer.connection_idle_timeout = None
    computer.redirect(None)
    fleet.unlock(USER.name)
    for session in computer.sessions:
        session.close()


@pytest.fixture(scope="module")
def realm() -> Iterator[Realm]:
    """A KDC that knows the user and the computer."""
    need_kerberos()
    with Realm() as started:
        started.add_user(USER.name, USER.password)
        started.add_computer(HOST)
        yield started
