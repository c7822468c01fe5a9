"""Certificates and distinguished names in output, of which only the bytes are sent (seen: PowerShell 7.6, Linux).

PowerShell serializes X509Certificate2 and X500DistinguishedName by their property RawData alone. This module reads all
other properties from these bytes, and writes them as .NET does.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import binascii
import datetime
import typing as t
import xml.etree.ElementTree as ET

from .clixml import Document, Form

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# Attribute types with .NET's names. Others are shown by number.
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "S",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "T",
    "2.5.4.13": "Description",
    "2.5.4.17": "PostalCode",
    "2.5.4.20": "Phone",
    "2.5.4.42": "G",
    "2.5.4.43": "I",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "E",
}
_QUOTED = frozenset(',+="\n<>#;')
# String types of ASN.1 by their tags: UTF8String, BMPString and UniversalString; all others are read as Latin-1.
_ENCODINGS = {0x0C: "utf-8", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
_MAX_OID_BYTES = 64


def _certificate(document: Document, element: ET.Element, depth: int) -> object:
    """Return the properties of an X509Certificate2, read from RawData. Unreadable bytes are returned unchanged."""
    properties = document.properties(element, depth)
    if not isinstance(properties, dict):
        return properties
    try:
        return {**_described(_bytes(properties.get("RawData"))), **properties}
    except (
        ValueError,
        TypeError,  # for a name whose value is a bit string
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return properties


def _distinguished_name(document: Document, element: ET.Element, depth: int) -> object:
    """Return an X500DistinguishedName as text."""
    raw = document.members(element).get("RawData")
    try:
        return _name(_bytes(None if raw is None else document.plain(raw)))
    except ValueError:
        return document.properties(element, depth)


def _bytes(raw: object) -> bytes:
    if not isinstance(raw, str):
        raise ValueError("no RawData")
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise ValueError("RawData is not Base64") from error


def _described(raw: bytes) -> dict[str, object]:
    certificate = x509.load_der_x509_certificate(raw)
    subject = _name(certificate.subject.public_bytes())
    # As in DER, with a zero in front if the first bit of a positive number is set.
    serial = certificate.serial_number.to_bytes(certificate.serial_number.bit_length() // 8 + 1, "big", signed=True)
    # SHA-1 only identifies the certificate here, as everywhere on Windows. It is not used for security.
    thumbprint = certificate.fingerprint(hashes.SHA1())
    return {
        "Subject": subject,
        "Issuer": _name(certificate.issuer.public_bytes()),
        "SerialNumber": serial.hex().upper(),
        "NotBefore": _date(certificate, "not_valid_before"),
        "NotAfter": _date(certificate, "not_valid_after"),
        "Thumbprint": thumbprint.hex().upper(),
        "DnsNameList": _dns_names(certificate, subject),
    }


def _date(certificate: x509.Certificate, name: str) -> str:
    # Releases of cryptography before 42 only have the times without a zone.
    date = getattr(certificate, f"{name}_utc", None) or getattr(certificate, name)
    return f"{t.cast(datetime.datetime, date).replace(tzinfo=None).isoformat()}Z"


def _dns_names(certificate: x509.Certificate, subject: str) -> list[str]:
    """Return the names of DnsNameList: the subject if it is only a common name, then the alternative names."""
    names = [subject.removeprefix("CN=")] if subject.startswith("CN=") and "," not in subject else []
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return names
    return list(dict.fromkeys([*names, *alternative.value.get_values_for_type(x509.DNSName)]))


def _name(der: bytes) -> str:
    """Return a distinguished name (X.501: a SEQUENCE OF SET OF type and value) as .NET does, the last part first."""
    (_tag, sequence), *rest = _parts(der)
    if rest:
        raise ValueError("there is something behind the name")
    relatives = [
        " + ".join(_attribute(attribute) for _tag, attribute in _parts(relative)) for _tag, relative in _parts(sequence)
    ]
    return ", ".join(reversed(relatives))


def _attribute(der: bytes) -> str:
    (_tag, oid), (tag, content) = _parts(der)
    number = _object_identifier(oid)
    text = content.decode(_ENCODINGS.get(tag, "latin-1"))
    if not text or text != text.strip(" ") or not _QUOTED.isdisjoint(text):
        text = '"' + text.replace('"', '""') + '"'
    return f"{_ATTRIBUTES.get(number, f'OID.{number}')}={text}"


def _parts(der: bytes) -> list[tuple[int, bytes]]:
    """Return the elements of DER data, each with its tag. It reads only the forms that names have."""
    parts = []
    position = 0
    while position < len(der):
        if len(der) - position < 2:
            raise ValueError("DER ends in a header")
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[position : position + size], "big")
            position += size
        if position + length > len(der):
            raise ValueError("DER ends in a value")
        parts.append((tag, der[position : position + length]))
        position += length
    return parts


def _object_identifier(der: bytes) -> str:
    if not 0 < len(der) <= _MAX_OID_BYTES:
        raise ValueError("an object identifier is empty or too long")
    numbers, number = [], 0
    for byte in der:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        raise ValueError("an object identifier does not end")
    # The first number on the wire holds two.
    first = min(numbers[0] // 40, 2)
    return ".".join(str(each) for each in (first, numbers[0] - first * 40, *numbers[1:]))


CERTIFICATE_FORMS: t.Mapping[str, Form] = {
    "System.Security.Cryptography.X509Certificates.X509Certificate2": _certificate,
    "System.Security.Cryptography.X509Certificates.X500DistinguishedName": _distinguished_name,
}
