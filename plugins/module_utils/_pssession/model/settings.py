"""Settings of connections: PowerShell's session option, and an inventory's settings of a computer."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass, field

from . import addresses
from .errors import ParameterBindingError
from .options import (
    MAX_INT32,
    OptionGroup,
    fingerprint,
    idle_seconds,
    invalid,
    number,
    one_of,
    option,
    request_seconds,
    seconds,
    without_nul,
)

DEFAULT_TIMEOUT = 180.0
LONGEST_POLL = 20.0
BUFFERING_MODES = ("none", "drop", "block")
PROXY_ACCESS_TYPES = ("none", "ie_config", "win_http_config", "auto_detect", "no_proxy_server")


@dataclass(frozen=True)
class Credential:
    """A user name and its password. Representations never show the password.

    Attributes:
        password: None means the Kerberos tickets that the controller user has for this name.
    """

    username: str
    password: str | None = field(repr=False)

    @classmethod
    def from_option(cls, value: t.Mapping[str, t.Any], name: str) -> Credential:
        """Read an option that holds user name and password."""
        if not value.get("username"):
            error_id = "ParameterArgumentValidationErrorEmptyStringNotAllowed"
            invalid(f"{name}.username is empty", error_id=error_id)
        password = value.get("password")
        for part in ("username", "password"):
            without_nul(value.get(part), f"{name}.{part}")
        return cls(str(value["username"]), None if password is None else str(password))


def _limit(value: t.Any, name: str) -> int | None:
    return number()(value, name) or None


def _redirections(value: t.Any, _name: str) -> int:
    return int(value) if value >= 0 else MAX_INT32


def _buffering_mode(value: t.Any, name: str) -> str | None:
    mode = one_of(*BUFFERING_MODES)(value, name)
    return None if mode == "none" else mode.capitalize()


def _proxy_authentication(value: t.Any, name: str) -> str:
    if value != "basic":
        raise ParameterBindingError(
            "NotImplemented",
            f"{name}={value} is not supported: proxies support basic only",
            "NotImplemented",
        )
    return "basic"


@dataclass(frozen=True)
class SessionOption(OptionGroup):
    """The session option (New-PSSessionOption). Durations are in seconds. None means that the option is not set.

    Attributes:
        open_timeout: For all requests that list one computer, and for all that connect to one session.
        operation_timeout: The time that the server may take for one request (the OperationTimeout header).
        output_buffering_mode: ``Block`` or ``Drop`` for output while the session is disconnected. None keeps the
            session's mode.
        culture, ui_culture: Languages for numbers and dates, and for messages (DataLocale and Locale headers).
        maximum_received_object_size: The maximum number of bytes of a received object. None means no limit.
        idle_timeout: None means the server's default. skip_ca_check, skip_cn_check, skip_revocation_check,
        no_encryption: None means the inventory's setting.
    """

    prefix = "session_option."

    maximum_redirection: int = option(_redirections, 5)
    no_compression: bool = option(bool, False)
    no_machine_profile: bool = option(bool, False)
    culture: str = option(str, "en-US")
    ui_culture: str = option(str, "en-US")
    maximum_received_data_size_per_command: int | None = option(_limit)
    maximum_received_object_size: int | None = option(_limit, 200 * 1024 * 1024)
    output_buffering_mode: str | None = option(_buffering_mode)
    max_connection_retry_count: int | None = option(number())
    application_arguments: t.Mapping[str, t.Any] | None = field(
        default=None, repr=False, hash=False, metadata={"read": lambda value, _name: dict(value)}
    )
    open_timeout: float = option(request_seconds, DEFAULT_TIMEOUT)
    cancel_timeout: float | None = option(request_seconds)
    idle_timeout: float | None = option(idle_seconds)
    operation_timeout: float | None = option(request_seconds)
    proxy_access_type: str = option(one_of(*PROXY_ACCESS_TYPES), "none")
    proxy: str | None = option(addresses.of_proxy)
    proxy_authentication: str = option(_proxy_authentication, "basic")
    proxy_credential: Credential | None = option(Credential.from_option)
    skip_ca_check: bool | None = option(bool)
    skip_cn_check: bool | None = option(bool)
    skip_revocation_check: bool | None = option(bool)
    no_encryption: bool | None = option(bool)
    use_utf16: bool = option(bool, False)
    include_port_in_spn: bool = option(bool, False)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> SessionOption:
        """Check the suboptions by the rules of New-PSSessionOption. An unknown name is an error."""
        if unknown := options.keys() - cls.option_names():
            invalid(f"session_option has no option {', '.join(sorted(unknown))}")
        read = super().from_options(options)
        if read.proxy_credential and not read.proxy and read.proxy_access_type in ("none", "no_proxy_server"):
            invalid("session_option.proxy_credential needs a proxy (session_option.proxy or proxy_access_type)")
        return read


@dataclass(frozen=True)
class HostSettings(OptionGroup):
    """The inventory's settings of one computer, named as in the `endpoints` option. Durations are in seconds.

    Attributes:
        authentication: In the words of the option `authentication`, or of a connection plugin.
        server_certificate_fingerprint: SHA-256 in hexadecimal, lower case. If set, only this certificate is accepted,
            without other checks.
        operation_timeout: The time that the server may take for one request. None means the default of `Endpoint`.
        read_timeout: The minimum of the time limit for an answer.
        reconnection_backoff: The wait before the second attempt to connect. Each further wait is twice as long.
        problem: The reason if the settings cannot be used, or None. With a problem, nothing is sent to the computer.
        logon_problem: The reason if the settings have no usable log-on, or None. It is ignored if the task's options
            have one.
    """

    prefix = "endpoints."

    computer_name: str = option(str, "")
    inventory_hostname: str | None = option(str)
    transport: str = option(str, "psrp")
    address: str | None = option(str)
    port: int | None = option(number(1, 65535))
    use_ssl: bool = option(bool, False)
    application_name: str = option(str, "wsman")
    authentication: str = option(str, "default")
    username: str | None = option(str)
    password: str | None = option(str, is_shown=False)
    message_encryption: str = option(one_of("auto", "always", "never"), "auto")
    certificate_pem: str | None = option(str)
    certificate_key_pem: str | None = option(str)
    certificate_key_password: str | None = option(str, is_shown=False)
    negotiate_delegate: bool = option(bool, False)
    negotiate_hostname_override: str | None = option(str)
    negotiate_send_cbt: bool = option(bool, True)
    negotiate_service: str = option(str, "host")
    credssp_auth_mechanism: str = option(one_of("auto", "ntlm", "kerberos"), "auto")
    credssp_disable_tlsv1_2: bool = option(bool, False)
    credssp_minimum_version: int = option(number(), 2)
    verify_certificate: bool = option(bool, True)
    ca_cert: str | None = option(str)
    server_certificate_fingerprint: str | None = option(fingerprint)
    proxy: str | None = option(addresses.of_proxy)
    proxy_username: str | None = option(str)
    proxy_password: str | None = option(str, is_shown=False)
    ignore_proxy: bool = option(bool, False)
    connection_timeout: float = option(seconds, 30.0)
    operation_timeout: float | None = option(seconds)
    read_timeout: float | None = option(seconds)
    reconnection_retries: int = option(number(), 0)
    reconnection_backoff: float = option(seconds, 2.0)
    max_envelope_size: int = option(number(), 512000)
    problem: str | None = option(str)
    logon_problem: str | None = option(str)

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> HostSettings:
        """Check the settings of a computer. An unknown name is an error."""
        if unknown := options.keys() - cls.option_names():
            invalid(f"endpoints: {', '.join(sorted(unknown))} cannot be set for a computer")
        try:
            return super().from_options(options)
        except ParameterBindingError as error:
            where = options.get("inventory_hostname") or options.get("computer_name")
            raise ParameterBindingError(
                error.error_id, f"settings of {where}: {error.message}", error.category, error.target
            ) from error

    def overridden_by(self, *groups: OptionGroup) -> HostSettings:
        """Return the settings, overridden by the given options of the same names."""
        given = {
            name: value
            for group in groups
            for name, value in vars(group).items()
            if value is not None and name in self.option_names()
        }
        return dataclasses.replace(self, **given)

    def without_credential(self) -> HostSettings:
        """Return the settings without the password and the certificate of the computer."""
        return dataclasses.replace(
            self,
            username=None,
            password=None,
            certificate_pem=None,
            certificate_key_pem=None,
            certificate_key_password=None,
        )

    def as_options(self) -> dict[str, t.Any]:
        """Return the settings that differ from the defaults, as an entry of `endpoints`."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {each.name: values[each.name] for each in dataclasses.fields(self) if values[each.name] != each.default}
