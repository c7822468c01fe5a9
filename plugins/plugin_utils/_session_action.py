"""The base of the collection's action plugins.

The engine runs right here, in the controller's worker, when the task's connection is local or leads to Windows: a
Python module cannot run on Windows, credentials reach no temporary file, and prompts and progress work. Any other
connection (a bastion with a route to the Windows network) gets the module, as usual.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import typing as t
from urllib.parse import urlsplit

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.module_utils._plugins import INVOKE, RECEIVE, Plugin, lacks_home
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import MissingLibraryError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.journals import HostJournal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.scripts import decoded
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.foreseen import ForeseenSessions
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.libraries import require_libraries
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import shared_records
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.context import real_world
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.opened import Opened
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _brevity, _collecting, _shown, _task_keywords
from ansible_collections.psremoting.fleet.plugins.plugin_utils._attempts import Attempts, attempts_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._confirmation import Confirmation
from ansible_collections.psremoting.fleet.plugins.plugin_utils._event_display import EventDisplay
from ansible_collections.psremoting.fleet.plugins.plugin_utils._excerpt import without_traceback
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import VariableError
from ansible_collections.psremoting.fleet.plugins.plugin_utils._interruption import tell_in_the_end, tidy_interruption
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import Board
from ansible_collections.psremoting.fleet.plugins.plugin_utils._run_identity import of_this_run, run_client_id
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal, is_task_named_first

# Strategies that run a task for every host despite run_once. Ansible itself only warns.
_WITHOUT_RUN_ONCE = frozenset({"free", "host_pinned"})
# Since ansible-core 2.19, callbacks print the message of a failed task. Before, it is only in the dump of the result.
_CORE_SHOWS_MESSAGE = hasattr(CallbackBase, "_handle_warnings_and_exception")
# Ansible loads this file before it forks a process for each host, so the tasks of all hosts share what is here, and
# none looks for the versions of libraries again.
with contextlib.suppress(MissingLibraryError):  # each task says so
    require_libraries()
_LOGONS = shared_records()
_SHOWN = shared_records()
_FORESEEN = ForeseenSessions(shared_records())
tell_in_the_end(_SHOWN)


class EngineAction(ActionBase):
    """Base of the action plugins that run the engine, here or as a module on the host of the task's connection."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True  # by the module on another host; here `_task_keywords.check` refuses it
    # The kind of live lines for all calls of modules; None means that each call decides.
    live: str | None = None
    # How to collect the output of commands that go on after an interruption of the task.
    collecting = _collecting.RECEIVE
    # Registry and connections, if several calls of modules share them; None means that each call opens its own.
    opened: Opened | None = None
    # Whether the current call only predicts results, also without check mode.
    only_foresees = False

    @functools.cached_property
    def _world(self) -> World:
        """The world of all calls of this task, so that environment and files are read once."""
        return dataclasses.replace(real_world(), logons=_LOGONS)

    @property
    def _attempts(self) -> Attempts | None:
        return attempts_of(self._task)

    def runs_for_each_host(self, task_vars: dict[str, t.Any]) -> bool:
        """Return whether the task runs for each host of a play that has several."""
        return not self._task.run_once and len(task_vars.get("ansible_play_hosts_all") or ()) > 1

    def show_result(
        self, lines: t.Sequence[str], result: dict[str, t.Any], *, for_each: bool, with_message: bool = False
    ) -> None:
        """Show lines on the terminal, and the message of a failed task if the core does not show it; see `_shown`.

        Args:
            for_each: The value of `runs_for_each_host`.
            with_message: Whether to show the message in any case, because the core gets a result with another message.
        """
        if self._attempts is not None:  # each attempt would show it again
            return
        terminal = Terminal.of(self._task)
        if lines:
            heads = [] if for_each or is_task_named_first() else [f"{self._task.get_name()}:"]
            terminal.show("\n".join([*heads, *lines]))
        if with_message or (result.get("failed") and not _CORE_SHOWS_MESSAGE and not for_each):
            terminal.show(str(result.get("msg")), C.COLOR_ERROR)

    def final_result(
        self, options: dict[str, t.Any], inventory: Inventory, *, starts: bool, receives: bool
    ) -> dict[str, t.Any] | None:
        """Return the result of an earlier attempt that is also the result of this one, or None.

        Args:
            starts: Whether each attempt starts a script.
            receives: Whether each attempt only receives the output of scripts.

        Raises:
            AnsibleActionFail: Repeating the task would start scripts a second time, or lose output.
        """
        if self._attempts is None:
            return None
        if starts and options["timeout"] is not None:
            raise AnsibleActionFail(
                "until and retries cannot be used with timeout here: each attempt would start the script again. Start "
                "it once, with in_disconnected_session: true, and repeat receive_pssession with timeout. Each of its "
                "attempts gives all output again."
            )
        if receives and not inventory.runs_here and options["journal"] is None:
            raise AnsibleActionFail(
                "until and retries need journal where the module runs on another host: each attempt would take output "
                "that the next one does not have."
            )
        return self._attempts.final(starts=starts)

    def noted(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return a result, and keep it for later attempts."""
        return result if self._attempts is None else self._attempts.note(result)

    def check_keywords(self, inventory: Inventory, task_vars: dict[str, t.Any] | None, *, opens: bool) -> list[str]:
        """Refuse unsupported keywords, and return warnings for keywords without an effect.

        Args:
            opens: Whether the task opens sessions or starts scripts.
        """
        if not inventory.runs_here:
            return []
        inventory.opens = opens
        return _task_keywords.check(self._task, self._connection, task_vars or {}, opens=opens)

    def validated(self, spec: _arguments.Spec) -> dict[str, t.Any]:
        """Return the options of the task, checked against a specification; null means the default."""
        self._task.args = {name: value for name, value in self._task.args.items() if value is not None}
        if self._task.args.get("session"):
            self._task.args["session"] = _arguments.list_of_sessions(self._task.args["session"])
        _validated, options = self.validate_argument_spec(spec)
        refuse_paths_without_home(options, spec)
        return _arguments.lists_of_text(options, self._task.args, spec)

    def inventory(self, task_vars: dict[str, t.Any] | None) -> Inventory:
        """Return the inventory as the task sees it."""
        return Inventory(task_vars or {}, self._templar, self._loader, self._task, self._connection, self._play_context)

    def own_computer(self, inventory: Inventory) -> str | None:
        """Return the Windows host that the task is about, or None."""
        try:
            return inventory.own_computer()
        except VariableError as error:
            raise AnsibleActionFail(f"{error}. Nothing was sent.") from error

    def refuse_to_run_for_each_host(self) -> None:
        """Refuse a task with run_once if Ansible would run it for every host."""
        strategy = str(self._task.get_play().strategy)
        if self._task.run_once and strategy.rpartition(".")[2] in _WITHOUT_RUN_ONCE:
            raise AnsibleActionFail(
                f"run_once has no effect with the strategy {strategy}: this task would do the same again for every "
                "host. Use the strategy linear, or let each host do its own work (in the role "
                "psremoting.fleet.pssession with pssession_way: per_host). Nothing was done."
            )

    def read_script(self, options: dict[str, t.Any]) -> None:
        """Read the script's file on the controller, also if the module runs on another host."""
        path = options.get("path")
        if path is None:
            return
        if options.get("script") is not None:
            raise AnsibleActionFail("script and path cannot be used together")
        try:
            found = self._find_needle("files", path)
        except AnsibleError:  # its message is about files of the other computer
            raise AnsibleActionFail(
                f"path: {path} cannot be read: the controller has no such file. Nothing was sent"
            ) from None
        try:
            with open(found, "rb") as file:
                options["script"] = decoded(file.read())
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"path: {path} cannot be read: {error}") from error
        options["path"] = None

    def perform(
        self,
        plugin: Plugin,
        options: dict[str, t.Any],
        inventory: Inventory,
        task_vars: dict[str, t.Any] | None,
        journals: t.Mapping[str, HostJournal] | None = None,
    ) -> dict[str, t.Any]:
        """Run a module, in check mode if the task is, and return its result.

        Args:
            options: Validated options of the module.
            journals: As in `Context`; used only if the module runs here.
        """
        if inventory.runs_here:
            return self._run_here(plugin, options, inventory, journals)
        return self._run_module(plugin, options, inventory, task_vars)

    def _run_here(
        self,
        plugin: Plugin,
        options: dict[str, t.Any],
        inventory: Inventory,
        journals: t.Mapping[str, HostJournal] | None,
    ) -> dict[str, t.Any]:
        board = Board(_SHOWN, self._task._uuid, str(os.getpid()))
        live = self.live or options.get("live") or _arguments.LIVE["live"]["default"]
        display = EventDisplay(
            self._task.name or self._task.get_name(), Terminal.of(self._task), board, live, self.collecting
        )
        with tidy_interruption(), contextlib.closing(display):
            return plugin(
                options,
                diff_mode=self._task.diff,
                check_mode=self._task.check_mode,
                foreseen=_FORESEEN if context.CLIARGS.get("check") and not self.only_foresees else None,
                no_log=self._task.no_log,
                verbosity=Display().verbosity,
                settings_of=inventory.settings_of,
                world=self._world,
                **of_this_run(),
                journals=journals,
                opened=self.opened,
                kept_output=None if self._attempts is None else self._attempts.kept,
                emit=display,
                has_shown=display.has_shown,
                confirm=Confirmation() if options.get("confirm") and not self._task.check_mode else None,
            )

    def _run_module(
        self, plugin: Plugin, options: dict[str, t.Any], inventory: Inventory, task_vars: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        """Run the module on the host of the task's connection, with the data that only the inventory has.

        Options that the module would refuse are refused here, so that a password in an address is not sent anywhere.
        """
        refusal = plugin.refusal(options)
        if refusal is not None:
            return refusal
        computers = [*(options.get("computer_name") or ()), *_hosts(options.get("connection_uri"))]
        named = [(name, None) for name in computers]
        named += [
            (str(session.get("computer_name") or ""), session.get("inventory_hostname"))
            for session in options.get("session") or ()
        ]
        own_computer = self.own_computer(inventory)
        if own_computer and not named:  # the registry on that host has most likely sessions of this computer
            named = [(own_computer, None)]
        found = [inventory.settings_of(name, host) for name, host in dict(named).items()]
        given = {name: value for name, value in options.items() if value is not None}
        arguments = _arguments.without_aliases(given, plugin.spec)
        arguments["endpoints"] = [
            *(options.get("endpoints") or ()),
            *(settings.as_options() for settings in found if settings),
        ]
        arguments["run_client_id"] = run_client_id()
        result: dict[str, t.Any] = self._execute_module(
            module_name=f"psremoting.fleet.{plugin.name}",
            module_args=arguments,
            task_vars=task_vars,
            wrap_async=self._task.async_val,
        )
        return result


class SessionAction(EngineAction):
    """Base of the action plugins of the modules. A subclass sets its record.

    Attributes:
        plugin: The record of the module.
    """

    plugin: Plugin

    @without_traceback()
    def run(self, tmp: object = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task and return its result."""
        del tmp
        result: dict[str, t.Any] = super().run(None, task_vars)
        if not self.plugin.cmdlet.is_reading:
            self.refuse_to_run_for_each_host()
        options = self.validated(self.plugin.spec)
        self.complete(options)
        inventory = self.inventory(task_vars)
        warnings = self.check_keywords(inventory, task_vars, opens=bool(self.plugin.cmdlet.opening_sets))
        starts = self.plugin is INVOKE and not options["in_disconnected_session"]
        final = self.final_result(options, inventory, starts=starts, receives=self.plugin is RECEIVE)
        if final is not None:
            return final
        own_computer = self.own_computer(inventory)
        if own_computer and self.plugin.may_take_own_computer(options):
            options["computer_name"] = [own_computer]
        elif self.plugin.takes_what_is_known(options) and (problem := inventory.why_no_computer()):
            raise AnsibleActionFail(problem)
        result.update(self.perform(self.plugin, options, inventory, task_vars))
        if warnings:
            result["warnings"] = [*warnings, *(result.get("warnings") or ())]
        lines = _shown.stdout_of(self.plugin.cmdlet, result)
        result.update(stdout="\n".join(lines), stdout_lines=lines)
        is_brief = _brevity.is_long(result) and _brevity.is_for_terminal_alone(self._task)
        self._show(result, task_vars or {}, with_message=is_brief and "\n" in result["msg"])
        return self.noted(_brevity.brief(result) if is_brief else result)

    def _show(self, result: dict[str, t.Any], task_vars: dict[str, t.Any], *, with_message: bool) -> None:
        """Show the outcome of the task on the terminal, in addition to the callback's own lines."""
        for_each = self.runs_for_each_host(task_vars)
        if not for_each:
            lines = _shown.shown_of(self.plugin.cmdlet, result)
        elif self._task.register and not result.get("what_if"):
            lines = []
        else:
            lines = _shown.shown_for_each_host(self.plugin.cmdlet, result)
        self.show_result(lines, result, for_each=for_each, with_message=with_message)

    def complete(self, options: dict[str, t.Any]) -> None:
        """Change the validated options on the controller before they are used. Subclasses may override this."""


def refuse_paths_without_home(options: dict[str, t.Any], spec: _arguments.Spec) -> None:
    """Refuse a path in the user's home folder if there is no home folder. Only the state file is optional."""
    for name, option in spec.items():
        if option.get("type") == "path" and name != "state_file" and options.get(name) and lacks_home(options[name]):
            raise AnsibleActionFail(
                f"{name}: {options[name]} is in a home folder, and the user of this process has none. Give the path "
                "without ~, or set HOME"
            )


def _hosts(uris: list[str] | None) -> t.Iterator[str]:
    """Return the computers in connection URIs. The engine reports invalid URIs."""
    for uri in uris or ():
        with contextlib.suppress(ValueError):
            host = urlsplit(uri).hostname
            if host:
                yield host
