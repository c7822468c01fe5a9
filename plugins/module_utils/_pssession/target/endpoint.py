"""Endpoints: address, TLS, proxy and timeouts of a computer, from a request and the inventory's settings.

Options of the task take precedence over settings of the inventory, and both over the cmdlet's defaults.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
from urllib.parse import quote, urlsplit, urlunsplit

from ..model.endpoints import Endpoint, Proxy, Tls, key_of_uri
from ..model.errors import ParameterBindingError
from ..model.sessions import SessionReference
from ..model.settings import Credential, HostSettings, SessionOption
from ..request.request import Request, Target
from ..request.task_options import kept, without_weakening
from . import logon

# Names of the controller itself, as Ansible has them (C.LOCALHOST).
_LOCALHOST = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_PORTS = {False: 5985, True: 5986}

# Asked with the name a user gave, and the inventory host it came from if that is known. None means that the inventory
# does not know the computer.
SettingsSource = t.Callable[[str, "str | None"], "HostSettings | None"]


def endpoints(request: Request, settings_of: SettingsSource) -> tuple[Endpoint, ...]:
    """Return the endpoints of a remote parameter set, in the given order and with repetitions.

    Raises:
        ParameterBindingError: A connection URI is relative or of another scheme; or the client certificate cannot be
            found.
    """
    target = request.target
    if target.connection_uris:
        return tuple(_from_uri(uri, request, settings_of) for uri in target.connection_uris)
    return tuple(_from_computer_name(name, request, _known(name, settings_of)) for name in target.computer_names)


def endpoint_of_reference(reference: SessionReference, request: Request, settings_of: SettingsSource) -> Endpoint:
    """Return the endpoint of a remembered session.

    What earlier tasks had set for this session counts again, unless this task says otherwise; the rest is the
    inventory's as it is now. Only a place that the inventory, this task or our own registry named gets the inventory's
    user and password: a session that was given to the task may come from anywhere. A place to which a server has
    redirected, or a port of the controller itself, gets only what the task gives.

    Raises:
        ParameterBindingError: A remembered option or address cannot be used.
    """
    options = reference.task_options if reference.is_registered else without_weakening(reference.task_options)
    request = request.with_remembered(options)
    known = _known(reference.computer_name, settings_of, reference.inventory_hostname)
    given_uri = options.get("connection_uri") or (reference.connection_uri if known is None else None)
    if given_uri:
        uri, host = _normal_uri(given_uri)
        computer_name = reference.computer_name or host
    else:
        computer_name = reference.computer_name
        known = _with_address_checked(computer_name, known)
        uri = _uri_of(computer_name, known or HostSettings(), request.target)
    if known is not None and not _is_own(uri, computer_name, known):
        if not reference.is_registered:
            known = None
        elif options.get("allow_redirection") or _is_here(uri):
            known = known.without_credential()
    return _endpoint(uri, computer_name, request, known or HostSettings(), options.get("connection_uri"))


def _known(name: str, settings_of: SettingsSource, inventory_hostname: str | None = None) -> HostSettings | None:
    """Return the settings of a computer; a dot behind its name, which only DNS knows, is left out where that helps."""
    known = settings_of(name, inventory_hostname)
    return settings_of(name.removesuffix("."), inventory_hostname) if known is None and name.endswith(".") else known


def _from_computer_name(computer_name: str, request: Request, known: HostSettings | None) -> Endpoint:
    known = _with_address_checked(computer_name, known) or HostSettings()
    return _endpoint(_uri_of(computer_name, known, request.target), computer_name, request, known)


def _with_address_checked(computer_name: str, known: HostSettings | None) -> HostSettings | None:
    """Return the settings of a computer; what serves as its address and can be none is a problem of theirs."""
    address = (known and known.address) or computer_name
    if _can_be_address(address):
        return known
    known = known or HostSettings()
    is_listed = known.inventory_hostname is not None
    advice = "set ansible_host in the inventory" if is_listed else "for an address with more use connection_uri"
    return dataclasses.replace(known, problem=known.problem or f"{address!r} is not a computer name; {advice}")


def _can_be_address(name: str) -> bool:
    """Return whether a name can be that of a host in a URI: a DNS name or an IP address."""
    return _is_ipv6(name) or not set(name) & set(" \t\r\n/\\@?#%:[]")


def _uri_of(computer_name: str, known: HostSettings, target: Target) -> str:
    settings = known.overridden_by(target)
    # A port of the inventory belongs to the scheme of the inventory.
    is_known = known.port is not None and settings.use_ssl == known.use_ssl
    port = target.port or (known.port if is_known else DEFAULT_PORTS[settings.use_ssl])
    address = known.address or computer_name
    # One that cannot be an address is never used, and must not lead anywhere.
    host = _bracketed(address) if _can_be_address(address) else quote(address, safe="")
    return f"{'https' if settings.use_ssl else 'http'}://{host}:{port}/{settings.application_name.lstrip('/')}"


def _from_uri(uri: str, request: Request, settings_of: SettingsSource) -> Endpoint:
    normal, host = _normal_uri(uri)
    known = _known(host, settings_of) or HostSettings()
    if _is_here(normal) and not _is_own(normal, host, known):
        known = known.without_credential()
    return _endpoint(normal, host, request, known, normal)


def _is_here(uri: str) -> bool:
    """Return whether an address is one of the controller itself, such as a port that ssh forwards to a computer."""
    return (urlsplit(uri).hostname or "").lower() in _LOCALHOST


def _normal_uri(uri: str) -> tuple[str, str]:
    """Complete a connection URI (WSManConnectionInfo: path /wsman, port of the *scheme* by default); name its host."""
    try:
        parts = urlsplit(uri.strip())
        port = parts.port
    except ValueError as error:
        raise _bad_uri(uri, str(error)) from error
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not parts.hostname:
        raise _bad_uri(uri, "it must be absolute and begin with http:// or https://")
    path = parts.path if parts.path not in ("", "/") else f"/{HostSettings.application_name}"
    netloc = f"{_bracketed(parts.hostname)}:{port or (443 if scheme == 'https' else 80)}"
    return urlunsplit((scheme, netloc, path, parts.query, "")), parts.hostname


def _endpoint(
    uri: str, computer_name: str, request: Request, known: HostSettings, given_uri: str | None = None
) -> Endpoint:
    option = request.session_option
    settings = _settings(request, known)
    if settings.logon_problem and not request.logon.says_how:
        settings = dataclasses.replace(settings, problem=settings.problem or settings.logon_problem)
    endpoint = Endpoint(
        computer_name=computer_name,
        uri=uri,
        inventory_hostname=known.inventory_hostname,
        settings=settings,
        tls=Tls(
            check_authority=_checks(option.skip_ca_check, settings),
            check_name=_checks(option.skip_cn_check, settings),
            check_revocation=_checks(option.skip_revocation_check, settings),
        ),
        proxy=_proxy(option, settings, known),
        option=option,
        # The cmdlet follows redirections once any session option is given. Its documentation says what is done here.
        maximum_redirection=option.maximum_redirection if request.target.allow_redirection else 0,
        own_host=_own_host(uri, computer_name, known),
        task_options=kept(request.given, given_uri),
    )
    ways = logon.choices(request, known)
    return logon.first_possible([dataclasses.replace(endpoint, logon=way) for way in ways])


def _own_host(uri: str, computer_name: str, known: HostSettings) -> str | None:
    """Return the inventory host whose variables alone lead to an address, in lower case."""
    own = known.inventory_hostname
    return own.lower() if own is not None and _is_own(uri, computer_name, known) else None


def _is_own(uri: str, computer_name: str, known: HostSettings) -> bool:
    """Return whether the inventory's settings of a computer alone lead to an address."""
    return key_of_uri(uri) == key_of_uri(_uri_of(computer_name, known, Target()))


def _settings(request: Request, known: HostSettings) -> HostSettings:
    option = request.session_option
    settings = known.overridden_by(request.target, request.logon, option)
    if option.max_connection_retry_count is not None:
        settings = dataclasses.replace(settings, reconnection_retries=option.max_connection_retry_count)
    if option.operation_timeout is not None:
        # A time-out set for this task is the user's last word; the inventory's read time-out is for all tasks.
        settings = dataclasses.replace(settings, read_timeout=None)
    return settings


def _checks(skip: bool | None, settings: HostSettings) -> bool:
    return settings.verify_certificate if skip is None else not skip


def _proxy(option: SessionOption, settings: HostSettings, known: HostSettings) -> Proxy:
    # As with the connection plugin, ignore_proxy is about the environment: a proxy that is named is used.
    ignored = settings.ignore_proxy and settings.proxy is None and option.proxy_access_type == "none"
    bypass = option.proxy_access_type == "no_proxy_server" or ignored
    credential = option.proxy_credential
    source = "session_option.proxy" if option.proxy is not None else f"ansible_{known.transport}_proxy"
    if credential is None and option.proxy is None and settings.proxy_username:
        credential = Credential(settings.proxy_username, settings.proxy_password)
    return Proxy(url=settings.proxy, source=source, credential=credential, bypass=bypass)


def _bracketed(host: str) -> str:
    return f"[{host.strip('[]')}]" if _is_ipv6(host) else host


def _is_ipv6(host: str) -> bool:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return ipaddress.ip_address(bare).version == 6
    except ValueError:
        return False


def _bad_uri(uri: str, reason: str) -> ParameterBindingError:
    return ParameterBindingError(
        "ParameterArgumentValidationError", f"connection_uri: {uri} cannot be used: {reason}", "InvalidData"
    )
