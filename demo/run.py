# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`: a simulated fleet on this machine, and the playbooks of the collection run against it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEMO = Path(__file__).resolve().parent
ROOT = DEMO.parent
START_SECONDS = 300
# With DEMO_POWERSHELL, real PowerShell sessions run on fewer computers.
POWERSHELL = os.environ.get("DEMO_POWERSHELL")
FLEET, COMPUTERS = ("fleet_powershell.yml", "three") if POWERSHELL else ("fleet.yml", "six")
# Report, journal and output stay here until the next demo.
KEPT = ROOT / ".cache" / "demo"
REPORT = KEPT / "report.html"


def say(text: str) -> None:
    """Print a heading that stands out from Ansible's output."""
    bold, plain = ("\033[1;36m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}# {text}{plain}", flush=True)


def play(state: Path, *arguments: str, controller: str = "first", exit_code: int = 0) -> None:
    """Run one playbook as a user would, and show the command.

    Args:
        controller: Each has a state file of its own, which is empty at first.
        exit_code: The expected one; 2 where a host needs attention.

    Raises:
        subprocess.CalledProcessError: It ended with another exit code.
    """
    say("$ ansible-playbook " + " ".join(arguments))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(DEMO / "ansible.cfg"),
        "ANSIBLE_INVENTORY": str(state / "inventory.yml"),
        # In the demo's own folder, which is removed at the end.
        "PSSESSION_STATE_FILE": str(state / f"{controller}.sqlite3"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    ended = subprocess.run([str(program), *arguments], check=False, cwd=ROOT, env=environment)
    if ended.returncode != exit_code:
        raise subprocess.CalledProcessError(ended.returncode, ended.args)


def wait_for(path: Path, fleet: subprocess.Popen[bytes]) -> None:
    """Wait until the fleet has written the file that shows that it is ready.

    Raises:
        RuntimeError: It ended, or took too long.
    """
    give_up = time.monotonic() + START_SECONDS
    while not path.exists():
        if fleet.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError("the simulated fleet did not start; see the lines above")
        time.sleep(0.05)


def demonstrate(state: Path) -> None:
    nightly = ["-e", "pssession_name=Nightly"]
    every = ["-e", "pssession_name='*'", "-e", "pssession_busy_timeout=0"]
    say(f"Tonight: start a script in a new session on each of {COMPUTERS} Windows computers, and disconnect.")
    play(state, "psremoting.fleet.start", *nightly, "-e", "pssession_path=demo/Test-Disks.ps1")
    say("The controller crashes. The next day a new controller, for example a new pod, does not know the sessions.")
    say("List the sessions. Other controllers opened some of them, and one expires in a few minutes.")
    play(state, "psremoting.fleet.list", controller="second")
    say("Check mode is -WhatIf: it shows the sessions to connect to, and connects to none.")
    play(state, "psremoting.fleet.connect", *every, "--check", controller="second", exit_code=2)
    say("Connect to all sessions. Another client uses one of them: its host fails, and the other hosts connect.")
    play(state, "psremoting.fleet.connect", *every, *option("report", REPORT), controller="second", exit_code=2)
    say("Connect again: nothing changes (changed=0), because the sessions are connected.")
    play(state, "psremoting.fleet.connect", *every, controller="second", exit_code=2)
    say("Collect the output of the script, write it to files, and remove the sessions.")
    collected = [
        *option("journal", KEPT / "journal"),
        *option("output", KEPT / "output"),
        "-e",
        "pssession_when_done=remove",
    ]
    play(state, "psremoting.fleet.collect", *nightly, *collected, controller="second")


def option(name: str, path: Path) -> list[str]:
    """Return the arguments that set a variable to a path in this repository."""
    return ["-e", f"pssession_{name}={path.relative_to(ROOT)}"]


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(KEPT, ignore_errors=True)
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
    say(f"Done in {time.monotonic() - started:.0f} seconds. The simulated computers are stopped.")
    say(f"The report is {REPORT.as_uri()}")
    say("README.md shows the first task for your own computers.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
