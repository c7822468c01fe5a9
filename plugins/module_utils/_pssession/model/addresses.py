"""Addresses of computers and proxies, which never contain a user or a password."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from .errors import ParameterBindingError

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def split_proxy(address: str) -> tuple[str, str | None, str | None]:
    """Return the address of a proxy without user information, and the user and password in it.

    The address may have no scheme. Text that is not an address is returned unchanged, except for a part that may be a
    user.
    """
    address = address.strip()
    separator = "://" if "://" in address else ""
    scheme, rest = address.split("://", 1) if separator else ("", address)
    user_information, at, place = rest.rpartition("@")
    if not at:
        return address, None, None
    username, _colon, password = user_information.partition(":")
    return f"{scheme}{separator}{place}", unquote(username) or None, unquote(password)


def of_proxy(value: object, name: str) -> str:
    """Read the address of a proxy.

    Raises:
        ParameterBindingError: There is a user or password in it.
    """
    return _without_user(str(value), name, "session_option.proxy_credential")


def of_computer(value: object, name: str) -> str:
    """Read the address of a computer. Its query may have an ``@``.

    Raises:
        ParameterBindingError: There is a user or password in it.
    """
    return _without_user(str(value).strip(), name, "credential")


def of_host(value: str, name: str) -> str:
    """Read the name of a computer, or of an inventory host, which may have an ``@``.

    Raises:
        ParameterBindingError: It looks like ``user:password@host``.
    """
    before, at, _host = value.rpartition("@")
    return _without_user(value, name, "credential") if at and ":" in before else value


def _without_user(address: str, name: str, instead: str) -> str:
    """Refuse user information, because addresses are in results, in logs and in the state file."""
    before_query, _mark, _query = address.partition("?")
    if "@" not in before_query:
        return address
    host = before_query.rpartition("@")[2].partition("/")[0].partition(":")[0]
    raise ParameterBindingError(
        "ParameterArgumentValidationError",
        f"{name}: the address for {host or 'a host'} has a user or password in it",
        "InvalidData",
        hint=f"Remove them from the address, and set them in {instead}.",
    )


def proxy_problem(address: str) -> str | None:
    """Return the reason why the address of a proxy cannot be used, without the address, or None."""
    scheme = address.partition("://")[0].lower()
    if scheme not in PROXY_SCHEMES:
        return f"its scheme is not one of {', '.join(PROXY_SCHEMES)}"
    try:
        parts = urlsplit(address)
        _port = parts.port
    except ValueError:
        return "host and port cannot be read"
    return None if parts.hostname else "it has no host"
