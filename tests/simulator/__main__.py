# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.simulator FLEET.yml``: play a fleet until told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .computer import SimulatedComputer
from .fleet import SimulatedFleet


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description="Play a fleet of WinRM servers.")
    parser.add_argument("fleet", type=Path, help="YAML file that declares the fleet")
    parser.add_argument("--inventory", type=Path, help="write an Ansible inventory of the fleet")
    parser.add_argument(
        "--inventory-passwords", action="store_true", help="put the first user's password into the inventory"
    )
    parser.add_argument("--ready-file", type=Path, help="write addresses as JSON once everything listens")
    parser.add_argument("--control-port", type=int, default=0, help="port of the control interface (default: any)")
    parser.add_argument(
        "--powershell",
        metavar="PATH",
        help="pwsh that the sessions run in; by default that of PSSESSION_TEST_POWERSHELL, where the fleet's file"
        " declares neither scripts nor a PowerShell",
    )
    parser.add_argument("--duration", type=float, help="end after so many seconds")
    return parser.parse_args(arguments)


def powershell_for(declared: Mapping[str, Any], asked: str | None) -> dict[str, str]:
    """The options of a fleet for the PowerShell on the command line or in the environment."""
    commands = [
        command
        for computer in declared.get("computers", ())
        if isinstance(computer, Mapping)
        for session in computer.get("sessions", ())
        for command in session.get("commands", ())
    ]
    decided = {"scripts", "powershell"} & set(declared) or any("script" in command for command in commands)
    path = (None if decided else os.environ.get("PSSESSION_TEST_POWERSHELL") or None) if asked is None else asked
    return {} if path is None else {"powershell": path}


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
    """Write a file that nobody can see half-written."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.touch(mode=0o600 if private else 0o644)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fleet; returns the exit code."""
    options = _parse(arguments)
    try:
        declared = yaml.safe_load(options.fleet.read_text(encoding="utf-8"))
        powershell = powershell_for(declared, options.powershell)
        fleet = SimulatedFleet.from_yaml(declared, control_port=options.control_port, **powershell)
    except (AttributeError, KeyError, OSError, TypeError, ValueError, yaml.YAMLError) as error:
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


if __name__ == "__main__":
    sys.exit(main())
