# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Where to go: from a request and the inventory's settings to an Endpoint.

What the task says explicitly wins over what the inventory says, and that over the cmdlet's defaults.
"""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit, urlunsplit

from . import logon
from .errors import ParameterBindingError
from .model import DEFAULT_CONNECTION_TIMEOUT, Credential, Endpoint, Proxy, SessionOption, SessionReference, Tls
from .request import Request, first

DEFAULT_APPLICATION_NAME = "wsman"
_ANY_NUMBER = 2147483647
DEFAULT_PORTS = {False: 5985, True: 5986}

# What the inventory knows of one computer, by the names of the suboptions of `endpoints`; {} when it knows nothing.
Settings = t.Mapping[str, t.Any]
# Asked with the name a user gave, and the inventory host it came from if that is known.
SettingsSource = t.Callable[[str, "str | None"], Settings]


def endpoints(request: Request, settings_of: SettingsSource) -> tuple[Endpoint, ...]:
    """Return the endpoints of a remote parameter set, in the order given; one that was given twice is there twice.

    Raises:
        ParameterBindingError: A connection URI is relative, of another scheme, or has a password in it; or the client
            certificate cannot be found.
    """
    if request.connection_uris:
        return tuple(_from_uri(uri, request, settings_of) for uri in request.connection_uris)
    return tuple(_from_computer_name(name, request, settings_of(name, None)) for name in request.computer_names)


def endpoint_of_reference(reference: SessionReference, request: Request, settings_of: SettingsSource) -> Endpoint:
    """Return the endpoint at which a remembered session lives.

    The inventory's present settings win over the remembered address, which may have changed meanwhile.
    """
    settings = settings_of(reference.computer_name, reference.inventory_hostname)
    if settings or not reference.connection_uri:
        return _from_computer_name(reference.computer_name, request, settings)
    uri, host = _normal_uri(reference.connection_uri)
    return _endpoint(uri, reference.computer_name or host, request, settings)


def _from_computer_name(computer_name: str, request: Request, settings: Settings) -> Endpoint:
    use_ssl = bool(first(request.use_ssl, settings.get("use_ssl"), False))
    # A port of the inventory belongs to the scheme of the inventory.
    inventory_port = settings.get("port") if use_ssl == bool(settings.get("use_ssl")) else None
    port = first(request.port, inventory_port, DEFAULT_PORTS[use_ssl])
    path = first(request.application_name, settings.get("application_name"), DEFAULT_APPLICATION_NAME)
    host = _bracketed(settings.get("address") or computer_name)
    uri = f"{'https' if use_ssl else 'http'}://{host}:{port}/{str(path).lstrip('/')}"
    return _endpoint(uri, computer_name, request, settings)


def _from_uri(uri: str, request: Request, settings_of: SettingsSource) -> Endpoint:
    normal, host = _normal_uri(uri)
    return _endpoint(normal, host, request, settings_of(host, None))


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
    if parts.username or parts.password:
        raise ParameterBindingError(
            "ParameterArgumentValidationError",
            f"connection_uri: the one for {parts.hostname} has a user or password in it; use credential",
            "InvalidData",
        )
    path = parts.path if parts.path not in ("", "/") else f"/{DEFAULT_APPLICATION_NAME}"
    netloc = f"{_bracketed(parts.hostname)}:{port or (443 if scheme == 'https' else 80)}"
    return urlunsplit((scheme, netloc, path, parts.query, "")), parts.hostname


def _endpoint(uri: str, computer_name: str, request: Request, settings: Settings) -> Endpoint:
    option = request.session_option
    verify = bool(first(settings.get("verify_certificate"), True))
    return Endpoint(
        computer_name=computer_name,
        uri=uri,
        inventory_hostname=settings.get("inventory_hostname"),
        logon=logon.of(request, settings),
        tls=Tls(
            check_authority=not first(option.get("skip_ca_check"), not verify),
            check_name=not first(option.get("skip_cn_check"), not verify),
            check_revocation=not first(option.get("skip_revocation_check"), not verify),
            ca_cert=first(request.ca_cert, settings.get("ca_cert"), None),
        ),
        proxy=_proxy(request, settings),
        option=_session_option(request, settings),
        connection_timeout=first(settings.get("connection_timeout"), DEFAULT_CONNECTION_TIMEOUT),
        # A time-out set for this task is the user's last word; the inventory's read time-out is for all tasks.
        read_timeout=None if option.get("operation_timeout") else settings.get("read_timeout"),
        reconnection_retries=int(first(settings.get("reconnection_retries"), 0)),
        reconnection_backoff=float(first(settings.get("reconnection_backoff"), 2.0)),
    )


def _session_option(request: Request, settings: Settings) -> SessionOption:
    option, default = request.session_option, SessionOption()
    buffering = option.get("output_buffering_mode")
    redirections = int(first(option.get("maximum_redirection"), 5))
    return SessionOption(
        # 0 is the cmdlet's word for "no limit"; here nothing may hang for ever, so it means the default.
        open_timeout=(option.get("open_timeout") or 0) / 1000 or default.open_timeout,
        operation_timeout=(option.get("operation_timeout") or 0) / 1000
        or first(settings.get("operation_timeout"), default.operation_timeout),
        output_buffering_mode=str(buffering).capitalize() if buffering in ("block", "drop") else None,
        culture=first(option.get("culture"), default.culture),
        ui_culture=first(option.get("ui_culture"), default.ui_culture),
        use_utf16=bool(option.get("use_utf16")),
        maximum_received_object_size=option.get("maximum_received_object_size") or None,
        # The cmdlet follows redirections once any session option is given. Its documentation says what is done here.
        maximum_redirection=(redirections if redirections >= 0 else _ANY_NUMBER) if request.allow_redirection else 0,
        max_envelope_size=int(first(settings.get("max_envelope_size"), default.max_envelope_size)),
    )


def _proxy(request: Request, settings: Settings) -> Proxy:
    option = request.session_option
    access_type, credential = option.get("proxy_access_type"), option.get("proxy_credential")
    url = first(option.get("proxy"), settings.get("proxy"), None)
    # As with the connection plugin, ignore_proxy is about the environment: a proxy that is named is used.
    ignored = bool(settings.get("ignore_proxy")) and url is None and access_type in (None, "none")
    return Proxy(
        url=url,
        credential=Credential(str(credential["username"]), str(credential.get("password") or ""))
        if credential
        else None,
        bypass=access_type == "no_proxy_server" or ignored,
    )


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
