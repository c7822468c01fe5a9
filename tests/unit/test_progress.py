# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The display of events: where commands are, warnings at once, waiting, few lines, and the interruption of a task."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import PipelineState
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Event,
    Finished,
    FormattedLines,
    InCommand,
    Interrupted,
    OutputReceived,
    Progressed,
    ProgressReceived,
    ReceiveBegan,
    ReceiveEnded,
    Reconnected,
    Reconnecting,
    RecordReceived,
    Waiting,
    Warned,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import LocalRecords
from ansible_collections.psremoting.fleet.plugins.plugin_utils._event_display import EventDisplay
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.board import (
    MOST_LINES,
    MOST_NOTICES,
    Board,
    interruption_of,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal
from tests.unit.builders import endpoint, session

HOUR = 3600.0


class Shown(Terminal):
    """A terminal that keeps what it is given."""

    def __init__(self, *, is_silent: bool = False) -> None:
        super().__init__(is_silent=is_silent)
        self.lines: list[str] = []
        self.verbose: list[str] = []
        self.warnings: list[str] = []

    def show(self, text: str, color: str | None = None) -> None:
        del color
        self.lines += text.split("\n")

    def show_verbose(self, text: str) -> None:
        self.verbose.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Run:
    """A run of Ansible with a clock that moves only here, and the displays of its forks, without threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(EventDisplay, "_wake", lambda _self: None)
        self.clock = SimpleNamespace(now=1000.0)
        self.terminal = Shown()
        self.records = LocalRecords()
        self.displays: list[EventDisplay] = []

    def fork(self, live: str = "progress", *, task: str = "task", terminal: Shown | None = None) -> EventDisplay:
        board = Board(self.records, task, str(len(self.displays)))
        shown = terminal or self.terminal
        self.displays.append(EventDisplay("Collect", shown, board, live, monotonic=lambda: float(self.clock.now)))
        return self.displays[-1]

    def wait(self, seconds: float) -> list[str]:
        """Let time go, with each display as its thread would work; return the lines that came."""
        before, until = len(self.terminal.lines), self.clock.now + seconds
        while True:
            waits = [wait for display in self.displays if (wait := display.tick()) is not None]
            if not waits or self.clock.now + min(waits) > until:
                break
            self.clock.now += min(waits)
        self.clock.now = until
        return self.terminal.lines[before:]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def on(host: str) -> PSSession:
    return session(endpoint(host), shell_id=f"1A2B3C4D-0000-0000-0000-{abs(hash(host)) % 10**12:012}")


def at(host: str, event: Any, **fields: Any) -> InCommand:
    return InCommand(on(host), "command", event, **fields)


def progress(percent: int, status: str = "Sales") -> ProgressReceived:
    return ProgressReceived({"activity": "Rebuild indexes", "status": status, "percent_complete": percent})


def tell(display: EventDisplay, *events: Event) -> None:
    for event in events:
        display(event)


def test_where_a_command_is(run: Run) -> None:
    display = run.fork()
    tell(display, Progressed(0, 1, "commands"), at("web01", ReceiveBegan()))
    assert run.wait(4) == []  # short commands show nothing
    assert run.wait(2) == ["web01 (job1), 5 s: no output yet"]
    assert run.wait(HOUR) == []  # a line only where something has changed
    tell(display, at("web01", progress(45)), at("web01", OutputReceived(1)), at("web01", OutputReceived(2)))
    assert run.wait(0) == ["web01 (job1), 1 h: Rebuild indexes: Sales, 45 %, 2 objects"]
    tell(display, at("web01", progress(46)))
    assert run.wait(299) == []  # five minutes at most
    assert run.wait(1) == ["web01 (job1), 1 h 5 min: Rebuild indexes: Sales, 46 %, 2 objects"]
    tell(display, at("web01", progress(47)), at("web01", ReceiveEnded()), Progressed(1, 1, "commands"))
    assert run.wait(HOUR) == []  # the result is there


def test_at_most_a_line_in_five_seconds_and_rarer_as_time_goes(run: Run) -> None:
    display = run.fork()
    tell(display, at("web01", ReceiveBegan()))
    came = []
    for second in range(2 * 3600):
        tell(display, at("web01", progress(second % 100, str(second))))
        came += [second] * len(run.wait(1))
    gaps = [later - earlier for earlier, later in itertools.pairwise(came)]
    assert min(gaps) >= 5
    assert max(gaps) <= 300
    assert all(gap - before >= -1 for before, gap in itertools.pairwise(gaps))  # events come once a second
    assert gaps[0] <= 6
    assert gaps[-1] == 300


def test_errors_and_warnings_come_at_once_and_each_once(run: Run) -> None:
    warning, error = RecordReceived("warning", "hot"), RecordReceived("error", {"exception": {"message": "disk full"}})
    for live in ("warnings", "progress", "output"):
        before = len(run.terminal.lines)
        display = run.fork(live, task=live)
        tell(display, at(live, ReceiveBegan()), at(live, warning), at(live, error), at(live, warning))
        assert [line.split(" (that")[0] for line in run.terminal.lines[before:]] == [
            f"{live} (job1): WARNING: hot",
            f"{live} (job1): ERROR: disk full",
        ]
    run.displays.clear()
    silent = run.fork("none")
    before = len(run.terminal.lines)
    tell(silent, at("a", ReceiveBegan()), at("a", warning), Waiting([on("a")], 9), Progressed(1, 9, "sessions"))
    run.wait(HOUR)
    assert run.terminal.lines[before:] == []


def test_what_the_journal_brings_again_is_not_shown_again(run: Run) -> None:
    display = run.fork("output")
    tell(
        display,
        at("web01", ReceiveBegan()),
        at("web01", RecordReceived("warning", "old"), is_replayed=True),
        at("web01", OutputReceived("old"), is_replayed=True),
    )
    assert run.wait(60) == ["web01 (job1), 5 s: no output yet"]


def test_the_newest_lines_of_output(run: Run) -> None:
    display = run.fork("output")
    tell(display, at("web01", ReceiveBegan()), at("web01", OutputReceived({"Free": 12})))
    tell(display, at("web01", FormattedLines(["one", "", "two"])))
    host = {"Message": "six", "NoNewLine": False, "ForegroundColor": None}
    tell(display, at("web01", OutputReceived("three\n  four    4\nfive")))
    tell(display, at("web01", RecordReceived("information", {"message_data": host})))
    assert run.wait(5) == [
        "web01 (job1): 2 earlier lines not shown",
        *(f"web01 (job1): {line}" for line in ("two", "three", "  four    4", "five", "six")),
        "web01 (job1), 5 s: 5 objects",
    ]
    tell(display, at("web01", OutputReceived("the end")), at("web01", ReceiveEnded()))
    assert run.terminal.lines[-1] == "web01 (job1): the end"


def test_one_line_replaces_those_of_more_than_ten_sessions(run: Run) -> None:
    display = run.fork()
    tell(display, Progressed(0, 12, "commands"))
    for number in range(12):
        tell(display, at(f"web{number:02}", ReceiveBegan()), at(f"web{number:02}", progress(90 - number)))
    assert run.wait(5) == ["0 of 12 done, slowest web11 79 % (5 s)"]
    tell(display, at("web11", Finished(PipelineState.FAILED)), at("web11", ReceiveEnded()))
    broken = Reconnecting(1, 2.0, TransportError(None, "cable cut"))
    tell(display, Progressed(1, 12, "commands", failed=1), at("web10", broken))
    assert run.wait(5) == ["1 of 12 done, slowest web10 80 %, connecting again to 1 session, 1 failed so far (10 s)"]
    assert run.wait(HOUR) == []


def test_the_last_hosts_are_named_where_nothing_tells_how_far_they_are(run: Run) -> None:
    display = run.fork()
    hosts = [f"web{number:02}" for number in range(12)]
    tell(display, Progressed(0, 12, "commands"), *(at(host, ReceiveBegan()) for host in hosts))
    assert run.wait(5) == ["0 of 12 done (5 s)"]
    tell(display, *(at(host, ReceiveEnded()) for host in hosts[2:]), Progressed(10, 12, "commands"))
    assert run.wait(5) == ["10 of 12 done, still running on web00, web01 (10 s)"]


def test_a_broken_connection(run: Run) -> None:
    display = run.fork()
    broken = Reconnecting(2, 2.1, TransportError(None, "cable cut"))
    tell(display, at("web01", ReceiveBegan()), at("web01", broken))
    said = "the connection broke (cable cut), attempt 2 to connect again"
    assert run.terminal.verbose == [f"web01 (job1): {said}"]
    assert run.wait(5) == [f"web01 (job1), 5 s: {said}"]
    tell(display, at("web01", Reconnected()), at("web01", progress(3)))
    assert run.wait(60) == ["web01 (job1), 10 s: Rebuild indexes: Sales, 3 %"]


def test_the_line_about_all_sessions_is_that_of_all_forks(run: Run) -> None:
    """Each host has a worker of its own, and some have ended before."""
    for number in range(3):
        tell(done := run.fork(), Progressed(0, 1, "commands"), Progressed(1, 1, "commands", failed=number == 0))
        done.close()
    workers = [run.fork() for _number in range(20)]
    for number, display in enumerate(workers):
        host = f"web{number:02}"
        tell(display, Progressed(0, 1, "commands"), at(host, ReceiveBegan()), at(host, progress(50 + number)))
    lines = run.wait(30)
    assert lines[-1] == "3 done, 20 running, slowest web00 50 %, 1 failed so far (10 s)"
    assert len(lines) == 12  # before the eleventh came, each had its own
    other_task = run.fork(task="another")
    tell(other_task, Progressed(0, 1, "commands"), at("db01", ReceiveBegan()))
    assert run.wait(5) == ["db01 (job1), 5 s: no output yet"]


def test_ten_hours_of_two_thousand_hosts_are_two_hundred_lines_at_most(run: Run) -> None:
    """As one task for all, and in the way of a worker for each host, 50 at a time, with warnings on each of them."""
    for workers in (1, 50):
        run.records, run.terminal.lines, run.displays = LocalRecords(), [], []
        hosts = [f"web{number:04}" for number in range(2000)]
        displays = [run.fork() for _worker in range(workers)]
        of = dict(zip(hosts, itertools.cycle(displays)))
        for display in displays:
            tell(display, Progressed(0, 2000 // workers, "commands"))
        for host in hosts:
            tell(of[host], at(host, ReceiveBegan()), at(host, RecordReceived("warning", f"{host} is hot")))
        minutes = 10 * 60
        for minute in range(0, minutes, 2):
            for host in hosts[minute % 40 :: 40]:
                tell(of[host], at(host, progress(100 * minute // minutes, host)))
            run.wait(120)
        assert len(run.terminal.lines) <= MOST_LINES
        progress_lines = [line for line in run.terminal.lines if "slowest" in line]
        assert len(run.terminal.lines) - len(progress_lines) == MOST_NOTICES
        assert len(progress_lines) >= 60


def test_the_last_line_says_that_it_is_the_last(run: Run) -> None:
    tasks = [run.fork(task=str(number)) for number in range(MOST_LINES + 1)]
    for number, display in enumerate(tasks):
        tell(display, at(str(number), ReceiveBegan()))
    lines = run.wait(HOUR)
    assert len(lines) == MOST_LINES
    assert "the last of 200 lines" in lines[-1]


def test_the_same_warning_of_many_hosts_is_shown_of_some(run: Run) -> None:
    display = run.fork()
    for number in range(50):
        host = f"web{number:02}"
        tell(display, at(host, ReceiveBegan()), at(host, RecordReceived("warning", "hot")))
    assert run.terminal.lines == [
        "web00 (job1): WARNING: hot",
        "web01 (job1): WARNING: hot",
        "web02 (job1): WARNING: hot (that of further sessions is not shown)",
    ]


def test_what_was_shown_need_not_be_told_again(run: Run) -> None:
    display, silent = run.fork(), run.fork("none")
    for number in range(4):
        hot = at(f"web{number:02}", RecordReceived("warning", f"hot\n{'x' * 5000}"))
        tell(display, at(f"web{number:02}", ReceiveBegan()), hot)
        tell(silent, hot)

    def of(*hosts: str, stream: str = "warning") -> Warned:
        return Warned("", records=frozenset((on(host).key, stream, f"hot\n{'x' * 5000}") for host in hosts))

    assert display.has_shown(of("web00", "web01", "web02"))
    # The fourth was one too many, and neither an error of the same text nor anything that is no record was shown.
    assert not any(map(display.has_shown, (of("web02", "web03"), of("web00", stream="error"), Warned("hot"))))
    assert not silent.has_shown(of("web00"))


def test_waiting_names_the_host_and_how_long_still(run: Run) -> None:
    display, left = run.fork(), 600
    while left > 0:  # as the engine asks again and again
        tell(display, Waiting([on("web01")], left))
        tell(display, Progressed(1, 1, "computers listed"))  # it looks whether the session is still in use
        left -= 5
        run.wait(5)
    lines = run.terminal.lines
    assert lines[:2] == [
        "Collect: waiting for session job1 on web01, in use, 10 min at most",
        "Collect: waiting for session job1 on web01, in use, 9 min 45 s at most",
    ]
    assert 10 < len(lines) <= 40
    tell(run.fork(task="two"), Waiting([on(f"db{number}") for number in (3, 0, 4, 1, 2)], 60))
    assert lines[-1] == "Collect: waiting for 5 sessions on db0, db1, db2 and 2 more, in use, 1 min at most"


def test_waiting_of_many_forks_is_one_line(run: Run) -> None:
    displays = [run.fork() for _number in range(40)]
    for second in range(60):
        for number, display in enumerate(displays):
            tell(display, Waiting([on(f"web{number:02}")], 90 - second))
        run.wait(1)
    assert len(run.terminal.lines) <= 20
    assert run.terminal.lines[-1] == "0 done, 0 running, waiting for 40 busy sessions (15 s)"


def test_steps_of_a_long_task(run: Run) -> None:
    display = run.fork()
    told = []
    # Lines come after 5 s and not within 5 s of the line before; the end has none.
    for number, wait in enumerate((0.1, 4.8, 0.2, 4.9, 0.2, 9.0), start=1):
        told.append(run.wait(wait))
        tell(display, Progressed(number, 6, "sessions"))
    assert told == [
        [],
        [],
        ["Collect: 2 of 6 sessions"],
        [],
        ["Collect: 4 of 6 sessions"],
        ["Collect: 5 of 6 sessions"],
    ]
    assert run.terminal.verbose == [f"Collect: {number} of 6 sessions" for number in range(1, 7)]
    tell(display, Warned("in the result"))
    assert run.wait(60) == []


def test_each_step_has_its_time(run: Run) -> None:
    display = run.fork()
    tell(display, Progressed(39, 40, "computers listed"))
    run.wait(4.9)
    tell(display, Progressed(40, 40, "computers listed"), Progressed(1, 40, "sessions"))
    assert run.wait(4.9) == []
    assert run.wait(0.2) == ["Collect: 1 of 40 sessions"]


def test_computers_that_keep_silent_are_named(run: Run) -> None:
    display = run.fork()
    tell(display, Progressed(37, 40, "computers listed", silent=("a", "b", "c"), seconds=40))
    tell(display, Progressed(39, 40, "computers listed", silent=("b",), seconds=40))
    lines = run.wait(39)
    assert lines == [
        "Collect: 39 of 40 computers listed, no answer yet from b, 35 s at most",
        "Collect: 39 of 40 computers listed, no answer yet from b, 5 s at most",
    ]
    tell(display, Progressed(40, 40, "computers listed"))
    assert run.wait(60) == []


def test_of_many_tasks_that_wait_for_an_answer_a_few_say_so(run: Run) -> None:
    for number in range(50):
        tell(run.fork(), Progressed(0, 1, "computers listed", silent=(f"web{number:02}",), seconds=30))
    lines = run.wait(30)
    assert len(lines) == 3
    assert lines[0] == "Collect: 0 of 1 computers listed, no answer yet from web00, 25 s at most"


def test_a_task_with_no_log_shows_nothing(run: Run) -> None:
    terminal = Shown(is_silent=True)
    display = run.fork("output", terminal=terminal)
    secret = RecordReceived("warning", "a secret")
    tell(display, at("a", ReceiveBegan()), at("a", secret), at("a", OutputReceived("a secret")), Interrupted(1, 0))
    run.wait(HOUR)
    assert terminal.lines == terminal.warnings == terminal.verbose == []


def test_a_task_that_is_ended_by_a_time_limit_warns(run: Run) -> None:
    tell(run.fork(), Interrupted(2, 1))
    assert run.terminal.warnings == [
        "Collect: Interrupted. The work in the sessions goes on without Ansible. Receive its output with the module "
        "psremoting.fleet.receive_pssession."
    ]
    assert interruption_of(run.records) is None


def test_an_interrupted_run_is_told_of_once_for_all_its_forks(run: Run) -> None:
    for sessions in (2, 0, 1):
        tell(run.fork("none"), Interrupted(sessions, 0, by_signal=True))
    assert run.terminal.warnings == []
    assert interruption_of(run.records) == (
        "Interrupted. The work in the sessions goes on without Ansible. Receive its output with the module "
        "psremoting.fleet.receive_pssession."
    )
