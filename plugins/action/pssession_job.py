"""The action plugin of pssession_job."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _collecting
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory
from ansible_collections.psremoting.fleet.plugins.plugin_utils._job_output import JobOutput
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import (
    JOBS,
    WITH_FOLDER,
    WITH_OUTPUT,
    WITH_SCRIPT,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Line,
    Order,
    Told,
    drive,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import message_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import EngineAction
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import WorkFolder

_PLUGINS = {plugin.name: plugin for plugin in _plugins.MODULES}


class ActionModule(EngineAction):
    """Do a job with the sessions of one host or of a fleet."""

    def run(self, tmp: object = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task and return its result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        self.refuse_to_run_for_each_host()
        self._task.args = _arguments.without_blank(self._task.args, _arguments.PSSESSION_JOB)
        options = self.validated(_arguments.PSSESSION_JOB)
        self._check(options)
        self.live = options["live"]
        self.collecting = _collecting.sentence_for(options["job"], options["name"])
        self.read_script(options)
        inventory = self.inventory(task_vars)
        if self._task.async_val and not inventory.runs_here:
            raise AnsibleActionFail("async is not possible: a job is several calls of modules. Nothing was sent")
        warnings = self.check_keywords(inventory, task_vars, opens=options["job"] in WITH_SCRIPT)
        if options["journal"] and options["job"] in WITH_FOLDER and not inventory.runs_here:
            raise AnsibleActionFail("journal is a folder on the controller, and the task runs on another host")
        receives = options["job"] in WITH_OUTPUT
        final = self.final_result(options, inventory, starts=False, receives=receives)
        if final is not None:
            return final
        order = self._order(options, inventory)
        output = self._output(order) if receives else None
        calls = _Calls(self, options, inventory, task_vars)
        if warnings:
            calls.told["warnings"] = warnings
        told, lines = drive(JOBS[options["job"]](order), calls)
        for line in lines:
            if line.kind == "unreadable":
                calls.told.setdefault("warnings", []).append(line.value)
        if output is not None and (shown := output.keep(told)):
            Terminal.of(self._task).show("\n".join(shown))
            result.update(stdout="\n".join(shown), stdout_lines=shown)
        return self.noted({**result, **_result(told, lines, options), **calls.told})

    @staticmethod
    def _check(options: dict[str, t.Any]) -> None:
        """Refuse options that do not make a job, before anything is sent."""
        options["name"] = [name.strip() for name in options["name"] or ()] or None
        job, names, starts = options["job"], options["name"] or (), options["job"] in WITH_SCRIPT
        refusals = {
            "name has an empty entry": not all(names),
            f"the job {job} needs one of script (the text) and path (a file)": starts
            and (options["script"] is None) == (options["path"] is None),
            f"the job {job} needs name, the name of the session": starts and not names,
            "the job journal needs journal, the path of a journal or of a folder with journals": job == "journal"
            and not options["journal"],
            "the work of the job resume has one session on each host, so name must have one name": job == "resume"
            and len(names) > 1,
            "the job extend needs idle_timeout, the seconds to give": job == "extend"
            and options["idle_timeout"] is None,
            "when_done: remove is for the job collect; what was not received would be lost": job != "collect"
            and options["when_done"] == "remove",
            "to remove sessions, name them in name; '*' means all": job == "cleanup"
            and options["remove"]
            and not names,
            "on_error: stop is for a single module; a job goes on with its other hosts": options["on_error"] == "stop",
        }
        for message, is_refused in refusals.items():
            if is_refused:
                raise AnsibleActionFail(message)

    @staticmethod
    def _output(order: Order) -> JobOutput:
        """Return what is done with the output of a job, with its folder made before anything is sent."""
        output = JobOutput(order)
        try:
            output.make_folder()
        except OSError as error:
            raise AnsibleActionFail(
                f"output: {order.options['output']} cannot be used: {error.strerror}. Nothing was sent"
            ) from error
        return output

    def _order(self, options: dict[str, t.Any], inventory: Inventory) -> Order:
        own_computer = self.own_computer(inventory)
        hosts = options["computer_name"] or ([own_computer] if own_computer else [])
        if not hosts:
            raise AnsibleActionFail(
                "the task runs for a host that has neither a psrp nor a winrm connection, and computer_name has none"
            )
        hosts = list(_computers(hosts).values())
        folder = WorkFolder(options["journal"]) if options["journal"] and options["job"] in WITH_FOLDER else None
        return Order(hosts, options, self._task.check_mode, folder)

    def call(self, call: Call, options: dict[str, t.Any], inventory: Inventory, task_vars: t.Any) -> dict[str, t.Any]:
        """Do one call of a job."""
        check_mode = self._task.check_mode
        self._task.check_mode = check_mode or call.only_foresee
        try:
            return self.perform(_PLUGINS[call.module], options, inventory, task_vars, call.journals)
        finally:
            self._task.check_mode = check_mode


class _Calls:
    """Does the calls of a job, and keeps what each of them has to tell beside its result: warnings and diffs."""

    def __init__(
        self, action: ActionModule, options: dict[str, t.Any], inventory: Inventory, task_vars: dict[str, t.Any] | None
    ) -> None:
        self._action = action
        self._inventory = inventory
        self._task_vars = task_vars
        self._shared = {name: options[name] for name in _arguments.OF_EACH_CALL if options[name] is not None}
        if options["idle_timeout"] is not None:
            # It is for opening and disconnecting. Each call gets it, so that the first one refuses a bad value.
            given = self._shared.get("session_option") or {}
            self._shared["session_option"] = {**given, "idle_timeout": options["idle_timeout"]}
        self._of_computers = {name: options[name] for name in _arguments.COMPUTER if options.get(name) is not None}
        self.told: dict[str, t.Any] = {}

    def __call__(self, call: Call) -> dict[str, t.Any]:
        spec = _PLUGINS[call.module].spec
        computers = self._of_computers if "computer_name" in call.options else {}
        given = {**self._shared, **computers, **call.options, "on_error": "report"}
        validation = ArgumentSpecValidator(spec).validate(given)
        if validation.error_messages:
            raise AnsibleActionFail(f"{call.module}: {'; '.join(validation.error_messages)}")
        result = self._action.call(call, validation.validated_parameters, self._inventory, self._task_vars)
        for warning in result.get("warnings") or ():
            if warning not in self.told.setdefault("warnings", []):
                self.told["warnings"].append(warning)
        if "diff" in result:
            self.told.setdefault("diff", []).append(result["diff"])
        return result


def _computers(hosts: t.Iterable[str]) -> dict[str, str]:
    """Return hosts by their names in lower case: two spellings of one name are one computer."""
    computers: dict[str, str] = {}
    for host in hosts:
        computers.setdefault(host.lower(), host)
    return computers


def _result(told: Told, lines: t.Sequence[Line], options: dict[str, t.Any]) -> dict[str, t.Any]:
    hosts = told.by_host(options["fail_on"])
    computers = _computers(hosts)
    for host in options["computer_name"] or ():  # each is told under the name that it was given by
        hosts.setdefault(host, hosts[computers[host.lower()]])
    changed = any(host["changed"] for host in hosts.values()) if told.changed is None else told.changed
    result = {"changed": changed, "hosts": hosts, "lines": [line.as_dict() for line in lines]}
    failed = [host for host in hosts.values() if host["failed"]]
    if failed and options["on_error"] != "report":
        result.update(failed=True, msg=message_of(failed, len(hosts)))
    return result
