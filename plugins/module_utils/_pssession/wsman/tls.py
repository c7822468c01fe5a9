"""TLS with the session options."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import hashlib
import os
import re
import ssl
import threading
import typing as t

from ..model.codes import Code
from ..model.endpoints import ClientCertificate, Endpoint, Tls
from ..model.errors import TransportError

_REVOCATION_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\s", re.DOTALL)


class NotPinnedError(ssl.SSLCertVerificationError):
    """The server shows a certificate other than the pinned one. Only the TLS handshake has been sent.

    Attributes:
        fingerprint: SHA-256 of the server's certificate, in hexadecimal and lower case.
    """

    def __init__(self, fingerprint: str) -> None:
        super().__init__(1, "the certificate is not the pinned one")
        self.fingerprint = fingerprint


try:
    import certifi
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, pkcs12
    from urllib3.util.ssl_match_hostname import CertificateError, match_hostname
except ImportError:  # reported by require_libraries() at the first use
    pass


class Contexts:
    """The TLS settings of one task. Computers with the same settings share the certificate files, read once.

    Args:
        bundle: Trusted authorities named by the environment. An endpoint's own authorities take precedence.
    """

    def __init__(self, bundle: str | None) -> None:
        self._bundle = bundle
        self._lock = threading.Lock()
        self._made: dict[t.Hashable, ssl.SSLContext] = {}

    def of(self, endpoint: Endpoint) -> ssl.SSLContext:
        """Return the settings for an endpoint.

        Raises:
            TransportError: A file of authorities or the client certificate cannot be used.
        """
        checks = (checks_authority(endpoint), endpoint.tls)
        return self._once(
            (*checks, endpoint.settings.ca_cert, endpoint.logon.certificate),
            lambda: ssl_context(endpoint, self._bundle),
        )

    def of_proxy(self) -> ssl.SSLContext:
        """Return the settings for TLS to a proxy. The proxy's certificate is always checked.

        Raises:
            TransportError: A file of authorities cannot be used.
        """
        return self._once("proxy", lambda: _context_of_proxy(self._bundle))

    def _once(self, key: t.Hashable, make: t.Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


def _context_of_proxy(bundle: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _trust(context, bundle, Tls())
    return context


def ssl_context(endpoint: Endpoint, bundle: str | None) -> ssl.SSLContext:
    """Return the client's TLS settings for an endpoint: TLS 1.2 or newer; certificates are checked unless disabled.

    Args:
        bundle: Trusted authorities named by the environment. The endpoint's own authorities take precedence.

    Raises:
        TransportError: A file of authorities or the client certificate cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not _checks_name(endpoint):
        context.check_hostname = False
    if checks_authority(endpoint):
        _trust(context, endpoint.settings.ca_cert or bundle, endpoint.tls)
    else:
        context.verify_mode = ssl.CERT_NONE
    if endpoint.logon.certificate is not None:
        _present(context, endpoint.logon.certificate)
        # HTTP.SYS asks for the certificate when a request uses it to log on. With TLS 1.3 that is after the handshake.
        context.post_handshake_auth = True
    return context


def checks_authority(endpoint: Endpoint) -> bool:
    """Return whether OpenSSL checks the server's certificate, including its authority."""
    return endpoint.tls.check_authority and endpoint.pinned is None


def _checks_name(endpoint: Endpoint) -> bool:
    """Return whether OpenSSL checks the name in the server's certificate."""
    return endpoint.tls.check_name and checks_authority(endpoint)


def _trust(context: ssl.SSLContext, authorities: str | None, tls: Tls) -> None:
    try:
        if authorities is None:
            context.load_default_certs()
            context.load_verify_locations(certifi.where())
        elif os.path.isdir(authorities):
            context.load_verify_locations(capath=authorities)
        else:
            context.load_verify_locations(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(f"the trusted authorities in {authorities} cannot be read: {error}") from error
    # OpenSSL fetches no revocation lists; it checks those it is given, and refuses all certificates without one. In a
    # folder it looks for them when it needs them, by names like 1a2b3c4d.r0 (openssl rehash).
    if tls.check_revocation and (context.cert_store_stats()["crl"] or _has_revocation_lists(authorities)):
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _has_revocation_lists(authorities: str | None) -> bool:
    folder = authorities is not None and os.path.isdir(authorities)
    return folder and any(re.search(r"\.r\d+$", name) for name in os.listdir(authorities))


def _present(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    try:
        if certificate.private_key is None and not _is_pem(certificate.certificate):
            _load_pkcs12(context, certificate)
        else:
            # Without a password OpenSSL would ask for one on the terminal.
            password = certificate.password or ""
            context.load_cert_chain(certificate.certificate, certificate.private_key, lambda: password)
    except (OSError, ValueError, ssl.SSLError) as error:
        files = " and ".join(filter(None, (certificate.certificate, certificate.private_key)))
        raise _unusable(f"the client certificate in {files} cannot be used: {error}") from error


def _load_pkcs12(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Load a PKCS#12 file.

    Python's TLS reads the key from a file only. So for a moment the key is in memory that has a file name.
    """
    with open(certificate.certificate, "rb") as file:
        password = certificate.password.encode() if certificate.password else None
        key, own, others = pkcs12.load_key_and_certificates(file.read(), password)
    if key is None or own is None:
        raise ValueError("it has no certificate with a private key")
    if not hasattr(os, "memfd_create"):
        raise ValueError("PKCS#12 files can be used on Linux only; give a PEM file here")
    # The key is encrypted there as well. Only users who can read this process's memory anyway can open the name.
    secret = os.urandom(24).hex()
    chain = b"".join(each.public_bytes(Encoding.PEM) for each in (own, *others))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(secret.encode())) + chain
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=secret)
    finally:
        os.close(descriptor)


def _is_pem(path: str) -> bool:
    with open(path, "rb") as file:
        return b"-----BEGIN " in file.read()


def check_the_rest(der: bytes, host: str, endpoint: Endpoint) -> None:
    """Check all of a certificate except its authority; Python's ssl checks either everything or nothing.

    Raises:
        NotPinnedError: The certificate is not the pinned one. Only the TLS handshake has been sent.
        ssl.SSLCertVerificationError: The certificate is not valid. Only the TLS handshake has been sent.
    """
    if endpoint.pinned is not None:
        found = hashlib.sha256(der).hexdigest()
        if found != endpoint.pinned:
            raise NotPinnedError(found)
        return
    tls, authorities = endpoint.tls, endpoint.settings.ca_cert
    certificate = x509.load_der_x509_certificate(der)
    if tls.check_name:
        _check_name(certificate, host)
    if tls.check_revocation and authorities is not None and _is_revoked(certificate, authorities):
        raise ssl.SSLCertVerificationError(1, "the certificate is revoked")
    # No option switches off only the check of the dates, so the dates are checked unless all checks are off.
    if (tls.check_name or tls.check_revocation) and not _is_valid_now(certificate):
        raise ssl.SSLCertVerificationError(1, "the certificate has expired or is not valid yet")


def _check_name(certificate: x509.Certificate, host: str) -> None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    alternatives = [("DNS", name) for name in names.get_values_for_type(x509.DNSName)]
    alternatives += [("IP Address", str(address)) for address in names.get_values_for_type(x509.IPAddress)]
    try:
        match_hostname({"subjectAltName": tuple(alternatives)}, host)
    except CertificateError as error:
        raise ssl.SSLCertVerificationError(1, str(error)) from error


def _is_valid_now(certificate: x509.Certificate) -> bool:
    now, utc = datetime.datetime.now(datetime.timezone.utc), datetime.timezone.utc
    # Releases of cryptography before 42 have only times without a zone.
    begin = getattr(certificate, "not_valid_before_utc", None) or certificate.not_valid_before.replace(tzinfo=utc)
    end = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after.replace(tzinfo=utc)
    return begin <= now <= end


def _is_revoked(certificate: x509.Certificate, authorities: str) -> bool:
    """Return whether a revocation list in the authorities' files contains a certificate."""
    folder = os.path.isdir(authorities)
    for path in [entry.path for entry in os.scandir(authorities) if entry.is_file()] if folder else [authorities]:
        with open(path, "rb") as file:
            lists = _REVOCATION_LIST.findall(file.read())
        for revoked in map(x509.load_pem_x509_crl, lists):
            serial_number = certificate.serial_number
            if revoked.issuer == certificate.issuer and revoked.get_revoked_certificate_by_serial_number(serial_number):
                return True
    return False


def _unusable(message: str) -> TransportError:
    return TransportError(Code.CERTIFICATE_INVALID, message, delivered=False)
