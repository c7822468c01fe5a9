# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module or the lookup in this process, under the option names that the tables use.

The only file of this folder that imports the engine or its wrappers. Where an option, a value or a return value gets
another name, a row in `RENAMED_OPTIONS` or `RENAMED_RESULTS` says so; tables and recorded outcomes stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader

from ansible_collections.psremoting.fleet.plugins.action.pssession_report import ActionModule as ReportAction
from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation

Options = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Renamed:
    """The present name of an option, and what its values in the tables are called now.

    Attributes:
        name: Its name now; dots lead into a suboption.
        value: Makes the present value of a value in the tables.
    """

    name: str
    value: Callable[[Any], Any] = lambda value: value


def _seconds(milliseconds: Any) -> Any:
    return milliseconds / 1000 if milliseconds > 0 else milliseconds


# By the name in the tables, with dots for suboptions.
RENAMED_OPTIONS: dict[str, Renamed] = {
    "disconnect_after": Renamed("when_done", {True: "disconnect", False: "keep"}.__getitem__),
    "error_action": Renamed(
        "on_error", {"continue": "fail_at_end", "stop": "stop", "silently_continue": "report"}.__getitem__
    ),
    "idle_timeout_sec": Renamed("idle_timeout"),
    **{
        f"session_option.{name}": Renamed(f"session_option.{name}", _seconds)
        for name in ("open_timeout", "cancel_timeout", "operation_timeout", "idle_timeout")
    },
    "match_each_computer": Renamed("require_each"),
    "missing": Renamed("on_missing", {"fail": "error", "warn": "warn", "ignore": "skip", None: None}.__getitem__),
    "registry_path": Renamed("state_file"),
    "secure_parameters": Renamed(
        "sensitive_parameters", lambda values: [{"name": name, "value": value} for name, value in values.items()]
    ),
    "script_path": Renamed("path"),
}
# By the present name of a return value, at any depth: its name in the recorded outcomes.
RENAMED_RESULTS: dict[str, str] = {}

_PLUGINS = {plugin.name: plugin for plugin in (*_plugins.MODULES, _plugins.LOOKUP)}
# Everything that the tables can call: the modules, and the lookup as `pssession`.
CALLS = frozenset({*_PLUGINS, "pssession_report"})


@dataclass(frozen=True)
class Surroundings:
    """What a call gets beside its options.

    Attributes:
        state_file: Where the controller remembers sessions.
        client_id: Its identity on the wire.
        settings_of: The inventory: connection settings by computer name and inventory host name. None takes them from
            the option `endpoints`, as a module does that runs on another host than the controller.
        clock, sleep: Seconds, for waiting and for deadlines.
        confirm: Called before each change, or None; the change is made when it returns True.
        host: The Windows host that the task runs for, or None.
    """

    state_file: str
    client_id: str
    settings_of: Callable[[str, str | None], Mapping[str, Any]] | None
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    confirm: Callable[..., bool] | None = field(default=None)
    host: str | None = None


def call(name: str, options: Options, surroundings: Surroundings, *, check: bool, diff: bool) -> Result:
    """Run a module or the lookup as its action plugin does, and return the task's result.

    Args:
        name: One of `CALLS`.
        options: As in the tables. One request at a time is made unless they say otherwise. Names without a computer
            mean all computers that the controller knows, unless they say otherwise.
        check: Check mode.
        diff: Diff mode.
    """
    if name == "pssession_report":
        return with_names(_report(with_options(options), check), RENAMED_RESULTS)
    plugin = _PLUGINS[name]
    spec = plugin.spec
    usual = {
        "state_file": surroundings.state_file,
        "client_id": surroundings.client_id,
        "throttle_limit": 1,
    }
    given = with_options({**usual, **options})
    if "all_known" in spec and surroundings.host is None and plugin.takes_what_is_known(given):
        given.setdefault("all_known", True)
    validation = ArgumentSpecValidator(spec).validate(given)
    if validation.error_messages:
        # The list of all options that there are is no part of the outcome.
        return {"refused": [message.partition(" Supported parameters")[0] for message in validation.error_messages]}
    validated = _arguments.lists_of_text(validation.validated_parameters, given, spec)
    if surroundings.host is not None and plugin.may_take_own_computer(validated):
        validated["computer_name"] = [surroundings.host]
    result = plugin(
        validated,
        diff_mode=diff,
        check_mode=check,
        **_inventory(surroundings),
        world=World(HttpConversation, monotonic=surroundings.clock, sleep=surroundings.sleep),
        confirm=None if check else surroundings.confirm,
    )
    return with_names(result, RENAMED_RESULTS)


def _inventory(surroundings: Surroundings) -> dict[str, Any]:
    known = surroundings.settings_of
    if known is None:
        return {}

    def settings_of(*asked: Any) -> HostSettings | None:
        settings = known(*asked)
        return HostSettings.from_options(settings) if settings else None

    return {"settings_of": settings_of}


def with_options(options: Options, renamed: Mapping[str, Renamed] | None = None) -> dict[str, Any]:
    """Return options of a table under their present names and with their present values."""
    table = RENAMED_OPTIONS if renamed is None else renamed
    present: dict[str, Any] = {}
    for path, value in _leaves(options, table):
        now = table.get(".".join(path))
        into = present
        *groups, last = now.name.split(".") if now else path
        for group in groups:
            into = into.setdefault(group, {})
        into[last] = now.value(value) if now else value
    return present


def _leaves(
    options: Options, table: Mapping[str, Renamed], above: tuple[str, ...] = ()
) -> Iterable[tuple[tuple[str, ...], Any]]:
    """Yield options with the names that lead to them; suboptions one by one where the table knows any of them."""
    for name, value in options.items():
        path = (*above, name)
        prefix = ".".join(path) + "."
        if isinstance(value, Mapping) and any(known.startswith(prefix) for known in table):
            yield from _leaves(value, table, path)
        else:
            yield path, value


def with_names(value: Any, renamed: Mapping[str, str]) -> Any:
    """Return a result with the names of its values exchanged, at any depth."""
    if isinstance(value, Mapping):
        return {renamed.get(name, name): with_names(each, renamed) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_names(each, renamed) for each in value]
    return value


def _report(options: Options, check: bool) -> Result:
    """Run the action plugin of pssession_report, which needs no connection."""
    task = SimpleNamespace(args=dict(options), async_val=0, check_mode=check, diff=False)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="none"))
    action = ReportAction(
        task=task, connection=connection, play_context=None, loader=DataLoader(), templar=None, shared_loader_obj=None
    )
    try:
        return dict(action.run())
    except AnsibleError as error:
        return {"refused": [str(error)]}
