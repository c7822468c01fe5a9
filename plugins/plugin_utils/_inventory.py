"""Inventory: the connection variables of a host as the engine's settings (`endpoints` in the argument spec).

Inventories describe Windows hosts for the psrp or for the winrm connection plugin. The plugins' own option tables are
read, so whatever sets an option there (a variable, a keyword, the command line) counts here as well.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import connection_loader

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import addresses
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import schemes

Variables = t.Mapping[str, t.Any]

_LOCAL = frozenset({"local"})
# What the winrm plugin takes when the inventory names no transport.
_WINRM_DEFAULT = {"http": "plaintext", "https": "ssl"}


class Inventory:
    """The inventory as one task sees it.

    Args:
        task_vars: The variables of the task's host, not templated yet; they lead to those of all hosts.
        templar: Templates them.
        task, connection, play_context: As the action plugin has them; a lookup has none.
    """

    def __init__(
        self,
        task_vars: Variables,
        templar: t.Any,
        task: t.Any = None,
        connection: t.Any = None,
        play_context: t.Any = None,
    ) -> None:
        self._task_vars = task_vars
        self._own_variables = _Templated(task_vars, templar)
        self._connection = connection
        self._play_context = play_context
        self._delegate_to: str | None = getattr(task, "delegate_to", None)
        self._keyword: object = getattr(task, "connection", None)

    @property
    def runs_here(self) -> bool:
        """Whether the engine runs in this process: the task's connection is local or leads to Windows."""
        return (
            self._connection is None
            or self._connection.transport in _LOCAL
            or _windows_plugin(self._connection.transport) is not None
            or getattr(getattr(self._connection, "_shell", None), "_IS_WINDOWS", False)
        )

    def own_computer(self) -> str | None:
        """Return the Windows host the task is about, or None when it is about none.

        A task delegated to another Windows host is about that one; delegated to anything else it stays about its own.
        """
        if self._delegate_to and self._connection is not None and _windows_plugin(self._connection.transport):
            return self._delegate_to
        if _plugin_of(self._own_variables) is None:
            return None
        return t.cast("str | None", self._task_vars.get("inventory_hostname"))

    def settings_of(self, computer_name: str, inventory_hostname: str | None = None) -> HostSettings | None:
        """Return the connection settings of a computer, or None when the inventory does not know it.

        Raises nothing for a host that has no Windows connection: of such a host only the address counts, because its
        user and password are for something else.
        """
        host = self._host_named(inventory_hostname) or self._host_named(computer_name)
        if host is None:
            return None
        variables = self._variables_of(host)
        plugin = self._plugin_for(host, variables)
        if plugin is None:
            settings = {"address": variables.get("ansible_host")}
        else:
            options = self._options_of(host, plugin, variables)
            settings = _from_psrp(options) if plugin == "psrp" else _from_winrm(options, variables)
        of_host = {
            "computer_name": computer_name,
            "inventory_hostname": host,
            "server_certificate_fingerprint": variables.get("pssession_server_certificate_fingerprint"),
        }
        return HostSettings.from_options({**settings, **_proxy(settings.get("proxy")), **of_host})

    def _plugin_for(self, host: str, variables: Variables) -> str | None:
        """Return the Windows connection plugin of a host: by its variable, or by the keyword of its play."""
        if "ansible_connection" in variables or host not in self._task_vars.get("ansible_play_hosts_all", ()):
            return _plugin_of(variables)
        return _windows_plugin(self._keyword)

    def _host_named(self, name: str | None) -> str | None:
        hosts = self._task_vars.get("hostvars") or {}
        if not name:
            return None
        if name == self._task_vars.get("inventory_hostname") or name in hosts:
            return name
        lowered = name.lower()
        return next((host for host in hosts if host.lower() == lowered), None)

    def _variables_of(self, host: str) -> Variables:
        if host == self._task_vars.get("inventory_hostname"):
            return self._own_variables
        return t.cast(Variables, self._task_vars["hostvars"][host])

    def _options_of(self, host: str, plugin: str, variables: Variables) -> Variables:
        """Return the option values the connection plugin would work with."""
        task_host = self._delegate_to or self._task_vars.get("inventory_hostname")
        if host == task_host and self._connection is not None and _windows_plugin(self._connection.transport) == plugin:
            return t.cast(Variables, self._connection.get_options())
        plugin_class = connection_loader.get(plugin, class_only=True)  # also loads its option table
        options = dict(
            C.config.get_plugin_options(
                "connection", plugin_class._load_name, variables=_plain(plugin_class, variables)
            )
        )
        # What -u and -k say reaches a connection by the play context; connections to other hosts are never made.
        if not options.get("remote_user") and self._play_context is not None:
            options["remote_user"] = self._play_context.remote_user
        if options.get("remote_password") is None and self._play_context is not None:
            options["remote_password"] = self._play_context.password
        if options.get("remote_addr") in (None, "inventory_hostname"):
            options["remote_addr"] = host
        return options


class _Templated(Variables):
    """Variables whose values are templated when they are asked for; those of other hosts (hostvars) are so already."""

    def __init__(self, raw: Variables, templar: t.Any) -> None:
        self._raw = raw
        self._templar = templar

    def __getitem__(self, name: str) -> t.Any:
        return self._templar.template(self._raw[name])

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def _plain(plugin_class: t.Any, variables: Variables) -> dict[str, t.Any]:
    """Return those variables that the plugin's options name, in a plain dict as Ansible's configuration wants it."""
    names = C.config.get_plugin_vars("connection", plugin_class._load_name)
    return {name: variables[name] for name in names if name in variables}


def _windows_plugin(connection: object) -> str | None:
    """Return psrp or winrm for a connection name with or without its collection, None for any other."""
    name = str(connection or "").rpartition(".")[2]
    return name if name in ("psrp", "winrm") else None


def _plugin_of(variables: Variables) -> str | None:
    return _windows_plugin(variables.get("ansible_connection"))


def _proxy(address: object) -> dict[str, t.Any]:
    """Return the settings for the address of a proxy, in which inventories have user and password, too."""
    if address is None:
        return {}
    return dict(zip(("proxy", "proxy_username", "proxy_password"), addresses.split_proxy(str(address)), strict=True))


def _from_psrp(options: Variables) -> dict[str, t.Any]:
    """Translate options of the psrp connection plugin, with its rules for what is left out."""
    port, protocol = options.get("port"), options.get("protocol")
    if protocol is None:
        protocol = "http" if port is not None and int(port) == 5985 else "https"
    # Many options of the plugin have the names of the settings here.
    settings = {name: options.get(name) for name in HostSettings.names()}
    return {
        **settings,
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


def _from_winrm(options: Variables, variables: Variables) -> dict[str, t.Any]:
    """Translate options of the winrm connection plugin; what it passes on to pywinrm are variables only."""
    port, scheme = options.get("port"), options.get("scheme")
    if scheme is None:
        scheme = "http" if port is not None and int(port) == 5985 else "https"
    transports = options.get("transport") or []
    user = options.get("remote_user")
    transport = transports[0] if transports else ("kerberos" if "@" in str(user or "") else _WINRM_DEFAULT[scheme])
    several = len(transports) > 1

    def extra(name: str, convert: t.Callable[[t.Any], t.Any] = str) -> t.Any:
        value = variables.get(f"ansible_winrm_{name}")
        return None if value is None else convert(value)

    certificate = extra("cert_pem")
    if several:
        # Which of them is possible, the engine finds out.
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
