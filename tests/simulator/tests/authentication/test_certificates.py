# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of clients and servers, and logging on that is bound to them."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any

import pytest
import requests
from pypsrp.exceptions import AuthenticationError

from ... import SimulatedComputer, SimulatedFleet
from ...authentication import MUTUAL_SCHEME
from ...waiting import PATIENCE
from .clients import CHANNEL, HOST, USER, connection, last, pywinrm, run

pytestmark = pytest.mark.timing


def test_client_certificate(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A mapped certificate lets in, over HTTPS and where that is offered."""
    mine, stranger = fleet.make_client_certificate(USER), fleet.make_client_certificate("admin", mapped=False)
    protected = fleet.make_client_certificate(USER, key_password="key secret", with_pkcs12=False)
    assert (len(mine.sha1), len(mine.sha256), mine.sha1.upper()) == (40, 64, mine.sha1)
    assert mine.pkcs12 is not None
    assert protected.pkcs12 is None
    assert b"ENCRYPTED" in protected.key_pem.read_bytes()

    def come(certificate: Any) -> Any:
        files = {"certificate_pem": str(certificate.cert_pem), "certificate_key_pem": str(certificate.key_pem)}
        return run(connection(fleet, "certificate", tls=True, username=None, password=None, **files))

    assert come(mine) == ["hello"]
    assert (last(fleet).user, last(fleet).scheme) == ("admin", "certificate")
    files = {"cert_pem": str(mine.cert_pem), "cert_key_pem": str(mine.key_pem), "username": None, "password": None}
    assert "EnumerateResponse" in pywinrm(fleet, "certificate", tls=True, **files)
    with pytest.raises(AuthenticationError):
        come(stranger)
    computer.authentication = ["basic"]
    with pytest.raises(AuthenticationError):
        come(mine)


def test_client_certificate_after_the_handshake(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """With TLS 1.3 it can be asked for when a request wants to log on by it; who cannot do that is cut off."""
    computer.configure({"certificate_request": "request", "tls_version": "1.3"})
    certificate = fleet.make_client_certificate(USER)
    files = {"certificate_pem": str(certificate.cert_pem), "certificate_key_pem": str(certificate.key_pem)}
    assert run(connection(fleet, "certificate", tls=True, username=None, password=None, **files)) == ["hello"]
    assert last(fleet).scheme == "certificate"
    assert run(connection(fleet, "basic", tls=True)) == ["hello"]
    context = ssl.create_default_context(cafile=str(fleet.ca_file))
    context.load_cert_chain(certificate.cert_pem, certificate.key_pem)
    for able in (True, False):
        context.post_handshake_auth = able
        client = http.client.HTTPSConnection(computer.address, computer.https_port, timeout=PATIENCE, context=context)
        client.request("POST", "/wsman", headers={"Authorization": MUTUAL_SCHEME})
        if able:
            assert client.getresponse().status == 200
        else:
            with pytest.raises((OSError, http.client.RemoteDisconnected)):
                client.getresponse()
        client.close()


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [("other_name", "mismatch"), ("other_ca", "local issuer"), ("expired", "expired"), ("revoked", "revoked")],
)
def test_bad_server_certificate(fleet: SimulatedFleet, computer: SimulatedComputer, kind: str, complaint: str) -> None:
    """A client that verifies does not go on, and nobody sees its password."""
    computer.certificate = kind
    context = ssl.create_default_context(cafile=str(fleet.ca_file))
    context.load_verify_locations(fleet.crl_file)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with (
        socket.create_connection((computer.address, computer.https_port), PATIENCE) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match=complaint),
    ):
        context.wrap_socket(plain, server_hostname=computer.address)
    if kind == "other_ca":
        context = ssl.create_default_context(cafile=str(fleet.other_ca_file))
        with socket.create_connection((computer.address, computer.https_port), PATIENCE) as plain:
            context.wrap_socket(plain, server_hostname="srv01").close()
    if kind != "revoked":  # the client does not know revocation lists
        with pytest.raises(requests.exceptions.SSLError):
            run(connection(fleet, "basic", tls=True))
    assert not [request for request in fleet.requests if request.user]


def test_server_name_and_version(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """The log has the name that the client asked for; a computer can be limited to one version of TLS."""
    context = ssl.create_default_context(cafile=str(fleet.ca_file))
    client = http.client.HTTPSConnection("srv01", context=context, timeout=PATIENCE)
    for name in ("srv01", None):
        plain = socket.create_connection((computer.address, computer.https_port), PATIENCE)
        context.check_hostname = name is not None
        client.sock = context.wrap_socket(plain, server_hostname=name)
        client.request("POST", "/wsman")
        assert client.getresponse().status == 401
        assert fleet.requests[-1].server_name == name
        client.close()
    computer.tls_version = "1.1"
    with pytest.raises(requests.exceptions.SSLError):
        run(connection(fleet, "basic", tls=True))
    computer.tls_version = "1.2"
    assert run(connection(fleet, "basic", tls=True)) == ["hello"]


class _WrongBinding:
    """pypsrp's idea of the certificate, spoiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from pypsrp.negotiate import HTTPNegotiateAuth

        spoiled = staticmethod(lambda _response: CHANNEL.encode() + b":" + bytes(32))
        monkeypatch.setattr(HTTPNegotiateAuth, "_get_cbt_data", spoiled)


@pytest.mark.parametrize(
    ("mode", "sent", "accepted"),
    [
        *(("none", sent, True) for sent in ("right", "missing", "wrong")),
        *(("relaxed", sent, sent != "wrong") for sent in ("right", "missing", "wrong")),
        *(("strict", sent, sent == "right") for sent in ("right", "missing", "wrong")),
    ],
)
@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "kerberos"])
def test_channel_binding(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    auth: str,
    mode: str,
    sent: str,
    accepted: bool,
) -> None:
    """The three modes with right, missing and wrong bindings, for NTLM, NTLM in SPNEGO, and Kerberos."""
    options: dict[str, Any] = {"negotiate_send_cbt": sent != "missing"}
    if auth == "kerberos":
        request.getfixturevalue("realm")
        options.update(username="admin@LAB.TEST", negotiate_hostname_override=HOST)
    computer.channel_binding = mode
    if sent == "wrong":
        _WrongBinding(monkeypatch)
    client = connection(fleet, auth, tls=True, **options)
    if not accepted:
        with pytest.raises(AuthenticationError):
            run(client)
        assert {logged.status for logged in fleet.requests} == {401}
        return
    assert run(client) == ["hello"]
    unknown = auth == "kerberos" and mode == "none"
    assert last(fleet).channel_bound is (None if unknown else sent == "right")
