"""Log-on: the scheme and credential for an endpoint, and whether they are possible and safe there."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.codes import Code
from ..model.endpoints import ClientCertificate, Endpoint, Logon
from ..model.errors import TransportError
from ..model.settings import Credential, HostSettings
from ..request.request import LogonOptions, Request
from ..wsman import schemes, tickets
from . import certificates

_CHOOSE = "Set another authentication (in the inventory, ansible_psrp_auth or ansible_winrm_transport)."
_EMPTY = (
    "Set it in credential or, in the inventory, in ansible_password. Perhaps its source is not set, such as an "
    "environment variable. To log on with a Kerberos ticket, omit it."
)
_OR_CHOOSE = f"Or {_CHOOSE[0].lower()}{_CHOOSE[1:]}"


def choices(request: Request, settings: HostSettings) -> tuple[Logon, ...]:
    """Return the possible log-ons for a computer, the first choice first. The inventory may list several.

    Raises:
        ParameterBindingError: The client certificate is not in the store.
    """
    words = tuple(dict.fromkeys(word.strip() for word in settings.authentication.split(",")))
    if len(words) == 1 or request.logon.authentication is not None:
        return (of(request, dataclasses.replace(settings, authentication=words[0])),)
    ways = (of(request, dataclasses.replace(settings, authentication=word)) for word in words)
    return tuple(dataclasses.replace(way, choices=words) for way in ways)


def first_possible(endpoints: t.Sequence[Endpoint]) -> Endpoint:
    """Return the endpoint with the first log-on that is possible from this controller. Nothing is sent.

    Args:
        endpoints: One computer with each of its `choices`.

    Returns:
        The first endpoint if no log-on is possible. `unusable` returns the reason.
    """
    if len(endpoints) == 1:
        return endpoints[0]
    passed_over: list[str] = []
    for number, (word, endpoint) in enumerate(zip(endpoints[0].logon.choices, endpoints, strict=True)):
        problem = _not_a_fallback(endpoint) if number else None
        problem = problem or unusable(endpoint) or tickets.lacking(endpoint.logon)
        if problem is None:
            return _with_passed_over(endpoint, passed_over)
        passed_over.append(f"{word}: {problem.message}")
    return _with_passed_over(endpoints[0], passed_over)


def hands_over_unverified(endpoint: Endpoint) -> bool:
    """Return whether the task asks for a log-on that gives the password itself to a server not verified by TLS."""
    return endpoint.logon.is_asked_for and schemes.hands_over_password(endpoint.logon) and not endpoint.is_verified


def of(request: Request, settings: HostSettings) -> Logon:
    """Return the log-on for a computer, from the request and the variables of its inventory host.

    Raises:
        ParameterBindingError: The client certificate is not in the store.
    """
    given = request.logon
    certificate = _certificate(given, settings)
    implicit = given.authentication == "negotiate_with_implicit_credential"
    credential = None if implicit or certificate else given.credential or _credential(settings)
    scheme = _scheme(given, settings, certificate)
    library = given.transport or settings.transport
    found = schemes.SCHEMES.get(scheme)
    if found and not found.pywinrm_takes_password and credential is not None and credential.password is not None:
        library = "psrp"  # pypsrp asks the KDC for the same service of the same host
    made = Logon(
        scheme=scheme,
        credential=credential,
        certificate=certificate,
        message_encryption=_message_encryption(request.session_option.no_encryption, settings),
        library=library,
        is_asked_for=given.authentication is not None,
    )
    return dataclasses.replace(made, used=schemes.effective(made).name if found else scheme)


def unusable(endpoint: Endpoint) -> TransportError | None:
    """Return the reason why an endpoint cannot be used, before any traffic, or None."""
    if endpoint.settings.problem:
        return TransportError(None, endpoint.settings.problem, delivered=False)
    logon, name = endpoint.logon, endpoint.logon.scheme
    if logon.choices and len(logon.passed_over) == len(logon.choices):
        return _refused(f"none of {', '.join(logon.choices)} is possible: {'; '.join(logon.passed_over)}")
    scheme = schemes.SCHEMES.get(name)
    try:
        _port = endpoint.port
    except ValueError as error:
        return _refused(f"the address cannot be used: {error}", Code.COMPUTER_NOT_FOUND)
    if scheme is None:
        return _refused(f"authentication {name} is not one of {', '.join(schemes.SCHEMES)}", hint=_CHOOSE)
    if endpoint.pinned is not None and not endpoint.use_ssl:
        return _refused("server_certificate_fingerprint needs HTTPS: plain HTTP has no certificate (use_ssl)")
    if not scheme.over_http and not endpoint.use_ssl:
        return _refused(f"authentication by {name} needs HTTPS", hint=f"Use HTTPS (use_ssl). {_OR_CHOOSE}")
    if scheme.needs == "certificate" and logon.certificate is None:
        lack = "a client certificate (certificate_thumbprint or certificate_pem)"
        return _refused(f"authentication by {name} needs {lack}", hint=f"Set one of them. {_OR_CHOOSE}")
    if endpoint.encrypts_messages and not scheme.encrypts:
        if endpoint.use_ssl:
            return _refused(
                f"authentication {name} cannot encrypt messages, and message encryption is set to always",
                hint="Set ansible_psrp_message_encryption or ansible_winrm_message_encryption to auto: HTTPS encrypts "
                f"everything. {_OR_CHOOSE}",
            )
        return _refused(f"authentication {name} over plain HTTP would send everything unencrypted")
    no_password = "there is no user name and password to log on with"
    if scheme.needs == "password" and logon.password is None:
        return _refused(no_password, Code.EXPLICIT_CREDENTIALS_REQUIRED)
    if scheme.needs != "certificate" and logon.password == "":
        message = f"the password of {logon.username} is empty, so no log-on was tried"
        return _refused(message, Code.EXPLICIT_CREDENTIALS_REQUIRED, hint=_EMPTY)
    try:
        schemes.maker(logon)
    except TransportError as missing:
        if schemes.effective(logon) is scheme:
            return missing
        message = f"{no_password}, and for Kerberos tickets {missing.message}"
        return _refused(message, Code.EXPLICIT_CREDENTIALS_REQUIRED)
    if scheme.hands_over_password and not endpoint.is_verified and not logon.is_asked_for:
        return TransportError(
            Code.INVALID_AUTHENTICATION,
            f"authentication {name} would hand over the password to a server that TLS has not verified",
            delivered=False,
            hint="Use HTTPS with a verified or pinned certificate (use_ssl; ca_cert or "
            f"server_certificate_fingerprint), or another authentication. To insist, set authentication: {name} in the "
            "task.",
        )
    return None


def _scheme(given: LogonOptions, settings: HostSettings, certificate: ClientCertificate | None) -> str:
    if certificate is not None and given.authentication in (None, "default"):
        return "certificate"
    inventory = settings.authentication
    if inventory == "certificate" and given.credential is not None:
        inventory = "default"  # a given credential is meant to be used
    asked = given.authentication or inventory
    return schemes.OPTIONS.get(asked) or schemes.WINRM_TRANSPORTS.get(asked, asked)


def _credential(settings: HostSettings) -> Credential | None:
    return Credential(settings.username, settings.password) if settings.username else None


def _certificate(given: LogonOptions, settings: HostSettings) -> ClientCertificate | None:
    password = given.certificate_key_password
    if given.certificate_thumbprint:
        return certificates.find(given.certificate_thumbprint, given.certificate_store or "", password)
    if given.certificate_pem:
        return ClientCertificate(given.certificate_pem, given.certificate_key_pem, password)
    is_asked_otherwise = given.authentication is not None or given.credential is not None
    if is_asked_otherwise or settings.authentication != "certificate" or not settings.certificate_pem:
        return None
    return ClientCertificate(settings.certificate_pem, settings.certificate_key_pem, settings.certificate_key_password)


def _message_encryption(no_encryption: bool | None, settings: HostSettings) -> str:
    if no_encryption:
        return "never"
    inventory = "never" if settings.authentication == schemes.IN_CLEAR else settings.message_encryption
    # An explicit "no_encryption: false" overrides the inventory.
    return "auto" if no_encryption is False and inventory == "never" else inventory


def _not_a_fallback(endpoint: Endpoint) -> TransportError | None:
    """Return the reason against a log-on that gives away the password and is not the first choice, or None."""
    if not schemes.hands_over_password(endpoint.logon):
        return None
    return _refused("it sends the password to the server, so it is used only as the first of the list")


def _with_passed_over(endpoint: Endpoint, passed_over: t.Sequence[str]) -> Endpoint:
    return dataclasses.replace(endpoint, logon=dataclasses.replace(endpoint.logon, passed_over=tuple(passed_over)))


def _refused(message: str, code: Code = Code.INVALID_AUTHENTICATION, *, hint: str | None = None) -> TransportError:
    return TransportError(code, message, delivered=False, hint=hint)
