# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Logging on with pywinrm: for hosts with a winrm connection, so that they log on just as their other tasks do.

Only pywinrm's auth handlers and its encryption are used. HTTP itself goes the same way for both libraries.
"""

from __future__ import annotations

import importlib.util
import typing as t

from ..codes import Code
from ..errors import TransportError
from ..model import Endpoint, Logon
from .authentication import Authentication, service_host
from .authentication import authentication as authentication_by_requests

PYWINRM_MINIMUM = "0.5.0"
# pywinrm's names; Digest is not among them, and what it calls NTLM goes by Negotiate.
_METHODS = {
    "basic": "basic",
    "negotiate": "ntlm",
    "ntlm": "ntlm",
    "kerberos": "kerberos",
    "credssp": "credssp",
    "certificate": "certificate",
}
# By method: the module, and what to tell those who do not have it.
_LIBRARIES = {
    "kerberos": ("kerberos", "pykerberos 1.2.1", "pywinrm[kerberos]"),
    "credssp": ("requests_credssp", "requests-credssp 1.0.0", "pywinrm[credssp]"),
}


def missing_library(logon: Logon) -> str | None:
    """Tell what stands against logging on with pywinrm, or None: no such method, or a library is not installed."""
    method = _method(logon)
    if method is None:
        return f"pywinrm has no authentication {logon.scheme}; use transport psrp for it"
    if importlib.util.find_spec("winrm") is None:
        return (
            f"a winrm connection needs the Python library pywinrm {PYWINRM_MINIMUM} or newer: "
            f"python -m pip install 'pywinrm>={PYWINRM_MINIMUM}'"
        )
    module, library, extra = _LIBRARIES.get(method, ("", "", ""))
    if module and importlib.util.find_spec(module) is None:
        return (
            f"authentication {logon.scheme} with pywinrm needs the Python library {library} or newer: "
            f"python -m pip install '{extra}'"
        )
    return None


def authentication(endpoint: Endpoint) -> Authentication:
    """Return the way pywinrm logs on to an endpoint.

    Raises:
        TransportError: A library is missing, or pywinrm does not have the scheme.
    """
    logon = endpoint.logon
    missing = missing_library(logon)
    if missing:
        raise TransportError(Code.INVALID_AUTHENTICATION, missing, delivered=False)
    if logon.scheme in ("basic", "certificate"):
        # pywinrm leaves these to requests as well, and there passwords beyond Latin-1 to chance.
        return authentication_by_requests(endpoint)
    from winrm.transport import Transport

    method = t.cast(t.Any, _method(logon))
    credential = logon.credential
    transport = Transport(
        endpoint=endpoint.uri,
        username=credential.username if credential else None,
        password=credential.password if credential else None,
        auth_method=method,
        # Encryption and TLS are set up by us, with the same rules for both libraries.
        message_encryption="never",
        server_cert_validation="validate",
        ca_trust_path=t.cast(str, None),
        proxy=None,
        service=logon.service,
        kerberos_delegation=logon.delegate,
        kerberos_hostname_override=service_host(endpoint),
        send_cbt=logon.send_cbt,
        credssp_auth_mechanism=t.cast(t.Any, logon.credssp_auth_mechanism),
        credssp_disable_tlsv1_2=logon.credssp_disable_tlsv1_2,
        credssp_minimum_version=logon.credssp_minimum_version,
    )
    session = transport.build_session()
    return Authentication(session.auth, {}, lambda: _PywinrmCodec(session, method, endpoint.uri))


def _method(logon: Logon) -> str | None:
    """Return pywinrm's name of a way to log on: without a password, Negotiate can only be Kerberos."""
    return "kerberos" if logon.wants_tickets else _METHODS.get(logon.scheme)


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
