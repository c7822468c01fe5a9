# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated fleet in a process of its own, for measurements."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import yaml

from tests.benchmark.contenders import PASSWORD, SESSION, USER
from tests.waiting import until

# A script that fleets know, and what it gives.
SCRIPT, OUTPUT = "Work", "done"
# Longer than servers keep a silent client connected.
FORGET_SECONDS = 130


class Fleet:
    """A simulated fleet in a process of its own, by its control interface."""

    def __init__(self, control_url: str, file: Path) -> None:
        self._control_url = control_url
        self.file = file

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each computer, by its name."""
        addresses: dict[str, str] = json.loads(self.file.read_text(encoding="utf-8"))["addresses"]
        return addresses

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
def fleet_of(count: int, delay: float, output: int = 0) -> Iterator[Fleet]:
    """Start a fleet whose computers wait `delay` seconds before each answer.

    Args:
        output: Bytes that the script gives, in lines of 100; 0 for one short line.
    """
    lines = ["x" * 99] * (output // 100) or OUTPUT
    slow = [{"action": "delay", "seconds": delay, "times": None}] if delay else []
    computers = {"name": "srv{:04}", "count": count, "sessions": [{"name": SESSION}], "injections": slow}
    declared = {
        "users": [{"name": USER, "password": PASSWORD}],
        "computers": [computers],
        "authentication": ["negotiate", "basic"],
        "powershell": False,
        "scripts": {SCRIPT: [{"output": lines}]},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fleet.yml").write_text(yaml.safe_dump(declared), encoding="utf-8")
        ready = folder / "ready.json"
        command = [sys.executable, "-m", "tests.simulator", str(folder / "fleet.yml"), "--ready-file", str(ready)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                until(lambda: ready.exists() or process.poll() is not None, "the start of the fleet")
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
