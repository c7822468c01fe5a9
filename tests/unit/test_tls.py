# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a server's certificate, and how a client certificate is shown; in memory, without a network."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import (
    ClientCertificate,
    Endpoint,
    Logon,
    Tls,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.tls import ssl_context
from tests.simulator.certificates import CertificateAuthority
from tests.unit.builders import endpoint, logon

NAME, PASSWORD = "srv01.example.com", "key-pässword"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


def at(certificate: ClientCertificate | None = None, ca_cert: str | None = None, **checks: Any) -> Endpoint:
    return endpoint(
        uri=f"https://{NAME}:5986/wsman",
        logon=Logon("certificate" if certificate else "negotiate", certificate=certificate),
        settings=HostSettings(ca_cert=ca_cert),
        tls=Tls(**checks),
    )


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[str | None, bytes | None]:
    """Let two contexts talk through memory; returns the version of TLS and the certificate that the client showed."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=NAME)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    unfinished = [ours, theirs]
    for _turn in range(10):
        for side in list(unfinished):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            unfinished.remove(side)
    assert unfinished == []
    return ours.version(), theirs.getpeercert(binary_form=True)


def server_of(authority: CertificateAuthority, name: str = NAME, **certificate: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue_server("under-test", [name], **certificate).chain_file)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.mark.parametrize("check_authority", [True, False])
@pytest.mark.parametrize("check_name", [True, False])
@pytest.mark.parametrize("check_revocation", [True, False])
def test_checks_of_the_context(check_authority: bool, check_name: bool, check_revocation: bool) -> None:
    checks = at(check_authority=check_authority, check_name=check_name, check_revocation=check_revocation)
    context = ssl_context(checks, None)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is (ssl.CERT_REQUIRED if check_authority else ssl.CERT_NONE)
    # Python's ssl cannot check the name alone; without an authority it is checked after the handshake.
    assert context.check_hostname is (check_authority and check_name)
    # Without a revocation list the flag would refuse every certificate.
    assert not context.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF


def test_the_authorities_of_the_system_and_of_requests_are_trusted_by_default() -> None:
    assert ssl_context(at(), None).cert_store_stats()["x509_ca"] > 10


def test_own_authorities_take_the_place_of_all_others(authority: CertificateAuthority, tmp_path: Path) -> None:
    for context in (
        ssl_context(at(ca_cert=str(authority.ca_file)), None),
        ssl_context(at(), str(authority.ca_file)),
        ssl_context(at(ca_cert=str(authority.ca_file)), str(tmp_path / "nowhere")),
    ):
        assert context.cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_good_certificate_is_accepted(authority: CertificateAuthority, version: ssl.TLSVersion) -> None:
    server = server_of(authority)
    server.maximum_version = version
    spoken, shown = shake_hands(ssl_context(at(ca_cert=str(authority.ca_file)), None), server)
    assert (spoken, shown) == (version.name.replace("_", "."), None)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_versions_are_not_spoken(authority: CertificateAuthority) -> None:
    server = server_of(authority)
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.minimum_version = ssl.TLSVersion.TLSv1
    server.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake_hands(ssl_context(at(check_authority=False), None), server)


def test_bad_certificates_are_refused(authority: CertificateAuthority, tmp_path: Path) -> None:
    ours = ssl_context(at(ca_cert=str(authority.ca_file)), None)
    stranger = CertificateAuthority(tmp_path, "stranger")
    for server, why in (
        (server_of(stranger), "self-signed|local issuer"),
        (server_of(authority, "another.example.com"), "match"),
        (server_of(authority, expired=True), "expired"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            shake_hands(ours, server)


@pytest.mark.parametrize("place", ["file", "folder"])
@pytest.mark.parametrize("check_revocation", [True, False])
def test_a_revocation_list_kept_with_the_authorities_counts(
    authority: CertificateAuthority, tmp_path: Path, check_revocation: bool, place: str
) -> None:
    revoked = authority.issue_server("revoked", [NAME])
    crl_file = authority.revoke([revoked.serial_number])
    if place == "file":
        authorities = tmp_path / "authorities.pem"
        authorities.write_bytes(authority.ca_file.read_bytes() + crl_file.read_bytes())
    else:
        authorities = tmp_path / "authorities"
        authorities.mkdir()
        name = hash_of_subject(authority)
        (authorities / f"{name}.0").write_bytes(authority.ca_file.read_bytes())
        (authorities / f"{name}.r0").write_bytes(crl_file.read_bytes())
    ours = ssl_context(at(ca_cert=str(authorities), check_revocation=check_revocation), None)
    assert bool(ours.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF) is check_revocation
    shake_hands(ours, server_of(authority))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(revoked.chain_file)
    if check_revocation:
        with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
            shake_hands(ours, server)
    else:
        shake_hands(ours, server)


def hash_of_subject(authority: CertificateAuthority) -> str:
    """The name of an authority's files in a folder, as OpenSSL looks for them: of the name in a normal form."""
    (attribute,) = x509.load_der_x509_certificate(authority.certificate).subject
    normal = x509.Name([x509.NameAttribute(attribute.oid, str(attribute.value).lower())])
    digest = hashlib.sha1(normal.public_bytes()[2:], usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


@pytest.mark.parametrize("bad", ["nowhere.pem", "text.pem"])
@pytest.mark.parametrize("from_environment", [False, True])
def test_authorities_that_cannot_be_read(tmp_path: Path, bad: str, from_environment: bool) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    path = str(tmp_path / bad)
    with pytest.raises(TransportError, match=f"the trusted authorities in {path} cannot be read") as unusable:
        ssl_context(at() if from_environment else at(ca_cert=path), path if from_environment else None)
    assert (unusable.value.code, unusable.value.delivered) == (Code.CERTIFICATE_INVALID, False)


def test_authorities_do_not_matter_when_they_are_not_checked(tmp_path: Path) -> None:
    context = ssl_context(at(ca_cert=str(tmp_path / "nowhere.pem"), check_authority=False), None)
    assert context.cert_store_stats()["x509_ca"] == 0


@pytest.mark.parametrize("form", ["two files", "one file", "encrypted", "PKCS#12"])
def test_client_certificates(authority: CertificateAuthority, tmp_path: Path, form: str) -> None:
    made = authority.issue_client("me", key_password=PASSWORD if form in ("encrypted", "PKCS#12") else None)
    both = tmp_path / "both.pem"
    both.write_bytes(made.cert_pem.read_bytes() + made.key_pem.read_bytes())
    certificate = {
        "two files": ClientCertificate(str(made.cert_pem), str(made.key_pem)),
        "one file": ClientCertificate(str(both)),
        "encrypted": ClientCertificate(str(made.cert_pem), str(made.key_pem), PASSWORD),
        "PKCS#12": ClientCertificate(str(made.pkcs12), None, PASSWORD),
    }[form]
    ours = ssl_context(at(certificate, ca_cert=str(authority.ca_file)), None)
    _version, shown = shake_hands(ours, server_of(authority))
    assert shown == ssl.PEM_cert_to_DER_cert(made.cert_pem.read_text())


@pytest.mark.parametrize("form", ["no file", "no key", "wrong password", "no password", "damaged", "PKCS#12"])
def test_client_certificates_that_cannot_be_used(authority: CertificateAuthority, tmp_path: Path, form: str) -> None:
    made = authority.issue_client("me", key_password=PASSWORD)
    damaged = tmp_path / "damaged.pfx"
    damaged.write_bytes(b"\x30\x82")
    certificate = {
        "no file": ClientCertificate(str(tmp_path / "nowhere.pem")),
        "no key": ClientCertificate(str(made.cert_pem)),
        "wrong password": ClientCertificate(str(made.cert_pem), str(made.key_pem), "wrong-password"),
        # It is not asked for on the terminal.
        "no password": ClientCertificate(str(made.cert_pem), str(made.key_pem)),
        "damaged": ClientCertificate(str(damaged)),
        "PKCS#12": ClientCertificate(str(made.pkcs12), None, "wrong-password"),
    }[form]
    with pytest.raises(TransportError, match=r"the client certificate in .* cannot be used") as unusable:
        ssl_context(at(certificate, check_authority=False), None)
    assert (unusable.value.code, unusable.value.delivered) == (Code.CERTIFICATE_INVALID, False)
    assert certificate.certificate in unusable.value.message
    assert "wrong-password" not in unusable.value.message


@pytest.mark.parametrize("uri", ["http://[fe80::1%lo]:5985/wsman", "http://[fe80::1%25lo]:5985/wsman"])
def test_an_ipv6_address_is_resolved_with_its_zone(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *_more: Any, **_options: Any) -> Any:
        asked.append(host)
        raise OSError("enough")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    at = endpoint("fe80::1%lo", uri=uri, logon=logon(scheme="basic", message_encryption="never"))
    conversation = HttpConversation(at)
    conversation.time_limit = 10.0
    with contextlib.closing(conversation), pytest.raises(TransportError):
        conversation.send(b"<message/>")
    assert asked == ["fe80::1%lo"]
