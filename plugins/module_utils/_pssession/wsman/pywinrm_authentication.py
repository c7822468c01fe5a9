"""Logging on with pywinrm: for hosts with a winrm connection, so that they log on just as their other tasks do.

Only pywinrm's auth handlers and its encryption are used. HTTP itself goes the same way for both libraries.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.endpoints import Endpoint
from . import tickets
from .authentication import Authentication, service_host

try:
    from .requests_handlers import Handled
except ImportError:  # reported by require_libraries() at the first use
    pass


def authentication(method: t.Any, endpoint: Endpoint) -> Authentication:
    """Return the authenticator for one of pywinrm's methods. Its ``ntlm`` is Negotiate with NTLM inside."""
    from winrm.transport import Transport

    logon, settings = endpoint.logon, endpoint.settings
    transport = Transport(
        endpoint=endpoint.uri,
        username=logon.username,
        password=logon.password,
        auth_method=method,
        # Encryption and TLS are set up by us, with the same rules for both libraries.
        message_encryption="never",
        server_cert_validation="validate",
        ca_trust_path=t.cast(str, None),
        proxy=None,
        service=settings.negotiate_service,
        kerberos_delegation=settings.negotiate_delegate,
        kerberos_hostname_override=service_host(endpoint),
        send_cbt=settings.negotiate_send_cbt,
        credssp_auth_mechanism=t.cast(t.Any, settings.credssp_auth_mechanism),
        credssp_disable_tlsv1_2=settings.credssp_disable_tlsv1_2,
        credssp_minimum_version=settings.credssp_minimum_version,
    )
    session = transport.build_session()
    seconds_left: list[t.Callable[[], float | None]] = []

    def codec() -> _PywinrmCodec:
        if method == "kerberos":
            seconds_left[:] = [tickets.end_of(logon)]
        return _PywinrmCodec(session, method, endpoint.uri)

    return Authentication(
        Handled(session.auth).send,
        codec,
        mechanism=lambda: str(method),
        seconds_left=lambda: seconds_left[0]() if seconds_left else None,
    )


class _PywinrmCodec:
    """Adapts pywinrm's encryption, which works on requests and responses, to bodies."""

    def __init__(self, session: t.Any, method: str, uri: str) -> None:
        from winrm.encryption import Encryption

        self._encryption = Encryption(session, method)
        self._uri = uri

    def wrap(self, message: bytes) -> tuple[str, bytes]:
        import requests

        request = self._encryption.prepare_encrypted_request(requests.Session(), self._uri, message)
        return str(request.headers["Content-Type"]), t.cast(bytes, request.body)

    def unwrap(self, content_type: str, body: bytes) -> bytes:
        import requests

        response = requests.Response()
        response.headers["Content-Type"] = content_type
        response._content = body
        response.request = requests.Request("POST", self._uri).prepare()
        return self._encryption.parse_encrypted_response(response)
