"""Logging on with pypsrp and requests: one function for each scheme of `schemes.py`.

It gives the HTTP conversation what requests calls an auth handler, and, where the scheme has keys, a codec that
encrypts messages with them. Nothing here sends anything by itself.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..model.endpoints import Endpoint

try:
    import requests.auth
    from pypsrp.encryption import WinRMEncryption

    from .negotiate import NegotiateAuth
except ImportError:  # reported by require_pypsrp() at the first use
    pass

# Client certificate mapping is asked for by this instead of a scheme (MS-WSMV 3.1.4.1).
MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_BOUNDARY = re.compile(r"""boundary="?([^";]+)""")


class Codec(t.Protocol):
    """Encrypts and decrypts messages (MS-WSMV 2.2.9.1) with the keys of a finished log-on."""

    def wrap(self, message: bytes) -> tuple[str, bytes]:
        """Return the content type and the body for a message."""

    def unwrap(self, content_type: str, body: bytes) -> bytes:
        """Return the message in a body.

        Raises:
            Exception: It cannot be decrypted; the libraries raise many kinds.
        """


@dataclass(frozen=True)
class Authentication:
    """A way to log on to one endpoint.

    Attributes:
        handler: The auth handler for requests, or None when the TLS handshake does it all.
        headers: Headers for every request.
        codec: Makes the codec once the handler has logged on; None when the scheme has no keys.
        mechanism: Returns what Negotiate came to, ``kerberos`` or ``ntlm``; an empty text if it is not known.
        passed_over: Returns why Negotiate's first choice, Kerberos, was not possible, or None.
        seconds_left: Returns for how many seconds the keys are good, or None if they have no end or it is not known.
    """

    handler: t.Any
    headers: t.Mapping[str, str]
    codec: t.Callable[[], Codec] | None = None
    mechanism: t.Callable[[], str] = lambda: ""
    passed_over: t.Callable[[], Exception | None] = lambda: None
    seconds_left: t.Callable[[], float | None] = lambda: None


def basic(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by Basic."""
    username, password = basic_pair(endpoint.logon.username or "", endpoint.logon.password or "")
    return Authentication(requests.auth.HTTPBasicAuth(username, password), {})


def digest(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by Digest."""
    username, password = endpoint.logon.username or "", endpoint.logon.password or ""
    return Authentication(requests.auth.HTTPDigestAuth(username, password), {})


def certificate(_endpoint: Endpoint) -> Authentication:
    """Return the way to log on by the certificate that the TLS handshake shows."""
    return Authentication(None, {"Authorization": MUTUAL})


def negotiate(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by Negotiate, or by NTLM or Kerberos alone, as the log-on says."""
    logon, settings = endpoint.logon, endpoint.settings
    handler = NegotiateAuth(
        username=logon.username,
        password=logon.password,
        auth_provider=logon.scheme,
        send_cbt=settings.negotiate_send_cbt,
        service=settings.negotiate_service,
        delegate=settings.negotiate_delegate,
        hostname_override=service_host(endpoint),
        wrap_required=endpoint.encrypts_messages,
    )

    def codec() -> Codec:
        context = next(iter(handler.contexts.values()))
        kerberos_alone = getattr(context, "response_auth_header", "") == "kerberos"
        return _PypsrpCodec(context, WinRMEncryption.KERBEROS if kerberos_alone else WinRMEncryption.SPNEGO)

    return Authentication(
        handler,
        {},
        codec,
        mechanism=lambda: handler.mechanism,
        passed_over=lambda: handler.passed_over,
        seconds_left=lambda: handler.seconds_left,
    )


def credssp(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by CredSSP."""
    from requests_credssp import HttpCredSSPAuth  # optional: schemes.missing_library() has looked for it

    logon, settings = endpoint.logon, endpoint.settings
    handler = HttpCredSSPAuth(
        username=logon.username,
        password=logon.password,
        auth_mechanism=settings.credssp_auth_mechanism,
        disable_tlsv1_2=settings.credssp_disable_tlsv1_2,
        minimum_version=settings.credssp_minimum_version,
    )
    return Authentication(
        handler, {}, lambda: _PypsrpCodec(next(iter(handler.contexts.values())), WinRMEncryption.CREDSSP)
    )


def service_host(endpoint: Endpoint) -> str | None:
    """Return the host part of the service principal; None leaves it to the library, which takes the address."""
    host = endpoint.settings.negotiate_hostname_override
    if endpoint.option.include_port_in_spn:
        return f"{host or urlsplit(endpoint.uri).hostname}:{endpoint.port}"
    return host


def basic_pair(username: str, password: str) -> tuple[bytes, bytes]:
    """Encode Basic credentials: Latin-1 as other WinRM clients do, UTF-8 for both parts if it cannot hold one of them.

    A server decodes the header as a whole (RFC 7617, 2.1).
    """
    try:
        return username.encode("latin-1"), password.encode("latin-1")
    except UnicodeEncodeError:
        return username.encode("utf-8"), password.encode("utf-8")


class _PypsrpCodec:
    def __init__(self, context: t.Any, protocol: str) -> None:
        self._encryption = WinRMEncryption(context, protocol)

    def wrap(self, message: bytes) -> tuple[str, bytes]:
        kind, body = self._encryption.wrap_message(message)
        return f'{kind};protocol="{self._encryption.protocol}";boundary="Encrypted Boundary"', body

    def unwrap(self, content_type: str, body: bytes) -> bytes:
        boundary = _BOUNDARY.search(content_type)
        return self._encryption.unwrap_message(body, boundary.group(1) if boundary else "Encrypted Boundary")
