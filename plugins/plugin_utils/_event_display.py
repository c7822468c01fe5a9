"""Display of the engine's events on Ansible's terminal."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Event,
    InCommand,
    Interrupted,
    Progressed,
    Reconnecting,
    Waiting,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown_in_line
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal

# Progress is for long runs: nothing is shown before this many seconds, and then one line at a time.
PROGRESS_SECONDS = 5.0


class EventDisplay:
    """Shows what the user of a running task should see; warnings and output are in its result.

    Args:
        task_name: Each line begins with it.
        terminal: Where the lines go.
        monotonic: The clock, in seconds.
    """

    def __init__(self, task_name: str, terminal: Terminal, monotonic: t.Callable[[], float] = time.monotonic) -> None:
        self._task_name = task_name
        self._terminal = terminal
        self._monotonic = monotonic
        self._shown_at = monotonic()

    def __call__(self, event: Event) -> None:
        """Show an event, or pass over one that is not for the terminal."""
        if isinstance(event, Interrupted):
            self._terminal.warn(
                f"{self._task_name}: interrupted. {event.disconnected} sessions are disconnected, {event.connected} "
                "will be in a minute; the commands in them go on. receive_pssession takes what they give."
            )
        elif isinstance(event, Progressed):
            self._show_progress(f"{event.done} of {event.total} {event.unit}")
        elif isinstance(event, InCommand) and isinstance(event.event, Reconnecting):
            broken = event.event
            self._show_progress(
                f"the connection to session {event.session.place} broke ({shown_in_line(broken.cause.message)}); "
                f"attempt {broken.attempt} to connect again in {broken.seconds:.0f} s"
            )
        elif isinstance(event, Waiting):
            self._show_progress(
                f"waiting for {len(event.sessions)} sessions in use elsewhere, {event.seconds:.0f} s at most"
            )

    def _show_progress(self, text: str) -> None:
        """Show a line of progress now and then, once a task takes long."""
        line = f"{self._task_name}: {text}"
        if self._monotonic() - self._shown_at >= PROGRESS_SECONDS:
            self._shown_at = self._monotonic()
            self._terminal.show(line)
        else:
            self._terminal.show_verbose(line)
