# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest, and what is no log-on at all."""

from __future__ import annotations

import base64

import pytest
import requests
from requests.auth import HTTPDigestAuth

from ... import SimulatedComputer, SimulatedFleet
from ...waiting import PATIENCE
from .clients import USER, enumerate_shells, last

pytestmark = pytest.mark.timing


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("tls", [False, True])
def test_digest(fleet: SimulatedFleet, computer: SimulatedComputer, algorithm: str, tls: bool) -> None:
    """Both algorithms; a nonce lasts until it is stale, and is then replaced without a new password."""
    computer.authentication, computer.digest_algorithms = ["digest"], [algorithm]
    computer.allow_unencrypted = None
    with requests.Session() as session:
        session.trust_env = False
        session.auth, session.verify = HTTPDigestAuth(USER.name, USER.password), str(fleet.ca_file)
        session.headers["Content-Type"] = "application/soap+xml;charset=UTF-8"
        uri = computer.https_uri if tls else computer.uri
        for statuses in ([401, 200], [200], [401, 200]):
            fleet.clear_requests()
            answer = session.post(uri, enumerate_shells(computer), timeout=PATIENCE)
            assert [request.status for request in fleet.requests] == statuses
            assert "EnumerateResponse" in answer.text
            if len(statuses) == 1:
                fleet.expire_nonces()
        assert "stale=true" in answer.history[0].headers["WWW-Authenticate"]
    assert (last(fleet).scheme, last(fleet).user) == ("digest", "admin")
    before = fleet.failed_logons.get("admin", 0)
    wrong = requests.post(
        uri, enumerate_shells(computer), auth=HTTPDigestAuth("admin", "x"), verify=str(fleet.ca_file), timeout=PATIENCE
    )
    assert (wrong.status_code, fleet.failed_logons["admin"]) == (401, before + 1)


@pytest.mark.parametrize("scheme", ["Negotiate", "Kerberos", "CredSSP", "Digest", "Basic", "Bearer"])
@pytest.mark.parametrize(
    "octets",
    [b"", b"?", b"NTLMSSP\0", b"NTLMSSP\0\3\0\0\0", b"\x60\x10" + bytes(30), b"\x16\3\1\0\1x"],
    ids=["nothing", "letter", "start of NTLM", "end of NTLM", "start of SPNEGO", "start of TLS"],
)
def test_nonsense(fleet: SimulatedFleet, computer: SimulatedComputer, scheme: str, octets: bytes) -> None:
    """Nothing but a 401 comes of it, also in the second round."""
    computer.allow_unencrypted = None
    with requests.Session() as session:
        session.trust_env = False
        for token in (octets, octets, b"NTLMSSP\0\1\0\0\0" + bytes(32), octets):
            header = {"Authorization": f"{scheme} {base64.b64encode(token).decode()}"}
            assert session.post(computer.uri, b"", headers=header, timeout=PATIENCE).status_code == 401
