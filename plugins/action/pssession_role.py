"""The action plugin of pssession_role, which the role is made of: the work of one host, or that of all for each."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import os
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import failure
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _role_variables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._excerpt import hide_excerpt
from ansible_collections.psremoting.fleet.plugins.plugin_utils._fleet_way import has_template, obstacle
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import VariableError
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory
from ansible_collections.psremoting.fleet.plugins.plugin_utils._job_action import Done, JobAction
from ansible_collections.psremoting.fleet.plugins.plugin_utils._known_variables import refuse_unknown, unknown_of_other
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import of_host
from ansible_collections.psremoting.fleet.plugins.plugin_utils._playbook_words import error_in_variables, in_variables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._role_variables import FLEET, PER_HOST
from ansible_collections.psremoting.fleet.plugins.plugin_utils._shared_work import BrokenWorkError, SharedWork
from ansible_collections.psremoting.fleet.plugins.plugin_utils._short_failure import short_failure

Variables = dict[str, t.Any]
Result = dict[str, t.Any]

# What is left to hosts that are to do their own work.
_BY_ITSELF: Result = {"by_itself": True}
# Beside the role's variables, what all hosts must have alike: the task's keywords are checked for one of them.
_ALIKE = ("ansible_become",)


class ActionModule(JobAction):
    """Do the job of one of the role's entry points, with the role's variables."""

    option_prefix = _role_variables.PREFIX

    def run(self, tmp: object = None, task_vars: Variables | None = None) -> Result:
        """Run the task and return its result."""
        result: Result = super().run(tmp, task_vars)
        host = str((task_vars or {}).get("inventory_hostname"))
        try:
            result.update(self._run(host, task_vars or {}))
        except (AnsibleError, VariableError) as error:
            result.update(_failure(host, _text(error)))
        result["entry_point"] = self._task.args.get("entry_point")
        if result.get("failed"):
            hide_excerpt(self._task)
        return self.noted(result)

    def _run(self, host: str, task_vars: Variables) -> Result:
        shared = SharedWork(os.path.join(C.DEFAULT_LOCAL_TMP, f"pssession-{self._task._uuid}"))
        left = _left_to(host, shared) if shared.is_begun else None
        if left is not None and left != _BY_ITSELF:
            return left
        self._task.args = _arguments.without_blank(self._task.args, _arguments.PSSESSION_ROLE)
        arguments = self.validated(_arguments.PSSESSION_ROLE)
        if self._task.run_once:
            raise AnsibleActionFail("run_once is not possible: the role has a result for each host. Nothing was sent.")
        inventory = self.inventory(task_vars)
        warnings = refuse_unknown(task_vars, inventory.variables, _role_variables.VARIABLES)
        entry_point = arguments.pop("entry_point")
        variables = inventory.variables.of(host)
        if not inventory.is_windows_host(host):
            given = _role_variables.given_to(entry_point, variables, ["pssession_other_hosts"])
            return _left_out(host, inventory.connection_of(host), given.get("pssession_other_hosts"))
        values = _role_variables.validated(entry_point, _role_variables.given_to(entry_point, variables))
        options = self._options(entry_point, arguments, values)
        self.check_job(options, inventory)
        self.read_script(options)
        warnings += self.check_keywords(inventory, task_vars, opens=self.opens(options))
        final = self.final_result(options, inventory, starts=False, receives=self.receives(options))
        if final is not None:
            return final
        work = _Work(self, entry_point, values["way"], options, inventory, task_vars)
        result = work.of_host(host) if left == _BY_ITSELF else work.result_of(host, shared)
        if warnings:
            result["warnings"] = [*warnings, *(result.get("warnings") or ())]
        return result

    def _options(self, entry_point: str, arguments: Variables, values: Variables) -> Variables:
        """Return the options of the job that an entry point does."""
        of_job = {name: value for name, value in values.items() if name in _arguments.PSSESSION_JOB}
        job = _arguments.ENTRY_POINTS[entry_point]
        defaults = {name: option.get("default") for name, option in _arguments.PSSESSION_JOB.items()}
        given = {name: value for name, value in (*arguments.items(), *of_job.items()) if value is not None}
        options = {**defaults, **given, "job": job}
        for name in ("journal", "output"):
            if options[name]:
                options[name] = os.path.abspath(options[name])
        if job in ("collect", "harvest"):  # these take a folder of journals, which ends with a slash
            options["journal"] = os.path.join(options["journal"], "")
        return options

    def is_template(self, value: t.Any) -> bool:
        """Return whether there is a template in a value, at any depth."""
        return has_template(value, self._templar.is_template)

    def read_script(self, options: Variables) -> None:
        """Read the script's file; where the playbook has none of its name, a path is seen from the current folder."""
        path = options.get("path")
        if path is not None and not os.path.isabs(path):
            try:
                options["path"] = self._loader.path_dwim_relative_stack([self._loader.get_basedir()], "files", path)
            except AnsibleError:  # there is none
                options["path"] = os.path.abspath(path)
        super().read_script(options)

    @property
    def task(self) -> t.Any:
        """The task."""
        return self._task


class _Work:
    """The work of one entry point: for a host alone, or for all hosts of the batch at once.

    Args:
        way: The variable pssession_way, or None for the faster way where it is possible.
        options: Options of the job.
    """

    def __init__(
        self,
        action: ActionModule,
        entry_point: str,
        way: str | None,
        options: Variables,
        inventory: Inventory,
        task_vars: Variables,
    ) -> None:
        self._action = action
        self._entry_point = entry_point
        self._way = way
        self._options = options
        self._inventory = inventory
        self._task_vars = task_vars
        self._warnings: list[str] = []

    def of_host(self, host: str) -> Result:
        """Do the work of a host alone."""
        return self._do([host])[host]

    def result_of(self, host: str, shared: SharedWork) -> Result:
        """Do the work of a host alone or that of all hosts, or take what another process has left to the host."""
        why = "" if self._way == PER_HOST else obstacle(self._action.task, self._action.is_template)
        self._refuse_way(why)
        if why or self._way == PER_HOST or len(self._task_vars["ansible_play_batch"]) == 1:
            return self.of_host(host)
        result = _left_to(host, shared, self._lead)
        return self.of_host(host) if result == _BY_ITSELF or result is None else result

    def _lead(self, shared: SharedWork, host: str) -> Result:
        """Do the work of all hosts, leave to each of the others what came of it, and return what came of this one."""
        # What ansible-playbook had when it forked this process stays in pages that both share, unless Python's garbage
        # collection writes to them.
        gc.freeze()
        hosts = list(self._members(host))
        others = [each for each in hosts if each != host]
        difference = self._difference(host, others)
        try:
            self._refuse_way(difference)
            if difference:
                results = dict.fromkeys(hosts, _BY_ITSELF)
            else:
                shared.begin(others)
                results = self._do(hosts, of_task=host)
        except (AnsibleError, VariableError, OSError) as error:
            results = {each: _failure(each, _text(error)) for each in hosts}
        for each in others:
            shared.leave(each, results[each])
        return results[host]

    def _refuse_way(self, why: str) -> None:
        if why and self._way == FLEET:
            raise AnsibleActionFail(
                f"pssession_way: fleet is not possible here: {why}. Set pssession_way: per_host, or leave it out for "
                "the way that is possible. Nothing was sent."
            )

    def _members(self, host: str) -> t.Iterator[str]:
        """Yield the hosts of the batch that take part; the processes of the others find out by themselves why not."""
        for each in self._task_vars["ansible_play_batch"]:
            try:
                if each == host or self._inventory.is_windows_host(each):
                    yield each
            except VariableError:
                continue

    def _difference(self, host: str, others: t.Iterable[str]) -> str:
        """Return in what the hosts differ, so that nothing can do the work of all; empty if they do not."""
        variables = self._inventory.variables
        own, names = variables.of(host), [*_role_variables.named(_role_variables.SPECS[self._entry_point]), *_ALIKE]
        for other in others:
            try:
                refused, warnings = unknown_of_other(other, variables, _role_variables.VARIABLES)
            except VariableError as error:  # it is an error of that host alone
                return str(error)
            if refused:
                return refused
            self._warnings += warnings
            for name in names:
                try:
                    is_alike = variables.is_alike(name, own, variables.of(other), self._action.is_template)
                except VariableError as error:  # it is an error of that host alone
                    return str(error)
                if not is_alike:
                    return f"{name} differs between {' and '.join(sorted((host, other)))}"
        return ""

    def _do(self, hosts: t.Sequence[str], of_task: str | None = None) -> dict[str, Result]:
        """Do the work of some hosts.

        Args:
            of_task: The host whose result has the warnings; None where there is one host.
        """
        done = self._action.do(self._options, hosts, self._inventory, self._task_vars)
        results = {host: _told(done, host, self._options) for host in hosts}
        if warnings := [*self._warnings, *map(in_variables, done.warnings)]:
            results[of_task or hosts[0]]["warnings"] = warnings
        return results


def _left_to(host: str, shared: SharedWork, lead: t.Callable[[SharedWork, str], Result] | None = None) -> Result | None:
    """Return the result of a host from another process, or None.

    Args:
        lead: A function that does the work of all hosts if no process has done it, and returns this host's result.

    Raises:
        AnsibleActionFail: The other process ended too early, or the processes cannot share their work.
    """
    try:
        with shared.alone():
            left = shared.take(host)
            return dict(left) if left is not None else lead and lead(shared, host)
    except BrokenWorkError as error:
        raise AnsibleActionFail(
            "the process that worked for all hosts ended before it had the result of this one, so it is not known what "
            "was done. Run this again."
        ) from error
    except OSError as error:
        raise AnsibleActionFail(f"the hosts cannot share their work: {error}. Set pssession_way: per_host.") from error


def _told(done: Done, host: str, options: Variables) -> Result:
    part = done.hosts[host]
    part = {**part, "errors": list(map(error_in_variables, part["errors"]))}
    # Ansible prints the message of a failed task twice, and all of its result: hints are in the error records alone.
    message = failure([{**error, "hint": ""} for error in part["errors"]], part["sessions"])
    result: Result = {**part, "msg": message, "lines": done.lines_by_host.get(host, [])}
    if output := done.output.by_host.get(host):
        result.update(stdout="\n".join(output), stdout_lines=output)
    if options["on_error"] == "report":
        result["failed"] = False
    if diffs := done.diffs.of(host):
        result["diff"] = diffs
    return short_failure(result) if result["failed"] else result


def _failure(host: str, message: str) -> Result:
    return {**of_host({"failed": True, "msg": message}, host), "lines": []}


def _left_out(host: str, connection: str, other_hosts: t.Any) -> Result:
    why = f"its ansible_connection is {connection}, not psrp or winrm"
    if other_hosts == "skip":
        return {"skipped": True, "host": host, "changed": False, "msg": why}
    raise AnsibleActionFail(f"{host} is not a Windows host: {why}. Leave it out of the play. Nothing was sent.")


def _text(error: Exception) -> str:
    return f"{error}. Nothing was sent." if isinstance(error, VariableError) else str(error)
