# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Histories as data: what a user does, and what goes wrong; drawn from a seed, and told in words."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.simulation.servers import Work

# What can happen to one request, in words.
REQUEST_FAULTS = {
    "lost_request": "is lost with its connection before it reaches the server",
    "lost_answer": "takes effect, and the connection breaks before the answer",
    "late": "takes effect 30 s after the connection broke",
    "unconnected": "finds no connection",
    "status_503": "is answered by HTTP 503 and not carried out",
    "stalled_request": "is never answered and not carried out",
    "stalled_answer": "takes effect and is never answered",
    "slow": "is answered 15 s late",
    "garbled": "takes effect, and half of the answer arrives",
    "quota": "is refused, since a quota is used up",
    "away": "finds the network broken, for 100 s",
    "away_long": "finds the network broken, for 500 s",
}
PROCESS_FAULTS = {
    "kill_before": "is not sent: the controller's process is killed",
    "kill_during": "takes effect, and the controller's process is killed before the answer",
    "kill_after": "is answered, and the controller's process is killed at once",
}
WORLD_FAULTS = {
    "restart": "meets a server that restarts: its sessions are gone, and it is away for 60 s",
    "remove": "comes just after an administrator removed a session there",
    "stop": "comes just after an administrator stopped the commands there",
    "take": "comes just after another client took the sessions there, for 100 s",
}
# What can happen to one write to a file.
DISK_FAULTS = {
    "kill_writing": "is half done when the controller's process is killed",
    "full_disk": "finds a full disk, until the end of the step",
}
FAULTS = {**REQUEST_FAULTS, **PROCESS_FAULTS, **WORLD_FAULTS, **DISK_FAULTS}

# Those that decide what becomes of a command, oftener than their share of the requests.
OPERATIONS = ("Receive", "Receive", "Command", "Create", "Connect", "Reconnect", "Disconnect", "Signal", "Delete")
VERBS = ("invoke", "receive", "connect", "disconnect", "remove")
JOBS = ("start", "resume", "collect")
NAME = "Nightly"
# Seconds that a session may be without a client, and a wait that is longer.
IDLE_TIMEOUT = 86400
LONG_WAIT = 100_000.0


@dataclass(frozen=True)
class HappeningFault:
    """Something that goes wrong in a step.

    Attributes:
        at: The number of the request, or of the write, in the step; the first is 1.
        kind: A key of `FAULTS`.
        operation: The operation whose requests are counted; "" counts all.
    """

    at: int
    kind: str
    operation: str = ""

    def __str__(self) -> str:
        what = "write" if self.kind in DISK_FAULTS else self.operation or "request"
        return f"{what} {self.at} {FAULTS[self.kind]}"


@dataclass(frozen=True)
class Step:
    """One thing that a user does on a controller.

    Attributes:
        kind: One of `VERBS` or `JOBS`.
        controller: Which of two controllers.
        wait: Seconds before it.
        journal: Whether output is written to a journal.
        timeout: Seconds to wait for commands, or None for as long as they run.
        is_parallel: Whether it begins together with the step before.
    """

    kind: str
    hosts: tuple[str, ...]
    controller: int = 0
    wait: float = 0.0
    journal: bool = True
    timeout: int | None = None
    busy_timeout: int = 0
    when_done: str = "keep"
    is_parallel: bool = False
    faults: tuple[HappeningFault, ...] = ()

    def __str__(self) -> str:
        options = [
            "with a journal" if self.journal and self.kind in ("receive", "collect", "invoke") else "",
            f"timeout {self.timeout}" if self.timeout is not None else "",
            f"busy_timeout {self.busy_timeout}" if self.busy_timeout else "",
            f"when_done {self.when_done}" if self.when_done != "keep" else "",
        ]
        when = "meanwhile" if self.is_parallel else f"after {self.wait:g} s"
        head = f"{when}, controller {self.controller + 1}: {self.kind} on {', '.join(self.hosts)}"
        return "\n".join(
            [", ".join(filter(None, [head, *options])), *(f"    {fault}" for fault in sorted(self.faults, key=str))]
        )


@dataclass(frozen=True)
class History:
    """Steps in order, and the computers that they are about.

    Attributes:
        seed: Of everything else: order of jobs, delays, ids.
        switches: Of the simulated computers.
    """

    seed: int
    computers: tuple[str, ...]
    work: Work
    steps: tuple[Step, ...]
    switches: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        work = f"{self.work.objects} objects, {self.work.pause:g} s after each, {self.work.end}"
        lines = [f"seed {self.seed}; computers {', '.join(self.computers)}; the work writes {work}"]
        if self.switches:
            lines.append(f"switches {self.switches}")
        return "\n".join([*lines, *(f"{number}. {step}" for number, step in enumerate(self.steps, 1))])

    @property
    def faults(self) -> int:
        return sum(len(step.faults) for step in self.steps)


def draw(seed: int) -> History:
    """Draw a history from a seed."""
    chance = random.Random(f"history {seed}")
    computers = tuple(f"srv{number:02}" for number in range(1, chance.choice((1, 1, 2, 3)) + 1))
    work = Work(
        objects=chance.choice((1, 2, 3, 6)),
        pause=chance.choice((0.0, 0.0, 5.0, 50.0, 200.0)),
        end=chance.choice(("Completed",) * 5 + ("Failed",)),
    )
    style = chance.choice(("resume", "resume", "start", "start", "verbs"))
    steps = [_step(chance, kind, computers) for kind in _kinds(chance, style)]
    # A server that repeats nothing loses what was on its way to a reader that was killed, whatever a client does.
    switches: dict[str, object] = {"replay_after_connect": chance.choice(("shell", "command", "any"))}
    if chance.random() < 0.3:
        switches["empty_receive_on_timeout"] = True
    return History(seed, computers, work, tuple(steps), switches)


def _kinds(chance: random.Random, style: str) -> list[str]:
    if style == "resume":
        return ["resume", *chance.choices(("resume", "connect", "disconnect"), (6, 1, 1), k=chance.randint(0, 3))]
    if style == "start":
        later = ("start", "collect", "receive", "connect", "disconnect", "remove")
        return ["start", *chance.choices(later, (2, 4, 3, 1, 1, 0.5), k=chance.randint(1, 4))]
    later = ("invoke", "receive", "connect", "disconnect", "remove", "collect")
    return ["start", *chance.choices(later, (4, 2, 2, 2, 1, 1), k=chance.randint(1, 5))]


def _step(chance: random.Random, kind: str, computers: tuple[str, ...]) -> Step:
    takes = kind in ("receive", "collect", "resume", "invoke")
    is_elsewhere = kind in ("receive", "connect", "disconnect") and chance.random() < 0.15
    return Step(
        kind=kind,
        hosts=computers,
        controller=1 if is_elsewhere else 0,
        wait=chance.choices((0.0, 1.0, 20.0, 70.0, 400.0, LONG_WAIT), (6, 6, 6, 6, 6, 1))[0],
        journal=kind != "receive" or chance.random() < 0.75,
        timeout=chance.choice((None, None, 0, 30, 300)) if takes else None,
        busy_timeout=chance.choice((0, 0, 90)),
        when_done=chance.choice(("keep", "disconnect", "remove")) if kind in ("receive", "collect") else "keep",
        # With one journal, the second of two runs at one moment is refused.
        is_parallel=(is_elsewhere and chance.random() < 0.5) or (kind == "resume" and chance.random() < 0.15),
        faults=_faults(chance, len(computers)),
    )


def _faults(chance: random.Random, computers: int) -> tuple[HappeningFault, ...]:
    count = chance.choices((0, 1, 2, 3), (25, 45, 20, 10))[0]
    faults = {}
    for _number in range(count):
        kind = chance.choice(list(FAULTS))
        operation = chance.choice(("", *OPERATIONS)) if kind not in DISK_FAULTS else ""
        at = chance.randint(1, computers if operation else 3 + 5 * computers)
        faults[operation, at] = HappeningFault(at, kind, operation)
    return tuple(fault for _key, fault in sorted(faults.items()))
