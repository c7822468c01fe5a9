# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private CAs, and what they sign: server and client certificates, a revocation list."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_LIFETIME = datetime.timedelta(days=2)
#: Where Windows looks for the account in a client certificate: otherName of this type.
_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.timezone.utc)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - _LIFETIME / 2)
    )


def _pem(key: ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def _write_secret(path: Path, content: bytes) -> Path:
    """Write a file that only this user can read."""
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


@dataclass(frozen=True)
class ServerCertificate:
    """A server's certificate and key.

    Attributes:
        chain_file: PEM file with both, as Python's ssl wants it.
        certificate: the certificate alone, DER.
    """

    chain_file: Path
    certificate: bytes
    serial_number: int


@dataclass(frozen=True)
class ClientCertificate:
    """A client's certificate and key, in the files a user might have.

    Attributes:
        cert_pem: the certificate.
        key_pem: the key, encrypted if ``key_password`` is given.
        pkcs12: both, encrypted with ``pkcs12_password``; ``None`` if not asked for.
        sha1: thumbprint as Windows shows it: hexadecimal, upper case.
        sha256: likewise.
    """

    cert_pem: Path
    key_pem: Path
    pkcs12: Path | None
    sha1: str
    sha256: str
    key_password: str | None = field(default=None, repr=False)
    pkcs12_password: str | None = field(default=None, repr=False)


class CertificateAuthority:
    """A CA and the files it makes; all it signs is good for a day, unless it is meant to be bad.

    Attributes:
        ca_file: its certificate, PEM.
        certificate: likewise, DER.
    """

    def __init__(self, directory: Path, name: str = "ca") -> None:
        """Make a CA whose files go to ``directory``; their names begin with ``name``."""
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"Simulated fleet {name}")
        self._count = 0
        certificate = (
            _builder(self._name, self._name, self._key)
            .not_valid_after(_now() + _LIFETIME / 2)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.DER)
        self.ca_file = directory / f"{name}.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _client_file(self, ending: str) -> Path:
        return self._directory / f"client-{self._count}{ending}"

    def _sign(
        self, builder: x509.CertificateBuilder, usage: ObjectIdentifier, names: list[x509.GeneralName]
    ) -> x509.Certificate:
        key_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(key_identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def issue_server(
        self, kind: str, names: Iterable[str], addresses: Iterable[str] = (), expired: bool = False
    ) -> ServerCertificate:
        """Make a certificate for all these names and addresses; ``kind`` gets into the file's name."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = _now() + (-_LIFETIME / 4 if expired else _LIFETIME / 2)
        builder = _builder(_name("Simulated fleet"), self._name, key).not_valid_after(until)
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        certificate = self._sign(builder, ExtendedKeyUsageOID.SERVER_AUTH, alternatives)
        chain = _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)
        path = _write_secret(self._directory / f"server-{kind}.pem", chain)
        return ServerCertificate(path, certificate.public_bytes(serialization.Encoding.DER), certificate.serial_number)

    def issue_client(self, name: str, key_password: str | None = None, with_pkcs12: bool = True) -> ClientCertificate:
        """Make a certificate for an account, with its name where Windows expects it."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._name, key).not_valid_after(_now() + _LIFETIME / 2)
        text = f"{name}@localhost".encode()
        principal = x509.OtherName(_PRINCIPAL_NAME, b"\x0c" + len(text).to_bytes(1, "big") + text)
        certificate = self._sign(builder, ExtendedKeyUsageOID.CLIENT_AUTH, [principal])
        self._count += 1
        der = certificate.public_bytes(serialization.Encoding.DER)
        cert_pem = self._client_file(".pem")
        cert_pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        password = "exported" if key_password is None else key_password
        container = pkcs12.serialize_key_and_certificates(
            name.encode(), key, certificate, None, serialization.BestAvailableEncryption(password.encode())
        )
        return ClientCertificate(
            cert_pem=cert_pem,
            key_pem=_write_secret(self._client_file("-key.pem"), _pem(key, key_password)),
            pkcs12=_write_secret(self._client_file(".pfx"), container) if with_pkcs12 else None,
            # The thumbprint by which Windows names certificates, not a matter of security.
            sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
            sha256=hashlib.sha256(der).hexdigest().upper(),
            key_password=key_password,
            pkcs12_password=password if with_pkcs12 else None,
        )

    def revoke(self, serial_numbers: Iterable[int]) -> Path:
        """Write the revocation list, PEM."""
        key_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(_now() - _LIFETIME / 2)
            .next_update(_now() + _LIFETIME / 2)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(key_identifier, critical=False)
        )
        for number in serial_numbers:
            revoked = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(_now() - _LIFETIME / 4)
            builder = builder.add_revoked_certificate(revoked.build())
        path = self._directory / "crl.pem"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path
