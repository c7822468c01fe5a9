"""Attempts of a task with `until` or `retries`: no output is lost, and nothing is started twice.

Ansible only keeps the result of the last attempt. It runs all attempts in one process, with one task object.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import typing as t
import weakref
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.kept_output import KeptOutput

Result = dict[str, t.Any]

_ENDED = frozenset({"Completed", "Failed", "Stopped"})


@dataclass
class Attempts:
    """The outcomes of the attempts of one task.

    Attributes:
        kept: The received output.
        last: The result of the last one, or None before the first.
    """

    kept: KeptOutput = field(default_factory=KeptOutput)
    last: Result | None = None

    def final(self, *, starts: bool) -> Result | None:
        """Return the result that is valid for all further attempts, or None if the task must be done again.

        Args:
            starts: Whether an attempt starts scripts. No script is started while another one may still run. If the task
                only receives, the result is final once all commands have ended.
        """
        if self.last is None:
            return None
        states = [each.get("state") for each in _commands_of(self.last)]
        if starts:
            is_final = any(state not in _ENDED for state in states)
        else:
            is_final = bool(states) and all(state in _ENDED for state in states) and not _has_other_errors(self.last)
        return copy.deepcopy(self.last) if is_final else None

    def note(self, result: Result) -> Result:
        """Note the result of an attempt, and add the results of sessions that only earlier attempts had.

        Such a session was removed when its command had ended (`when_done`).
        """
        if self.last is not None and isinstance(result.get("results"), list):
            there = {each.get("instance_id") for each in result["results"]}
            result["results"] += [
                each
                for each in self.last.get("results") or ()
                if each.get("instance_id") not in there and each.get("state") in _ENDED
            ]
        self.last = copy.deepcopy(result)
        return result


_ATTEMPTS: weakref.WeakKeyDictionary[t.Any, Attempts] = weakref.WeakKeyDictionary()


def attempts_of(task: t.Any) -> Attempts | None:
    """Return the attempts of a task that may repeat itself, or None for any other."""
    if not task.until and not task.retries:
        return None
    return _ATTEMPTS.setdefault(task, Attempts())


def _commands_of(result: Result) -> list[t.Mapping[str, t.Any]]:
    """Return the results of the commands in the result of a module, or of a job."""
    parts = [result, *(result.get("hosts") or {}).values()]
    return [each for part in parts for each in part.get("results") or () if each.get("command_id")]


def _has_other_errors(result: Result) -> bool:
    """Return whether there are errors of sessions or computers without a result."""
    ended = {each.get("instance_id") for each in _commands_of(result)}
    parts = [result, *(result.get("hosts") or {}).values()]
    return any(error.get("instance_id") not in ended for part in parts for error in part.get("errors") or ())
