"""Inventory: the connection variables of a host as the engine's settings (`endpoints` in the argument spec).

Inventories describe Windows hosts for the psrp or the winrm connection plugin. This module reads the plugins' own
option tables, so every source of an option (a variable, a keyword, the command line) applies here, too.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import typing as t
from collections.abc import Mapping

from ansible import constants as C
from ansible import context

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.plugin_utils._connection_options import (
    FINGERPRINT,
    is_connection_variable,
    options_of,
    settings_from,
    windows_plugin,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import AllVariables, VariableError
from ansible_collections.psremoting.fleet.plugins.plugin_utils._secrets import register_secrets_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_keywords import check_become

Variables = t.Mapping[str, t.Any]

_LOCAL = frozenset({"local"})


class Inventory:
    """The inventory as one task sees it.

    Args:
        task_vars: The variables of the task's host, not templated yet; they lead to those of all hosts.
        templar: Templates them.
        loader: Reads files; for the templates of other hosts.
        task, connection, play_context: As the action plugin has them; a lookup has none.

    Attributes:
        opens: Whether the task opens sessions or starts scripts, so that no host may ask for become.
    """

    opens = False

    def __init__(
        self,
        task_vars: Variables,
        templar: t.Any,
        loader: t.Any = None,
        task: t.Any = None,
        connection: t.Any = None,
        play_context: t.Any = None,
    ) -> None:
        self._task_vars = task_vars
        self._variables = AllVariables(task_vars, templar, loader, task)
        self._task = task
        self._connection = connection
        self._play_context = play_context
        self._delegate_to: str | None = getattr(task, "delegate_to", None)
        self._known: dict[tuple[str, str], HostSettings] = {}

    @property
    def runs_here(self) -> bool:
        """Return whether the engine runs in this process: the task's connection is local or leads to Windows."""
        return (
            self._connection is None
            or self._connection.transport in _LOCAL
            or windows_plugin(self._connection.transport) is not None
            or getattr(getattr(self._connection, "_shell", None), "_IS_WINDOWS", False)
        )

    def own_computer(self) -> str | None:
        """Return the Windows host that the task is about, or None.

        A task that is delegated to another Windows host is about that host. Any other task is about the host of the
        play, wherever it runs. It is never about the controller, even if variables of all hosts give it a Windows
        connection.

        Raises:
            VariableError: The connection of the host is unknown.
        """
        target = self._delegate_to
        if target and target not in C.LOCALHOST and self._is_windows(target):
            return target
        own = self._variables.own_host
        return own if own and own not in C.LOCALHOST and self._plugin_of(own) else None

    @property
    def variables(self) -> AllVariables:
        """Return the variables of all hosts as they apply in this task."""
        return self._variables

    def is_windows_host(self, host: str) -> bool:
        """Return whether a host has a psrp or winrm connection. The controller never counts as a Windows host.

        Raises:
            VariableError: The connection of the host is unknown.
        """
        return host not in C.LOCALHOST and self._plugin_of(host) is not None

    def connection_of(self, host: str) -> str:
        """Return the connection that the inventory has for a host, for messages."""
        return str(self._variables.of_inventory(host).get("ansible_connection") or "ssh")

    def why_no_computer(self) -> str:
        """Return the reason why a task that names no computer has none, or an empty text.

        An empty text means that the task may use the sessions that are known where it runs: on the controller, or on
        the host of the play.
        """
        own = self._variables.own_host
        if not own or self._is_controller(own) or not (self.runs_here or self._delegate_to):
            return ""
        return (
            f"The task names no computer, and {own}, the host of the play, is not a Windows host: its "
            f"ansible_connection is {self.connection_of(own)}, not psrp or winrm. Name the computers in computer_name, "
            "or run the task in a play for localhost. Nothing was sent."
        )

    def settings_of(self, computer_name: str, inventory_hostname: str | None = None) -> HostSettings | None:
        """Return the connection settings of a computer, or None if it is not in the inventory.

        If a host has no Windows connection, only its address is used, because its user and password are for something
        else. Unusable settings contain the reason, so that the other hosts go on.
        """
        host = self._variables.host_named(inventory_hostname) or self._variables.host_named(computer_name)
        if host is None:
            return None
        key = (computer_name, host)
        if key not in self._known:  # a job asks for them at each of its calls
            self._known[key] = self._found_settings(computer_name, host)
        return self._known[key]

    def _found_settings(self, computer_name: str, host: str) -> HostSettings:
        names = {"computer_name": computer_name, "inventory_hostname": host}
        try:
            return register_secrets_of(HostSettings.from_options({**self._settings(host), **names}))
        except (VariableError, ParameterBindingError) as error:
            return HostSettings.from_options({**names, "problem": str(error)})

    def _settings(self, host: str) -> dict[str, t.Any]:
        if self.opens and self.runs_here:
            check_become(host, self._variables.of(host))
        variables = self._variables_of(host)
        plugin = self._plugin_of(host)
        if plugin is None:
            word = variables.get("ansible_connection")
            told = (
                f"its ansible_connection is {word}, not psrp or winrm, so its user and password are ignored. Correct "
                "it in the inventory, or give credential in the task"
            )
            return {
                "address": variables.get("ansible_host"),
                "server_certificate_fingerprint": variables.get(FINGERPRINT),
                "logon_problem": told if word else None,
            }
        options = self._options_of(host, plugin, variables)
        settings = settings_from(plugin, host, options, variables)
        return {**settings, "logon_problem": self._not_counted(host, settings)}

    def _variables_of(self, host: str) -> Variables:
        own = self._variables.own_host
        if host == own or self._play_is_for_windows:
            return self._variables.of(host)
        return self._variables.of(host, is_inventorys=is_connection_variable)

    @functools.cached_property
    def _play_is_for_windows(self) -> bool:
        """Return whether the play's connection variables are meant for Windows hosts."""
        own = self._variables.own_host
        return own is None or self._is_controller(own) or self._plugin_of(own) is not None

    def _not_counted(self, host: str, settings: Variables) -> str | None:
        """Return the reason why connection variables of the play are ignored for a host, if that matters."""
        own = self._variables.own_host
        if host == own or own is None:
            return None
        if self._task is None:
            names = self._variables.overriding(host, is_connection_variable)
            if not names and not settings["username"]:
                names = self._variables.of_play(own, ("ansible_password",)) and ("ansible_user", "ansible_password")
            why = "and a lookup ignores them for other hosts. Use the module pssession_info, or put"
        elif settings["username"] or self._play_is_for_windows:
            return None
        else:
            names = self._variables.of_play(own, ("ansible_user", "ansible_password"))
            why = f"whose host {own} is not a Windows host, so they are ignored here. Put"
        told = f"the play or the task sets {' and '.join(names)}, {why} them into group_vars or pass them with -e"
        return told if names else None

    def _is_windows(self, host: str) -> bool:
        transport = getattr(self._connection, "transport", None)
        return windows_plugin(transport) is not None or self._plugin_of(host) is not None

    def _is_controller(self, host: str) -> bool:
        """Return whether a host is the controller, by its name or by a local connection from the inventory alone."""
        name = "ansible_connection"
        if host in C.LOCALHOST:
            return True
        variables = self._variables.of_inventory(host)
        return variables.get(name) in _LOCAL and not self._variables.is_extra(name)

    def _plugin_of(self, host: str) -> str | None:
        """Return the plugin of a host with a Windows connection, or None.

        Variables of play or task can make another host a Windows host, but not the other way round. With
        ``ansible_connection: local`` they only decide where the task runs.
        """
        return next(filter(None, map(windows_plugin, self._connections(host))), None)

    def _connections(self, host: str) -> t.Iterator[object]:
        name = "ansible_connection"
        variables = self._variables.of(host)
        if name in variables:
            yield variables[name]
        inventory = self._variables.of_inventory(host)
        if name in inventory:
            yield inventory[name]
        elif host in self._task_vars.get("ansible_play_hosts_all", ()) and self._task is not None:
            yield _connection_keyword(self._task)
            yield self._task.get_play().connection

    def _options_of(self, host: str, plugin: str, variables: Variables) -> Variables:
        """Return the option values the connection plugin would work with.

        Raises:
            VariableError: One of them cannot be used.
        """
        task_host = self._delegate_to or self._variables.own_host
        if host == task_host and self._connection is not None and windows_plugin(self._connection.transport) == plugin:
            return t.cast(Variables, self._connection.get_options())
        options = options_of(plugin, host, variables, self._keywords())
        if options.get("remote_password") is None:
            options["remote_password"] = self._password_of_command_line()
        if options.get("remote_addr") in (None, "inventory_hostname"):
            options["remote_addr"] = host
        return options

    def _keywords(self) -> dict[str, t.Any]:
        """Return the keywords of the play and the task that are options of connections; `-u` is one of them."""
        if self._task is None:
            return {}
        if not self._play_is_for_windows:
            return {"remote_user": context.CLIARGS.get("remote_user")}
        return {"remote_user": self._task.remote_user, "port": self._task.port}

    def _password_of_command_line(self) -> str | None:
        """Return the password of `--ask-pass`, for the task's host only, unless a variable of that host hides it."""
        if self._play_context is None:
            return None
        variables = self._task_vars
        if self._delegate_to:
            variables = self._task_vars.get("ansible_delegated_vars", {}).get(self._delegate_to, {})
        hidden = any(name in variables for name in C.MAGIC_VARIABLE_MAPPING["password"])
        return None if hidden else t.cast("str | None", self._play_context.password)


def _connection_keyword(task: t.Any) -> object:
    """Return the connection from the keywords of a task, without values for its own host alone.

    ansible-core 2.21 replaces the keyword by the connection of the task's host.
    """
    written = task._ds.get("connection") if isinstance(task._ds, Mapping) else None
    if written is None and task._parent is not None:
        written = task._parent.connection
    return task.connection if written is None or "{{" in str(written) else written
