# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a step, and the promises that were not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.history import JOBS, STEP_FAULTS, HappeningFault, Step
from tests.simulation.scheduler import Killed
from tests.simulation.servers import Run

if TYPE_CHECKING:
    from tests.simulation.expectations import Before

# What the script of a history is called; those of invoke_command have names of their own.
TOKEN = "nightly"


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept.

    Attributes:
        promise: lost, twice, green (by mistake), late, stuck, crash, check (mode), connected, needless (failure),
            other (work that was answered by this) or others (whose session was removed).
        step: Number of the step after which it was seen; 0 for the end of the history.
    """

    promise: str
    step: int
    text: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.text}" + (f" (step {self.step})" if self.step else " (at the end)")


@dataclass
class Outcome:
    """What became of a step.

    Attributes:
        by_host: For each host its errors and results, and whether it is green.
        token: Of the script that it may start.
        expected: The runs that were there before the step.
        foreseen: What check mode said just before, where nothing changes by itself.
        before: For each host what it has before the step.
        requests: How many it sent.
        interrupted_at: When Ctrl-C came, in seconds since the beginning.
    """

    number: int
    step: Step
    began: float
    token: str = TOKEN
    ended: float = 0.0
    result: Mapping[str, Any] | None = None
    error: BaseException | None = None
    happened: list[tuple[HappeningFault, str, str]] = field(default_factory=list)
    expected: list[Run] = field(default_factory=list)
    before: dict[str, Before] = field(default_factory=dict)
    requests: int = 0
    client_id: str | None = None
    foreseen: Mapping[str, Any] | None = None
    interrupted_at: float | None = None

    @property
    def was_killed(self) -> bool:
        return isinstance(self.error, (Killed, KeyboardInterrupt))

    def errors(self, host: str) -> list[Mapping[str, Any]]:
        if self.result is None:
            return []
        if self.step.kind in JOBS:
            return list(self.result[host]["errors"])
        return [each for each in self.result["errors"] if each["computer_name"] in (None, host)]

    def results(self, host: str) -> list[Mapping[str, Any]]:
        if self.result is None:
            return []
        if self.step.kind in JOBS:
            return list(self.result[host]["results"])
        return [each for each in self.result.get("results") or () if each["computer_name"] == host]

    def is_green(self, host: str) -> bool:
        if self.result is None:
            return False
        if self.step.kind in JOBS:
            return not self.result[host]["failed"]
        return not self.errors(host) and not (self.result.get("failed") and not self.result.get("errors"))

    def fault_kinds(self, host: str) -> set[str]:
        return {fault.kind for fault, _operation, where in self.happened if where in (host, "write", *STEP_FAULTS)}
