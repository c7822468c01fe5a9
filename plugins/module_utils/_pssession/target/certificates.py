"""The store of client certificates: a folder of PEM and PKCS#12 files, searched by thumbprint as Windows' store is."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t

from ..model.endpoints import ClientCertificate
from ..model.errors import ParameterBindingError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12
except ImportError:  # reported by require_libraries(), which every verb calls first
    pass

_PKCS12_ENDINGS = (".p12", ".pfx")
_PRIVATE_KEY = b"PRIVATE KEY-----"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def find(thumbprint: str, store: str, password: str | None) -> ClientCertificate:
    """Find a client certificate with its private key.

    Args:
        thumbprint: SHA-1 or SHA-256 of the certificate in hexadecimal; blanks, colons and case mean nothing.
        store: Folder to search. A key may be in the certificate's own file or in any other PEM file there.
        password: What keys and PKCS#12 files are encrypted with.

    Raises:
        ParameterBindingError: The store cannot be read, or has no such certificate, or not its key.
    """
    wanted = "".join(character for character in thumbprint if character.isalnum()).lower()
    if len(wanted) not in (40, 64) or any(character not in "0123456789abcdef" for character in wanted):
        raise _not_usable(f"{thumbprint!r} is not a SHA-1 or SHA-256 thumbprint (40 or 64 hexadecimal digits)")
    try:
        paths = sorted(entry.path for entry in os.scandir(store) if entry.is_file())
    except OSError as error:
        raise _not_usable(f"the certificate store {store} cannot be read: {error.strerror}") from error
    for path in paths:
        for certificate in _certificates(path, password):
            if wanted in _thumbprints(certificate):
                return _with_key(certificate, path, paths, password)
    raise _not_usable(f"no certificate with the thumbprint {thumbprint} in the store {store}")


def _certificates(path: str, password: str | None) -> list[x509.Certificate]:
    """Return the certificates in a file; none if it is neither PEM nor a PKCS#12 file that can be opened."""
    content = _content(path)
    try:
        if path.lower().endswith(_PKCS12_ENDINGS):
            own = pkcs12.load_pkcs12(content, password.encode() if password else None).cert
            return [own.certificate] if own is not None else []
        return x509.load_pem_x509_certificates(content) if _CERTIFICATE in content else []
    except ValueError:  # damaged, or encrypted with another password: not the one that was meant
        return []


def _thumbprints(certificate: x509.Certificate) -> tuple[str, str]:
    # SHA-1 identifies the certificate here, as everywhere on Windows; it secures nothing.
    return certificate.fingerprint(hashes.SHA1()).hex(), certificate.fingerprint(hashes.SHA256()).hex()


def _with_key(
    certificate: x509.Certificate, path: str, paths: t.Sequence[str], password: str | None
) -> ClientCertificate:
    if path.lower().endswith(_PKCS12_ENDINGS):
        return ClientCertificate(path, None, password)
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for candidate in (path, *paths):
        if _public_key_in(candidate, password) == public:
            return ClientCertificate(path, candidate if candidate != path else None, password)
    raise _not_usable(f"the private key of {path} is not in the store, or certificate_key_password does not open it")


def _public_key_in(path: str, password: str | None) -> bytes | None:
    """Return the public half of the private key in a PEM file, or None."""
    content = _content(path)
    if _PRIVATE_KEY not in content:
        return None
    encrypted = b"ENCRYPTED" in content
    try:
        key = load_pem_private_key(content, password.encode() if password and encrypted else None)
    except (ValueError, TypeError):
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _content(path: str) -> bytes:
    """Return the content of a file. A file that this user may not read counts as empty: the user cannot mean it."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _not_usable(message: str) -> ParameterBindingError:
    return ParameterBindingError(
        "ParameterArgumentValidationError", f"certificate_thumbprint: {message}", "InvalidData"
    )
