# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases of a sweep: at which request of which task, what is killed, and who runs it again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Tasks whose work writes a line to the file {log} when it begins. PowerShell has the same text in both runs.
WORKS: Mapping[str, str] = {
    "raw": """
        - name: Work
          ansible.builtin.raw: Add-Content '{log}' started; 'one'; Start-Sleep -Milliseconds 300; 'two'; exit 3
          failed_when: false
    """,
    "script": """
        - name: Work
          ansible.builtin.script: {script} one
    """,
    "module": """
        - name: Work
          wait_for_go: {{log: "{log}"}}
          environment: {{SAID: said}}
    """,
}
# Variables of the connection by the name of a mode.
MODES: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "durable": {"ansible_psrp_durable": True, "ansible_psrp_scope": "kill-sweep"},
    "reuse": {"ansible_psrp_reuse": "always"},
}


@dataclass(frozen=True)
class Case:
    """One kill.

    Attributes:
        work: A key of `WORKS`.
        mode: A key of `MODES`.
        operation, number: The request at which the run is killed: the how manieth of the operation, from 0.
        is_carried_out: The server has carried the request out, and its answer never comes.
        is_whole: ansible-playbook is killed with its workers, or alone.
        is_same: The same controller runs the task again, or another one with the same secret.
    """

    work: str
    mode: str
    operation: str
    number: int
    is_carried_out: bool
    is_whole: bool
    is_same: bool

    def __str__(self) -> str:
        return ", ".join(
            (
                f"{self.work}, {self.mode}",
                f"{self.operation} {self.number} {'carried out' if self.is_carried_out else 'not carried out'}",
                "whole tree" if self.is_whole else "only ansible-playbook",
                "same controller" if self.is_same else "other controller",
            )
        )


def points_of(requests: Mapping[tuple[str, str], Sequence[str]], mode: str) -> list[tuple[str, str, int, bool]]:
    """Return all points of a mode: work, operation, which of them, and whether it is carried out.

    Args:
        requests: The operations of an uninterrupted run, by work and mode.
    """
    return [
        (work, operation, requests[work, mode][:index].count(operation), is_carried_out)
        for work in WORKS
        for index, operation in enumerate(requests[work, mode])
        for is_carried_out in (False, True)
    ]


def full(
    requests: Mapping[tuple[str, str], Sequence[str]], modes: Sequence[str], points: int, chance: random.Random
) -> list[Case]:
    """Return so many points of each mode, each with both kinds of kill and both controllers."""
    cases = []
    for mode in modes:
        every = points_of(requests, mode)
        for work, operation, number, is_carried_out in chance.sample(every, min(points, len(every))):
            for is_whole, is_same in itertools.product((True, False), repeat=2):
                cases.append(Case(work, mode, operation, number, is_carried_out, is_whole, is_same))
    return cases


def drawn(
    requests: Mapping[tuple[str, str], Sequence[str]], modes: Sequence[str], count: int, chance: random.Random
) -> list[Case]:
    """Return so many cases, drawn from all."""
    everything = full(requests, modes, 1_000_000, chance)
    return chance.sample(everything, min(count, len(everything)))
