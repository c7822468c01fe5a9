# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a log-on with keys, an answer that is not encrypted may be anyone's: it proves nothing that was done or not."""

from __future__ import annotations

import pytest

from tests.integration.engine.controller import Controller, error_ids, names
from tests.integration.engine.logons import DEMANDING, set_up
from tests.simulator import Injection, SimulatedFleet

ALREADY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"><s:Body><s:Fault><s:Code><s:Value>s:Receiver'
    "</s:Value></s:Code><s:Reason><s:Text>no</s:Text></s:Reason><s:Detail>"
    '<f:WSManFault Code="{code}"><f:Message>no</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>'
)
DISCONNECTED, GONE = 0x803381DC, 0x8033805B


@pytest.fixture
def sealed(fleet: SimulatedFleet, controller: Controller) -> Controller:
    """A controller that logs on to srv01 by NTLM, over HTTP."""
    fleet["srv01"].configure(DEMANDING)
    set_up(controller, fleet, "NTLM")
    return controller


@pytest.mark.parametrize("code", [DISCONNECTED, GONE])
def test_a_forged_fault_is_not_believed(fleet: SimulatedFleet, sealed: Controller, code: int) -> None:
    fleet["srv01"].add_session("nightly")
    assert sealed.connect("srv01")["changed"]
    body = ALREADY.format(code=code)
    fleet["srv01"].inject(Injection("Disconnect", action="status", status=500, body=body, times=None))
    result = sealed.disconnect("srv01")
    assert result["failed"]
    assert error_ids(result)
    assert "not encrypted" in result["errors"][0]["message"]
    assert fleet["srv01"].sessions[0].state == "Connected"


@pytest.mark.parametrize("status", [403, 404])
def test_a_forged_refusal_does_not_mean_that_nothing_was_done(
    fleet: SimulatedFleet, sealed: Controller, status: int
) -> None:
    fleet["srv01"].add_session("nightly")
    fleet["srv01"].inject(Injection("Connect", action="status", status=status, times=1))
    result = sealed.connect("srv01")
    # As after an answer that was lost, the server is asked what became of the request.
    assert [request.operation for request in fleet.requests_of("srv01")].count("Enumerate") > 1
    assert (names(result), result["errors"]) == (["nightly"], [])


def test_a_redirection_without_encryption_is_not_followed(fleet: SimulatedFleet, sealed: Controller) -> None:
    fleet["srv01"].add_session("nightly")
    headers = {"Location": fleet["srv02"].uri}
    fleet["srv01"].inject(Injection("Connect", action="status", status=302, headers=headers, times=None))
    result = sealed.connect(connection_uri=[fleet["srv01"].uri], allow_redirection=True)
    assert "HTTP status 302" in result["errors"][0]["message"]
    assert fleet.requests_of("srv02") == []
