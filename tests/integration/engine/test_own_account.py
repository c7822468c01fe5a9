# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log-ons without a user name: whose account they are is known only from the server's own word."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, ALICE, Controller, operations
from tests.integration.engine.logons import DEMANDING, NEED_REALM, set_up, tickets_for
from tests.simulator import SimulatedComputer, SimulatedFleet

WAYS = ["PEM", "thumbprint", "implicit"]


@pytest.mark.parametrize("way", WAYS)
def test_a_session_of_another_account_is_not_taken_for_the_own_one(
    request: pytest.FixtureRequest, fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, way: str
) -> None:
    realm = request.getfixturevalue("realm") if way in NEED_REALM else None
    computer.configure(DEMANDING)
    computer.add_session(name="night", owner=ALICE.name, commands=[{"script": "forever"}])
    options = set_up(controller, fleet, way, tls=True)

    def start() -> None:
        started = controller.run(
            _plugins.INVOKE, "srv01", session_name=["night"], script="forever", in_disconnected_session=True, **options
        )
        assert started["errors"] == []

    with tickets_for(way, realm):
        unknown = controller.disconnect("srv01", name=["night"], owner=["<own>"], **options)
        (error,) = unknown["errors"]
        account = "the Kerberos ticket's account" if way == "implicit" else "the client certificate's account"
        assert f"the owner of night on srv01, is {account}" in error["message"]
        assert ALICE.name in error["hint"]
        assert operations(fleet).count("Create") == 0
        for _again in range(2):
            start()
            assert sorted(session.owner for session in computer.sessions) == [ADMIN.name, ALICE.name]
        assert operations(fleet).count("Command") == 1
        # From now on the account of the certificate is known; tickets can become another account's between two tasks.
        removed = controller.remove("srv01", name=["night"], owner=["<own>"], **options)
    if way == "implicit":
        assert {error["message"].partition(",")[0] for error in removed["errors"]} == {
            f"it is not known whether SRV01\\{name}" for name in (ADMIN.name, ALICE.name)
        }
        assert len(computer.sessions) == 2
    else:
        assert removed["errors"] == []
        assert [session.owner for session in computer.sessions] == [ALICE.name]
