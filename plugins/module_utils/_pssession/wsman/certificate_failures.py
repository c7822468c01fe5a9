"""Failures of certificates: the server refuses the client's certificate, or its own is not the pinned one."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import ssl

from ..model.codes import Code
from ..model.endpoints import Endpoint
from ..model.errors import TransportError

# OpenSSL's names of alerts by which a server refuses the certificate of a client, or the lack of one (RFC 8446 6.2).
_CERTIFICATE_ALERT = re.compile(r"ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$")
_CLIENT_CERTIFICATE_HINT = (
    "On the server, the authority of the client certificate has to be trusted (Root, and CA for those in between), the "
    "certificate mapped to an account (winrm enumerate winrm/config/service/certmapping), and Certificate allowed "
    "(winrm get winrm/config/service/auth). Check that it has not expired and is for client authentication."
)


def alert_of(error: BaseException) -> str | None:
    """Return the words of an alert with which the server refuses the client's certificate, or None."""
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLError) and isinstance(reason, str) and _CERTIFICATE_ALERT.search(reason):
        return f"TLS: {reason.partition('_')[2].replace('_', ' ').lower()}"
    return None


def refused(said: str) -> TransportError:
    """Return the error for a server that refuses the client's certificate, with the given reason."""
    return TransportError(
        Code.ACCESS_DENIED,
        f"the server refused the client certificate ({said})",
        delivered=False,
        hint=_CLIENT_CERTIFICATE_HINT,
    )


def wanted(said: str) -> TransportError:
    """Return the error for a server that requires a client certificate, with the given reason."""
    return TransportError(
        Code.ACCESS_DENIED,
        f"the server wants a client certificate ({said})",
        delivered=False,
        hint="Log on with one (certificate_thumbprint or certificate_pem), or have the listener not ask for it.",
    )


def perhaps_refused(words: str, *, delivered: bool) -> TransportError:
    """Return the error for a connection that ended where the server may have refused the client's certificate."""
    return TransportError(
        Code.HTTP_ERROR,
        f"the server ended the connection on which the client certificate was shown: {words}",
        delivered=delivered,
        is_break=True,
        hint=f"It may have refused the certificate. {_CLIENT_CERTIFICATE_HINT}",
    )


def not_pinned(found: str, endpoint: Endpoint) -> TransportError:
    """Return the error for a server whose certificate has another fingerprint than the pinned one."""
    return TransportError(
        Code.CERTIFICATE_INVALID,
        f"the server's certificate is not the pinned one: its SHA-256 fingerprint is {_in_pairs(found)}, and "
        f"server_certificate_fingerprint is {_in_pairs(endpoint.pinned or '')}",
        delivered=False,
        hint="Nothing was sent. Find out at the computer whether its certificate was renewed. If so, set the new "
        "fingerprint (server_certificate_fingerprint or the host variable pssession_server_certificate_fingerprint). "
        "If not, something else answers in its place.",
    )


def _in_pairs(digits: str) -> str:
    """Return a fingerprint as certificate tools write it."""
    return ":".join(re.findall("..", digits.upper()))
