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
from .wsman import schemes

Settings = t.Mapping[str, t.Any]


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
    found = schemes.SCHEMES.get(scheme)
    if found and not found.pywinrm_takes_password and credential is not None and credential.password is not None:
        library = "psrp"  # pypsrp asks the KDC for the same service of the same host
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
    logon, name = endpoint.logon, endpoint.logon.scheme
    scheme = schemes.SCHEMES.get(name)
    try:
        _port = endpoint.port
    except ValueError as error:
        return _refused(f"the address cannot be used: {error}", Code.COMPUTER_NOT_FOUND)
    if scheme is None:
        return _refused(f"there is no authentication {name}")
    if not scheme.over_http and not endpoint.use_ssl:
        return _refused(f"authentication by {name} needs HTTPS")
    if scheme.needs == "certificate" and logon.certificate is None:
        lack = "a client certificate (certificate_thumbprint or certificate_pem)"
        return _refused(f"authentication by {name} needs {lack}")
    if endpoint.encrypts_messages and not scheme.encrypts:
        if endpoint.use_ssl:
            return _refused(f"authentication {name} cannot encrypt messages, and message encryption is set to always")
        return _refused(f"authentication {name} over plain HTTP would send everything in clear")
    no_password = "there is no user name and password to log on with"
    if scheme.needs == "password" and logon.password is None:
        return _refused(no_password, Code.EXPLICIT_CREDENTIALS_REQUIRED)
    try:
        schemes.maker(logon)
    except TransportError as missing:
        if schemes.effective(logon) is scheme:
            return missing
        message = f"{no_password}, and for Kerberos tickets {missing.message}"
        return _refused(message, Code.EXPLICIT_CREDENTIALS_REQUIRED)
    return None


def _scheme(request: Request, settings: Settings, certificate: ClientCertificate | None) -> str:
    if certificate is not None and request.authentication in (None, "default"):
        return "certificate"
    inventory = settings.get("authentication")
    if inventory == "certificate" and request.credential is not None:
        inventory = None  # whoever gives a credential wants to log on with it
    asked = str(first(request.authentication, inventory, "default"))
    return schemes.OPTIONS.get(asked, asked)


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


def _refused(message: str, code: Code = Code.INVALID_AUTHENTICATION) -> TransportError:
    return TransportError(code, message, delivered=False)
