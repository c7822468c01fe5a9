# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Where to go and how to get in: from a request and the inventory's settings to an Endpoint.

What the task says explicitly wins over what the inventory says, and that over the cmdlet's defaults.
"""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit, urlunsplit

from .errors import Code, ParameterBindingError, TransportError
from .model import DEFAULT_CONNECTION_TIMEOUT, Credential, Endpoint, SessionOption, SessionReference
from .request import AVAILABLE_AUTHENTICATIONS, Request

DEFAULT_APPLICATION_NAME = "wsman"
DEFAULT_PORTS = {False: 5985, True: 5986}

# What the inventory knows of one computer, by the names of the suboptions of `endpoints`; {} when it knows nothing.
Settings = t.Mapping[str, t.Any]
# Asked with the name a user gave, and the inventory host it came from if that is known.
SettingsSource = t.Callable[[str, "str | None"], Settings]


def endpoints(request: Request, settings_of: SettingsSource) -> tuple[Endpoint, ...]:
    """Return the endpoints of a remote parameter set, in the order given, each once.

    Raises:
        ParameterBindingError: A connection URI is relative, of another scheme, or has a password in it.
    """
    if request.connection_uris:
        found = [_from_uri(uri, request, settings_of) for uri in request.connection_uris]
    else:
        found = [_from_computer_name(name, request, settings_of(name, None)) for name in request.computer_names]
    return tuple(dict.fromkeys(found))


def endpoint_of_reference(reference: SessionReference, request: Request, settings_of: SettingsSource) -> Endpoint:
    """Return the endpoint at which a remembered session lives.

    The inventory's present settings win over the remembered address, which may have changed meanwhile.
    """
    settings = settings_of(reference.computer_name, reference.inventory_hostname)
    if settings or not reference.connection_uri:
        return _from_computer_name(reference.computer_name, request, settings)
    endpoint = _from_uri(reference.connection_uri, request, lambda *_unused: settings)
    return _logged_on(endpoint.uri, reference.computer_name or endpoint.computer_name, request, settings)


def unusable(endpoint: Endpoint) -> TransportError | None:
    """Tell why an endpoint cannot be used, before any traffic, or None."""
    try:
        _port = endpoint.port
    except ValueError as error:
        return TransportError(Code.COMPUTER_NOT_FOUND, f"the address cannot be used: {error}", delivered=False)
    if endpoint.authentication not in AVAILABLE_AUTHENTICATIONS:
        return TransportError(
            None,
            f"authentication {endpoint.authentication} is not available yet in this version, only "
            f"{', '.join(AVAILABLE_AUTHENTICATIONS)} (option authentication, ansible_psrp_auth)",
            delivered=False,
        )
    if not endpoint.use_ssl and not endpoint.option.no_encryption:
        return TransportError(
            Code.INVALID_AUTHENTICATION,
            "Basic authentication over plain HTTP would send the password in clear",
            delivered=False,
        )
    if endpoint.credential is None:
        return TransportError(
            Code.EXPLICIT_CREDENTIALS_REQUIRED, "there is no user name and password to log on with", delivered=False
        )
    if endpoint.proxy:
        return TransportError(
            None, "a proxy (ansible_psrp_proxy) is not available yet in this version", delivered=False
        )
    return None


def _from_computer_name(computer_name: str, request: Request, settings: Settings) -> Endpoint:
    use_ssl = bool(_first(request.use_ssl, settings.get("use_ssl"), False))
    # A port of the inventory belongs to the scheme of the inventory.
    inventory_port = settings.get("port") if use_ssl == bool(settings.get("use_ssl")) else None
    port = _first(request.port, inventory_port, DEFAULT_PORTS[use_ssl])
    path = _first(request.application_name, settings.get("application_name"), DEFAULT_APPLICATION_NAME)
    host = _bracketed(settings.get("address") or computer_name)
    uri = f"{'https' if use_ssl else 'http'}://{host}:{port}/{str(path).lstrip('/')}"
    return _logged_on(uri, computer_name, request, settings)


def _from_uri(uri: str, request: Request, settings_of: SettingsSource) -> Endpoint:
    """Build the endpoint of a connection URI (WSManConnectionInfo: path /wsman, port of the *scheme* by default)."""
    try:
        parts = urlsplit(uri.strip())
        port = parts.port
    except ValueError as error:
        raise _bad_uri(uri, str(error)) from error
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not parts.hostname:
        raise _bad_uri(uri, "it must be absolute and begin with http:// or https://")
    if parts.username or parts.password:
        raise ParameterBindingError(
            "ParameterArgumentValidationError",
            f"connection_uri: the one for {parts.hostname} has a user or password in it; use credential",
            "InvalidData",
        )
    host = _bracketed(parts.hostname)
    path = parts.path if parts.path not in ("", "/") else f"/{DEFAULT_APPLICATION_NAME}"
    netloc = f"{host}:{port or (443 if scheme == 'https' else 80)}"
    normal = urlunsplit((scheme, netloc, path, parts.query, ""))
    return _logged_on(normal, parts.hostname, request, settings_of(parts.hostname, None))


def _logged_on(uri: str, computer_name: str, request: Request, settings: Settings) -> Endpoint:
    credential = request.credential
    if credential is None and settings.get("username") and settings.get("password") is not None:
        credential = Credential(str(settings["username"]), str(settings["password"]))
    default = SessionOption()
    return Endpoint(
        computer_name=computer_name,
        uri=uri,
        inventory_hostname=settings.get("inventory_hostname"),
        credential=credential,
        authentication=str(_first(request.authentication, settings.get("authentication"), "default")),
        option=SessionOption(
            open_timeout=_first(request.open_timeout, default.open_timeout),
            operation_timeout=_first(
                request.operation_timeout, settings.get("operation_timeout"), default.operation_timeout
            ),
            output_buffering_mode=request.output_buffering_mode,
            no_encryption=bool(_first(request.no_encryption, settings.get("no_encryption"), False)),
        ),
        verify_certificate=bool(_first(settings.get("verify_certificate"), True)),
        ca_cert=settings.get("ca_cert"),
        connection_timeout=_first(settings.get("connection_timeout"), DEFAULT_CONNECTION_TIMEOUT),
        # A time-out set for this task is the user's last word; the inventory's read time-out is for all tasks.
        read_timeout=None if request.operation_timeout else settings.get("read_timeout"),
        proxy=settings.get("proxy"),
    )


def _first(*values: t.Any) -> t.Any:
    return next(value for value in values if value is not None)


def _bracketed(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    return f"[{address}]" if address.version == 6 else host


def _bad_uri(uri: str, reason: str) -> ParameterBindingError:
    # The URI itself is not repeated when it may hold a password.
    shown = uri if "@" not in uri else "(not shown)"
    return ParameterBindingError(
        "ParameterArgumentValidationError", f"connection_uri: {shown} cannot be used: {reason}", "InvalidData"
    )
