# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program: simulate the fleet that a YAML file declares, until told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from .computer import SimulatedComputer
from .declaration import Command, Computer, Fleet, Session, read
from .fleet import SimulatedFleet

PROGRAM = f"python -m {__package__}"
_DESCRIPTION = """
Simulate Windows computers that answer WinRM requests: HTTP and HTTPS servers for WS-Management and PSRP. Each computer
has a loopback address of its own with the ports 5985 and 5986. Nothing else is listened on.
"""
_EPILOG = f"""
A fleet of two computers, in a file fleet.yml:

  users:
    - {{name: admin, password: not-a-secret, administrator: true}}
  scripts:                      # what scripts do, where no PowerShell runs them
    Get-Date: [{{output: Monday}}]
  computers:
    - name: srv{{:02}}
      count: 2
      sessions:                 # that an earlier client has left
        - {{name: ITTask, commands: [{{script: Get-Date, state: finished}}]}}

Simulate it, with an Ansible inventory of it:

  {PROGRAM} fleet.yml --inventory inventory.yml --inventory-passwords

With a PowerShell in each session, for a test program that waits for the ready file:

  {PROGRAM} fleet.yml --powershell "$(command -v pwsh)" --ready-file ready.json

Another process can control it by HTTP at the ready file's control_url: requests so far, new sessions, faults, time.
The program ends on SIGTERM, SIGINT, POST {{control_url}}/stop or after --duration. Exit codes: 0 when it ended so, 2
when the fleet's file cannot be read or makes no sense. README.md beside the program's files describes all keys.
"""


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=textwrap.dedent(_DESCRIPTION),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("fleet", type=Path, help="YAML file that declares the fleet")
    parser.add_argument("--inventory", metavar="FILE", type=Path, help="write an Ansible inventory of the fleet")
    parser.add_argument(
        "--inventory-passwords", action="store_true", help="with the password of each computer's first user in it"
    )
    parser.add_argument(
        "--ready-file",
        metavar="FILE",
        type=Path,
        help="write a JSON file once all computers listen: addresses, files of the certificate authorities,"
        " control_url, pid",
    )
    parser.add_argument(
        "--control-port", metavar="PORT", type=int, default=0, help="of the control interface (default: any free one)"
    )
    parser.add_argument(
        "--powershell",
        metavar="PATH",
        help="pwsh that runs the scripts of all sessions (default: PSSESSION_TEST_POWERSHELL of the environment, if the"
        " fleet's file declares neither scripts nor a PowerShell)",
    )
    parser.add_argument("--duration", metavar="SECONDS", type=float, help="end after so many seconds (default: never)")
    return parser.parse_args(arguments)


def powershell_for(declared: Fleet, asked: str | None) -> str | bool | None:
    """The PowerShell of a fleet: from the command line, its file or the environment."""
    if asked is not None or declared.powershell is not None:
        return asked or declared.powershell
    computers = [read(Computer, computer) for computer in declared.computers]
    sessions = [read(Session, session) for computer in computers for session in computer.sessions]
    commands = [read(Command, command) for session in sessions for command in session.commands]
    has_scripts = declared.scripts or any(command.script is not None for command in commands)
    return None if has_scripts else os.environ.get("PSSESSION_TEST_POWERSHELL") or None


def inventory(fleet: SimulatedFleet, with_passwords: bool) -> dict[str, Any]:
    """An Ansible inventory with all computers in the group ``windows``."""
    hosts = {}
    for computer in fleet:
        hosts[computer.name] = variables = {
            "ansible_host": computer.address,
            "ansible_port": computer.port,
            **_logon(computer),
        }
        if computer.users:
            variables["ansible_user"] = computer.users[0].name
            if with_passwords:
                variables["ansible_password"] = computer.users[0].password
    group_variables = {"ansible_connection": "psrp", "ansible_psrp_protocol": "http"}
    return {"all": {"children": {"windows": {"hosts": hosts, "vars": group_variables}}}}


def _logon(computer: SimulatedComputer) -> dict[str, str]:
    """Variables for the best way in that needs a password and nothing else."""
    if "negotiate" in computer.authentication:
        # NTLM by its own name: Negotiate would look for a KDC in the domain of this machine first.
        return {"ansible_psrp_auth": "ntlm", "ansible_psrp_message_encryption": "auto"}
    return {"ansible_psrp_auth": "basic", "ansible_psrp_message_encryption": "never"}


def ready_data(fleet: SimulatedFleet) -> dict[str, Any]:
    """What a program that started the fleet needs to reach it."""
    computers = [
        {"name": computer.name, "address": computer.address, "port": computer.port, "https_port": computer.https_port}
        for computer in fleet
    ]
    files = {name: str(getattr(fleet, name)) for name in ("ca_file", "other_ca_file", "crl_file")}
    return {"control_url": fleet.control_url, **files, "pid": os.getpid(), "computers": computers}


def _write(path: Path, text: str, private: bool = False) -> None:
    """Write a file that readers see complete or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.touch(mode=0o600 if private else 0o644)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fleet; returns the exit code."""
    options = _parse(arguments)
    try:
        declared = Fleet.of_file(options.fleet)
        powershell = powershell_for(declared, options.powershell)
        fleet = SimulatedFleet(replace(declared, powershell=powershell), options.control_port)
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        print(f"{options.fleet}: {error}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: fleet.stop_requested.set())
    with fleet:
        if options.inventory:
            text = yaml.safe_dump(inventory(fleet, options.inventory_passwords), sort_keys=False)
            _write(options.inventory, text, private=options.inventory_passwords)
        if options.ready_file:
            _write(options.ready_file, json.dumps(ready_data(fleet), indent=2))
        print(f"{len(fleet)} computers ready; control interface at {fleet.control_url}", flush=True)
        fleet.stop_requested.wait(options.duration)
    return 0


def program() -> None:
    """The entry point of an installed package."""
    sys.exit(main())


if __name__ == "__main__":
    program()
