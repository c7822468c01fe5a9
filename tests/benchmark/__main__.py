# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast is it? List and connect to the sessions of a simulated fleet, beside bare pypsrp: `make benchmark`.

A plain loop of two requests by Python's own HTTP client shows what the least is that Python can do.

Absolute numbers depend on the machine, which plays the computers as well, so ratios are shown: the contenders take
turns against one fleet in one run, and the middle one of several rounds counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import yaml

from tests.benchmark.contenders import LOGONS, PASSWORD, SESSION, USER, contenders_of

START_SECONDS = 120
# Longer than servers keep a silent client connected.
FORGET_SECONDS = 130
MEASURES = {"time": "wall", "processor": "cpu", "memory": "memory", "requests": "requests"}


class Fleet:
    """A simulated fleet in a process of its own, by its control interface."""

    def __init__(self, control_url: str, file: Path) -> None:
        self._control_url = control_url
        self.file = file

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the control interface; with a body it is a POST."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self._control_url}/{path}", data) as answer:
            return json.load(answer)

    def start_anew(self) -> None:
        """Forget all clients and all requests."""
        self.call("clock", {"advance": FORGET_SECONDS})
        self.call("requests/clear", {})


@contextlib.contextmanager
def fleet_of(count: int, delay: float) -> Iterator[Fleet]:
    """Start a fleet whose computers wait `delay` seconds before each answer."""
    slow = [{"action": "delay", "seconds": delay, "times": None}] if delay else []
    computers = {"name": "srv{:04}", "count": count, "sessions": [{"name": SESSION}], "injections": slow}
    declared = {
        "users": [{"name": USER, "password": PASSWORD}],
        "computers": [computers],
        "authentication": ["negotiate", "basic"],
        "powershell": False,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fleet.yml").write_text(yaml.safe_dump(declared), encoding="utf-8")
        ready = folder / "ready.json"
        command = [sys.executable, "-m", "tests.simulator", str(folder / "fleet.yml"), "--ready-file", str(ready)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                give_up_at = time.monotonic() + START_SECONDS
                while not ready.exists() and process.poll() is None and time.monotonic() < give_up_at:
                    time.sleep(0.1)
                told = json.loads(ready.read_text(encoding="utf-8"))
                addresses = {computer["name"]: computer["address"] for computer in told["computers"]}
                # As on a controller that trusts its system's authorities and that of the company.
                authorities = folder / "authorities.pem"
                own = Path(told["ca_file"]).read_text(encoding="utf-8")
                authorities.write_text(Path(certifi.where()).read_text(encoding="utf-8") + own, encoding="utf-8")
                file = folder / "fleet.json"
                file.write_text(json.dumps({"addresses": addresses, "authorities": str(authorities)}), encoding="utf-8")
                yield Fleet(told["control_url"], file)
            finally:
                process.terminate()


def measure(name: str, logon: str, fleet: Fleet, count: int) -> dict[str, float]:
    """Let one contender do the job once."""
    fleet.start_anew()
    command = [sys.executable, "-m", "tests.benchmark.contenders", name, logon, str(fleet.file)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    operations = Counter(request["operation"] for request in fleet.call("requests")["requests"])
    measured: dict[str, float] = json.loads(ended.stdout)
    return {**measured, "requests": operations.total() / count}


def table(measured: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the lines of a table: ratios to the first contender, and what the ratios are of."""
    first, *_others = measured.values()
    yield f"{'':22}" + "".join(f"{heading:>12}" for heading in MEASURES)
    for name, values in measured.items():
        ratios = "".join(f"{values[key] / first[key]:12.2f}" for key in MEASURES.values() if key != "requests")
        yield f"{name:22}{ratios}{values['requests']:12.1f}"
    yield (
        f"1.00 is {first['wall']:.1f} s, {first['cpu']:.1f} s of a processor, {first['memory'] / 1024:.0f} MiB; "
        "requests are for each computer"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--computers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, action="append", help="seconds before each answer (default: 0, 0.05)")
    parser.add_argument("--logon", choices=LOGONS, action="append", help="how to log on (default: each)")
    options = parser.parse_args()
    for delay in options.delay or (0.0, 0.05):
        with fleet_of(options.computers, delay) as fleet:
            for logon in options.logon or LOGONS:
                print(
                    f"\n{logon}: {options.computers} computers, {delay * 1000:g} ms before each answer, "
                    f"{options.rounds} rounds"
                )
                rounds: dict[str, list[dict[str, float]]] = {name: [] for name in contenders_of(logon)}
                for _round in range(options.rounds):
                    for name, measured in rounds.items():
                        measured.append(measure(name, logon, fleet, options.computers))
                middle = {
                    name: {key: statistics.median(each[key] for each in measured) for key in MEASURES.values()}
                    for name, measured in rounds.items()
                }
                print("\n".join(table(middle)), flush=True)


if __name__ == "__main__":
    main()
