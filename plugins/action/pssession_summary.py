"""The action plugin of pssession_summary."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import typing as t
from collections.abc import Mapping

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.plugin_utils._excerpt import hide_excerpt, without_traceback
from ansible_collections.psremoting.fleet.plugins.plugin_utils._files import write_whole
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import AllVariables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._journals import knows_session
from ansible_collections.psremoting.fleet.plugins.plugin_utils._known_variables import RESULT
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import of_host
from ansible_collections.psremoting.fleet.plugins.plugin_utils._playbook_words import error_in_variables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import refuse_paths_without_home
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary import Kind, Line, Summary
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary_details import details, missing_everywhere
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal

_NAMES_IN_TITLE = 3
# So many lines are in the result, the last ones among them; the terminal shows all.
_MOST_LINES, _LAST_LINES = 200, 20
_LIMIT_FILE = "failed.limit"
_REPORT = "psremoting.fleet.pssession_report"
_COLOURS = {
    Kind.GOOD: C.COLOR_OK,
    Kind.CHANGED: C.COLOR_CHANGED,
    Kind.ATTENTION: C.COLOR_ERROR,
    Kind.HINT: C.COLOR_WARN,
}


def summarised(summary: Summary, lines: t.Sequence[Line]) -> dict[str, t.Any]:
    """Return the result of a task that shows the lines of a summary.

    AWX cuts a result of more than 700,000 bytes, and thousands of hosts may fail each in its own way.
    """
    texts = [line.text for line in lines]
    if (left_out := len(texts) - _MOST_LINES) > 0:
        cut = f"({left_out} lines are left out here. Each host's own result has its errors.)"
        texts = [*texts[: _MOST_LINES - _LAST_LINES], cut, *texts[-_LAST_LINES:]]
    return {
        "changed": False,  # or the recap would count a change of this host
        "stdout": "\n".join(texts),
        "stdout_lines": texts,
        "outcomes": dict(summary.by_outcome),
        "pending": summary.pending,
        "ansible_stats": {
            "data": {"pssession_outcomes": dict(summary.by_outcome), "pssession_pending": summary.pending},
            "per_host": False,
            "aggregate": False,
        },
    }


class ActionModule(ActionBase):
    """Summarise what the role did on the hosts of a play; the task's connection is never opened."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    @without_traceback()
    def run(self, tmp: object = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task and return its result."""
        del tmp
        result: dict[str, t.Any] = super().run(None, task_vars)
        self._task.args = _arguments.without_blank(self._task.args, _arguments.SUMMARY)
        _validated, options = self.validate_argument_spec(_arguments.SUMMARY)
        refuse_paths_without_home(options, _arguments.SUMMARY)
        hosts = self._hosts(task_vars or {})
        summary = Summary.of(hosts)
        if summary.is_empty:
            hide_excerpt(self._task)
            raise AnsibleActionFail(summary.why_nothing_was_done())
        try:
            report = self._written_report(options, hosts, task_vars) if options["report"] else None
            limit = self._written_limit(options["output"], report, summary)
        except AnsibleActionFail:
            self._show(summary.lines(has_file=False))  # what became of the hosts is worth more than the files
            raise
        now = datetime.datetime.now(datetime.timezone.utc)
        noticed = [Line(text, Kind.NEUTRAL) for text in details(hosts, now, with_sessions=options["sessions"])]
        lines = [*noticed, *summary.lines(has_file=bool(report or limit))]
        if report:
            lines.append(Line(f"Report: {pathlib.Path(report['paths']['html']).as_uri()}", Kind.NEUTRAL))
        if limit:
            lines.append(Line(f"To run it again for the hosts that failed: --limit @{limit}", Kind.NEUTRAL))
        self._show(lines)
        if why := _why_nothing_was_harvested(hosts):
            hide_excerpt(self._task)
            raise AnsibleActionFail(why)
        return {
            **result,
            **summarised(summary, lines),
            **({"report": report["paths"]} if report else {}),
            **({"limit": limit} if limit else {}),
        }

    def _show(self, lines: t.Iterable[Line]) -> None:
        terminal = Terminal.of(self._task)
        for line in lines:
            terminal.show(line.text, _COLOURS.get(line.kind))

    def _hosts(self, task_vars: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
        """Return the role's results for the hosts of the play that it has worked on so far."""
        variables = AllVariables(task_vars, self._templar, self._loader, self._task)
        done = self._done(task_vars)
        found = []
        for host in task_vars.get("ansible_play_hosts_all") or ():
            told = variables.registered(host, RESULT) if host in done else None
            if isinstance(told, Mapping):
                is_whole = "outcome" in told or told.get("skipped")
                found.append({**(told if is_whole else of_host(told, host)), "host": host})
        return found

    def _done(self, task_vars: Mapping[str, t.Any]) -> set[str]:
        """Return the hosts of this batch and of those before it.

        With `serial`, a host that comes later may have the result of an earlier play. A host that failed is in no batch
        any more, and not among the active hosts of the play either.
        """
        everyone, active, batch = (
            set(task_vars.get(name) or ())
            for name in ("ansible_play_hosts_all", "ansible_play_hosts", "ansible_play_batch")
        )
        done = batch | (everyone - active)
        if done == everyone:
            return done
        play = hashlib.sha256(str(self._task.get_play()._uuid).encode()).hexdigest()[:32]
        path = os.path.join(C.DEFAULT_LOCAL_TMP, f"summarised-{play}")
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
            done |= set(json.load(file))
        with contextlib.suppress(OSError):
            write_whole(path, json.dumps(sorted(done)).encode(), 0o600)
        return done

    def _written_report(
        self, options: Mapping[str, t.Any], hosts: t.Sequence[dict[str, t.Any]], task_vars: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        """Write the report as a task with that module does, and return the result of such a task."""
        task = self._task.copy()
        task.args = {
            "results": [_in_words_of_playbooks(host) for host in hosts if not host.get("skipped")],
            "dest": os.path.abspath(options["report"]),
            "title": _title(str(self._task.get_play().name), hosts),
            "output_lines": options["report_output_lines"],
        }
        action = self._shared_loader_obj.action_loader.get(
            _REPORT,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        report: dict[str, t.Any] = action.run(task_vars=task_vars)
        return report

    def _written_limit(self, output: str | None, report: Mapping[str, t.Any] | None, summary: Summary) -> str | None:
        """Write the file for `--limit` beside what was asked for, or remove one that is out of date.

        Beside a report it has the report's name, so that each playbook with a report in the same folder has its own.

        Args:
            output: The folder with the output of commands.
            report: The result of the task that wrote the report.

        Returns:
            Its path, or None where no host failed or neither a report nor an output folder was asked for.
        """
        if report:
            path = f"{report['paths']['html'].removesuffix('.html')}.{_LIMIT_FILE}"
        elif output:
            path = os.path.join(os.path.abspath(output), _LIMIT_FILE)
        else:
            return None
        failed = [host for hosts in summary.by_outcome.values() for host in hosts if host in summary.failed]
        if self._task.check_mode:
            return None
        try:
            if failed:
                write_whole(path, "".join(f"{host}\n" for host in failed).encode(), 0o600)
                return path
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except OSError as error:
            raise AnsibleActionFail(f"{error.filename or path}: {error.strerror}") from error
        return None


def _title(play: str, hosts: t.Iterable[Mapping[str, t.Any]]) -> str:
    """Return the title of a report: the name of the play, and those of the sessions if they are few."""
    names = {str(each["name"]) for host in hosts for each in host.get("sessions") or () if each.get("name")}
    return f"{play}: {', '.join(sorted(names))}" if 0 < len(names) <= _NAMES_IN_TITLE else play


def _in_words_of_playbooks(host: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the result of a host with the hints that a playbook has for its errors."""
    return {**host, "errors": list(map(error_in_variables, host.get("errors") or ()))}


def _why_nothing_was_harvested(hosts: t.Sequence[Mapping[str, t.Any]]) -> str:
    """Return the message of a harvest whose name is wrong, or an empty text.

    Where everything was harvested and removed, there are no sessions either, and the journal has them.
    """
    missing = missing_everywhere(hosts)
    if missing is None or "*" in missing["names"]:
        return ""
    names, journal = " or ".join(missing["names"]), missing["journal"]
    try:
        if not journal or knows_session(journal, missing["names"]):
            return ""
    except OSError:  # it may have one
        return ""
    return (
        f"No host has a session {names}, and {journal} has none of an earlier run. Correct pssession_name, or, if "
        "nothing was started yet, run this again later."
    )
