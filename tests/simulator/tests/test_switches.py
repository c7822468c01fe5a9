# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches for unverified behaviour: each changes what it says."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from .. import SimulatedComputer, SimulatedFleet
from ..switches import Switches
from ..waiting import until
from .conftest import ADMIN, ALICE
from .raw_client import RawClient

pytestmark = pytest.mark.timing


def test_every_switch_is_documented() -> None:
    """The docstring names each switch; the quotas share one entry."""
    text = Switches.__doc__ or ""
    undocumented = {item.name for item in fields(Switches) if f" {item.name}:" not in text}
    assert undocumented == {name for name in undocumented if name.startswith("max_")}


@pytest.mark.parametrize(("allowed", "fault", "left"), [(True, None, 0), (False, 0x803381C4, 1)])
def test_delete_disconnected(computer: SimulatedComputer, allowed: bool, fault: int | None, left: int) -> None:
    """Whether a disconnected shell can be deleted."""
    computer.delete_disconnected = allowed
    session = computer.add_session("s")
    assert RawClient(computer, ADMIN).delete(session.shell_id).fault == fault
    assert len(computer.sessions) == left


def test_codes(computer: SimulatedComputer) -> None:
    """The faults for other clients and other accounts can be chosen."""
    computer.configure({"foreign_disconnect_code": 0x803381CD, "foreign_user_code": 0x8033805B})
    session = computer.add_session("s", state="Connected")
    assert RawClient(computer, ADMIN).disconnect(session.shell_id).fault == 0x803381CD
    assert RawClient(computer, ALICE).get(session.shell_id).fault == 0x8033805B


@pytest.mark.parametrize(("counts", "state"), [(False, "Disconnected"), (True, "Connected")])
def test_running_command_is_activity(
    fleet: SimulatedFleet, computer: SimulatedComputer, counts: bool, state: str
) -> None:
    """Whether a running command keeps the shell of a silent client; without commands it is lost in any case."""
    computer.running_command_is_activity = counts
    busy = computer.add_session("busy", state="Connected", commands=[{"script": "forever"}])
    idle = computer.add_session("idle", state="Connected", commands=[{"script": "hello", "state": "finished"}])
    fleet.clock.advance(61)
    assert (busy.state, idle.state) == (state, "Disconnected")


def test_buffer_size_changes_at_any_time(computer: SimulatedComputer) -> None:
    """A suspended script goes on when its buffer has grown and something was received."""
    computer.buffer_size = 5000
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    command_id, _reply = client.command(session.shell_id, "flood")
    computer.buffer_size = 1 << 20
    client.receive(session.shell_id, command_id)
    until(lambda: session.commands[0].state != "Running", "the end of the command")
    assert session.variables == {"done": True}


@pytest.mark.parametrize(
    ("switches", "path", "status"), [({"application_name": "remote"}, "remote", 200), ({}, "remote", 404)]
)
def test_application_name(computer: SimulatedComputer, switches: dict[str, Any], path: str, status: int) -> None:
    """The path of the service."""
    computer.configure(switches)
    client = RawClient(computer, ADMIN)
    url = f"http://{computer.address}:{computer.port}/{path}"
    assert client.post(b"", url=url).status == status
