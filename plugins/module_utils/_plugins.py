"""Plugins: one record for each module that talks to computers, and for the lookup, which turns options into a result.

Modules, action plugins and the lookup differ in where options and messages come from; everything between is here, once.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import typing as t
import uuid
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession import engine
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import Cmdlet
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    ParameterBindingError,
    PSSessionError,
    error_record,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Event, Warned
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown_in_line
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import Report
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.libraries import require_libraries
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target.endpoint import SettingsSource
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.context import Context, real_world
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.opened import Opened

Options = t.Mapping[str, t.Any]
Result = dict[str, t.Any]


@dataclass(frozen=True)
class Plugin:
    """A module with its action plugin, or the lookup.

    Attributes:
        name: Its name in the collection.
        cmdlet: The cmdlet that it is.
        spec: Its options.
    """

    name: str
    cmdlet: Cmdlet
    spec: _arguments.Spec

    def may_take_own_computer(self, options: Options) -> bool:
        """Return whether a task that names no computer is about the Windows host it runs for."""
        if _names_sessions(options):
            return False
        narrowing = self.cmdlet.narrowing
        return not narrowing or any(options.get(name) for name in narrowing)

    def refusal(self, options: Options) -> Result | None:
        """Return the result of a task whose options are refused unseen, or None."""
        try:
            Request.from_options(_given(_arguments.without_aliases(options, self.spec)), self.cmdlet)
        except PSSessionError as error:
            return {**_failure(error, self), "warnings": []}
        return None

    def takes_what_is_known(self, options: Options) -> bool:
        """Return whether a task means sessions on every computer that are known where it runs."""
        return not _names_sessions(options) and any(options.get(name) for name in ("name", "instance_id"))

    def __call__(self, options: Options, *, diff_mode: bool = False, **surroundings: t.Any) -> Result:
        """Run the task and return its result; every failure is in it.

        Args:
            options: Validated options of the task.
            diff_mode: Add a diff.
            surroundings: Fields of `Context` that the wrapper provides. Beside them `home`, Ansible's own folder of
                this user, `run_folder`, a folder that all tasks of the run have and no other run, and `no_log`, the
                keyword of the task: Ansible shows warnings all the same, so none repeats what a script wrote. And
                `has_shown`, which tells whether what a warning repeats was shown while the task waited.
        """
        options = _arguments.without_aliases(options, self.spec)
        return _run(self, options, diff_mode and not self.cmdlet.is_reading, surroundings)


CONNECT = Plugin("connect_pssession", cmdlets.CONNECT, _arguments.CONNECT_PSSESSION)
DISCONNECT = Plugin("disconnect_pssession", cmdlets.DISCONNECT, _arguments.DISCONNECT_PSSESSION)
NEW = Plugin("new_pssession", cmdlets.NEW, _arguments.NEW_PSSESSION)
INVOKE = Plugin("invoke_command", cmdlets.INVOKE, _arguments.INVOKE_COMMAND)
RECEIVE = Plugin("receive_pssession", cmdlets.RECEIVE, _arguments.RECEIVE_PSSESSION)
REMOVE = Plugin("remove_pssession", cmdlets.REMOVE, _arguments.REMOVE_PSSESSION)
INFO = Plugin("pssession_info", cmdlets.GET, _arguments.PSSESSION_INFO)
LOOKUP = Plugin("pssession", cmdlets.GET, _arguments.PSSESSION_LOOKUP)

MODULES = (CONNECT, DISCONNECT, NEW, INVOKE, RECEIVE, REMOVE, INFO)


def settings_in(endpoints: t.Sequence[t.Mapping[str, t.Any]] | None) -> SettingsSource:
    """Return a source of settings from the `endpoints` option. It looks first by host name, then by computer name."""
    entries = [HostSettings.from_options(entry) for entry in endpoints or ()]
    by_host = {entry.inventory_hostname: entry for entry in entries}
    by_name = {entry.computer_name.lower(): entry for entry in entries}

    def settings_of(computer_name: str, inventory_hostname: str | None) -> HostSettings | None:
        entry = by_host.get(inventory_hostname) if inventory_hostname else None
        return entry or by_name.get(computer_name.lower())

    return settings_of


def main(plugin: Plugin) -> None:
    """Run as a module: the task runs on another host than the controller."""
    module = AnsibleModule(plugin.spec, supports_check_mode=True)
    if module.params.get("confirm") and not module.check_mode:
        module.fail_json(
            msg="confirm needs a terminal, and a task that runs on another host than the controller has none"
        )
    result = plugin(
        module.params,
        diff_mode=module._diff,
        check_mode=module.check_mode,
        no_log=module.no_log,
        verbosity=module._verbosity,
    )
    for warning in result.pop("warnings"):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def _run(plugin: Plugin, options: Options, diff_mode: bool, surroundings: t.Mapping[str, t.Any]) -> Result:
    warnings: list[str] = []
    surroundings = dict(surroundings)
    show, home = surroundings.get("emit"), surroundings.pop("home", None)
    unshown: list[str] = []
    run_folder, no_log = surroundings.pop("run_folder", None), surroundings.pop("no_log", False)
    has_shown: t.Callable[[Warned], bool] = surroundings.pop("has_shown", lambda _warned: False)

    def emit(event: Event) -> None:
        if isinstance(event, Warned):
            if not (event.has_output and (no_log or has_shown(event))):
                warnings.append(shown_in_line(event.text))
        elif show is not None and not unshown:
            try:
                show(event)
            except Exception as error:  # noqa: BLE001 - a terminal that is gone must not end the work
                unshown.append(f"What the task does is not shown any more: {shown_in_line(str(error))}")
                warnings.append(unshown[0])

    try:
        request = Request.from_options(
            {"certificate_store": default_path("certificates", home), **_given(options)}, plugin.cmdlet
        )
        surroundings = {
            "settings_of": settings_in(options.get("endpoints")),
            "run_client_id": _run_client_id(options),
            **surroundings,
            "world": surroundings.get("world") or real_world(),
            "emit": emit,
        }
        client_id = _guid(options, "client_id")
        require_libraries()
        state_file = options.get("state_file") or default_path("state.sqlite3", home)
        with contextlib.ExitStack() as stack:
            opened = surroundings.pop("opened", None) or stack.enter_context(contextlib.closing(Opened()))
            registry = opened.registry(
                lambda: Registry.open(
                    None if lacks_home(state_file) else state_file,
                    emit,
                    surroundings["world"],
                    None if run_folder is None else os.path.join(run_folder, "pssession-without-state-file"),
                )
            )
            report = engine.run(request, Context(registry, client_id=client_id, opened=opened, **surroundings))
    except PSSessionError as error:
        return {**_failure(error, plugin), "warnings": warnings}
    result = report.as_dict()
    if plugin.cmdlet.is_reading:
        del result["what_if"]
    if diff_mode:
        result["diff"] = report.diff()
    if report.errors and options.get("on_error") != "report":
        result.update(failed=True, msg=report.failure())
    elif "rc" in result or any(each["failed"] for each in result.get("results", ())):
        # Ansible fails a result with an rc other than 0, or with failed among its results, that does not say whether it
        # failed. Here expected_return_code and on_error decide.
        result["failed"] = False
    result["warnings"] = warnings
    return result


def default_path(name: str, home: str | None = None) -> str:
    """Return the default path of a file of the collection: in Ansible's own folder of this user.

    Args:
        home: That folder, where Ansible's configuration is known; None takes what the environment says.
    """
    home = home or os.environ.get("ANSIBLE_HOME") or os.path.join("~", ".ansible")
    return os.path.join(os.path.expanduser(home), "pssession", name)


def _names_sessions(options: Options) -> bool:
    """Return whether a task names computers or single sessions."""
    return any(options.get(name) is not None for name in ("computer_name", "connection_uri", "session", "id"))


def lacks_home(path: str) -> bool:
    """Return whether a path begins in a home folder that does not exist.

    HOME is not set and the user has no entry in the passwd file, as in containers. ``~`` would be made as a folder.
    """
    return "~" in os.path.expanduser(path).split(os.sep)


def _given(options: Options) -> Options:
    return {name: value for name, value in options.items() if value is not None}


def _run_client_id(options: Options) -> t.Callable[[], str] | None:
    """Return a function for the identity of the controller's run, for a module on another host, or None without one."""
    found = _guid(options, "run_client_id")
    return (lambda: found) if found else None


def _guid(options: Options, name: str) -> str | None:
    text = options.get(name)
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError as error:
        raise ParameterBindingError(
            "ParameterArgumentTransformationError", f"{name}: {text!r} is not a GUID", "InvalidData"
        ) from error


def _failure(error: PSSessionError, plugin: Plugin) -> Result:
    """Return the result of a task that failed as a whole, in the form of any other result."""
    cmdlet = plugin.cmdlet
    if isinstance(error, ParameterBindingError):
        record = error_record(
            error.error_id,
            error.message,
            cmdlet=cmdlet,
            category=error.category,
            target=error.target,
            hint=error.hint,
        )
    else:
        record = error_record("InvalidOperation", str(error), cmdlet=cmdlet)
    report = Report(parameter_set="", errors=(record,))
    return {**report.as_dict(), "failed": True, "msg": report.failure()}
