"""The action plugin of pssession_report."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.plugin_utils._excerpt import without_traceback
from ansible_collections.psremoting.fleet.plugins.plugin_utils._files import write_whole
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import data, files
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.output import MOST_LINES
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import refuse_paths_without_home
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_keywords import is_explicit


class ActionModule(ActionBase):
    """Write a report of sessions, on the controller; the task's connection is never opened."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    @without_traceback()
    def run(self, tmp: object = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task and return its result."""
        del tmp
        result: dict[str, t.Any] = super().run(None, task_vars)
        _validated, options = self.validate_argument_spec(_arguments.REPORT)
        refuse_paths_without_home(options, _arguments.REPORT)
        mode = _file_mode(options["mode"])
        if getattr(self._connection, "become", None) is not None and is_explicit(self._task, task_vars or {}):
            result["warnings"] = ["become has no effect on this task: the user of ansible-playbook writes the report."]
        paths = self._paths(options["dest"], options["formats"])
        try:
            report = data.report_of(options["results"], options["title"], _output_lines(options["output_lines"]))
            is_new = not all(
                files.is_current(path, report, kind) and files.has_mode(path, mode) for kind, path in paths.items()
            )
            if is_new and not self._task.check_mode:
                now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                for kind, path in paths.items():
                    write_whole(path, files.content(report, kind, now), mode)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        except OSError as error:
            raise AnsibleActionFail(f"dest: {error.filename or options['dest']}: {error.strerror}") from error
        return {**result, "changed": is_new, "paths": paths, "counts": report.counts, "outcomes": report.outcomes}

    def _paths(self, dest: str, formats: t.Sequence[str]) -> dict[str, str]:
        """Return the path of each format's file. A relative path is relative to the playbook."""
        path = self._loader.path_dwim(dest)
        if not formats:
            raise AnsibleActionFail("formats is empty: give at least one format")
        if dest.endswith(os.sep) or os.path.isdir(path):
            raise AnsibleActionFail(f"dest: {path} is a folder; add the name of a file")
        stem, suffix = os.path.splitext(path)
        if suffix.lstrip(".") not in files.FORMATS:
            stem = path
        return {kind: f"{stem}.{kind}" for kind in formats}


def _output_lines(value: int) -> int:
    """Return the maximum number of lines of each command in the report."""
    if not 0 <= value <= MOST_LINES:
        raise AnsibleActionFail(f"output_lines: {value} is not between 0 and {MOST_LINES:,}")
    return value


def _file_mode(value: t.Any) -> int:
    """Return the permissions that the option `mode` means: YAML has made a number of them, or they are octal text."""
    try:
        mode = value if isinstance(value, int) else int(str(value), 8)
    except ValueError:
        mode = 0
    # Decimal numbers that look like a mode, 640 for instance, are none: they have bits beyond the permissions.
    if not 0o400 <= mode <= 0o777:
        raise AnsibleActionFail(f'mode: {value} is not a permission in octal digits; write it in quotes, as in "0640"')
    return mode
