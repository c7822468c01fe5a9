# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""The engine's verbs as the wrappers call them: options in, task result out.

Modules, actions and the lookup differ in where options and messages come from; what happens in between is here, once.
"""

from __future__ import annotations

import os
import typing as t
import uuid
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession import pipeline
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.context import Context
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.endpoint import Settings, SettingsSource
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.errors import (
    ParameterBindingError,
    PSSessionError,
    error_record,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.libraries import require_pypsrp
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.registry import Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import Report
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request import Request

# What says which of a computer's sessions are meant.
_NARROWING = ("name", "instance_id", "owner", "minimum_age", "expires_within")

Options = t.Mapping[str, t.Any]
Result = dict[str, t.Any]


@dataclass(frozen=True)
class Verb:
    """One verb of the engine for the wrappers.

    Attributes:
        command: The cmdlet it is.
        module: Name of its module.
        argument_spec: Makes its options.
        run: Does it.
        is_reading: It changes nothing, so it is the same in check mode and has no diff.
        is_ending: Without a word about which sessions are meant it does not take all of the task's own computer.
    """

    command: str
    module: str
    argument_spec: t.Callable[[], _arguments.Spec]
    run: t.Callable[[Request, Context], Report]
    is_reading: bool = False
    is_ending: bool = False

    def may_take_own_computer(self, options: Options) -> bool:
        """Tell whether a task that names no computer is about the Windows host it runs for."""
        if any(options.get(name) is not None for name in ("computer_name", "connection_uri", "session", "id")):
            return False
        return not self.is_ending or any(options.get(name) for name in _NARROWING)

    def __call__(self, options: Options, *, diff_mode: bool = False, **surroundings: t.Any) -> Result:
        """Run the verb and return the task's result; every failure is in it.

        Args:
            options: Validated options of the task.
            diff_mode: Add a diff.
            surroundings: Fields of `Context` that the wrapper provides.
        """
        options = _arguments.without_aliases(options, self.argument_spec())
        return _run(self, options, diff_mode and not self.is_reading, surroundings)


CONNECT = Verb("Connect-PSSession", "connect_pssession", _arguments.connect_pssession, pipeline.connect_pssession)
DISCONNECT = Verb(
    "Disconnect-PSSession", "disconnect_pssession", _arguments.disconnect_pssession, pipeline.disconnect_pssession
)
NEW = Verb("New-PSSession", "new_pssession", _arguments.new_pssession, pipeline.new_pssession)
INVOKE = Verb("Invoke-Command", "invoke_command", _arguments.invoke_command, pipeline.invoke_command)
RECEIVE = Verb("Receive-PSSession", "receive_pssession", _arguments.receive_pssession, pipeline.receive_pssession)
REMOVE = Verb(
    "Remove-PSSession", "remove_pssession", _arguments.remove_pssession, pipeline.remove_pssession, is_ending=True
)
INFO = Verb("Get-PSSession", "pssession_info", _arguments.pssession_info, pipeline.get_pssession, is_reading=True)
LOOKUP = Verb("Get-PSSession", "pssession", _arguments.pssession_lookup, pipeline.get_pssession, is_reading=True)


def settings_in(endpoints: t.Sequence[Settings] | None) -> SettingsSource:
    """Return what answers from the `endpoints` option, by inventory host name first and computer name second."""
    by_host = {entry["inventory_hostname"]: entry for entry in endpoints or () if entry.get("inventory_hostname")}
    by_name = {entry["computer_name"].lower(): entry for entry in endpoints or ()}

    def settings_of(computer_name: str, inventory_hostname: str | None) -> Settings:
        entry: Settings = by_host.get(inventory_hostname) or by_name.get(computer_name.lower()) or {}
        return entry

    return settings_of


def main(verb: Verb) -> None:
    """Be the module of a verb: the task runs on another host than the controller."""
    module = AnsibleModule(verb.argument_spec(), supports_check_mode=True)
    if module.params.get("confirm") and not module.check_mode:
        module.fail_json(
            msg="confirm needs a terminal, and a task that runs on another host than the controller has none"
        )
    result = verb(
        module.params,
        diff_mode=module._diff,
        check_mode=module.check_mode,
        settings_of=settings_in(module.params["endpoints"]),
    )
    for warning in result.pop("warnings"):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def _run(verb: Verb, options: Options, diff_mode: bool, surroundings: t.Mapping[str, t.Any]) -> Result:
    warnings: list[str] = []
    warn = warnings.append
    try:
        request = Request.from_options(
            {"certificate_store": default_path("certificates"), **_given(options)}, verb.command
        )
        client_id = _client_id(options.get("client_id"))
        require_pypsrp()
        registry = Registry.open(options.get("registry_path") or default_path("registry.sqlite3"), warn)
        try:
            report = verb.run(request, Context(registry, client_id=client_id, warn=warn, **surroundings))
        finally:
            registry.close()
    except PSSessionError as error:
        return {**_failure(error, verb), "warnings": warnings}
    result = report.as_dict()
    if verb.is_reading:
        del result["what_if"]
    if diff_mode:
        result["diff"] = report.diff()
    if report.errors and options.get("error_action") != "silently_continue":
        result.update(failed=True, msg=report.failure())
    elif "rc" in result:
        # Ansible fails a result with an rc other than 0 that does not say whether it failed. Here expected_return_code
        # decides.
        result["failed"] = False
    result["warnings"] = warnings
    return result


def default_path(name: str) -> str:
    """Return where something of ours is kept when nobody says otherwise: in Ansible's own folder of this user."""
    home = os.environ.get("ANSIBLE_HOME") or os.path.join("~", ".ansible")
    return os.path.join(os.path.expanduser(home), "pssession", name)


def _given(options: Options) -> Options:
    return {name: value for name, value in options.items() if value is not None}


def _client_id(text: str | None) -> str | None:
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError as error:
        raise ParameterBindingError(
            "ParameterArgumentTransformationError", f"client_id: {text!r} is not a GUID", "InvalidData"
        ) from error


def _failure(error: PSSessionError, verb: Verb) -> Result:
    """Return the result of a task that came to nothing, in the shape of any other."""
    empty = Report(parameter_set="")
    if isinstance(error, ParameterBindingError):
        unsaid = verb.is_ending and error.error_id == "MissingMandatoryParameter"
        record = error_record(
            error.error_id,
            error.message,
            command=verb.command,
            category=error.category,
            target=error.target,
            hint=f"For a host of the play {verb.module} needs one of {', '.join(_NARROWING)}." if unsaid else "",
        )
    else:
        record = error_record("InvalidOperation", str(error), command=verb.command)
    empty.errors.append(record)
    return {**empty.as_dict(), "failed": True, "msg": empty.failure()}
