"""Options of a task for the connection to a session. Later tasks with that session use them again.

PowerShell's session objects contain such options. Secrets are never kept. Options that only matter for opening a
session are not kept either, nor those that the server keeps (buffering mode and idle timeout).
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model import addresses

Options = t.Mapping[str, t.Any]

ADDRESS = ("connection_uri", "port", "use_ssl", "application_name", "allow_redirection")
_CERTIFICATE = ("certificate_thumbprint", "certificate_store", "certificate_pem", "certificate_key_pem")
LOGON = ("authentication", "transport", *_CERTIFICATE, "ca_cert", "server_certificate_fingerprint")
SESSION_OPTION = (
    "maximum_redirection",
    "culture",
    "ui_culture",
    "maximum_received_data_size_per_command",
    "maximum_received_object_size",
    "max_connection_retry_count",
    "open_timeout",
    "cancel_timeout",
    "operation_timeout",
    "proxy_access_type",
    "proxy",
    "proxy_authentication",
    "skip_ca_check",
    "skip_cn_check",
    "skip_revocation_check",
    "no_encryption",
    "use_utf16",
    "include_port_in_spn",
)
# Options that weaken a check are only accepted from the registry, because a session that is given to a task may come
# from anywhere. A pinned certificate replaces all other checks.
_WEAKENING = (
    "allow_redirection",
    "server_certificate_fingerprint",
    "no_encryption",
    "skip_ca_check",
    "skip_cn_check",
    "skip_revocation_check",
)
_WEAK_AUTHENTICATION = frozenset({"basic", "credssp"})


def kept(options: Options, connection_uri: str | None = None) -> dict[str, t.Any]:
    """Return the options that a later task with the session uses again.

    Args:
        options: Of the task, as they were given.
        connection_uri: The one of the session, where the task named addresses.
    """
    session_option = _given(options.get("session_option") or {}, SESSION_OPTION)
    if "proxy" in session_option:
        session_option["proxy"] = addresses.split_proxy(str(session_option["proxy"]))[0]
    found = {**_given(options, (*ADDRESS, *LOGON)), "connection_uri": connection_uri, "session_option": session_option}
    if not found.get("certificate_thumbprint"):
        found["certificate_store"] = None  # it is for the thumbprint, and has a default
    return {name: value for name, value in found.items() if value is not None and value != {}}


def read(given: t.Any) -> dict[str, t.Any]:
    """Return the kept options of a session that was given to a task, without invalid ones."""
    options = given if isinstance(given, t.Mapping) else {}
    session_option = options.get("session_option")
    session_option = session_option if isinstance(session_option, t.Mapping) else {}
    uri = options.get("connection_uri")
    return kept({**options, "session_option": session_option}, None if uri is None else str(uri))


def weakening(options: Options) -> list[str]:
    """Return the names of kept options that weaken a check."""
    values = {**options, **options.get("session_option", {})}
    names = [name for name in _WEAKENING if values.get(name)]
    return names + ["authentication"] * (options.get("authentication") in _WEAK_AUTHENTICATION)


def without_weakening(options: Options) -> dict[str, t.Any]:
    """Return kept options without those that weaken a check."""
    weak = weakening(options)
    session_option = options.get("session_option", {})
    return {
        **{name: value for name, value in options.items() if name not in weak},
        "session_option": {name: value for name, value in session_option.items() if name not in weak},
    }


def applied_to(options: Options, remembered: Options) -> dict[str, t.Any]:
    """Return the options of a task, completed by those of earlier tasks for a session. The task's options win."""
    given = {name: value for name, value in options.items() if value is not None}
    earlier = dict(remembered)
    if "authentication" in given or given.keys() & {"certificate_thumbprint", "certificate_pem"}:
        earlier.pop("authentication", None)
    if given.keys() & {"authentication", "credential", "certificate_thumbprint", "certificate_pem"}:
        earlier = {name: value for name, value in earlier.items() if name not in _CERTIFICATE}
    if "credential" in given and earlier.get("authentication") == "negotiate_with_implicit_credential":
        del earlier["authentication"]
    if "certificate_store" in earlier:
        given.pop("certificate_store", None)
    session_option = {
        **earlier.get("session_option", {}),
        **{name: value for name, value in (given.get("session_option") or {}).items() if value is not None},
    }
    return {**earlier, **given, "session_option": session_option}


def _given(options: Options, names: t.Iterable[str]) -> dict[str, t.Any]:
    return {name: options[name] for name in names if options.get(name) is not None}
