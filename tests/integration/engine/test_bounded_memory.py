# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""However much a command gives, the reader's memory is bounded where the task bounds what it keeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engine.controller import ADMIN, Controller
from tests.simulator import SimulatedFleet

COUNT = 300_000
KEPT = 100
# Kept output and one answer in all its forms need about 3 MiB, for ten times fewer objects as well. A pointer for each
# object alone would need 2.3.
MAX_GROWTH_KIB = 5 * 1024
ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = {"many": [{"repeat": {"times": COUNT // 10, "steps": [{"output": list(range(10))}]}}]}
READER = """
import json, re, sys
from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
options, settings = json.loads(sys.argv[1])
settings = HostSettings.from_options(settings)
def peak():  # getrusage counts what the process was before it became this program
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak()
result = _plugins.RECEIVE(options, settings_of=lambda _computer, _host: settings, check_mode=False)
after = peak()
print(json.dumps([before, after, result]))
"""


@pytest.fixture
def many() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        fleet["srv01"].buffer_size = 64 * 1024
        fleet["srv01"].add_session("job", commands=[{"script": "many"}])
        yield fleet


@pytest.mark.timeout(1200)
def test_many_objects(many: SimulatedFleet, tmp_path: Path) -> None:
    controller = Controller(many, tmp_path / "registry.sqlite3")
    options = {
        "computer_name": ["srv01"],
        "name": ["job"],
        "on_missing": "error",
        "journal": str(tmp_path / "journal.jsonl"),
        "max_output_objects": KEPT,
        "state_file": str(controller.state_file),
    }
    for _time in range(2):  # the second time all of it is in the journal
        ended = subprocess.run(
            [sys.executable, "-c", READER, json.dumps([options, controller.settings_of("srv01", None)])],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        before, after, result = json.loads(ended.stdout)
        (got,) = result["results"]
        assert got["state"] == "Completed"
        assert len(got["output"]) == KEPT + 1
        assert str(COUNT - KEPT) in got["output"][-1]
        print(f"{COUNT} objects: {before} KiB before, {after} KiB after")
        assert after - before < MAX_GROWTH_KIB
