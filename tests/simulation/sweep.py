# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A byte sweep over sockets: each verb is disturbed at every k-th byte of what it sends and gets, and run again.

``python -m tests.simulation.sweep --cases 2000`` spreads so many cases over verbs, ways to log on, kinds of damage and
bytes. The promises are checked with a ledger of the scripts that really ran; a case that is green when the verb is run
again has survived. A flipped byte is left out for Basic without TLS, which cannot notice it.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tests.conftest  # noqa: F401  # pylint: disable=unused-import  # it makes the collection importable
from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import client
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulation.cable import KINDS, SIDES, Cable, Damage
from tests.simulation.promises import objects_in
from tests.simulation.servers import Ledger, Work
from tests.simulator import SimulatedFleet

VERBS = ("start", "start big", "invoke", "receive", "connect", "disconnect", "remove", "new", "info")
WAYS: dict[str, dict[str, Any]] = {
    "Basic": {"authentication": "basic", "message_encryption": "never"},
    "NTLM": {"authentication": "negotiate", "message_encryption": "always"},
    "TLS": {"authentication": "basic", "use_ssl": True},
}
NAME, TOKEN = "Sweep", "nightly"
_BIG, _SMALL_ENVELOPE = 20_000, 8192
# Short, so that a stalled connection does not hold up the sweep; what is run again has more time.
_IMPATIENT = {"open_timeout": 2.0, "operation_timeout": 1.0, "cancel_timeout": 2.0}
_RECEIVE_MARGIN = 1.0
_SILENCE = 2.0
_PLUGINS = {plugin.name: plugin for plugin in _plugins.MODULES}


@dataclass(frozen=True)
class Case:
    """One disturbance of one verb."""

    verb: str
    way: str
    damage: Damage

    def __str__(self) -> str:
        return f"{self.verb} by {self.way}, {self.damage}"


@dataclass
class Tally:
    """What became of many cases.

    Attributes:
        happened: By verb and kind, how many damages happened; survived: of them, how many were green in the end.
        broken: What promise was broken, and where.
    """

    happened: Counter[tuple[str, str]] = field(default_factory=Counter)
    survived: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    not_survived: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = ["verb".ljust(12) + "".join(kind.rjust(14) for kind in KINDS)]
        for verb in VERBS:
            counts = (f"{self.survived[verb, kind]} of {self.happened[verb, kind]}" for kind in KINDS)
            lines.append(verb.ljust(12) + "".join(count.rjust(14) for count in counts))
        total = f"{self.happened.total()} damages, {self.survived.total()} survived, {len(self.broken)} broke a promise"
        return "\n".join([*lines, total])


class Bench:
    """One computer behind a cable, and a new controller for each case."""

    def __init__(self, fleet: SimulatedFleet, cable: Cable, way: str, folder: Path) -> None:
        self.cable = cable
        self.computer = fleet["srv01"]
        self._fleet = fleet
        self._way = way
        self._folder = folder
        self._cases = 0

    def begin(self, verb: str) -> None:
        """Make everything new, and bring the sessions to the state that a verb needs."""
        self.cable.lay()
        for session in self.computer.sessions:
            session.close()
        self._cases += 1
        self.ledger = Ledger({TOKEN: Work(2)})
        self.computer.scripts = self.ledger
        self._controller = Controller(self._fleet, self._folder / f"{self._cases}.sqlite3")
        self._controller.inventory["srv01"] = {
            "port": self.cable.port,
            "ca_cert": str(self._fleet.ca_file),
            **({"max_envelope_size": _SMALL_ENVELOPE} if verb == "start big" else {}),
            **WAYS[self._way],
        }
        if verb in ("connect", "remove", "info", "invoke", "disconnect"):
            self._prepare("new")
        if verb in ("connect", "remove", "info", "invoke"):
            self._prepare("disconnect")
        if verb == "receive":
            self._prepare("start")

    def _prepare(self, verb: str) -> None:
        result = self.run(verb)
        if result["errors"]:
            raise RuntimeError(f"{verb}: {result['errors']}")

    def run(self, verb: str, **options: Any) -> Result:
        """Run a verb."""
        given: dict[str, Any] = {"computer_name": ["srv01"], "on_error": "report", **options}
        journal = {"journal": str(self._folder / f"{self._cases}.jsonl")}
        if verb.startswith("start"):
            script = f"# {'x' * _BIG}\nrun {TOKEN}" if verb == "start big" else f"run {TOKEN}"
            given |= {"in_disconnected_session": True, "session_name": [NAME], "script": script, **journal}
            return self._controller.run(_PLUGINS["invoke_command"], **given)
        given |= {"name": [NAME]}
        if verb not in ("new", "info"):
            given["require_each"] = True
        if verb in ("invoke", "receive"):
            given |= journal | ({"script": f"run {TOKEN}"} if verb == "invoke" else {})
        module = {"invoke": "invoke_command", "info": "pssession_info"}.get(verb, f"{verb}_pssession")
        return self._controller.run(_PLUGINS[module], **given)

    def received(self) -> set[str]:
        path = self._folder / f"{self._cases}.jsonl"
        return objects_in(path.read_bytes()) if path.exists() else set()


def judge(bench: Bench, case: Case) -> tuple[bool, str, list[str]]:
    """Return whether a damage happened, what was not well in the end, and the promises that were broken."""
    bench.begin(case.verb)
    bench.cable.lay(case.damage)
    recovery = {"recovery_timeout": 20} if case.verb in ("invoke", "receive") else {}
    first = bench.run(case.verb, session_option=_IMPATIENT, **recovery)
    happened = bench.cable.damage is None
    bench.cable.lay()
    broken = [f"{case}: {text}" for text in _untrue(bench, case.verb, first)]
    again = "receive" if case.verb == "invoke" and bench.ledger.runs else case.verb
    second = bench.run(again, **({"busy_timeout": 30} if again not in ("new", "info") and "start" not in again else {}))
    broken += [f"{case}, run again: {text}" for text in _untrue(bench, again, second)]
    is_well = not second["errors"] or (again == "remove" and not bench.computer.sessions)
    ill = "" if is_well else "; ".join(str(error["message"]) for error in second["errors"])
    if case.verb in ("start", "start big", "invoke", "receive") and bench.ledger.runs:
        bench.run("receive", busy_timeout=30)
        missing = [each for run in bench.ledger.runs for each in run.wrote if each not in bench.received()]
        if missing:
            broken.append(f"{case}: {len(missing)} objects are lost")
    if len(bench.ledger.runs) > 1:
        broken.append(f"{case}: the script ran {len(bench.ledger.runs)} times")
    return happened, ill, broken


def _untrue(bench: Bench, verb: str, result: Result) -> Iterator[str]:
    """Tell what is not true although a verb was green."""
    if result["errors"]:
        return
    states = [session.state for session in bench.computer.sessions]
    if verb in ("start", "start big", "invoke") and not bench.ledger.runs:
        yield "ok, and the script never ran"
    if verb in ("invoke", "receive"):
        for run in bench.ledger.runs:
            if any(each not in bench.received() for each in run.wrote):
                yield "ok, and output is missing"
    if (verb == "remove" and states) or (verb in ("new", "connect", "disconnect", "info") and len(states) != 1):
        yield f"ok, and there are {len(states)} sessions"
    if verb == "disconnect" and states == ["Connected"]:
        yield "ok, and the session is connected"


def cases_of(
    count: int, chance: random.Random, lengths: dict[tuple[str, str, str], int], damages: tuple[str, ...] = KINDS
) -> list[Case]:
    """Spread so many cases over everything, each at a byte of its own.

    Args:
        lengths: How many bytes a verb by a way sends and gets.
        damages: The kinds of damage.
    """
    kinds = [
        (verb, way, kind, side)
        for verb in VERBS
        for way in WAYS
        for kind in damages
        for side in SIDES
        if not (kind == "flipped" and way == "Basic")
    ]
    chance.shuffle(kinds)
    rounds = -(-count // len(kinds))
    cases = []
    for number in range(count):
        verb, way, kind, side = kinds[number % len(kinds)]
        length = lengths[verb, way, side]
        part = (number // len(kinds) + chance.random()) / rounds
        cases.append(Case(verb, way, Damage(kind, side, min(int(part * length), length - 1))))
    return cases


def sweep(count: int, seed: int, workers: int = 1, kinds: tuple[str, ...] = KINDS) -> Tally:
    """Run so many cases, in threads with a fleet of their own."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        lengths = _lengths(Path(folder))
        cases = cases_of(count, chance, lengths, kinds)
        tally = Tally()
        shares = [cases[number::workers] for number in range(workers)]
        with ThreadPoolExecutor(workers) as executor:
            for part in executor.map(
                lambda share: list(_judged(share[1], Path(folder) / str(share[0]))), enumerate(shares)
            ):
                for case, happened, ill, broken in part:
                    key = (case.verb, case.damage.kind)
                    tally.happened[key] += happened
                    tally.survived[key] += happened and not ill
                    tally.broken += broken
                    tally.not_survived += [f"{case}: {ill}"] if happened and ill else []
    return tally


def _judged(cases: list[Case], folder: Path) -> Iterator[tuple[Case, bool, str, list[str]]]:
    for way in WAYS:
        with bench(way, folder / way) as made:
            for case in cases:
                if case.way == way:
                    yield (case, *judge(made, case))


def _lengths(folder: Path) -> dict[tuple[str, str, str], int]:
    lengths = {}
    for way in WAYS:
        with bench(way, folder / f"lengths {way}") as made:
            for verb in VERBS:
                made.begin(verb)
                made.cable.lay()
                result = made.run(verb)
                if result["errors"]:
                    raise RuntimeError(f"{verb} by {way}: {result['errors']}")
                for side in SIDES:
                    lengths[verb, way, side] = made.cable.passed[side]
    return lengths


@contextlib.contextmanager
def bench(way: str, folder: Path) -> Iterator[Bench]:
    folder.mkdir(parents=True)
    switches = {
        "authentication": ("negotiate", "basic"),
        "replay_after_connect": "shell",
        "silence_timeout": _SILENCE,
        "allow_unencrypted": None if way == "NTLM" else True,
    }
    port = 5986 if WAYS[way].get("use_ssl") else 5985
    with (
        SimulatedFleet.build(["srv01"], [ADMIN], switches=switches) as fleet,
        Cable(fleet["srv01"].address, port) as cable,
    ):
        yield Bench(fleet, cable, way, folder)


def impatient() -> None:
    """Have a stalled Receive given up soon."""
    client.RECEIVE_MARGIN = _RECEIVE_MARGIN


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="that they are drawn by")
    parser.add_argument("--workers", type=int, default=8, help="threads at the same time; most of them wait")
    given = parser.parse_args()
    impatient()
    logging.disable(logging.ERROR)  # the server's words about requests that it cannot read
    began = time.monotonic()
    tally = sweep(given.cases, given.seed, given.workers)
    print("\n".join([*tally.broken, *(f"not survived: {each}" for each in tally.not_survived), str(tally)]))
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
