# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Negotiate: Kerberos first and then NTLM, what of both is told, and how often a KDC is asked."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import negotiate
from tests.integration.engine.controller import ADMIN, Controller, names
from tests.integration.engine.logons import DEMANDING, HOST, PRINCIPAL, schemes_seen, set_up
from tests.simulator import Realm, SilentKdc, SimulatedComputer, SimulatedFleet

pytestmark = pytest.mark.timing


@pytest.fixture(autouse=True)
def demanding(fleet: SimulatedFleet) -> Iterator[None]:
    """Every computer offers everything, wants it encrypted, and has a session; no KDC is known to be silent."""
    for computer in fleet:
        computer.configure(DEMANDING)
        computer.add_session("job1")
    negotiate._KDCS.forget()
    yield
    negotiate._KDCS.forget()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentKdc]:
    """A KDC that does not answer in the short time that it gets."""
    if not all(importlib.util.find_spec(name) for name in ("gssapi", "krb5")):
        pytest.skip("the libraries of Kerberos are not installed")
    monkeypatch.setattr(negotiate, "KDC_SECONDS", 0.3)
    with SilentKdc() as started:
        yield started


# What worked


def test_the_result_shows_that_ntlm_worked(fleet: SimulatedFleet, controller: Controller, realm: Realm) -> None:
    set_up(controller, fleet, "Negotiate", negotiate_hostname_override="srv99.lab.test")
    result = controller.connect("srv01")
    assert (names(result), result["errors"]) == (["job1"], [])
    assert [each["authentication_used"] for each in result["sessions"]] == ["ntlm"]
    assert schemes_seen(fleet) == {"ntlm"}


@pytest.mark.parametrize("tls", [False, True])
def test_the_result_shows_that_kerberos_worked(
    fleet: SimulatedFleet, controller: Controller, realm: Realm, tls: bool
) -> None:
    set_up(controller, fleet, "Negotiate", tls=tls)
    result = controller.connect("srv01")
    assert [each["authentication_used"] for each in result["sessions"]] == ["kerberos"]
    assert schemes_seen(fleet) == {"kerberos"}


@pytest.mark.parametrize("way", ["Negotiate", "Kerberos, password"])
def test_a_log_on_is_one_conversation_with_the_kdc(
    fleet: SimulatedFleet, controller: Controller, realm: Realm, way: str
) -> None:
    before = realm.tickets_given
    set_up(controller, fleet, way)
    assert names(controller.get("srv01")) == ["job1"]
    assert realm.tickets_given == before + 1


def test_a_name_with_a_backslash_is_no_question_for_a_kdc(
    fleet: SimulatedFleet, controller: Controller, silent: SilentKdc
) -> None:
    set_up(controller, fleet, "NTLM", username=f"LAB\\{ADMIN.name}")
    assert names(controller.get("srv01")) == ["job1"]
    assert silent.asked == 0


# What did not


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"negotiate_hostname_override": "srv99.lab.test"}, "Server host/srv99.lab.test@LAB.TEST not found"),
        ({"username": "admin@NOWHERE.TEST"}, "NOWHERE.TEST"),
        ({"username": "nobody@LAB.TEST"}, "Client 'nobody@LAB.TEST' not found"),
    ],
)
def test_both_halves_of_a_failure_are_told(
    fleet: SimulatedFleet, controller: Controller, realm: Realm, settings: dict[str, Any], why: str
) -> None:
    set_up(controller, fleet, "Negotiate", **settings)
    for name in ("srv01", "srv02"):  # NTLM refuses the password that the KDC takes
        fleet[name].users = []
    try:
        (error,) = controller.get("srv01")["errors"]
    finally:
        for name in ("srv01", "srv02"):
            fleet[name].users = list(fleet.users)
    assert error["code"] == 5
    assert "by negotiate with ntlm (HTTP 401); NTLM was tried" in error["message"]
    assert "NTLM was tried, since Kerberos was not possible: " in error["message"]
    assert why in error["message"]


def test_the_kdc_decides_on_a_name_with_a_realm(fleet: SimulatedFleet, controller: Controller, realm: Realm) -> None:
    failed = realm.failed_passwords
    set_up(controller, fleet, "Negotiate", password="wrong")
    (error,) = controller.get("srv01")["errors"]
    assert (error["code"], realm.failed_passwords) == (1326, failed + 1)
    assert "NTLM" not in error["message"]
    assert schemes_seen(fleet) == set()


# Silent KDCs


def test_a_silent_kdc_costs_one_bounded_wait(fleet: SimulatedFleet, controller: Controller, silent: SilentKdc) -> None:
    """The realm is not asked again for each computer."""
    for name in ("srv01", "srv02", "srv03"):
        set_up(controller, fleet, "NTLM", username=PRINCIPAL)
        controller.inventory[name] = controller.inventory["srv01"]
    result = controller.get("srv01", "srv02", "srv03", throttle_limit=1, lockout_guard=False)
    assert (names(result), result["errors"]) == (["job1"] * 3, [])
    assert {each["authentication_used"] for each in result["sessions"]} == {"ntlm"}
    assert silent.asked > 0
    (error,) = [*negotiate._KDCS._silent_until]
    assert error == "LAB.TEST"


def test_the_silence_of_a_kdc_is_told(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, silent: SilentKdc
) -> None:
    set_up(controller, fleet, "NTLM", username=PRINCIPAL, password="wrong")
    (error,) = controller.get("srv01")["errors"]
    assert "(HTTP 401)" in error["message"]
    assert "no KDC of the realm LAB.TEST has answered within 0.3 seconds" in error["message"]
    set_up(controller, fleet, "NTLM", username=PRINCIPAL, authentication="kerberos", negotiate_hostname_override=HOST)
    (error,) = controller.get("srv01")["errors"]
    assert (error["code"], "no KDC of the realm LAB.TEST" in error["message"]) == (1311, True)
    assert "krb5.conf" in error["hint"]
