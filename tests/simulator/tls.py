# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server side of TLS, which every computer can do in its own way, and differently at any time."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import secrets
import ssl
import warnings
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from .certificates import CertificateAuthority, ServerCertificate

if TYPE_CHECKING:
    from .computer import SimulatedComputer

#: Between two looks for the answer to a request for a certificate, of which asyncio does not tell, and how many.
_LOOK_SECONDS, _LOOKS = 0.002, 5000
#: So many computers share a certificate. One with the names of a thousand would fill the memory of clients.
_SHARING = 64
#: The name in the certificate ``other_name``.
OTHER_NAME = "another-computer.lab.test"


@dataclass(eq=False)
class TlsFacts:
    """What a server knows about one TLS connection.

    Attributes:
        server_certificate: it has presented, DER.
        server_name: the client asked for (SNI); ``None`` if it did not, as with an address.
        client_certificate: DER.
    """

    server_certificate: bytes
    server_name: str | None = None
    client_certificate: bytes | None = None

    @functools.cached_property
    def end_point(self) -> bytes:
        """What authentication is bound to: tls-server-end-point of RFC 5929."""
        algorithm = x509.load_der_x509_certificate(self.server_certificate).signature_hash_algorithm
        if algorithm is None or algorithm.name in ("md5", "sha1"):
            algorithm = hashes.SHA256()
        digest = hashes.Hash(algorithm)
        digest.update(self.server_certificate)
        return b"tls-server-end-point:" + digest.finalize()


class FleetTls:
    """Certificates and TLS contexts of a fleet; made when first needed, but for the usual ones.

    Attributes:
        authority: signed the servers' and clients' certificates.
        other_authority: that clients should not trust.
        crl_file: of ``authority``.
    """

    def __init__(self, directory: Path, names: Iterable[str], addresses: Iterable[str]) -> None:
        self._names, self._addresses = list(names), list(addresses)
        self._number = {address: number for number, address in enumerate(self._addresses)}
        self.authority = CertificateAuthority(directory)
        self.other_authority = CertificateAuthority(directory, "other-ca")
        self._certificates: dict[tuple[str, int], ServerCertificate] = {}
        self.certificate("valid")
        revoked = [self.certificate("revoked", address) for address in self._addresses[::_SHARING]]
        self.crl_file = self.authority.revoke([each.serial_number for each in revoked])
        self._contexts: dict[tuple[ServerCertificate, str | None, str | None], ssl.SSLContext] = {}
        self._facts: weakref.WeakKeyDictionary[ssl.SSLObject, TlsFacts] = weakref.WeakKeyDictionary()

    def _issue(self, kind: str, first: int) -> ServerCertificate:
        authority = self.other_authority if kind == "other_ca" else self.authority
        file = f"{kind}-{first}" if first else kind
        if kind == "other_name":
            return authority.issue_server(file, [OTHER_NAME])
        names, addresses = (each[first : first + _SHARING] for each in (self._names, self._addresses))
        return authority.issue_server(file, names, addresses, expired=kind == "expired")

    def certificate(self, kind: str, address: str | None = None) -> ServerCertificate:
        """The certificate of this kind of the computer at an address, or of the first one; see the switch."""
        number = 0 if address is None else self._number[address]
        key = (kind, number - number % _SHARING)
        if key not in self._certificates:
            self._certificates[key] = self._issue(*key)
        return self._certificates[key]

    def context(
        self, certificate: ServerCertificate, version: str | None, certificate_request: str | None
    ) -> ssl.SSLContext:
        """A context with these properties; see the switches of these names. ``None`` never asks for a certificate."""
        key = (certificate, version, certificate_request)
        if key not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain_file)
            if version is not None:
                _restrict(context, version)
            if certificate_request is not None:
                context.post_handshake_auth = certificate_request == "request"
                context.verify_mode = ssl.CERT_OPTIONAL
                context.load_verify_locations(self.authority.ca_file)
            context.sni_callback = self._note_server_name
            self._contexts[key] = context
        return self._contexts[key]

    def _note_server_name(self, connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
        if connection in self._facts:
            self._facts[connection].server_name = name

    def wrap(self, computer: SimulatedComputer, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a TLS connection as the computer is set up now."""
        certificate_request = computer.certificate_request if "certificate" in computer.authentication else None
        certificate = self.certificate(computer.certificate, computer.address)
        context = self.context(certificate, computer.tls_version, certificate_request)
        connection = context.wrap_bio(*arguments, **options)
        self._facts[connection] = TlsFacts(certificate.certificate)
        return connection

    async def ask_for_certificate(self, transport: Any) -> None:
        """Have the client show its certificate on a connection that is open already (TLS 1.3), if it has one.

        Raises:
            ConnectionResetError: the client did not offer that, or its certificate is refused; the connection is cut.
        """
        connection = transport.get_extra_info("ssl_object")
        try:
            connection.verify_client_post_handshake()
        except ssl.SSLError as error:
            transport.abort()
            raise ConnectionResetError(str(error)) from error
        # The request goes out before the next octets that are written, even if those are none.
        transport.writelines([b""])
        for _look in range(_LOOKS):
            if transport.is_closing():
                raise ConnectionResetError("the client's certificate was refused, or the client went")
            if connection.getpeercert(binary_form=True) is not None:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def facts(self, connection: ssl.SSLObject | None) -> TlsFacts | None:
        """What is known of a TLS connection; ``None`` of one without TLS."""
        if connection is None:
            return None
        facts = self._facts[connection]
        facts.client_certificate = connection.getpeercert(binary_form=True)
        return facts


def _restrict(context: ssl.SSLContext, version: str) -> None:
    """Speak one version of TLS only."""
    chosen = ssl.TLSVersion["TLSv" + version.replace(".", "_").removesuffix("_0")]
    if chosen < ssl.TLSVersion.TLSv1_2:
        # OpenSSL has the old versions at this level only, because of their SHA-1 signatures.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, chosen
        context.minimum_version = chosen


class ComputerTls(ssl.SSLContext):
    """The TLS context of a computer's port: each new connection gets the one that its settings ask for by then."""

    def __new__(cls, fleet: FleetTls, computer: SimulatedComputer) -> ComputerTls:
        """Make a context without a certificate, which never serves itself."""
        del fleet, computer
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, fleet: FleetTls, computer: SimulatedComputer) -> None:
        """Serve ``computer``."""
        self._fleet, self._computer = fleet, computer

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Called by asyncio for every connection."""
        return self._fleet.wrap(self._computer, *arguments, **options)


def make_context(authority: CertificateAuthority, names: Iterable[str]) -> ssl.SSLContext:
    """The server side of TLS with a certificate for these names and addresses."""
    hosts, addresses = [], []
    for name in names:
        try:
            ipaddress.ip_address(name)
        except ValueError:
            hosts.append(name)
        else:
            addresses.append(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue_server(secrets.token_hex(4), hosts, addresses).chain_file)
    return context
