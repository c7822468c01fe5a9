# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The least number of requests that the protocol allows for each job and each log-on, and how many are sent.

docs/architecture.md has the table. PSSESSION_WRITE_DOCS=1 writes what the run has seen into that file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, operations
from tests.integration.engine.logons import ALL_SCHEMES, NEED_REALM, set_up, tickets_for
from tests.simulator import SimulatedComputer, SimulatedFleet

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"
BEGIN = "<!-- The table is made by tests/integration/engine/test_floors.py: do not edit it. -->\n"
END = "<!-- End of the table. -->\n"
HEADER = (
    "| job, with 3 sessions on one computer | the least | number | sent | why more |\n| --- | --- | --- | --- | --- |\n"
)
SESSIONS = 3
NAMES = [f"job{number}" for number in range(SESSIONS)]
SCRIPTS: dict[str, Any] = {"work": {"regex": "^work|^param", "steps": [{"output": "done"}]}}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01", "srv02", "srv03"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@dataclass(frozen=True)
class Lab:
    """The computer of a row, and who works with it."""

    computer: SimulatedComputer
    controller: Controller

    def free(self) -> None:
        """Have sessions without a client."""
        for name in NAMES:
            self.computer.add_session(name)

    def ours(self) -> None:
        """Have sessions that are connected here."""
        self.free()
        self.controller.connect("srv01")

    def known(self) -> None:
        """Have sessions without a client that this controller knows."""
        self.ours()
        self.controller.disconnect("srv01")

    def started(self) -> None:
        """Have sessions with a command that was started here."""
        self.start()

    def nothing(self) -> None:
        """Have no sessions."""

    def by_id(self, plugin: _plugins.Plugin) -> Any:
        ids = list(range(1, SESSIONS + 1))
        return self.controller.run(plugin, id=ids)

    def by_name(self, plugin: _plugins.Plugin, **options: Any) -> Any:
        return self.controller.run(plugin, "srv01", name=NAMES, **options)

    def start(self, script: str = "work", **options: Any) -> Any:
        named: dict[str, Any] = {"session_name": NAMES, "in_disconnected_session": True}
        return self.controller.run(_plugins.INVOKE, "srv01", script=script, **named, **options)


@dataclass(frozen=True)
class Row:
    """One job.

    Attributes:
        least: The operations that the protocol needs for each computer, and after the colon those for each session. The
            Receives are as many as the answers into which the server puts what is waited for.
        run: Does the job.
        prepare: Makes what has to be there; its requests are not counted.
        more: The operations that are sent beyond that for each computer, and after the colon those for each session.
        why: Why they are.
    """

    least: str
    run: Callable[[Lab], Any]
    prepare: Callable[[Lab], None] = Lab.free
    more: str = ":"
    why: str = ""


SHOWS = "the list shows which sessions are still there, and which of them are free"
OPENED = "Create Receive Receive"
FINDS = "Enumerate: Enumerate Connect"
SENSITIVE = [{"name": "Word", "value": "x"}]
ROWS: dict[str, Row] = {
    "list": Row("Enumerate:", lambda lab: lab.controller.get("srv01")),
    "connect, by name": Row("Enumerate: Connect", lambda lab: lab.by_name(_plugins.CONNECT)),
    "connect, by id": Row(": Reconnect", lambda lab: lab.by_id(_plugins.CONNECT), Lab.known, "Enumerate:", SHOWS),
    "disconnect, by name": Row(
        "Enumerate: Disconnect",
        lambda lab: lab.by_name(_plugins.DISCONNECT),
        Lab.ours,
        ": Reconnect",
        "it proves that the session is ours; the list says only that it is connected",
    ),
    "disconnect, by id": Row(
        ": Disconnect",
        lambda lab: lab.by_id(_plugins.DISCONNECT),
        Lab.ours,
        "Enumerate: Reconnect",
        "the same, and the list",
    ),
    "remove, by name": Row(
        "Enumerate: Delete",
        lambda lab: lab.by_name(_plugins.REMOVE),
        more=": Connect",
        why="it proves that no other client is connected",
    ),
    "open": Row(
        f"Enumerate: {OPENED}",
        lambda lab: lab.controller.run(_plugins.NEW, "srv01", name=NAMES),
        Lab.nothing,
    ),
    "start in a disconnected session": Row(
        f"Enumerate: {OPENED} Command Disconnect", lambda lab: lab.start(), Lab.nothing
    ),
    "the same with `input`": Row(
        f"Enumerate: {OPENED} Command Send Disconnect", lambda lab: lab.start(input=["a", "b"]), Lab.nothing
    ),
    "the same with `sensitive_parameters`": Row(
        f"Enumerate: {OPENED} Send Receive Command Disconnect",
        lambda lab: lab.start("param($Word)", sensitive_parameters=SENSITIVE),
        Lab.nothing,
    ),
    "receive, by name": Row(f"{FINDS} Connect Receive Signal", lambda lab: lab.by_name(_plugins.RECEIVE), Lab.started),
    "run a script and wait": Row(
        f"{FINDS} Command Receive Signal", lambda lab: lab.by_name(_plugins.INVOKE, script="work")
    ),
}
# Requests that only log on, for one connection: the way, whether by TLS, the least, and how rows call it.
LOGONS: dict[str, tuple[str, bool, int]] = {
    "log on by Basic": ("basic", False, 0),
    "log on by a certificate": ("PEM", True, 0),
    "log on by Kerberos, messages encrypted": ("Kerberos, ticket", False, 1),
    "log on by Kerberos over TLS": ("Kerberos, ticket", True, 0),
    "log on by NTLM, messages encrypted": ("NTLM", False, 2),
    "log on by NTLM over TLS": ("NTLM", True, 1),
}


def counted(text: str) -> Counter[str]:
    """The operations that a row names, for all sessions."""
    once, each = (Counter(part.split()) for part in text.split(":"))
    return once + Counter({name: number * SESSIONS for name, number in each.items()})


def in_words(operations_of_row: str) -> str:
    """Them as the table has them."""
    once, each = (" + ".join(part.split()) for part in operations_of_row.split(":"))
    each = each.replace("Receive + Receive", "Receives until it is open")
    return ", ".join(filter(None, [once, f"for each session {each}" if each else ""]))


def line_of(job: str, number: int) -> str:
    """A line of the table."""
    if job in LOGONS:
        least = LOGONS[job][2]
        return f"| {job} | {'none of its own' if not least else 'tokens'} | {least} | {number} | |\n"
    row = ROWS[job]
    why = f"{in_words(row.more)}: {row.why}" if row.why else ""
    return f"| {job} | {in_words(row.least)} | {counted(row.least).total()} | {number} | {why} |\n".replace(
        "|  |", "| |"
    )


@pytest.fixture(scope="module")
def seen() -> dict[str, int]:
    """How many requests each row took."""
    return {}


@pytest.mark.parametrize("job", ROWS)
def test_no_job_takes_more_than_the_least_and_what_it_has_a_reason_for(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, seen: dict[str, int], job: str
) -> None:
    row, lab = ROWS[job], Lab(computer, controller)
    row.prepare(lab)
    fleet.clear_requests()
    result = row.run(lab)
    assert (result["errors"], len(result["sessions"])) == ([], SESSIONS)
    sent = Counter(operations(fleet))
    assert sent - (counted(row.least) + counted(row.more)) == Counter()
    seen[job] = sent.total()


@pytest.mark.parametrize("job", LOGONS)
def test_no_log_on_takes_more_than_the_least(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    request: pytest.FixtureRequest,
    seen: dict[str, int],
    job: str,
) -> None:
    way, tls, least = LOGONS[job]
    realm = request.getfixturevalue("realm") if way in NEED_REALM else None
    computer.add_session("job0")
    computer.configure({"authentication": ALL_SCHEMES})
    options = set_up(controller, fleet, way, tls, message_encryption="never" if way == "basic" else "auto")
    with tickets_for(way, realm):
        assert controller.get("srv01", **options)["errors"] == []
    seen[job] = len(fleet.requests) - 1
    assert seen[job] <= least


def test_the_table_in_the_documentation_is_what_happens(seen: dict[str, int]) -> None:
    before, _begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    documented, _end, after = rest.partition(END)
    jobs = [*ROWS, *LOGONS]
    if os.environ.get("PSSESSION_WRITE_DOCS"):
        # Where Kerberos is not there, its least number is taken on trust; a run with it compares.
        found = {**{job: LOGONS[job][2] for job in LOGONS}, **seen}
        table = HEADER + "".join(line_of(job, found[job]) for job in jobs)
        DOCUMENT.write_text(before + BEGIN + table + END + after, encoding="utf-8")
        return
    lines = documented.removeprefix(HEADER).splitlines(keepends=True)
    assert len(lines) == len(jobs)
    for job, line in zip(jobs, lines, strict=True):
        if job in seen:
            assert line == line_of(job, seen[job])
