"""Board: shared data by which the tasks in all forks of a run decide which lines to show.

A run shows at most `MOST_LINES` lines. If a task waits for more than `MOST_SESSIONS` sessions, one line for all
sessions replaces the lines for each. Any fork may show it.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t
import zlib
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import counted
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import Record, Records
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration

# The maximum number of all lines of a run, and of its notices. Notices have fewer, so that there is room for progress.
MOST_LINES, MOST_NOTICES = 200, 120
# The maximum number of notices with the same text from different sessions.
MOST_OF_A_NOTICE = 3
MOST_SESSIONS = 10
# The line about all sessions names the hosts of the last ones, up to this number.
MOST_HOSTS = 3
# Seconds between two lines: the minimum, and the maximum after hours of waiting.
SHORTEST, LONGEST = 5.0, 300.0
# The number of tasks of a run that are remembered. Several run at a time only with strategies such as free.
_TASKS = 8


def interval(elapsed: float, sessions: int = 1) -> float:
    """Return the seconds until the next line about a session: a twelfth of the time waited, within limits.

    Args:
        elapsed: Seconds since the wait began.
        sessions: The number of sessions with lines.
    """
    return min(max(SHORTEST, elapsed * max(sessions, 1) / 12), LONGEST)


@dataclass
class Share:
    """Contribution of one worker to the line about all sessions.

    Attributes:
        began: The time at which the worker began, in seconds.
        total, done, failed: The numbers of commands that it waits for, that have ended, and that ended with an error.
        busy: The number of sessions in use that it waits for.
        broken: The number of sessions whose connection is being replaced.
        hosts: Some hosts of commands that have not ended.
        slowest: Host and per cent of the slowest command, among those that report their progress.
    """

    began: float = 0.0
    total: int = 0
    done: int = 0
    failed: int = 0
    busy: int = 0
    broken: int = 0
    hosts: list[str] = field(default_factory=list)
    slowest: tuple[str, int] | None = None

    @property
    def sessions(self) -> int:
        return max(self.total, self.busy)


class Standing(t.NamedTuple):
    """Progress of a task in all forks.

    Attributes:
        sessions: The number of sessions that it waits for.
        has_summary: Whether one line for all sessions replaces the lines for each.
        line: The line about all sessions, if it is to be shown now.
        due_at: The time at which the next line about all sessions is to be shown, or None.
    """

    sessions: int
    has_summary: bool = False
    line: str | None = None
    due_at: float | None = None


class Board:
    """The board as one worker uses it for one task.

    Args:
        records: The records that all forks of the run share.
        task: Identity of the task, the same in all forks.
        worker: Identity of the worker.
    """

    def __init__(self, records: Records, task: str, worker: str) -> None:
        self._records = records
        self._task = task
        self._worker = worker

    def take_line(self, text: str) -> str | None:
        """Return the text of a line, or None after the run's last line. The last line says that it is the last one."""
        return t.cast("str | None", self._change(lambda record: _taken(record, text)))

    def take_notice(self, text: str, said: str, lines: int = 1) -> str | None:
        """Return the text of a notice, or None if the run has already shown the maximum number of them.

        Args:
            said: The text of the notice without the name of the session.
            lines: The number of its lines.
        """

        def change(record: Record) -> str | None:
            notices, seen = record.get("notices", 0), record.setdefault("seen", {})
            key = str(zlib.crc32(said.encode()))
            count = seen.get(key, 0) + 1
            if notices + lines > MOST_NOTICES or count > MOST_OF_A_NOTICE:
                return None
            is_last = count == MOST_OF_A_NOTICE
            taken = _taken(record, f"{text} (that of further sessions is not shown)" if is_last else text, lines)
            if taken is not None:
                record["notices"], seen[key] = notices + lines, count
            return taken

        return t.cast("str | None", self._change(change))

    def note_interruption(self, text: str) -> None:
        """Note that the run ends while commands still run. Later, `interruption_of` returns the first such text."""
        self._change(lambda record: record.setdefault("interruption", text))

    def update(self, share: Share, now: float) -> Standing:
        """Note the commands that this worker waits for, and return the progress of the task.

        Args:
            now: The time in seconds of a clock that all forks share.
        """

        def change(record: Record) -> Standing:
            task = self._of_task(record, share.began)
            task["shares"][self._worker] = dataclasses.asdict(share)
            shares = [_share(each) for each in task["shares"].values()]
            sessions = sum(each.sessions for each in shares)
            # A task that has once shown one line for all sessions goes on with that when fewer sessions remain.
            has_summary = task["has_summary"] = task["has_summary"] or sessions > MOST_SESSIONS
            if not has_summary:
                return Standing(sessions)
            text = _summary(shares, Share(**task["left"]))
            if text == task["said"]:
                return Standing(sessions, has_summary)
            if now < task["next"]:
                return Standing(sessions, has_summary, due_at=task["next"])
            elapsed = now - task["began"]
            task.update(next=now + interval(elapsed), said=text)
            return Standing(sessions, has_summary, _taken(record, f"{text} ({duration(elapsed)})"))

        return t.cast(Standing, self._change(change))

    def leave(self, share: Share) -> None:
        """Note that this worker no longer waits. Its ended commands still count."""

        def change(record: Record) -> None:
            task = self._of_task(record, share.began)
            task["shares"].pop(self._worker, None)
            left = task["left"]
            for key in ("done", "failed"):
                left[key] += getattr(share, key)

        self._change(change)

    def _of_task(self, record: Record, began: float) -> Record:
        tasks: dict[str, Record] = record.setdefault("tasks", {})
        new = {"began": began, "next": began + SHORTEST, "said": "", "has_summary": False, "shares": {}}
        task = tasks.pop(self._task, {**new, "left": dataclasses.asdict(Share())})
        tasks[self._task] = task  # the most recently used task is at the end
        while len(tasks) > _TASKS:
            del tasks[next(iter(tasks))]
        return task

    def _change(self, function: t.Callable[[Record], t.Any]) -> t.Any:
        return self._records.change("live", function)


def interruption_of(records: Records) -> str | None:
    """Return the message for the user of an interrupted run, or None if the run was not interrupted."""
    return t.cast("str | None", records.change("live", lambda record: record.get("interruption")))


def _share(entry: Record) -> Share:
    slowest = entry["slowest"]
    return Share(**{**entry, "slowest": None if slowest is None else (slowest[0], slowest[1])})


def _taken(record: Record, text: str, lines: int = 1) -> str | None:
    shown = record.get("lines", 0)
    if shown + lines > MOST_LINES:
        return None
    record["lines"] = shown + lines
    is_last = record["lines"] == MOST_LINES
    return f"{text} (the last of {MOST_LINES} lines of progress that a run shows)" if is_last else text


def _summary(shares: t.Sequence[Share], left: Share) -> str:
    """Return the line about all sessions: the number of ended commands, the slowest one, and the problems."""
    done, total = (sum(getattr(each, key) for each in shares) for key in ("done", "total"))
    failed, busy, broken = (sum(getattr(each, key) for each in (*shares, left)) for key in ("failed", "busy", "broken"))
    if len(shares) == 1 and not left.done:  # one task for all hosts, so it knows their number
        parts = [f"{done} of {total} done"] if total else []
    else:
        parts = [f"{done + left.done} done, {total - done} running"]
    told = [each.slowest for each in shares if each.slowest is not None]
    if told:
        host, percent = min(told, key=lambda each: each[1])
        parts.append(f"slowest {host} {percent} %")
    elif 0 < total - done <= MOST_HOSTS and (hosts := [host for each in shares for host in each.hosts]):
        parts.append(f"still running on {', '.join(hosts)}")
    if busy:
        parts.append(f"waiting for {counted(busy, 'busy session')}")
    if broken:
        parts.append(f"connecting again to {counted(broken, 'session')}")
    if failed:
        parts.append(f"{failed} failed so far")
    return ", ".join(parts)
