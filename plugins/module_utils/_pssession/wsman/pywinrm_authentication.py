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

from ..errors import Code, TransportError
from ..model import Endpoint
from .authentication import MUTUAL, Authentication

PYWINRM_MINIMUM = "0.5.0"
# Digest is not among pywinrm's; Negotiate it knows as NTLM, or as Kerberos with the tickets of the controller user.
METHODS = {
    "basic": "basic",
    "negotiate": "ntlm",
    "ntlm": "ntlm",
    "kerberos": "kerberos",
    "credssp": "credssp",
    "certificate": "certificate",
}
_LIBRARIES = {"kerberos": ("kerberos", "pywinrm[kerberos]"), "credssp": ("requests_credssp", "pywinrm[credssp]")}


def missing_library(scheme: str) -> str | None:
    """Tell what has to be installed before pywinrm can be used for a scheme, or None."""
    if importlib.util.find_spec("winrm") is None:
        return (
            f"a winrm connection needs the Python library pywinrm {PYWINRM_MINIMUM} or newer: "
            f"python -m pip install 'pywinrm>={PYWINRM_MINIMUM}'"
        )
    library, extra = _LIBRARIES.get(METHODS.get(scheme, ""), ("", ""))
    if library and importlib.util.find_spec(library) is None:
        return f"authentication {scheme} with pywinrm needs more libraries: python -m pip install '{extra}'"
    return None


def authentication(endpoint: Endpoint) -> Authentication:
    """Return the way pywinrm logs on to an endpoint.

    Raises:
        TransportError: A library is missing, or pywinrm does not have the scheme.
    """
    logon = endpoint.logon
    if logon.scheme not in METHODS:
        raise _unusable(f"pywinrm has no authentication {logon.scheme}; use transport psrp for it")
    missing = missing_library(logon.scheme)
    if missing:
        raise _unusable(missing)
    if logon.scheme == "certificate":
        return Authentication(None, {"Authorization": MUTUAL})
    from winrm.transport import Transport

    credential = logon.credential
    transport = Transport(
        endpoint=endpoint.uri,
        username=credential.username if credential else None,
        password=credential.password if credential else None,
        auth_method=t.cast(t.Any, METHODS[logon.scheme]),
        # Encryption and TLS are set up by us, with the same rules for both libraries.
        message_encryption="never",
        server_cert_validation="validate",
        ca_trust_path=t.cast(str, None),
        proxy=None,
        service=logon.service,
        kerberos_delegation=logon.delegate,
        kerberos_hostname_override=logon.hostname_override,
        send_cbt=logon.send_cbt,
        credssp_auth_mechanism=t.cast(t.Any, logon.credssp_auth_mechanism),
        credssp_disable_tlsv1_2=logon.credssp_disable_tlsv1_2,
        credssp_minimum_version=logon.credssp_minimum_version,
    )
    session = transport.build_session()
    if METHODS[logon.scheme] == "basic":
        return Authentication(session.auth, {})
    return Authentication(session.auth, {}, lambda: _PywinrmCodec(session, METHODS[logon.scheme], endpoint.uri))


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


def _unusable(message: str) -> TransportError:
    return TransportError(Code.INVALID_AUTHENTICATION, message, delivered=False)
