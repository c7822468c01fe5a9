# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Histories of durable Windows tasks as data: a play, its runs, and what goes wrong in each."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.simulation.history import REQUEST_FAULTS, WORLD_FAULTS, HappeningFault

# What a task is: a module, a script, a module that only reads, one that sends a file first, and one that does not fit
# into one request.
FORMS = ("module", "raw", "reading", "copy", "large")
# Those whose script has input, and how much, as for the file that a copy sends first.
WITH_INPUT, FILE_PIECES = ("module", "copy"), 3
KILLS = ("kill_before", "kill_during", "kill_after")
# Oftener those that decide what becomes of a command.
_OPERATIONS = ("", "", "Command", "Command", "Receive", "Receive", "Signal", "Create", "Enumerate", "Connect", "Send")
# Of requests that take effect late, the promises say what they do not cover.
_OTHERS = tuple(each for each in {**REQUEST_FAULTS, **WORLD_FAULTS, "interrupt": ""} if each != "late")
# Seconds; the longest is more than MAX_AGE.
_WAITS = (0.0, 1.0, 20.0, 100.0, 400.0, 5000.0)
MAX_AGE = 3600.0


@dataclass(frozen=True)
class Task:
    """One task of a play.

    Attributes:
        form: One of `FORMS`.
        objects: How many its script writes, with so many seconds (`pause`) after each.
        end: Completed or Failed.
        dies: Its script ends the process of its session after the first object.
        kind: Tasks of different kinds, such as those of two roles, do not share a session.
        size: Of each object, in characters; several large ones do not fit into one answer.
    """

    token: str
    form: str = "module"
    objects: int = 2
    pause: float = 0.0
    end: str = "Completed"
    dies: bool = False
    kind: str = "play"
    size: int = 0

    @property
    def is_durable(self) -> bool:
        """Whether a later run joins it."""
        return self.form not in ("reading", "large")

    def __str__(self) -> str:
        text = f"{self.token}: {self.form}, {self.objects} objects of {self.size} characters, "
        text += f"{self.pause:g} s after each, {self.end}, {self.kind}"
        return f"{text}, ends its process" if self.dies else text


@dataclass(frozen=True)
class PlayRun:
    """One run of the play.

    Attributes:
        controller: Which of two.
        wait: Seconds before it.
    """

    controller: int = 0
    wait: float = 0.0
    faults: tuple[HappeningFault, ...] = ()

    def __str__(self) -> str:
        return f"after {self.wait:g} s, controller {self.controller + 1}: {'; '.join(map(str, self.faults))}"


@dataclass(frozen=True)
class TaskHistory:
    """A play and its runs, in order.

    Attributes:
        is_one_client: Whether both controllers have the same client id.
        max_tasks: Of one session.
        wait: Seconds before the first of the runs without a fault that follow.
        switches: Of the simulated computer.
    """

    seed: int
    tasks: tuple[Task, ...]
    runs: tuple[PlayRun, ...]
    is_one_client: bool = True
    max_tasks: int = 100
    wait: float = 600.0
    switches: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        clients = "one client id" if self.is_one_client else "two client ids"
        head = f"seed {self.seed}; {clients}; max_tasks {self.max_tasks}; switches {self.switches}"
        return "\n".join([head, *map(str, self.tasks), *map(str, self.runs)])

    @property
    def seconds(self) -> float:
        """What the scripts of the play take."""
        return sum(task.objects * task.pause for task in self.tasks)


def draw(seed: int) -> TaskHistory:
    """Draw a history from a seed: one to three runs, most of which are killed."""
    chance = random.Random(f"tasks {seed}")
    tasks = tuple(_task(chance, number) for number in range(1, chance.choice((1, 2, 2, 3, 4)) + 1))
    switches: dict[str, object] = {"replay_after_connect": chance.choice(("shell", "command", "any"))}
    if chance.random() < 0.3:
        switches["empty_receive_on_timeout"] = True
    return TaskHistory(
        seed,
        tasks,
        tuple(
            _run(chance, len(tasks), kills) for kills in chance.choice(((0.95,), (0.95,), (0.6, 0.95), (0.6, 0.8, 0.9)))
        ),
        is_one_client=chance.random() < 0.6,
        max_tasks=chance.choice((1, 2, 100, 100)),
        wait=chance.choice((1.0, 20.0, 600.0)),
        switches=switches,
    )


def _task(chance: random.Random, number: int) -> Task:
    return Task(
        f"task{number}",
        chance.choice(("module", "module", "raw", "raw", "reading", "copy", "large")),
        objects=chance.choice((0, 1, 3, 6)),
        pause=chance.choice((0.0, 0.0, 5.0, 50.0, 200.0)),
        end=chance.choice(("Completed",) * 5 + ("Failed",)),
        dies=chance.random() < 0.05,
        kind=chance.choice(("play", "play", "play", "role")),
        size=chance.choice((0, 0, 12_000)),
    )


def _run(chance: random.Random, tasks: int, kills: float) -> PlayRun:
    """Return a run that is killed with a probability."""
    faults = {}
    kinds = [chance.choice(KILLS)] if chance.random() < kills else []
    kinds += chance.choices(_OTHERS, k=chance.choice((0, 0, 1, 2)))
    for kind in kinds:
        operation = chance.choice(_OPERATIONS)
        fault = HappeningFault(chance.randint(1, 4 * tasks if operation in ("", "Receive") else tasks), kind, operation)
        faults[fault.operation, fault.at] = fault
    return PlayRun(
        controller=1 if chance.random() < 0.4 else 0,
        wait=chance.choices(_WAITS, (4, 4, 4, 4, 4, 1))[0],
        faults=tuple(fault for _key, fault in sorted(faults.items())),
    )
