# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""How to log on: which scheme, with what, and whether that is possible and safe at an endpoint."""

from __future__ import annotations

import typing as t

from . import certificates
from .codes import Code
from .errors import TransportError
from .model import ClientCertificate, Credential, Endpoint, Logon
from .request import Request, first
from .wsman import authentication, pywinrm_authentication

Settings = t.Mapping[str, t.Any]

_NEEDS_PASSWORD = frozenset({"basic", "digest", "ntlm", "credssp"})


def of(request: Request, settings: Settings) -> Logon:
    """Return how to log on to a computer, by the request and what the inventory knows of it.

    Raises:
        ParameterBindingError: The client certificate is not in the store.
    """
    certificate = _certificate(request, settings)
    implicit = request.authentication == "negotiate_with_implicit_credential"
    credential = None if implicit or certificate else _credential(request, settings)
    scheme = _scheme(request, settings, certificate)
    library = first(request.transport, settings.get("transport"), "psrp")
    if scheme == "kerberos" and credential is not None and credential.password is not None:
        # pywinrm takes tickets only; with a password Kerberos is pypsrp's, at the same service of the same host.
        library = "psrp"
    return Logon(
        scheme=scheme,
        credential=credential,
        certificate=certificate,
        message_encryption=_message_encryption(request, settings),
        delegate=bool(settings.get("negotiate_delegate")),
        hostname_override=settings.get("negotiate_hostname_override"),
        service=str(first(settings.get("negotiate_service"), Logon.service)),
        include_port_in_spn=bool(request.session_option.get("include_port_in_spn")),
        send_cbt=bool(first(settings.get("negotiate_send_cbt"), True)),
        credssp_auth_mechanism=str(first(settings.get("credssp_auth_mechanism"), Logon.credssp_auth_mechanism)),
        credssp_disable_tlsv1_2=bool(settings.get("credssp_disable_tlsv1_2")),
        credssp_minimum_version=int(first(settings.get("credssp_minimum_version"), Logon.credssp_minimum_version)),
        library=library,
    )


def unusable(endpoint: Endpoint) -> TransportError | None:
    """Tell why an endpoint cannot be used, before any traffic, or None."""
    logon, scheme = endpoint.logon, endpoint.logon.scheme
    try:
        _port = endpoint.port
    except ValueError as error:
        return TransportError(Code.COMPUTER_NOT_FOUND, f"the address cannot be used: {error}", delivered=False)
    if scheme not in authentication.SCHEMES:
        return _refused(f"there is no authentication {scheme}")
    if scheme == "certificate" and (logon.certificate is None or not endpoint.use_ssl):
        lack = "a client certificate (certificate_thumbprint or certificate_pem)" if endpoint.use_ssl else "HTTPS"
        return _refused(f"authentication by certificate needs {lack}")
    if endpoint.encrypts_messages and scheme not in authentication.ENCRYPTING:
        if endpoint.use_ssl:
            return _refused(f"authentication {scheme} cannot encrypt messages, and message encryption is set to always")
        return _refused(f"authentication {scheme} over plain HTTP would send everything in clear")
    if scheme in _NEEDS_PASSWORD and (logon.credential is None or logon.credential.password is None):
        return TransportError(
            Code.EXPLICIT_CREDENTIALS_REQUIRED, "there is no user name and password to log on with", delivered=False
        )
    if logon.library == "winrm":
        missing = pywinrm_authentication.missing_library(logon)
    else:
        missing = authentication.missing_library(logon)
    if missing and logon.wants_tickets and scheme != "kerberos":
        return TransportError(
            Code.EXPLICIT_CREDENTIALS_REQUIRED,
            f"there is no user name and password to log on with, and for Kerberos tickets {missing}",
            delivered=False,
        )
    return _refused(missing) if missing else None


def _scheme(request: Request, settings: Settings, certificate: ClientCertificate | None) -> str:
    if certificate is not None and request.authentication in (None, "default"):
        return "certificate"
    inventory = settings.get("authentication")
    if inventory == "certificate" and request.credential is not None:
        inventory = None  # whoever gives a credential wants to log on with it
    scheme = str(first(request.authentication, inventory, "default"))
    # Default is Negotiate, whether with a password or with tickets (PSRemotingBaseCmdlet, AuthenticationMechanism).
    return "negotiate" if scheme in ("default", "negotiate_with_implicit_credential") else scheme


def _credential(request: Request, settings: Settings) -> Credential | None:
    if request.credential is not None:
        return request.credential
    if not settings.get("username"):
        return None
    password = settings.get("password")
    return Credential(str(settings["username"]), None if password is None else str(password))


def _certificate(request: Request, settings: Settings) -> ClientCertificate | None:
    if request.certificate_thumbprint:
        return certificates.find(
            request.certificate_thumbprint, request.certificate_store or "", request.certificate_key_password
        )
    if request.certificate_pem:
        return ClientCertificate(request.certificate_pem, request.certificate_key_pem, request.certificate_key_password)
    if (
        request.authentication is None
        and request.credential is None
        and settings.get("authentication") == "certificate"
    ):
        path = settings.get("certificate_pem")
        if path:
            return ClientCertificate(
                path, settings.get("certificate_key_pem"), settings.get("certificate_key_password")
            )
    return None


def _message_encryption(request: Request, settings: Settings) -> str:
    no_encryption = request.session_option.get("no_encryption")
    if no_encryption:
        return "never"
    inventory = str(first(settings.get("message_encryption"), "auto"))
    # An explicit "no_encryption: false" takes back what the inventory allows.
    return "auto" if no_encryption is False and inventory == "never" else inventory


def _refused(message: str) -> TransportError:
    return TransportError(Code.INVALID_AUTHENTICATION, message, delivered=False)
