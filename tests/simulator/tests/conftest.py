# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet for the tests of the simulator, and what some of them need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .. import SimulatedComputer, SimulatedFleet, User
from .needs import need_powershell
from .recordings import find_recordings

ADMIN = User("admin", "pässword", administrator=True)
ALICE = User("alice", "alice-secret")
BOB = User("bob", "bob-secret")

SCRIPTS = {
    "hello": [{"output": "hello"}],
    "forever": [{"output": "begun"}, {"sleep": 1e9}],
    "minute": [{"output": "begun"}, {"sleep": 50}, {"output": "ended"}],
    "flood": [{"repeat": {"times": 40, "steps": [{"output": "x" * 1000}]}}, {"set": {"done": True}}],
    "large": [{"output": "y" * 100_000}],
    "echo": [{"output_input": True}],
    "fail": [{"output": "before"}, {"throw": "it broke"}],
    "ask": [{"prompt": {"method": "ReadLine", "set": "answer"}}, {"output_variable": "answer"}],
    "streams": [
        {"output": ["text", 1, 2.5, True, None, {"name": "value"}, {"$hashtable": {"key": [1, 2]}}]},
        {"error": {"message": "an error", "category": "ObjectNotFound", "error_id": "NotThere"}},
        {"warning": "a warning"},
        {"verbose": "a verbose record"},
        {"debug": "a debug record"},
        {"information": {"data": "an information record", "tags": ["tag"]}},
        {"progress": {"activity": "an activity", "percent": 50}},
    ],
    "secret": [{"output": [{"$secure": "very secret"}]}],
    "remember": [{"set": {"number": 42}}],
    "recall": [{"output_variable": "number"}],
}


@pytest.fixture(scope="session", autouse=True)
def no_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep Kerberos clients from looking for the KDC of a domain that this machine may belong to.

    They try Kerberos before NTLM, and the look-up takes seconds where nobody answers.
    """
    configuration = tmp_path_factory.mktemp("kerberos") / "krb5.conf"
    configuration.write_text("[libdefaults]\ndns_lookup_kdc = false\ndns_lookup_realm = false\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KRB5_CONFIG", str(configuration))
        yield


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """Two computers with an administrator and two users."""
    with SimulatedFleet.build(["srv01", "srv02"], [ADMIN, ALICE, BOB], SCRIPTS) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> SimulatedComputer:
    """The first computer."""
    return fleet["srv01"]


@pytest.fixture(scope="session")
def powershell() -> str:
    """Path of a PowerShell for the fleet; skips where there is none."""
    return need_powershell()


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the recordings."""
    return find_recordings()
