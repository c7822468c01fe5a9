"""Diffs of the calls of a job: all of them, and those of each host."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import place
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import host_of

Entry = t.Mapping[str, t.Any]


class Diffs:
    """The diffs of some calls, in the order of the calls.

    Attributes:
        everything: All of them, as the calls have them.
    """

    def __init__(self) -> None:
        self.everything: list[Entry] = []
        self._by_host: dict[str, list[Entry]] = {}

    def add(self, result: Entry) -> None:
        """Add the diffs of a call by its result. There are none without diff mode."""
        if "diff" not in result:
            return
        diff = result["diff"]
        self.everything += diff if isinstance(diff, list) else [diff]
        scripts = [each for each in result.get("results") or () if each.get("diff")]
        for host, each in map(_of_script, scripts) if scripts else _of_sessions(diff):
            self._by_host.setdefault(host.lower(), []).append(each)

    def of(self, host: str) -> list[Entry]:
        """Return the diffs of a host."""
        return self._by_host.get(host.lower(), [])


def _of_script(result: Entry) -> tuple[str, Entry]:
    """Return the host of a command, and its script's diff under the name of the session."""
    header = f"{place(result)} on {result['computer_name']}"
    return str(host_of(result)), {"before_header": header, "after_header": header, **result["diff"]}


def _of_sessions(diff: Entry) -> t.Iterator[tuple[str, Entry]]:
    """Yield each host with its part of a diff of sessions, whose lines are NAME on HOST: STATE."""
    texts: dict[str, dict[str, str]] = {}
    for key in ("before", "after"):
        for line in diff[key].splitlines(True):
            host = line.rpartition(": ")[0].rpartition(" on ")[2].lower()
            texts.setdefault(host, {"before": "", "after": ""})[key] += line
    for host, of_host in texts.items():
        yield host, {**diff, **of_host}
