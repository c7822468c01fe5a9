# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run molecule's scenarios and show a line for each step; all that molecule says when one fails.

Arguments go to molecule instead of `test --all --workers cpus`, which runs scenarios side by side: `python
dev/molecule.py test -s connect_pssession`, say. All that it said is in .cache/molecule/log.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import tree

STATE = tree.CACHE / "molecule"
STEP_DONE = re.compile(r"^\w+ +\[(\w+) > (\w+)\] (Executed: .*)$")


def run(arguments: list[str]) -> int:
    """Run molecule in an environment of its own; returns its exit code."""
    tree.link()
    fleet = STATE / "fleet"
    if arguments[:1] == ["test"]:
        shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        # What molecule and Ansible write is kept together, and removed by the next run.
        "ANSIBLE_HOME": str(STATE / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(tree.CACHE / "collections"),
        "ANSIBLE_REMOTE_TEMP": str(STATE / "tmp"),
        "ANSIBLE_ASYNC_DIR": str(STATE / "async"),
        "ANSIBLE_CONFIG": str(tree.ROOT / "tests" / "ansible.cfg"),
        "FLEET_STATE": str(fleet),
        "NO_COLOR": "1",
    }
    with (
        (STATE / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, "-m", "molecule", *arguments],
            cwd=tree.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            done = STEP_DONE.search(line)
            if done:
                print(f"molecule: {done[1]} {done[2]}: {done[3]}", flush=True)
    if process.returncode:
        print((STATE / "log").read_text(encoding="utf-8"))
    return process.returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:] or ["test", "--all", "--workers", "cpus"]))
