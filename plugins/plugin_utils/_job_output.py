"""The output of a job: files in a folder, and lines to show."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import RECEIVE
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Entry, Order, Told, error
from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_folder import OutputFolder
from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import (
    excerpts_of,
    grouped_excerpts,
    lines_of_excerpts,
)


@dataclass
class ShownOutput:
    """Lines of the output of a job.

    Attributes:
        by_host: The lines of each host.
        lines: The lines of all hosts. Output that several hosts have in common is in it once.
    """

    by_host: dict[str, list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


class JobOutput:
    """The output of one job.

    Args:
        order: Uses its options `output` (a folder, or None) and `output_lines`, and `journal` for the place of the
            rest.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        path = order.options.get("output")
        self._folder = OutputFolder(path) if path and not order.check_mode else None

    def make_folder(self) -> None:
        """Make the folder for output, before anything is sent.

        Raises:
            OSError: It cannot be used.
        """
        if self._folder is not None:
            self._folder.make()

    def keep(self, told: Told) -> ShownOutput:
        """Write the output of each host to its files, and return the lines to show of it.

        If a file cannot be written, the host gets an error.
        """
        most = int(self._order.options.get("output_lines") or 0)
        excerpts = {}
        for host in self._order.hosts:
            results = _results_of(told, host)
            excerpts[host] = excerpts_of(results, most, self._written(told, host, results))
        elsewhere = {host: self._elsewhere(host) for host in excerpts}
        return ShownOutput(
            {host: lines_of_excerpts(host, of_host, elsewhere[host]) for host, of_host in excerpts.items()},
            grouped_excerpts(excerpts, elsewhere, self._elsewhere()),
        )

    def _written(self, told: Told, host: str, results: t.Sequence[Entry]) -> dict[str, str]:
        if self._folder is None:
            return {}
        try:
            return self._folder.write(host, results)
        except OSError as reason:
            message = f"the output of {host} could not be written to {self._order.options['output']}: {reason}"
            hint = f"It is {self._elsewhere(host)}."
            told.parts[host].append(error(host, message, cmdlet=RECEIVE, hint=hint))
            return {}

    def _elsewhere(self, host: str | None = None) -> str:
        """Return the place of the output of a host, or of all hosts, if it has no own file."""
        journal = self._order.options.get("journal")
        if not journal:
            return "in the result of the task"
        folder = self._order.folder
        path = os.path.abspath(journal) if host is None or folder is None else folder.journal_of(host)
        return f"in the journal; the lookup psremoting.fleet.journal reads {path}"


def _results_of(told: Told, host: str) -> list[Entry]:
    """Return the results of a host, the last one of each command."""
    results = [result for part in told.parts[host] for result in part.get("results") or ()]
    return list({result.get("command_id"): result for result in results}.values())
