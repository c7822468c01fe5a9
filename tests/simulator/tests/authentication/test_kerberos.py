# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kerberos, with a KDC."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ... import Realm, SimulatedComputer, SimulatedFleet
from ...waiting import until
from .clients import ALL, HOST, USER, connection, last, pywinrm, run, seen_in_clear

pytestmark = pytest.mark.timing


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("service", ["HTTP", "WSMAN", "host"])
@pytest.mark.parametrize(("auth", "offered"), [("kerberos", ALL), ("negotiate", ALL), ("kerberos", ["kerberos"])])
def test_kerberos(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    realm: Realm,
    auth: str,
    offered: list[str],
    service: str,
    tls: bool,
) -> None:
    """By password; in SPNEGO, and bare with its own kind of encrypted messages."""
    computer.authentication = offered
    options = {"negotiate_service": service, "negotiate_hostname_override": HOST, "username": "admin@LAB.TEST"}
    (output,) = run(connection(fleet, auth, tls, **options), "huge")
    assert len(output) == 400_000
    assert (last(fleet).scheme, last(fleet).user, last(fleet).encrypted) == ("kerberos", "admin", not tls)
    if not tls:
        kind = "SPNEGO" if len(offered) > 1 else "Kerberos"
        assert f"HTTP-{kind}-session-encrypted" in last(fleet).headers["Content-Type"]
        assert not seen_in_clear(fleet)


@pytest.mark.parametrize("tls", [False, True])
def test_ticket_cache(fleet: SimulatedFleet, computer: SimulatedComputer, realm: Realm, tls: bool) -> None:
    """A ticket from kinit is enough; without one, or with another host's name, there is no way."""
    ticket: dict[str, Any] = {"username": None, "password": None, "negotiate_hostname_override": HOST}
    with realm.using(realm.kinit(USER.name, USER.password)):
        assert run(connection(fleet, "kerberos", tls, **ticket)) == ["hello"]
        options = {"username": "admin@LAB.TEST", "password": None, "kerberos_hostname_override": HOST}
        assert "EnumerateResponse" in pywinrm(fleet, "kerberos", tls, **options)
        assert (last(fleet).scheme, last(fleet).encrypted) == ("kerberos", not tls)
        with pytest.raises(Exception, match="not found in Kerberos database"):
            run(connection(fleet, "kerberos", tls, **{**ticket, "negotiate_hostname_override": "srv99.lab.test"}))
    with pytest.raises(Exception, match="No Kerberos credentials available"):
        run(connection(fleet, "kerberos", tls, **ticket))


def test_bad_tickets(fleet: SimulatedFleet, computer: SimulatedComputer, realm: Realm) -> None:
    """An expired ticket, one of a client whose clock is wrong, and none for a wrong password."""
    ticket: dict[str, Any] = {"username": None, "password": None, "negotiate_hostname_override": HOST}
    short, early = (realm.kinit(USER.name, USER.password, lifetime=lifetime) for lifetime in ("1s", None))
    realm.skew(early, 1800)  # less than the hour that it lasts
    with realm.using(early), pytest.raises(Exception, match="Clock skew too great"):
        run(connection(fleet, "kerberos", **ticket))
    until(lambda: realm.has_ended(short), "the end of the ticket")
    with realm.using(short), pytest.raises(Exception, match="expired"):
        run(connection(fleet, "kerberos", **ticket))
    with pytest.raises(RuntimeError, match="Password incorrect"):
        realm.kinit(USER.name, "wrong")
    before = fleet.failed_logons
    with pytest.raises(Exception, match="Preauthentication failed"):
        run(connection(fleet, "kerberos", username="admin@LAB.TEST", password="wrong"))
    assert fleet.failed_logons == before


def test_credssp_with_kerberos(fleet: SimulatedFleet, computer: SimulatedComputer, realm: Realm) -> None:
    """CredSSP carries Kerberos as well; its library asks for the host by the name in the URL."""
    realm.add_service(f"HTTP/{computer.address}")
    wsman = connection(fleet, "credssp", username="admin@LAB.TEST", credssp_auth_mechanism="kerberos")
    assert run(wsman) == ["hello"]
    assert last(fleet).scheme == "credssp"


def test_two_realms(realm: Realm) -> None:
    """Realms do not get in each other's way; the environment is as before when one ends."""
    before = dict(os.environ)
    with Realm() as other:
        assert os.environ["KRB5_CONFIG"] == other.environment["KRB5_CONFIG"] != before["KRB5_CONFIG"]
    assert dict(os.environ) == before
