"""The action plugin of pssession_job."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _brevity
from ansible_collections.psremoting.fleet.plugins.plugin_utils._excerpt import without_traceback
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory
from ansible_collections.psremoting.fleet.plugins.plugin_utils._job_action import Done, JobAction
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import message_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary_details import details


class ActionModule(JobAction):
    """Do a job with the sessions of one host or of a fleet."""

    @without_traceback()
    def run(self, tmp: object = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task and return its result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        self.refuse_to_run_for_each_host()
        self._task.args = _arguments.without_blank(self._task.args, _arguments.PSSESSION_JOB)
        options = self.validated(_arguments.PSSESSION_JOB)
        inventory = self.inventory(task_vars)
        self.check_job(options, inventory)
        self.read_script(options)
        warnings = self.check_keywords(inventory, task_vars, opens=self.opens(options))
        final = self.final_result(options, inventory, starts=False, receives=self.receives(options))
        if final is not None:
            return final
        done = self.do(options, self._hosts(options, inventory), inventory, task_vars)
        result.update(_result(done, options))
        noticed, errors = _noticed(done, options), _errors(result)
        lines = [*done.output.lines, *noticed, *errors]
        result.update(stdout="\n".join(lines), stdout_lines=lines)
        is_brief = _brevity.is_long(result) and _brevity.is_for_terminal_alone(self._task)
        for_each = self.runs_for_each_host(task_vars or {})
        if not (for_each and self._task.register):
            shown = errors if for_each else [*noticed, *errors]
            self.show_result(shown, result, for_each=for_each, with_message=is_brief and "\n" in result["msg"])
        for key, value in {"warnings": warnings + done.warnings, "diff": done.diffs.everything}.items():
            if value:
                result[key] = value
        return self.noted(_brevity.brief(result) if is_brief else result)

    def _hosts(self, options: dict[str, t.Any], inventory: Inventory) -> list[str]:
        own_computer = self.own_computer(inventory)
        hosts = options["computer_name"] or ([own_computer] if own_computer else [])
        if not hosts:
            raise AnsibleActionFail(
                "the host of the task has neither a psrp nor a winrm connection, and computer_name names no computer. "
                "Name the computers in computer_name. Nothing was sent."
            )
        return list(_computers(hosts).values())


def _computers(hosts: t.Iterable[str]) -> dict[str, str]:
    """Return hosts by their names in lower case: two spellings of one name are one computer."""
    computers: dict[str, str] = {}
    for host in hosts:
        computers.setdefault(host.lower(), host)
    return computers


def _noticed(done: Done, options: dict[str, t.Any]) -> list[str]:
    """Return the lines to show in addition to output: sessions that were found, and notes of the job."""
    hosts = [{**part, "lines": done.lines_by_host.get(host, [])} for host, part in done.hosts.items()]
    now = datetime.datetime.now(datetime.timezone.utc)
    return details(hosts, now, with_sessions=options["job"] == "list")


def _errors(result: dict[str, t.Any]) -> list[str]:
    """Return the errors that do not fail the task, grouped by reason."""
    with_errors = [host for host in result["hosts"].values() if host["errors"]]
    if result.get("failed") or not with_errors:
        return []
    return message_of(with_errors, len(result["hosts"]), "had errors").splitlines()


def _result(done: Done, options: dict[str, t.Any]) -> dict[str, t.Any]:
    hosts = done.hosts
    computers = _computers(hosts)
    for host in options["computer_name"] or ():  # each is told under the name that it was given by
        hosts.setdefault(host, hosts[computers[host.lower()]])
    changed = any(host["changed"] for host in hosts.values())
    result = {"changed": changed, "hosts": hosts, "lines": [line.as_dict() for line in done.lines]}
    failed = [host for host in hosts.values() if host["failed"]]
    if failed and options["on_error"] != "report":
        result.update(failed=True, msg=message_of(failed, len(hosts)))
    return result
