"""The base of the action plugins that do a job: pssession_job, and pssession_role for the role."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import functools
import time
import typing as t
from dataclasses import dataclass, field

from ansible import constants as C
from ansible.errors import AnsibleActionFail

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.opened import Opened
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _collecting
from ansible_collections.psremoting.fleet.plugins.plugin_utils._diffs import Diffs
from ansible_collections.psremoting.fleet.plugins.plugin_utils._interruption import tidy_interruption
from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import Inventory
from ansible_collections.psremoting.fleet.plugins.plugin_utils._job_output import JobOutput, ShownOutput
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import (
    JOBS,
    RECEIVING,
    WITH_FOLDER,
    WITH_OUTPUT,
    WITH_SCRIPT,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Call, Line, Order, drive
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import EngineAction
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import WorkFolder

_PLUGINS = {plugin.name: plugin for plugin in _plugins.MODULES}

Variables = dict[str, t.Any]
Entry = dict[str, t.Any]


@dataclass
class Done:
    """The outcome of a job.

    Attributes:
        hosts: The result of each host, as `of_host` returns it.
        lines: The notes to show.
        output: The lines of output. warnings, diffs: Warnings and diffs of its calls.
    """

    hosts: dict[str, Entry]
    lines: list[Line]
    output: ShownOutput
    warnings: list[str] = field(default_factory=list)
    diffs: Diffs = field(default_factory=Diffs)

    @functools.cached_property
    def lines_by_host(self) -> dict[str, list[Entry]]:
        """Return the notes as plain data, by host."""
        by_host: dict[str, list[Entry]] = {}
        for line in self.lines:
            by_host.setdefault(line.host, []).append(line.as_dict())
        return by_host


class JobAction(EngineAction):
    """Base of the action plugins that do a job with the sessions of one host or of a fleet."""

    # What the user writes before the names of options.
    option_prefix = ""

    def check_job(self, options: Variables, inventory: Inventory) -> None:
        """Refuse options that do not fit the job, before anything is sent.

        Raises:
            AnsibleActionFail: An option is missing or not possible.
        """
        options["name"] = [name.strip() for name in options["name"] or ()] or None
        for message, is_refused in _refusals(options, self.option_prefix).items():
            if is_refused:
                raise AnsibleActionFail(message)
        self.live = options["live"]
        self.collecting = _collecting.sentence_for(options["job"], options["name"], options["journal"])
        if self._task.async_val and not inventory.runs_here:
            raise AnsibleActionFail(
                "async is not possible: a job is several calls of modules. Remove async and poll. Nothing was sent."
            )
        if options["journal"] and options["job"] in WITH_FOLDER and not inventory.runs_here:
            raise AnsibleActionFail(
                "journal is a folder on the controller, and the task runs on another host. Leave it out, or run the "
                "task on the controller. Nothing was sent."
            )

    def do(self, options: Variables, hosts: t.Sequence[str], inventory: Inventory, task_vars: Variables | None) -> Done:
        """Do a job for some hosts and return its outcome.

        Args:
            options: Options of pssession_job, validated and checked.
        """
        calls = _Calls(self, options, inventory, task_vars)
        has_folder = options["journal"] and options["job"] in WITH_FOLDER
        folder = WorkFolder(options["journal"], C.DEFAULT_LOCAL_TMP) if has_folder else None
        order = Order(hosts, options, self._task.check_mode, folder, time.time())
        output = _output(order) if options["job"] in WITH_OUTPUT else None
        # The calls of a job have one registry, and log on once to each computer.
        with tidy_interruption(), contextlib.closing(Opened()) as self.opened:
            told, lines = drive(JOBS[options["job"]](order), calls)
        calls.warnings += [line.value for line in lines if line.kind == "unreadable"]
        shown = ShownOutput() if output is None else output.keep(told)
        if shown.lines:
            Terminal.of(self._task).show("\n".join(shown.lines))
        by_host = told.by_host(options["fail_on"])
        for host, count in (told.pending or {}).items():
            by_host[host]["pending"] = count
        return Done(by_host, lines, shown, calls.warnings, calls.diffs)

    @staticmethod
    def receives(options: Variables) -> bool:
        """Return whether a job receives output of commands."""
        return options["job"] in RECEIVING

    @staticmethod
    def opens(options: Variables) -> bool:
        """Return whether a job opens sessions or starts scripts."""
        return options["job"] in WITH_SCRIPT

    def call(self, call: Call, options: Variables, inventory: Inventory, task_vars: Variables | None) -> Variables:
        """Do one call of a job."""
        check_mode = self._task.check_mode
        self._task.check_mode, self.only_foresees = check_mode or call.only_foresee, call.only_foresee
        try:
            return self.perform(_PLUGINS[call.module], options, inventory, task_vars, call.journals)
        finally:
            self._task.check_mode = check_mode


class _Calls:
    """Does the calls of a job, and keeps their warnings and diffs."""

    def __init__(
        self, action: JobAction, options: Variables, inventory: Inventory, task_vars: Variables | None
    ) -> None:
        self._action = action
        self._inventory = inventory
        self._task_vars = task_vars
        self._shared = {name: options[name] for name in _arguments.OF_EACH_CALL if options[name] is not None}
        if options["idle_timeout"] is not None:
            # For opening and disconnecting. Each call gets it, so that the first call refuses a bad value.
            given = self._shared.get("session_option") or {}
            self._shared["session_option"] = {**given, "idle_timeout": options["idle_timeout"]}
        self._of_computers = {name: options[name] for name in _arguments.COMPUTER if options.get(name) is not None}
        self.warnings: list[str] = []
        self.diffs = Diffs()

    def __call__(self, call: Call) -> Variables:
        spec = _PLUGINS[call.module].spec
        computers = self._of_computers if "computer_name" in call.options else {}
        given = {**self._shared, **computers, **call.options, "on_error": "report"}
        # The options of the job were validated, and a job makes those of its calls: only the defaults are missing.
        defaults = {name: option.get("default") for name, option in spec.items()}
        result = self._action.call(call, {**defaults, **given}, self._inventory, self._task_vars)
        self.warnings += [each for each in result.get("warnings") or () if each not in self.warnings]
        self.diffs.add(result)
        return result


def _refusals(options: Variables, prefix: str) -> dict[str, bool]:
    """Return the messages about wrong options of a job, each with whether it applies.

    Args:
        prefix: What the user writes before the names of options.
    """
    job, names, starts = options["job"], options["name"] or (), options["job"] in WITH_SCRIPT
    conditions = [name for name in ("creates", "removes", "chdir", "error_action") if options[name]]
    selects = bool(names or options["instance_id"])

    def named(*of: str) -> str:
        first, *others = (prefix + name for name in of)
        return f"{', '.join([first, *others[:-1]])} and {others[-1]}" if others else first

    return {
        f"{named('name')} has an empty entry": not all(names),
        (
            f"the job {job} needs one of {named('script')} (the text), {named('path')} (a file) and "
            f"{named('command')} (the name of a function or cmdlet)"
        ): starts and sum(options[name] is not None for name in ("script", "path", "command")) != 1,
        f"{named(*conditions or ['chdir'])} cannot be used with {named('command')}, which sends no script": (
            options["command"] is not None and bool(conditions)
        ),
        f"the job {job} needs {named('name')}, the name of the session": starts and not names,
        f"the job {job} has one session on each host, so {named('name')} must be one name, without a comma": starts
        and len(names) > 1,
        f"the job {job} takes the name of its session literally, so {named('name')} cannot have * or ?": starts
        and any(character in name for name in names for character in "*?"),
        f"the job journal needs {named('journal')}, the path of a journal or of a folder with journals": job
        == "journal"
        and not options["journal"],
        f"the job {job} needs {named('name')} or {named('instance_id')}; '*' means all sessions": job
        in ("collect", "harvest")
        and not selects,
        f"the job extend needs {named('idle_timeout')}, the seconds to give": job == "extend"
        and options["idle_timeout"] is None,
        f"{named('when_done')}: remove is for the jobs collect and harvest; what was not received would be lost": job
        not in ("collect", "harvest")
        and options["when_done"] == "remove",
        f"to remove sessions, name them in {named('name')}; '*' means all": job == "cleanup"
        and options["remove"]
        and not names,
        f"{named('on_error')}: stop is for a single module; a job goes on with its other hosts": options["on_error"]
        == "stop",
    }


def _output(order: Order) -> JobOutput:
    """Return the output of a job. Its folder is created before anything is sent."""
    output = JobOutput(order)
    try:
        output.make_folder()
    except OSError as error:
        raise AnsibleActionFail(
            f"output: {order.options['output']} cannot be used: {error.strerror}. Nothing was sent"
        ) from error
    return output
