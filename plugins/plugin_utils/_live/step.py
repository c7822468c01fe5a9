"""Step: what a task counts before and after it waits for commands, such as computers that have told their sessions."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import Progressed
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import SHORTEST, interval
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration

# Seconds between two lines in which nothing changes but the time that is left.
_SAME = 30.0


class Step:
    """Progress of one step of a task. It has a line only while it takes long.

    Args:
        began: When the task began, in seconds.

    Attributes:
        due_at: When the next line is due, or None.
        total: How many units of work the step has.
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
        """Note how far it is."""
        if event.unit != self._unit or event.done < self._done:
            self._next_at = max(self._next_at, now + SHORTEST)
        if not self._silent:  # since then these are waited for
            self._until = now + event.seconds
        self._unit, self._done, self.total, self._silent = event.unit, event.done, event.total, event.silent
        self.due_at = self._next_at if event.done < event.total else None

    def line(self, now: float) -> str:
        """Return the line that is due; the next one follows when there is news, or for computers that keep silent."""
        self._next_at = now + interval(now - self._began)
        text = f"{self._done} of {self.total} {self._unit}"
        if not self._silent:
            self.due_at = None
            return text
        self.due_at = max(self._next_at, now + _SAME)
        return f"{text}, no answer yet from {', '.join(self._silent)}, {duration(max(self._until - now, 0.0))} at most"
