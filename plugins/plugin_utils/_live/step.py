"""Step: progress of a task before and after it waits for commands, such as the number of computers already listed."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Progressed
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import SHORTEST, interval
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration

# Seconds between two lines that differ only in the remaining time.
_SAME = 30.0


class Step:
    """Progress of one step of a task. Only a step that takes long has a line.

    Args:
        began: The time at which the task began, in seconds.

    Attributes:
        due_at: The time at which the next line is due, or None.
        total: The number of units of work in the step.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._unit = ""
        self._done, self.total = 0, 0
        self._silent: tuple[str, ...] = ()
        self._until = 0.0
        self._next_at = began + SHORTEST
        self.due_at: float | None = None

    def note(self, event: Progressed, now: float) -> None:
        """Note the progress of the step."""
        if event.unit != self._unit or event.done < self._done:
            self._next_at = max(self._next_at, now + SHORTEST)
        if not self._silent:  # since then these are waited for
            self._until = now + event.seconds
        self._unit, self._done, self.total, self._silent = event.unit, event.done, event.total, event.silent
        self.due_at = self._next_at if event.done < event.total else None

    def line(self, now: float) -> str:
        """Return the line that is due. The next one follows after a change, or while computers do not answer."""
        self._next_at = now + interval(now - self._began)
        text = f"{self._done} of {self.total} {self._unit}"
        if not self._silent:
            self.due_at = None
            return text
        self.due_at = max(self._next_at, now + _SAME)
        return f"{text}, no answer yet from {', '.join(self._silent)}, {duration(max(self._until - now, 0.0))} at most"
