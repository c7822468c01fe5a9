"""Logging on with pypsrp and requests: one function for each scheme of `schemes.py`.

It gives the HTTP conversation a function that sends one request with its log-on. If the scheme has keys, it also gives
a codec that encrypts messages.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..model.endpoints import Endpoint
from .answers import Answer
from .connection import Connection, basic_authorization

try:
    import requests.auth
    from pypsrp.encryption import WinRMEncryption

    from .negotiate import Negotiate
    from .requests_handlers import Handled
except ImportError:  # reported by require_libraries() at the first use
    pass

# Requests client certificate mapping instead of a scheme (MS-WSMV 3.1.4.1).
MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_BOUNDARY = re.compile(r"""boundary="?([^";]+)""")


class Codec(t.Protocol):
    """Encrypts and decrypts messages (MS-WSMV 2.2.9.1) with the keys of a finished log-on."""

    def wrap(self, message: bytes) -> tuple[str, bytes]:
        """Return the content type and the body for a message."""

    def unwrap(self, content_type: str, body: bytes) -> bytes:
        """Return the message in a body.

        Raises:
            Exception: It cannot be decrypted. The libraries raise many types.
        """


# Sends a request over a connection with headers, and logs on first if necessary.
Send = t.Callable[[Connection, bytes, t.Mapping[str, str]], Answer]


@dataclass(frozen=True)
class Authentication:
    """A way to log on to one endpoint.

    Attributes:
        send: Sends a request, logged on.
        codec: Makes the codec after the log-on. None if the scheme has no keys. It raises StopIteration if the log-on
            is not complete.
        mechanism: Returns the scheme that Negotiate chose, ``kerberos`` or ``ntlm``, or an empty text if it is not
            known.
        passed_over: Returns the reason why Negotiate could not use Kerberos, its first choice, or None.
        seconds_left: Returns for how many seconds the keys are valid, or None if they do not expire or this is not
            known.
    """

    send: Send = field(repr=False)
    codec: t.Callable[[], Codec] | None = None
    mechanism: t.Callable[[], str] = lambda: ""
    passed_over: t.Callable[[], Exception | None] = lambda: None
    seconds_left: t.Callable[[], float | None] = lambda: None


def _with_header(value: str) -> Authentication:
    """Return the way to log on by the same Authorization header in each request."""
    return Authentication(
        lambda connection, body, headers: connection.exchange(body, {**headers, "Authorization": value})
    )


def basic(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by Basic."""
    return _with_header(basic_authorization(endpoint.logon.username or "", endpoint.logon.password or ""))


def digest(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by Digest."""
    username, password = endpoint.logon.username or "", endpoint.logon.password or ""
    return Authentication(Handled(requests.auth.HTTPDigestAuth(username, password)).send)


def certificate(_endpoint: Endpoint) -> Authentication:
    """Return the way to log on by the certificate that the TLS handshake shows."""
    return _with_header(MUTUAL)


def negotiate(endpoint: Endpoint) -> Authentication:
    """Return the way to log on by Negotiate, or by NTLM or Kerberos alone."""
    logon = Negotiate(endpoint, service_host(endpoint))

    def codec() -> Codec:
        if not logon.is_complete:
            raise StopIteration
        return _PypsrpCodec(
            logon.context, WinRMEncryption.KERBEROS if logon.header == "Kerberos" else WinRMEncryption.SPNEGO
        )

    return Authentication(
        logon.send,
        codec,
        mechanism=lambda: logon.mechanism,
        passed_over=lambda: logon.passed_over,
        seconds_left=lambda: logon.seconds_left,
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
        Handled(handler).send, lambda: _PypsrpCodec(next(iter(handler.contexts.values())), WinRMEncryption.CREDSSP)
    )


def service_host(endpoint: Endpoint) -> str | None:
    """Return the host part of the service principal. With None, the library uses the address."""
    host = endpoint.settings.negotiate_hostname_override
    if endpoint.option.include_port_in_spn:
        return f"{host or urlsplit(endpoint.uri).hostname}:{endpoint.port}"
    return host


class _PypsrpCodec:
    def __init__(self, context: t.Any, protocol: str) -> None:
        self._encryption = WinRMEncryption(context, protocol)

    def wrap(self, message: bytes) -> tuple[str, bytes]:
        kind, body = self._encryption.wrap_message(message)
        return f'{kind};protocol="{self._encryption.protocol}";boundary="Encrypted Boundary"', body

    def unwrap(self, content_type: str, body: bytes) -> bytes:
        boundary = _BOUNDARY.search(content_type)
        return self._encryption.unwrap_message(body, boundary.group(1) if boundary else "Encrypted Boundary")
