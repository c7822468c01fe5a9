# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""From task options to a Request: what is asked, checked as far as possible without any traffic."""

from __future__ import annotations

import ipaddress
import typing as t
import uuid
from dataclasses import dataclass, field

from .cmdlets import CONNECT, Cmdlet, ParameterSet
from .commands import Script
from .errors import ParameterBindingError
from .model import DEFAULT_RESOURCE_URI, POWERSHELL_RESOURCE_PREFIX, Credential, SessionReference
from .parameter_sets import resolve
from .scripts import script_of
from .wildcard import WildcardPattern

DEFAULT_THROTTLE_LIMIT = 32
_MAX_MILLISECONDS = 2147483647
# Lower bounds of the numbers in a session option (New-PSSessionOption); -1 milliseconds mean: the server decides.
_LEAST = {
    "open_timeout": 0,
    "operation_timeout": 0,
    "cancel_timeout": 0,
    "idle_timeout": -1,
    "max_connection_retry_count": 0,
    "maximum_received_data_size_per_command": 0,
    "maximum_received_object_size": 0,
}


@dataclass(frozen=True)
class Request:
    """One task, understood.

    Attributes:
        cmdlet: The cmdlet in whose name errors are reported.
        names: Wildcard patterns; None selects every session.
        new_names: Names of sessions to open; what looks like a wildcard is meant literally there.
        instance_ids: GUIDs in lower case.
        resource_uri: Only sessions of this configuration, compared without regard to case; None means any.
        credential, authentication, transport, port, use_ssl, application_name: None when not given: the inventory or
            the default decides. The same holds for certificates and ca_cert.
        session_option: Its suboptions as given; times in milliseconds.
        idle_timeout_sec: Seconds that disconnected sessions are kept, or None to leave that as it is.
        force: Remove sessions that another client holds, too.
        owners: Patterns for the accounts whose sessions are meant; None means all.
        state, minimum_age, expires_within: Further conditions for sessions: ``all``, ``opened`` or ``disconnected``;
            seconds without a client at least; seconds until the server removes them at most, or None.
        script: What invoke_command runs.
        in_disconnected_session: Start it in new sessions and leave them, instead of waiting in existing ones.
        timeout: Seconds to wait for the end of commands, or None to wait as long as they run.
        disconnect_after: Disconnect from the sessions in the end.
        stop: Stop the commands, and take what they have given until then.
        journal: File that gets all output before it is looked at, or None.
        max_output_objects: Objects of the output stream that a result keeps, or None for all.
        expected_return_codes: Exit codes of a script that are a success.
        throttle_limit: Requests in flight at most.
        missing: ``fail``, ``warn`` or ``ignore``: what it means when something wanted is not there.
        busy_timeout: Seconds to wait for sessions that another client holds.
        stop_on_error: Start nothing more after the first error.
    """

    parameter_set: ParameterSet
    cmdlet: Cmdlet = CONNECT
    names: tuple[WildcardPattern, ...] | None = None
    new_names: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    instance_ids: tuple[str, ...] = ()
    computer_names: tuple[str, ...] = ()
    connection_uris: tuple[str, ...] = ()
    sessions: tuple[SessionReference, ...] = ()
    resource_uri: str | None = None
    allow_redirection: bool = False
    credential: Credential | None = None
    authentication: str | None = None
    transport: str | None = None
    certificate_thumbprint: str | None = None
    certificate_store: str | None = None
    certificate_pem: str | None = None
    certificate_key_pem: str | None = None
    certificate_key_password: str | None = field(default=None, repr=False)
    ca_cert: str | None = None
    port: int | None = None
    use_ssl: bool | None = None
    application_name: str | None = None
    session_option: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    throttle_limit: int = DEFAULT_THROTTLE_LIMIT
    missing: str = "fail"
    busy_timeout: float = 0.0
    stop_on_error: bool = False
    list_commands: bool = False
    idle_timeout_sec: int | None = None
    force: bool = False
    script: Script | None = None
    in_disconnected_session: bool = False
    timeout: float | None = None
    disconnect_after: bool = False
    stop: bool = False
    journal: str | None = None
    max_output_objects: int | None = None
    expected_return_codes: tuple[int, ...] = (0,)
    state: str = "all"
    owners: tuple[WildcardPattern, ...] | None = None
    minimum_age: float = 0.0
    expires_within: float | None = None
    match_each_computer: bool = False
    application_private_data: bool = False

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any], cmdlet: Cmdlet = CONNECT) -> Request:
        """Check the options of a task and understand them.

        Args:
            options: Values by option name, types converted, None for what was not given.
            cmdlet: Its parameter sets decide which sessions the options select.

        Raises:
            ParameterBindingError: An option has a bad value, options contradict each other, or one of them is not
                possible. The message names the option.
        """
        given = {name for name, value in options.items() if value is not None}
        _check_logon(options)
        is_new = not cmdlet.parameter_sets or bool(options.get("in_disconnected_session"))
        _check_names(options, given)
        if is_new and "session_name" in given:
            options = {**options, "name": _filled(options, "session_name")}
            given = (given | {"name"}) - {"session_name"}
        return cls(
            parameter_set=resolve(given, cmdlet.opening_sets if is_new else cmdlet.parameter_sets),
            cmdlet=cmdlet,
            names=_patterns(options.get("name"), "name") if not is_new else None,
            new_names=tuple(_filled(options, "name")) if is_new else (),
            ids=tuple(_filled(options, "id")),
            instance_ids=tuple(_guid(text) for text in _filled(options, "instance_id")),
            computer_names=tuple(_computer_name(text) for text in _filled(options, "computer_name")),
            connection_uris=tuple(_filled(options, "connection_uri")),
            sessions=tuple(_reference(session) for session in _sessions(options)),
            resource_uri=_resource_uri(options.get("configuration_name")),
            credential=_credential(options.get("credential")),
            allow_redirection=bool(options.get("allow_redirection")),
            authentication=options.get("authentication"),
            transport=options.get("transport"),
            certificate_thumbprint=options.get("certificate_thumbprint"),
            certificate_store=options.get("certificate_store"),
            certificate_pem=options.get("certificate_pem"),
            certificate_key_pem=options.get("certificate_key_pem"),
            certificate_key_password=options.get("certificate_key_password"),
            ca_cert=options.get("ca_cert"),
            port=_port(options.get("port")),
            use_ssl=options.get("use_ssl"),
            application_name=options.get("application_name"),
            session_option=_session_option(
                {
                    **(options.get("session_option") or {}),
                    **({"output_buffering_mode": mode} if (mode := options.get("output_buffering_mode")) else {}),
                }
            ),
            throttle_limit=throttle_limit(options.get("throttle_limit")),
            missing=options.get("missing") or "fail",
            busy_timeout=_busy_timeout(options.get("busy_timeout")),
            stop_on_error=options.get("error_action") == "stop",
            list_commands=bool(options.get("list_commands")) or cmdlet.lists_commands,
            idle_timeout_sec=_idle_timeout(options.get("idle_timeout_sec")),
            force=bool(options.get("force")),
            script=script_of(options),
            in_disconnected_session=bool(options.get("in_disconnected_session")),
            timeout=_not_negative(options.get("timeout"), "timeout"),
            disconnect_after=bool(options.get("disconnect_after")),
            stop=bool(options.get("stop")),
            journal=options.get("journal"),
            max_output_objects=_count(options.get("max_output_objects"), "max_output_objects"),
            expected_return_codes=tuple(_filled(options, "expected_return_code")) or cls.expected_return_codes,
            state=options.get("state") or "all",
            owners=_patterns(options.get("owner"), "owner"),
            minimum_age=float(options.get("minimum_age") or 0),
            expires_within=_not_negative(options.get("expires_within"), "expires_within"),
            match_each_computer=bool(options.get("match_each_computer")),
            application_private_data=bool(options.get("application_private_data")),
        )


def throttle_limit(value: int | None) -> int:
    """Return the limit that is meant: nothing, 0 and less mean 32 (ThrottleManager)."""
    return value if value and value > 0 else DEFAULT_THROTTLE_LIMIT


def _invalid(message: str, target: object = None, error_id: str = "ParameterArgumentValidationError") -> t.NoReturn:
    raise ParameterBindingError(error_id, message, "InvalidData", None if target is None else str(target))


def _filled(options: t.Mapping[str, t.Any], name: str) -> list[t.Any]:
    """Return the list an option holds; a given list must not be empty or hold empty values (NotNullOrEmpty)."""
    values = options.get(name)
    if values is None:
        return []
    if not values:
        _invalid(f"{name} is an empty list", error_id="ParameterArgumentValidationErrorEmptyArrayNotAllowed")
    for value in values:
        if value in (None, {}) or (isinstance(value, str) and not value.strip()):
            _invalid(f"{name} has an empty value", error_id="ParameterArgumentValidationErrorEmptyStringNotAllowed")
    return list(values)


def _sessions(options: t.Mapping[str, t.Any]) -> list[t.Any]:
    """Return the session dicts given. None at all, from a lookup that found nothing, is what `missing` is about."""
    if options.get("session") == [] and options.get("missing") in ("ignore", "warn"):
        return []
    return _filled(options, "session")


def _patterns(texts: list[str] | None, option: str) -> tuple[WildcardPattern, ...] | None:
    if texts is None:
        return None
    try:
        return tuple(WildcardPattern(text) for text in _filled({option: texts}, option))
    except ValueError as error:
        raise ParameterBindingError("ParameterArgumentValidationError", f"{option}: {error}", "InvalidData") from error


def _idle_timeout(seconds: int | None) -> int | None:
    if seconds is not None and not 0 <= seconds <= _MAX_MILLISECONDS:
        _invalid(f"idle_timeout_sec: {seconds} is not between 0 and {_MAX_MILLISECONDS}", seconds)
    return seconds


def _guid(text: str, option: str = "instance_id") -> str:
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError) as error:
        raise ParameterBindingError(
            "ParameterArgumentTransformationError",
            f"{option}: {text!r} is not a GUID such as 1a2b3c4d-0000-0000-0000-123456789abc",
            "InvalidData",
            str(text),
        ) from error


def _computer_name(text: str) -> str:
    name = text.strip()
    if name == ".":
        return "localhost"
    if any(character in name for character in " \t\r\n/\\@?#") or (set(name) & set(":[]") and not _is_ipv6(name)):
        _invalid(f"computer_name: {name!r} is not a computer name; for an address with more use connection_uri", name)
    return name


def _is_ipv6(name: str) -> bool:
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return ipaddress.ip_address(bare).version == 6
    except ValueError:
        return False


def _port(port: int | None) -> int | None:
    if port is not None and not 1 <= port <= 65535:
        _invalid(f"port: {port} is not between 1 and 65535", port)
    return port


def _busy_timeout(seconds: float | None) -> float:
    return _not_negative(seconds, "busy_timeout") or 0.0


def _not_negative(seconds: float | None, option: str) -> float | None:
    if seconds is not None and seconds < 0:
        _invalid(f"{option}: {seconds} is negative", seconds)
    return None if seconds is None else float(seconds)


def _count(number: int | None, option: str) -> int | None:
    if number is not None and number < 0:
        _invalid(f"{option}: {number} is negative", number)
    return number


def _check_names(options: t.Mapping[str, t.Any], given: t.Collection[str]) -> None:
    """Refuse what does not go with Invoke-Command's way of starting something in new sessions (-InDisconnectedSession).

    Names of sessions that exist are in `name`, those of new ones in `session_name`: mixed up, a script would run where
    nobody meant it to.
    """
    if not options.get("in_disconnected_session"):
        if "session_name" in given:
            _together(
                "session_name names sessions to be opened, and needs in_disconnected_session; for others use name"
            )
        return
    if "name" in given or "session_name" not in given:
        _together("in_disconnected_session opens sessions: give their names as session_name")
    if "timeout" in given:
        _together("timeout is for tasks that wait, and with in_disconnected_session none does; use receive_pssession")


def _together(message: str) -> t.NoReturn:
    raise ParameterBindingError("AmbiguousParameterSet", message)


def _session_option(session_option: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """Check the session option by the rules of New-PSSessionOption, and return what of it was given."""
    for name, least in _LEAST.items():
        value = session_option.get(name)
        if value is not None and not least <= value <= _MAX_MILLISECONDS:
            _invalid(f"session_option.{name}: {value} is not between {least} and {_MAX_MILLISECONDS}", value)
    proxied = session_option.get("proxy_access_type") not in (None, "none", "no_proxy_server")
    if session_option.get("proxy_credential") and not (proxied or session_option.get("proxy")):
        _invalid("session_option.proxy_credential needs a proxy (session_option.proxy or proxy_access_type)")
    if session_option.get("proxy_authentication") in ("digest", "negotiate"):
        raise ParameterBindingError(
            "NotImplemented",
            f"session_option.proxy_authentication={session_option['proxy_authentication']}: proxies can be logged on "
            "to by basic only",
            "NotImplemented",
        )
    return {name: value for name, value in session_option.items() if value is not None}


def _resource_uri(configuration_name: str | None) -> str | None:
    if configuration_name is None:
        return None
    if not configuration_name:
        return DEFAULT_RESOURCE_URI  # what $PSSessionConfigurationName holds
    if POWERSHELL_RESOURCE_PREFIX in configuration_name.lower():
        return configuration_name
    return POWERSHELL_RESOURCE_PREFIX + configuration_name


def _credential(credential: t.Mapping[str, t.Any] | None) -> Credential | None:
    if credential is None:
        return None
    if not credential.get("username"):
        _invalid("credential.username is empty", error_id="ParameterArgumentValidationErrorEmptyStringNotAllowed")
    password = credential.get("password")
    return Credential(str(credential["username"]), None if password is None else str(password))


def _reference(session: t.Mapping[str, t.Any]) -> SessionReference:
    if not session.get("instance_id"):
        _invalid("session: an entry has no instance_id; give session dicts as the lookup and the modules return them")
    computer_name = session.get("computer_name") or session.get("inventory_hostname")
    if not computer_name and not session.get("connection_uri"):
        _invalid("session: an entry has neither computer_name nor connection_uri")
    instance_id = _guid(session["instance_id"], "session.instance_id")
    return SessionReference(
        instance_id=instance_id,
        computer_name=_computer_name(str(computer_name or "")),
        connection_uri=session.get("connection_uri"),
        inventory_hostname=session.get("inventory_hostname"),
        name=str(session.get("name") or ""),
        id=session.get("id"),
        state=str(session.get("state") or SessionReference.state),
        computer_type=str(session.get("computer_type") or SessionReference.computer_type),
    )


def _check_logon(options: t.Mapping[str, t.Any]) -> None:
    """Refuse log-on options that exclude each other (PSRemotingBaseCmdlet.ValidateSpecifiedAuthentication)."""
    authentication = options.get("authentication")
    if options.get("certificate_pem") and options.get("certificate_thumbprint"):
        raise ParameterBindingError(
            "ParameterBindingFailed", "certificate_thumbprint and certificate_pem cannot be used together", "WriteError"
        )
    conflicts = {
        "certificate_thumbprint and credential": options.get("certificate_thumbprint") and options.get("credential"),
        f"certificate_thumbprint and authentication={authentication}": (
            options.get("certificate_thumbprint") and authentication not in (None, "default")
        ),
        f"authentication={authentication} and credential": (
            authentication == "negotiate_with_implicit_credential" and options.get("credential")
        ),
    }
    for options_named, conflict in conflicts.items():
        if conflict:
            raise ParameterBindingError(
                "ParameterBindingFailed", f"{options_named} cannot be used together", "WriteError"
            )


def first(*values: t.Any) -> t.Any:
    """Return the first value that was given; the last one is the default, which may be None."""
    return next((value for value in values if value is not None), None)
