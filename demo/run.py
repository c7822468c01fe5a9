# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`: a simulated fleet on this machine, and the playbooks beside this file run against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEMO = Path(__file__).resolve().parent
ROOT = DEMO.parent
START_SECONDS = 300
# With a PowerShell its sessions are real ones, on fewer computers.
POWERSHELL = os.environ.get("DEMO_POWERSHELL")
FLEET, COMPUTERS = ("fleet_powershell.yml", "three") if POWERSHELL else ("fleet.yml", "six")
# What stays when the demo is over; report.yml writes it.
REPORT = ROOT / ".cache" / "demo" / "report.html"


def say(text: str) -> None:
    """Tell what comes next, so that it stands out from what Ansible prints."""
    bold, plain = ("\033[1;36m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}# {text}{plain}", flush=True)


def play(state: Path, *arguments: str, controller: str = "first") -> None:
    """Run one playbook as a user would, and show how it was called.

    Args:
        controller: Each has a memory of its own, which is empty at first.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    say("$ ansible-playbook " + " ".join(arguments))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(DEMO / "ansible.cfg"),
        "ANSIBLE_INVENTORY": str(state / "inventory.yml"),
        # The demo leaves nothing behind, so what the controller remembers is kept in its folder, too.
        "PSSESSION_STATE_FILE": str(state / f"{controller}.sqlite3"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    subprocess.run([str(program), *arguments], check=True, cwd=DEMO, env=environment)


def wait_for(path: Path, fleet: subprocess.Popen[bytes]) -> None:
    """Wait until the fleet says that it is ready.

    Raises:
        RuntimeError: It ended, or took too long.
    """
    give_up = time.monotonic() + START_SECONDS
    while not path.exists():
        if fleet.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError("the simulated fleet did not start; see the lines above")
        time.sleep(0.05)


def demonstrate(state: Path) -> None:
    say(f"Tonight: start long work in two new sessions on each of {COMPUTERS} Windows computers, and disconnect.")
    play(state, "start.yml")
    say("Then the controller dies. Tomorrow another one, say a new pod, knows nothing of all this.")
    say("What is there? This only looks; there are sessions that others started, too.")
    play(state, "list.yml", controller="second")
    say("Check mode is -WhatIf: it tells what would be done, and nothing is.")
    play(state, "connect.yml", "--check", controller="second")
    say("Now connect to them. The work in them went on all the time: a session with a running command is Busy.")
    play(state, "connect.yml", controller="second")
    say("Once more: a session that is connected already is left alone, so nothing changes (changed=0).")
    play(state, "connect.yml", controller="second")
    say("A session that another client holds is not taken away, and the error says what to do.")
    play(state, "busy.yml", controller="second")
    say("Collect the work of the night by the names of its sessions, and clean up.")
    play(state, "collect.yml", controller="second")
    say("Last of all a report of what there is now: a page to look at, JSON for programs, CSV for spreadsheets.")
    play(state, "report.yml", controller="second")


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="psremoting-fleet-demo-") as folder:
        state = Path(folder)
        inside = f", with {POWERSHELL} inside" if POWERSHELL else ""
        say(f"Starting {COMPUTERS} simulated Windows computers on loopback addresses of this machine{inside}")
        command = [sys.executable, "-m", "tests.simulator", str(DEMO / FLEET), "--duration", "3600"]
        command += ["--powershell", POWERSHELL] if POWERSHELL else []
        command += ["--inventory", str(state / "inventory.yml"), "--inventory-passwords"]
        command += ["--ready-file", str(state / "ready.json")]
        fleet = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            wait_for(state / "ready.json", fleet)
            demonstrate(state)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr)
            return 1
        finally:
            fleet.terminate()
            fleet.wait(timeout=60)
    say(f"Done in {time.monotonic() - started:.0f} seconds, and nothing is left running. These playbooks are in demo/;")
    say("README.md says how to write the first one for your own computers.")
    say(f"The report is {REPORT.as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
