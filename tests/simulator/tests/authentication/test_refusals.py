# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log-ons that are refused, and what is offered instead."""

from __future__ import annotations

import pytest
import requests
from pypsrp.exceptions import AuthenticationError

from ... import SimulatedComputer, SimulatedFleet
from ...waiting import PATIENCE
from .clients import USER, connection, run

pytestmark = pytest.mark.timing


@pytest.mark.parametrize("name", ["admin", "LAB\\admin", "nobody"])
@pytest.mark.parametrize("auth", ["basic", "ntlm", "negotiate", "credssp"])
def test_wrong_password(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str, name: str) -> None:
    """It gets a 401 without a reason, once, and is counted."""
    bare = name.rpartition("\\")[2]
    before = fleet.failed_logons.get(bare, 0)
    with pytest.raises(Exception, match=r"uthenticat|CredSSP token"):
        run(connection(fleet, auth, tls=True, username=name, password="wrong"))
    assert {request.status for request in fleet.requests} == {401}
    assert {request.user for request in fleet.requests} == {None}
    counted = fleet.failed_logons.get(bare, 0) + (fleet.failed_logons.get(name, 0) if name != bare else 0)
    assert counted == before + 1


def test_lockout(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """After so many wrong passwords the right one does not help; one right password in between does."""
    computer.lockout_after = 2

    def try_password(password: str, auth: str = "ntlm") -> bool:
        try:
            return bool(run(connection(fleet, auth, tls=True, password=password)) == ["hello"])
        except AuthenticationError:
            return False

    outcomes = [try_password(word) for word in ("wrong", USER.password, "wrong", "wrong", USER.password)]
    assert outcomes == [False, True, False, False, False]
    assert not try_password(USER.password, "basic")
    fleet.unlock(USER.name)
    assert try_password(USER.password, "basic")


def test_offers(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A computer offers what it is set up for, and nothing else works."""

    def offered(uri: str) -> list[str]:
        answer = requests.post(uri, verify=str(fleet.ca_file), timeout=PATIENCE)
        return answer.headers.get("WWW-Authenticate", "").split(", ")

    computer.authentication = ("kerberos", "negotiate", "credssp")
    assert offered(computer.uri) == ["Kerberos", "Negotiate", "CredSSP"]
    computer.authentication = "credssp"
    assert offered(computer.https_uri) == ["CredSSP"]
    with pytest.raises(AuthenticationError):
        run(connection(fleet, "ntlm"))
    computer.authentication = ["basic", "certificate"]
    assert offered(computer.uri) == [""]
    assert offered(computer.https_uri) == ['Basic realm="WSMAN"']
    with pytest.raises(ValueError, match="smoke signals"):
        computer.authentication = ["smoke signals"]


def test_declared(fleet: SimulatedFleet) -> None:
    """YAML has the schemes for the fleet and per computer."""
    declared = {"authentication": "negotiate", "computers": [{"name": "a"}, {"name": "b", "authentication": ["basic"]}]}
    built = SimulatedFleet(declared)
    assert [tuple(computer.authentication) for computer in built] == [("negotiate",), ("basic",)]
    assert tuple(SimulatedFleet.build(["a"])["a"].authentication) == ("basic",)
