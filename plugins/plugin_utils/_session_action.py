"""The base of the collection's action plugins.

The engine runs right here, in the controller's worker, when the task's connection is local or leads to Windows: a
Python module cannot run on Windows, credentials reach no temporary file, and prompts and progress work. Any other
connection (a bastion with a route to the Windows network) gets the module, as usual.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t
from urllib.parse import urlsplit

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.module_utils._plugins import Plugin
from ansible_collections.psremoting.fleet.plugins.plugin_utils._confirmation import Confirmation
from ansible_collections.psremoting.fleet.plugins.plugin_utils._event_display import EventDisplay
from ansible_collections.psremoting.fleet.plugins.plugin_utils._interruption import tidy_interruption
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory

# Strategies under which a task with run_once runs for every host all the same; Ansible itself only warns.
_WITHOUT_RUN_ONCE = frozenset({"free", "host_pinned"})


class SessionAction(ActionBase):
    """Base of the action plugins; a subclass names its record.

    Attributes:
        plugin: The record of the module.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    plugin: Plugin

    def run(self, tmp: object = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task and return its result."""
        del tmp
        result: dict[str, t.Any] = super().run(None, task_vars)
        self._refuse_to_run_for_each_host()
        spec = self.plugin.spec
        _validated, options = self.validate_argument_spec(spec)
        options = _arguments.lists_of_text(options, self._task.args, spec)
        self.complete(options)
        inventory = Inventory(task_vars or {}, self._templar, self._task, self._connection, self._play_context)
        own_computer = inventory.own_computer()
        if own_computer and self.plugin.may_take_own_computer(options):
            options["computer_name"] = [own_computer]
        if inventory.runs_here:
            result.update(self._run_here(options, inventory))
        else:
            result.update(self._run_module(options, inventory, task_vars))
        return result

    def complete(self, options: dict[str, t.Any]) -> None:
        """Change validated options on the controller before anything else is done with them; subclasses may."""

    def _refuse_to_run_for_each_host(self) -> None:
        """Refuse what was to be done once, where Ansible would do it once for every host."""
        strategy = str(self._task.get_play().strategy)
        changes = not self.plugin.cmdlet.is_reading
        if self._task.run_once and changes and strategy.rpartition(".")[2] in _WITHOUT_RUN_ONCE:
            raise AnsibleActionFail(
                f"run_once has no effect with the strategy {strategy}: this task would do the same again for every "
                "host. Take the strategy linear, or let each host do its own work (in the role "
                "psremoting.fleet.reconnect with reconnect_way: per_host). Nothing was done."
            )

    def _run_here(self, options: dict[str, t.Any], inventory: Inventory) -> dict[str, t.Any]:
        name = self._task.get_name()
        with tidy_interruption():
            return self.plugin(
                options,
                diff_mode=self._task.diff,
                check_mode=self._task.check_mode,
                settings_of=inventory.settings_of,
                emit=EventDisplay(name),
                confirm=Confirmation() if options.get("confirm") and not self._task.check_mode else None,
            )

    def _run_module(
        self, options: dict[str, t.Any], inventory: Inventory, task_vars: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        """Run the module where the task's connection leads, and let it know what only the inventory knows."""
        computers = [*(options.get("computer_name") or ()), *_hosts(options.get("connection_uri"))]
        named = [(name, None) for name in computers]
        named += [
            (str(session.get("computer_name") or ""), session.get("inventory_hostname"))
            for session in options.get("session") or ()
        ]
        own_computer = inventory.own_computer()
        if own_computer and not named:  # what is looked up in the registry there is most likely about this computer
            named = [(own_computer, None)]
        found = [inventory.settings_of(name, host) for name, host in dict(named).items()]
        given = {name: value for name, value in options.items() if value is not None}
        arguments = _arguments.without_aliases(given, self.plugin.spec)
        arguments["endpoints"] = [
            *(options.get("endpoints") or ()),
            *(settings.as_options() for settings in found if settings),
        ]
        result: dict[str, t.Any] = self._execute_module(
            module_name=f"psremoting.fleet.{self.plugin.name}", module_args=arguments, task_vars=task_vars
        )
        return result


def _hosts(uris: list[str] | None) -> t.Iterator[str]:
    """Return the computers that connection URIs lead to; what is wrong with a URI, the engine says."""
    for uri in uris or ():
        with contextlib.suppress(ValueError):
            host = urlsplit(uri).hostname
            if host:
                yield host
