# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Histories as data: what a user does, and what goes wrong; drawn from a seed, and told in words."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace

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
    "refused_logon": "is refused, since the log-on fails",
    "damaged": "takes effect, and the answer was changed on its way",
    "away": "finds the network broken, for 100 s",
    "away_long": "finds the network broken, for 500 s",
}
PROCESS_FAULTS = {
    "kill_before": "is not sent: the controller's process is killed",
    "kill_during": "takes effect, and the controller's process is killed before the answer",
    "kill_after": "is answered, and the controller's process is killed at once",
    "interrupt": "is under way when Ctrl-C or the task's time limit ends the task",
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
# What can happen before a step.
STEP_FAULTS = {"lost_registry": "comes when the registry was deleted"}
FAULTS = {**REQUEST_FAULTS, **PROCESS_FAULTS, **WORLD_FAULTS, **DISK_FAULTS, **STEP_FAULTS}

# Those that decide what becomes of a command, oftener than their share of the requests.
OPERATIONS: tuple[str, ...] = (
    "Receive",
    "Receive",
    "Command",
    "Create",
    "Connect",
    "Reconnect",
    "Disconnect",
    "Signal",
    "Delete",
)
# The operations of some verbs, oftener those that matter most.
OPERATIONS_OF: dict[str, tuple[str, ...]] = {
    "connect": ("Enumerate", "Reconnect", "Connect"),
    "disconnect": ("Enumerate", "Disconnect"),
    "remove": ("Enumerate", "Delete"),
    "new": ("Enumerate", "Create", "Receive"),
    "info": ("Enumerate",),
    "extend": ("Enumerate", "Connect", "Reconnect", "Disconnect"),
    "cleanup": ("Enumerate", "Delete"),
    "start": ("Enumerate", "Create", "Receive", "Command", "Command", "Send", "Disconnect"),
    "invoke": ("Reconnect", "Connect", "Command", "Command", "Send", "Receive", "Receive", "Signal"),
}
VERBS = ("invoke", "receive", "connect", "disconnect", "remove", "new", "info")
JOBS = ("start", "resume", "collect", "extend", "cleanup")
# Those that write to a journal or a result, and those that receive.
WRITING = ("invoke", "receive", "resume", "collect")
NAME = "Nightly"
# Seconds that a session may be without a client, and a wait that is longer.
IDLE_TIMEOUT = 86400
EXTENDED_IDLE_TIMEOUT = 3 * IDLE_TIMEOUT
LONG_WAIT = 100_000.0
# Seconds that the work runs of which a first run has seen the start only.
_RESUMED_SECONDS = 60.0


@dataclass(frozen=True)
class HappeningFault:
    """Something that goes wrong in a step.

    Attributes:
        at: The number of the request, or of the write, in the step; the first is 1. A fault before a step has 0.
        kind: A key of `FAULTS`.
        operation: The operation whose requests are counted; "" counts all.
    """

    at: int
    kind: str
    operation: str = ""

    def __str__(self) -> str:
        if self.kind in STEP_FAULTS:
            return f"it {FAULTS[self.kind]}"
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
        input: How many objects a script gets as its input; None for no input.
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
    input: int | None = None
    is_parallel: bool = False
    faults: tuple[HappeningFault, ...] = ()

    def __str__(self) -> str:
        options = [
            "with a journal" if self.journal and self.kind in ("receive", "collect", "invoke") else "",
            f"timeout {self.timeout}" if self.timeout is not None else "",
            f"busy_timeout {self.busy_timeout}" if self.busy_timeout else "",
            f"when_done {self.when_done}" if self.when_done != "keep" else "",
            f"{self.input} objects of input" if self.input is not None else "",
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
        work += f"; {self.work.size} characters long" if self.work.size else ""
        work += f"; buffering mode {self.work.mode}" if self.work.mode else ""
        lines = [f"seed {self.seed}; computers {', '.join(self.computers)}; the work writes {work}"]
        if self.switches:
            lines.append(f"switches {self.switches}")
        return "\n".join([*lines, *(f"{number}. {step}" for number, step in enumerate(self.steps, 1))])

    @property
    def faults(self) -> int:
        return sum(len(step.faults) for step in self.steps)


STATES = (
    "none",
    *(f"{state}, {what}" for state in ("disconnected", "connected") for what in ("idle", "running", "ended")),
)


@dataclass(frozen=True)
class Aim:
    """A verb, faults and a state of the sessions that a history should bring together.

    Attributes:
        verb: One of `VERBS` or `JOBS`.
        state: One of `STATES`.
        faults: Keys of `FAULTS`.
    """

    verb: str
    state: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.verb}; {self.state}; {', '.join(self.faults)}"

    @classmethod
    def of(cls, text: str) -> Aim:
        """Return the aim that `str` has made this text of."""
        verb, state, faults = text.split("; ")
        return cls(verb, state, tuple(filter(None, faults.split(", "))))


Triple = tuple[str, str, str]


def _writes(verb: str, state: str) -> bool:
    """Tell whether a verb writes to a journal or a result where the sessions are in a state."""
    if verb == "invoke":
        return not state.endswith("running")
    return verb in WRITING and not (verb in ("receive", "collect") and state.endswith("idle"))


def possible_triples() -> list[Triple]:
    """Return verb, fault and state for all that can occur: a verb that writes nothing meets no fault of a disk."""
    return [
        (verb, fault, state)
        for verb in (*VERBS, *JOBS)
        for fault in FAULTS
        for state in STATES
        if fault not in DISK_FAULTS or _writes(verb, state)
    ]


def rare_aims(occurred: Counter[Triple], count: int) -> list[Aim]:
    """Return aims at the triples that occurred least; each verb and state comes with four faults."""
    groups: dict[tuple[str, str], list[Triple]] = {}
    possible = possible_triples()
    random.Random(occurred.total()).shuffle(possible)
    for triple in sorted(possible, key=lambda each: occurred[each]):
        groups.setdefault((triple[0], triple[2]), []).append(triple)
    rarest = {key: triples[:4] for key, triples in groups.items()}
    keys = sorted(rarest, key=lambda key: sum(occurred[each] for each in rarest[key]))
    return [Aim(*key, tuple(fault for _verb, fault, _state in rarest[key])) for key in keys[:count]]


def draw(seed: int, aim: Aim | None = None) -> History:
    """Draw a history from a seed.

    Args:
        aim: What should happen in it, beside what is drawn.
    """
    chance = random.Random(f"history {seed}")
    computers = tuple(f"srv{number:02}" for number in range(1, chance.choice((1, 1, 2, 3)) + 1))
    work = _work(chance, aim)
    style = chance.choice(("resume", "resume", "start", "start", "verbs"))
    if aim is None:
        steps = [_step(chance, kind, computers) for kind in _kinds(chance, style)]
    else:
        steps = _aimed(chance, aim, computers, work)
    # A server that repeats nothing loses what was on its way to a reader that was killed, whatever a client does.
    switches: dict[str, object] = {"replay_after_connect": chance.choice(("shell", "command", "any"))}
    if chance.random() < 0.3:
        switches["empty_receive_on_timeout"] = True
    if work.mode == "drop" or chance.random() < 0.1:
        switches["buffer_size"] = chance.choice((400, 1000))
    return History(seed, computers, work, tuple(steps), switches)


def _work(chance: random.Random, aim: Aim | None) -> Work:
    work = Work(
        objects=chance.choice((1, 2, 3, 6)),
        pause=chance.choice((0.0, 0.0, 5.0, 50.0, 200.0)),
        end=chance.choice(("Completed",) * 5 + ("Failed",)),
        size=chance.choice((0, 0, 0, 3000, 9000)),
        mode=chance.choice((None,) * 6 + ("drop",)),
    )
    if aim is None:
        return work
    if aim.state.endswith("running"):
        return replace(work, objects=3, pause=200.0)
    if aim.verb == "resume" and aim.state.endswith("ended"):
        return replace(work, objects=3, pause=_RESUMED_SECONDS / 3)  # it must not end in the first run
    return replace(work, pause=0.0)


def _aimed(chance: random.Random, aim: Aim, computers: tuple[str, ...], work: Work) -> list[Step]:
    """Return steps that bring the sessions to a state, the verb with its faults, and perhaps one more."""
    first = Step("resume", computers, timeout=0) if aim.verb == "resume" else Step("start", computers)
    is_over = aim.state.endswith("ended")
    before = []
    if aim.state.endswith("idle"):
        before = [Step("new", computers)]
        if aim.state.startswith("disconnected"):
            before.append(Step("disconnect", computers))
    elif aim.state != "none":
        before = [first]
        if aim.state.startswith("connected"):
            before.append(Step("connect", computers, wait=20.0 + work.seconds if is_over else 1.0))
    wait = 20.0 + work.seconds if aim.state == "disconnected, ended" else 1.0
    step = replace(_step(chance, aim.verb, computers), wait=wait, is_parallel=False, controller=0)
    if aim.verb == "receive" and step.timeout == 0:
        step = replace(step, timeout=30)
    faults = tuple(
        replace(_fault(chance, kind, len(computers), aim.verb), at=0 if kind in STEP_FAULTS else number, operation="")
        if kind in STEP_FAULTS or chance.random() < 0.6
        else _fault(chance, kind, len(computers), aim.verb)
        for number, kind in enumerate(aim.faults, chance.randint(1, 1 + 2 * len(computers)))
    )
    after = [_step(chance, aim.verb, computers)] if chance.random() < 0.4 else []
    return [*before, replace(step, faults=faults), *after]


def _kinds(chance: random.Random, style: str) -> list[str]:
    if style == "resume":
        return ["resume", *chance.choices(("resume", "connect", "disconnect"), (6, 1, 1), k=chance.randint(0, 3))]
    later: tuple[str, ...]
    if style == "start":
        later = ("start", "collect", "receive", "connect", "disconnect", "remove", "extend", "info")
        return ["start", *chance.choices(later, (2, 4, 3, 1, 1, 0.5, 1, 0.5), k=chance.randint(1, 4))]
    later = ("invoke", "receive", "connect", "disconnect", "remove", "collect", "new", "extend", "cleanup", "info")
    first = chance.choice(("start", "start", "new"))
    return [first, *chance.choices(later, (4, 2, 2, 2, 1, 1, 1, 1, 1, 1), k=chance.randint(1, 5))]


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
        input=chance.choice((None, None, 0, 3, 200)) if kind == "invoke" else None,
        # With one journal, the second of two runs at one moment is refused.
        is_parallel=(is_elsewhere and chance.random() < 0.5) or (kind == "resume" and chance.random() < 0.15),
        faults=_faults(chance, len(computers), kind),
    )


def _faults(chance: random.Random, computers: int, verb: str) -> tuple[HappeningFault, ...]:
    count = chance.choices((0, 1, 2, 3), (25, 45, 20, 10))[0]
    faults = {}
    for _number in range(count):
        fault = _fault(chance, chance.choice(list(FAULTS)), computers, verb)
        faults[fault.operation, fault.at] = fault
    return tuple(fault for _key, fault in sorted(faults.items()))


def _fault(chance: random.Random, kind: str, computers: int, verb: str) -> HappeningFault:
    if kind in STEP_FAULTS:
        return HappeningFault(0, kind)
    if kind in DISK_FAULTS:
        return HappeningFault(chance.randint(1, 2 + 3 * computers), kind)
    operation = chance.choice(("", *OPERATIONS_OF.get(verb, OPERATIONS)))
    return HappeningFault(chance.randint(1, computers if operation else 2 + 3 * computers), kind, operation)
