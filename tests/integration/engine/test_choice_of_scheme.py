# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of schemes in the inventory, CredSSP where TLS does not verify, and Basic with all characters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.engine.controller import ADMIN, Controller, names
from tests.integration.engine.logons import DEMANDING, schemes_seen, set_up
from tests.simulator import ForwardProxy, Realm, SimulatedComputer, SimulatedFleet, User
from tests.waiting import until

MUELLER = User("müller", "Kennwörter-πάντα")


@pytest.fixture(autouse=True)
def demanding(fleet: SimulatedFleet) -> None:
    """Every computer offers everything, wants it encrypted, and has a session."""
    for computer in fleet:
        computer.configure(DEMANDING)
        computer.add_session("job1")


# Lists


@pytest.mark.parametrize("ticket", ["valid", "expired", "none"])
def test_kerberos_where_there_is_a_ticket_and_else_the_next_one(
    fleet: SimulatedFleet, controller: Controller, realm: Realm, tmp_path: Path, ticket: str
) -> None:
    cache = tmp_path / "none"
    if ticket != "none":
        cache = realm.kinit(ADMIN.name, ADMIN.password, lifetime="1s" if ticket == "expired" else None)
    if ticket == "expired":
        until(lambda: realm.has_ended(cache), "the end of the ticket")
    certificate = fleet.make_client_certificate(ADMIN)
    set_up(
        controller,
        fleet,
        "Kerberos, ticket",
        tls=True,
        transport="winrm",
        authentication="kerberos,certificate",
        certificate_pem=str(certificate.cert_pem),
        certificate_key_pem=str(certificate.key_pem),
    )
    with realm.using(cache):
        result = controller.get("srv01")
    assert (names(result), result["errors"]) == (["job1"], [])
    assert schemes_seen(fleet) == {"kerberos" if ticket == "valid" else "certificate"}
    assert result["sessions"][0]["authentication_used"] == ("kerberos" if ticket == "valid" else "certificate")


@pytest.mark.parametrize("words", ["ntlm,basic", "certificate,ntlm,credssp"])
def test_no_other_one_is_tried_after_a_refused_password(
    fleet: SimulatedFleet, controller: Controller, words: str
) -> None:
    before = fleet.failed_logons.get(ADMIN.name, 0)
    set_up(controller, fleet, "NTLM", tls=True, transport="winrm", authentication=words, password="wrong")
    (error,) = controller.get("srv01")["errors"]
    assert fleet.failed_logons[ADMIN.name] == before + 1
    assert f"the first possible one of {words.replace(',', ', ')}" in error["message"]
    assert ("certificate: authentication by certificate needs" in error["message"]) is words.startswith("certificate")
    assert error["code"] == 5


# CredSSP


@pytest.mark.parametrize("kind", ["valid", "other_ca"])
@pytest.mark.parametrize("insists", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_credssp_of_the_inventory_wants_a_verified_server(
    fleet: SimulatedFleet, controller: Controller, tls: bool, insists: bool, kind: str
) -> None:
    for computer in fleet:
        computer.certificate = kind
    set_up(controller, fleet, "CredSSP", tls=tls, verify_certificate=kind == "valid")
    controller.inventory["srv02"] = controller.inventory["srv01"]
    controller.options = {"authentication": "credssp"} if insists else {}
    result = controller.get("srv01", "srv02")
    is_verified = tls and kind == "valid"
    if is_verified or insists:
        assert (names(result), result["errors"]) == (["job1", "job1"], [])
    else:
        assert result["sessions"] == []
        assert fleet.requests == []
        assert ["authentication: credssp" in error["hint"] for error in result["errors"]] == [True, True]
    warned = [text for text in result["warnings"] if "sends the password" in text]
    assert len(warned) == (0 if is_verified or not insists else 1)
    assert all("srv01, srv02" in text for text in warned)


# Basic


@pytest.fixture
def mueller(computer: SimulatedComputer) -> User:
    """An account whose name fits Latin-1, and whose password does not."""
    if computer.find_user(MUELLER.name) is None:
        computer.users.append(MUELLER)
    return MUELLER


def test_basic_sends_user_and_password_in_one_encoding(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, mueller: User
) -> None:
    computer.add_session("hers", owner=mueller.name)
    set_up(controller, fleet, "basic", tls=True, username=mueller.name, password=mueller.password)
    result = controller.get("srv01")
    assert (names(result), result["errors"]) == (["hers"], [])


def test_a_proxy_gets_them_in_one_encoding(fleet: SimulatedFleet, controller: Controller, mueller: User) -> None:
    credential = {"username": mueller.name, "password": mueller.password}
    with ForwardProxy(user=mueller.name, password=mueller.password) as proxy:
        set_up(controller, fleet, "NTLM", tls=True)
        option = {"proxy_access_type": "ie_config", "proxy": proxy.url, "proxy_credential": credential}
        assert names(controller.get("srv01", session_option=option)) == ["job1"]
