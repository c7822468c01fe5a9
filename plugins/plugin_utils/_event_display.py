"""Display of the engine's events while a task runs: lines on the terminal, few however long it takes.

The events come from the threads of jobs. The display keeps their content, and its own thread shows it when a line is
due, even if a command falls silent after a progress record.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time
import typing as t

from ansible import constants as C

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Event,
    InCommand,
    Interrupted,
    Progressed,
    ReceiveBegan,
    ReceiveEnded,
    Reconnecting,
    Waiting,
    Warned,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import SessionKey
from ansible_collections.psremoting.fleet.plugins.plugin_utils._collecting import RECEIVE
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live import text
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import (
    MOST_SESSIONS,
    SHORTEST,
    Board,
    Share,
    interval,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.command import Command, Notice, notice_in, share_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.step import Step
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal

# The values of the option `live`. Each one includes those before it.
LEVELS = ("none", "warnings", "progress", "output")
# Seconds between two lines about sessions in use. More than for others, because only the remaining time changes.
WAITING_SECONDS = 15.0


class EventDisplay:
    """Shows the progress of a task, as the engine's `emit`.

    Args:
        task_name: The beginning of lines that are not about a session.
        terminal: Where the lines go.
        board: The decisions of all forks of the run about lines to show.
        live: One of the `LEVELS`.
        collecting: A sentence on how to receive the output of commands that go on after the task.
        monotonic: The clock, in seconds. All forks share it.
    """

    def __init__(
        self,
        task_name: str,
        terminal: Terminal,
        board: Board,
        live: str = "progress",
        collecting: str = RECEIVE,
        monotonic: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self._task_name = task_name
        self._terminal = terminal
        self._board = board
        self._level = LEVELS.index(live)
        self._collecting = collecting
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began = monotonic()
        self._commands: dict[object, Command] = {}
        # The sessions whose line may have changed, and whether the share has changed.
        self._changed: dict[Command, None] = {}
        self._share, self._is_share_new = Share(self._began), False
        self._step = Step(self._began)
        self._share_at, self._not_before = self._began + SHORTEST, 0.0
        # Errors and warnings of scripts that were shown, with the keys of their sessions.
        self._shown_notices: set[tuple[SessionKey, Notice]] = set()
        self._waiting_since: float | None = None
        self._waiting_at = 0.0
        self._thread: threading.Thread | None = None
        self._news, self._is_closed = threading.Event(), False

    def __call__(self, event: Event) -> None:
        """Note an event, and show it if it must be shown at once."""
        if self._terminal.is_silent:
            return
        with self._lock:
            if isinstance(event, Interrupted):
                self._show_interruption(event)
            elif not self._level:
                return
            elif isinstance(event, InCommand):
                self._note_command(event)
            elif isinstance(event, Progressed):
                self._note_progress(event)
            elif isinstance(event, Waiting):
                self._note_waiting(event)

    def has_shown(self, warned: Warned) -> bool:
        """Return whether all errors and warnings of scripts that a warning repeats were shown."""
        notices = {(key, notice_in(stream, said)) for key, stream, said in warned.records}
        with self._lock:
            return bool(notices) and notices <= self._shown_notices

    def close(self) -> None:
        """Show nothing more."""
        self._is_closed = True
        self._news.set()
        if self._thread is not None:
            self._thread.join()
        if self._share.total:
            self._board.leave(self._share)

    def _show_when_due(self) -> None:
        while not self._is_closed:
            self._news.wait(self.tick())
            self._news.clear()

    def tick(self) -> float | None:
        """Show lines that are due, and return the seconds until the next one, or None if there is nothing to show."""
        with self._lock:
            now = self._monotonic()
            due = None if self._is_closed else self._due()
            if due is not None and self._step.due_at is not None and self._step.due_at <= now:
                self._show_step(now)
                due = self._due()
            if due is not None and due <= now:
                self._show_due(now)
                due = self._due()
            return None if due is None else max(due - now, 0.0)

    def _due(self) -> float | None:
        due = [each.next_at for each in self._changed]
        if self._is_share_new:
            due.append(self._share_at)
        of_commands = [max(min(due), self._not_before)] if due else []
        of_step = [] if self._step.due_at is None else [self._step.due_at]
        return min([*of_commands, *of_step], default=None)

    def _show_step(self, now: float) -> None:
        line = f"{self._task_name}: {self._step.line(now)}"
        # If each host has its own task, a few hosts that do not answer represent all.
        is_alone = self._step.total == 1
        self._show(self._board.take_notice(line, "no answer") if is_alone else self._board.take_line(line))

    def _show_due(self, now: float) -> None:
        """Show the line about all sessions, or the lines of commands that are due."""
        standing = self._board.update(share_of(self._commands.values(), self._share), now)
        self._is_share_new = standing.due_at is not None
        self._share_at = now + SHORTEST
        self._show(standing.line)
        if standing.has_summary:
            self._changed.clear()
            self._not_before = standing.due_at or now + interval(now - self._began)
            return
        self._not_before = 0.0
        for command in [each for each in self._changed if each.next_at <= now]:
            del self._changed[command]
            self._show_output(command)
            if (line := command.line(now)) is not None:
                self._show(self._board.take_line(line))
            elapsed = 0.0 if self._shows("output") else now - command.began
            command.next_at = now + interval(elapsed, standing.sessions)

    def _show_output(self, command: Command) -> None:
        lines = command.take_output()
        if lines:
            shown = "\n".join(lines)
            self._show(self._board.take_notice(shown, shown, len(lines)))

    def _shows(self, level: str) -> bool:
        return self._level >= LEVELS.index(level)

    def _note_command(self, event: InCommand) -> None:
        self._note_end_of_wait()
        key = (event.session.key, event.command_id)
        command = self._commands.get(key)
        if command is None:
            command = Command(event.session, self._monotonic(), shows_output=self._shows("output"))
            self._commands[key] = command
        if isinstance(event.event, ReceiveEnded):
            del self._commands[key]
            self._changed.pop(command, None)
            if self._share.total <= MOST_SESSIONS:
                self._show_output(command)
            return
        if not isinstance(event.event, ReceiveBegan):
            if event.is_replayed:
                return
            self._show_notice(event.session.key, command, command.notice_of(event.event))
            command.add(event.event)
            if isinstance(event.event, Reconnecting):
                self._terminal.show_verbose(f"{command.place}: {command.trouble}")
        if self._shows("progress") and command not in self._changed:
            self._changed[command] = None
            self._wake()

    def _show_notice(self, session: SessionKey, command: Command, notice: Notice | None) -> None:
        if notice is None:
            return
        said = f"{notice.kind.upper()}: {notice.text}"
        line = self._board.take_notice(f"{command.place}: {said}", said)
        if line is not None:
            self._shown_notices.add((session, notice))
            self._show(line, C.COLOR_ERROR if notice.kind == "error" else C.COLOR_WARN)

    def _note_progress(self, event: Progressed) -> None:
        now = self._monotonic()
        said = f"{self._task_name}: {event.done} of {event.total} {event.unit}"
        if event.unit == "commands":
            self._note_end_of_wait()
            self._share.total, self._share.done, self._share.failed = event.total, event.done, event.failed
            if self._shows("progress") and not self._is_share_new:
                self._is_share_new = True
                self._wake()
        elif self._waiting_since is None and self._shows("progress"):
            # While the task waits for sessions, it lists them again and again.
            was_due = self._step.due_at is not None
            self._step.note(event, now)
            if self._step.due_at is not None and not was_due:  # otherwise the thread knows
                self._wake()
        self._terminal.show_verbose(said)

    def _note_waiting(self, event: Waiting) -> None:
        """Show the sessions that the task waits for, and the remaining time."""
        now = self._monotonic()
        places = text.places_of(event.sessions)
        said = f"{self._task_name}: waiting for {places}, in use, {text.duration(event.seconds)} at most"
        if self._waiting_since is None:
            self._waiting_since = self._waiting_at = now
        if now < self._waiting_at or not self._shows("progress"):
            self._terminal.show_verbose(said)
            return
        self._waiting_at = now + max(WAITING_SECONDS, interval(now - self._waiting_since))
        self._share.busy = len(event.sessions)
        standing = self._board.update(self._share, now)
        self._show(standing.line if standing.has_summary else self._board.take_line(said))

    def _note_end_of_wait(self) -> None:
        self._waiting_since, self._share.busy = None, 0

    def _wake(self) -> None:
        """Wake the thread to check when the next line is due."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._show_when_due, name="pssession-live", daemon=True)
            self._thread.start()
        self._news.set()

    def _show_interruption(self, event: Interrupted) -> None:
        if not event.disconnected + event.connected:
            return
        said = f"Interrupted. The work in the sessions goes on without Ansible. {self._collecting}"
        if event.by_signal:  # the run takes no more lines from its workers
            self._board.note_interruption(said)
        else:
            self._terminal.warn(f"{self._task_name}: {said}")

    def _show(self, line: str | None, color: str | None = None) -> None:
        if line:
            self._terminal.show(line, color)
