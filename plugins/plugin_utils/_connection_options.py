"""Options of the connection plugins psrp and winrm, translated into the engine's settings.

Errors about a value name the variable that has it, because the user can correct the variable.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import connection_loader

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import addresses
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import schemes
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import VariableError

# Values of options by their source, unless the source belongs to one host. All other sources are the same in the whole
# run.
_CONFIGURED: dict[tuple[t.Any, ...], t.Any] = {}
Variables = t.Mapping[str, t.Any]

_PLUGINS = ("psrp", "winrm")
FINGERPRINT = "pssession_server_certificate_fingerprint"
# The only source of an option of the psrp plugin. Before ansible-core 2.21 its default was WSMAN, for which domains
# often have no principal. It is host now, as in pypsrp.
NEGOTIATE_SERVICE = "ansible_psrp_negotiate_service"
# The winrm plugin's transport if the inventory names none.
_WINRM_DEFAULT = {"http": "plaintext", "https": "ssl"}
# Options of the psrp plugin and variables of the winrm plugin by settings of another name.
_PSRP_OPTIONS = {
    "address": "remote_addr",
    "application_name": "path",
    "authentication": "auth",
    "username": "remote_user",
    "password": "remote_password",
}
_WINRM_VARIABLES = {
    "authentication": "ansible_winrm_transport",
    "ca_cert": "ansible_winrm_ca_trust_path",
    "operation_timeout": "ansible_winrm_operation_timeout_sec",
    "read_timeout": "ansible_winrm_read_timeout_sec",
    "server_certificate_fingerprint": FINGERPRINT,
}
# The psrp plugin's default size of envelopes, in bytes, and what pypsrp makes of it for servers that know disconnected
# sessions.
_DEFAULT_ENVELOPE, _LARGER_ENVELOPE = 153600, 512000
_SECRET = frozenset({"remote_password", "certificate_key_password", "proxy"})
_KINDS = {"int": "a whole number", "bool": "true or false", "float": "a number", "str": "text", "list": "a list"}


def windows_plugin(connection: object) -> str | None:
    """Return psrp or winrm for a connection name with or without its collection, None for any other."""
    name = str(connection or "").rpartition(".")[2]
    return name if name in _PLUGINS else None


def options_of(plugin: str, host: str, variables: Variables, keys: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the option values that a connection plugin would use.

    Args:
        plugin: psrp or winrm.
        host: The inventory host.
        variables: Its variables.
        keys: Keywords of the task that are options of connections.

    Raises:
        VariableError: A value cannot be used.
    """
    name = connection_loader.get(plugin, class_only=True)._load_name  # also loads its option table
    return {
        option: _value(name, option, definition, host, variables, keys)
        for option, definition in C.config.get_configuration_definitions("connection", name).items()
    }


def settings_from(plugin: str, host: str, options: Variables, variables: Variables) -> dict[str, t.Any]:
    """Return settings by the options of a connection plugin.

    Raises:
        VariableError: A value cannot be used.
    """
    settings = _from_psrp(options, variables) if plugin == "psrp" else _from_winrm(options, variables, host)
    settings = {
        **settings,
        **_proxy(settings.get("proxy")),
        "server_certificate_fingerprint": variables.get(FINGERPRINT),
    }
    _check(settings, host, plugin, variables)
    return settings


def _value(
    plugin: str, option: str, definition: Variables, host: str, variables: Variables, keys: dict[str, t.Any]
) -> t.Any:
    """Return the value of an option of a connection plugin, as Ansible's own configuration reads it."""
    set_by = {name: variables[name] for name in _variables_of(definition) if name in variables}
    try:
        return _configured(plugin, option, set_by, keys)
    except (AnsibleError, ValueError, TypeError) as error:
        name = next((name for name in reversed(set_by) if set_by[name] is not None), option)
        choices = definition.get("choices")
        kind = _KINDS.get(str(definition.get("type")), str(definition.get("type")))
        wanted = f"one of {', '.join(map(str, choices))}" if choices else kind
        raise _bad_value(name, host, None if option in _SECRET else set_by.get(name), wanted) from error


def _configured(plugin: str, option: str, set_by: dict[str, t.Any], keys: dict[str, t.Any]) -> t.Any:
    """Return an option's value from Ansible's configuration. Most options have the same value for all hosts."""
    sources = (*set_by.items(), *keys.items())
    is_alike = option != "remote_addr" and all(isinstance(value, (str, int, type(None))) for _name, value in sources)
    # In Python, 1 and True are equal, but not here.
    given = (plugin, option, *((name, type(value), value) for name, value in sources))
    if is_alike and given in _CONFIGURED:
        return _CONFIGURED[given]
    value = C.config.get_config_value_and_origin(
        option, plugin_type="connection", plugin_name=plugin, variables=set_by, keys=keys
    )[0]
    if is_alike:
        _CONFIGURED[given] = value
    return value


def _variables_of(definition: Variables) -> list[str]:
    return [variable["name"] for variable in definition.get("vars") or ()]


def _bad_value(name: str, host: str, value: object, wanted: str) -> VariableError:
    shown = "its value" if value is None else repr(value)
    return VariableError(name, host, f"cannot be used: {shown} is not {wanted}")


def is_connection_variable(name: str) -> bool:
    """Return whether a variable says where a host is or how to log on to it."""
    if name == "ansible_connection":
        return False
    if name.startswith(("ansible_psrp_", "ansible_winrm_")):
        return True
    for plugin in _PLUGINS:
        connection_loader.get(plugin, class_only=True)
        if name in C.config.get_plugin_vars("connection", plugin):
            return name != "inventory_hostname"
    return False


def _check(settings: Variables, host: str, plugin: str, variables: Variables) -> None:
    """Refuse settings that the engine would refuse, by the variable that has the value."""
    for word in settings["authentication"].split(","):
        if word.strip() not in {*schemes.SCHEMES, *schemes.OPTIONS, *schemes.WINRM_TRANSPORTS}:
            name = _name_of("authentication", plugin, variables)
            raise _bad_value(name, host, word, f"one of {', '.join(sorted(schemes.WINRM_TRANSPORTS))}")
    try:
        HostSettings.from_options(settings)
    except ParameterBindingError:
        _refuse_culprit(settings, host, plugin, variables)


def _refuse_culprit(settings: Variables, host: str, plugin: str, variables: Variables) -> None:
    """Refuse the setting with a bad value. Each setting is tried alone."""
    for setting, value in settings.items():
        try:
            HostSettings.from_options({setting: value})
        except ParameterBindingError as error:
            reason = error.message.partition(f"endpoints.{setting}: ")[2]
            raise VariableError(
                _name_of(setting, plugin, variables), host, f"cannot be used: {reason or error.message}"
            ) from error


def _name_of(setting: str, plugin: str, variables: Variables) -> str:
    """Return the variable from which a setting has its value."""
    option = _PSRP_OPTIONS.get(setting, setting)
    definition = C.config.get_configuration_definitions("connection", plugin).get(option, {})
    names = [name for name in _variables_of(definition) if name in variables]
    if names:
        return names[-1]
    return _WINRM_VARIABLES.get(setting, f"ansible_{plugin}_{setting}")


def _proxy(address: object) -> dict[str, t.Any]:
    """Return the settings for the address of a proxy, in which inventories have user and password, too."""
    if address is None:
        return {}
    return dict(zip(("proxy", "proxy_username", "proxy_password"), addresses.split_proxy(str(address)), strict=True))


def _from_psrp(options: Variables, variables: Variables) -> dict[str, t.Any]:
    """Translate options of the psrp connection plugin, with its rules for what is left out."""
    port, protocol = options.get("port"), options.get("protocol")
    if protocol is None:
        protocol = "http" if port is not None and int(port) == 5985 else "https"
    # Many options of the plugin have the names of the settings here.
    settings = {name: options.get(name) for name in HostSettings.option_names()}
    size = options.get("max_envelope_size")
    return {
        **settings,
        "max_envelope_size": _LARGER_ENVELOPE if size == _DEFAULT_ENVELOPE else size,
        # None is the default of HostSettings.
        "negotiate_service": options.get("negotiate_service") if variables.get(NEGOTIATE_SERVICE) else None,
        "transport": "psrp",
        "address": options.get("remote_addr"),
        "port": int(port) if port is not None else None,
        "use_ssl": protocol == "https",
        "application_name": options.get("path"),
        "authentication": options.get("auth"),
        "username": options.get("remote_user"),
        "password": options.get("remote_password"),
        "verify_certificate": options.get("cert_validation") != "ignore",
    }


def _from_winrm(options: Variables, variables: Variables, host: str = "") -> dict[str, t.Any]:
    """Translate options of the winrm connection plugin; what it passes on to pywinrm are variables only.

    Raises:
        VariableError: One of them is of the wrong kind.
    """
    port, scheme = options.get("port"), options.get("scheme")
    if scheme is None:
        scheme = "http" if port is not None and int(port) == 5985 else "https"
    transports = options.get("transport") or []
    user = options.get("remote_user")
    transport = transports[0] if transports else ("kerberos" if "@" in str(user or "") else _WINRM_DEFAULT[scheme])
    several = len(transports) > 1

    def extra(name: str, convert: t.Callable[[t.Any], t.Any] = str) -> t.Any:
        variable = f"ansible_winrm_{name}"
        value = variables.get(variable)
        try:
            return None if value is None else convert(value)
        except (TypeError, ValueError) as error:
            kinds = {boolean: "true or false", int: "a whole number", float: "a number"}
            raise _bad_value(variable, host, value, kinds[convert]) from error

    certificate = extra("cert_pem")
    if several:
        # The engine finds out which of them is possible.
        authentication = ",".join("certificate" if each == "ssl" and certificate else each for each in transports)
    else:
        authentication = schemes.WINRM_TRANSPORTS.get(transport, transport)
        if transport == "ssl" and certificate:
            authentication = "certificate"
    return {
        "transport": "winrm",
        "address": options.get("remote_addr"),
        "port": int(port) if port is not None else None,
        "use_ssl": scheme == "https",
        "application_name": options.get("path"),
        "authentication": authentication,
        "username": user,
        "password": options.get("remote_password"),
        "message_encryption": "never" if transport == schemes.IN_CLEAR and not several else extra("message_encryption"),
        "certificate_pem": certificate,
        "certificate_key_pem": extra("cert_key_pem"),
        "negotiate_delegate": extra("kerberos_delegation", boolean),
        "negotiate_hostname_override": extra("kerberos_hostname_override"),
        "negotiate_send_cbt": extra("send_cbt", boolean),
        "negotiate_service": extra("service") or "HTTP",
        "credssp_auth_mechanism": extra("credssp_auth_mechanism"),
        "credssp_disable_tlsv1_2": extra("credssp_disable_tlsv1_2", boolean),
        "credssp_minimum_version": extra("credssp_minimum_version", int),
        "verify_certificate": extra("server_cert_validation") != "ignore",
        "ca_cert": extra("ca_trust_path"),
        "proxy": extra("proxy"),
        "connection_timeout": options.get("connection_timeout"),
        "operation_timeout": extra("operation_timeout_sec", float),
        "read_timeout": extra("read_timeout_sec", float),
    }
