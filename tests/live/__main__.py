# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks a server, prints the verdicts and saves the conversations: `make live`.

The server and the account, an administrator of it, are in the environment; without them the simulated fleet is checked.

    PSSESSION_LIVE_URI, PSSESSION_LIVE_USER, PSSESSION_LIVE_PASSWORD
    PSSESSION_LIVE_AUTHENTICATION     negotiate without it
    PSSESSION_LIVE_CA_CERT            PEM file with the authority of the server's certificate
    PSSESSION_LIVE_CONFIGURATION      Microsoft.PowerShell without it, which is Windows PowerShell 5.1
    PSSESSION_LIVE_OTHER_USER, PSSESSION_LIVE_OTHER_PASSWORD    an account that is no administrator
    PSSESSION_LIVE_RESTART            a command line on this machine that restarts the server's WinRM service
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    DEFAULT_RESOURCE_URI,
    POWERSHELL_RESOURCE_PREFIX,
)

from .lab import Lab
from .table import in_order, rows_as_text, run_check, save, server_of
from .verdicts import Outcome


def _given(name: str) -> str | None:
    return os.environ.get(f"PSSESSION_LIVE_{name}") or None


def _needed(name: str) -> str:
    return _given(name) or sys.exit(f"PSSESSION_LIVE_{name} is not set")


def _options(user: str, password: str) -> dict[str, Any]:
    options = {
        "uri": _needed("URI"),
        "credential": {"username": user, "password": password},
        "authentication": _given("AUTHENTICATION") or "negotiate",
    }
    return options | ({"ca_cert": _given("CA_CERT")} if _given("CA_CERT") else {})


def _run(command_line: str) -> None:
    subprocess.run(command_line, shell=True, check=True)


def _lab_of_environment() -> Lab:
    other, restart, configuration = _given("OTHER_USER"), _given("RESTART"), _given("CONFIGURATION")
    lab = Lab(_options(_needed("USER"), _needed("PASSWORD")))
    if other:
        lab.other_options = _options(other, _needed("OTHER_PASSWORD"))
    if restart:
        lab.restart = functools.partial(_run, restart)
    lab.resource_uri = f"{POWERSHELL_RESOURCE_PREFIX}{configuration}" if configuration else DEFAULT_RESOURCE_URI
    return lab


@contextlib.contextmanager
def _lab() -> Iterator[tuple[str, Lab]]:
    """Return the server, and words that tell whether it is a real one."""
    if _given("URI"):
        yield "", _lab_of_environment()
        return
    from tests.simulator.powershell_process import find_powershell

    from . import simulated

    path = find_powershell()
    if path is None:
        sys.exit("Set PSSESSION_LIVE_URI, _USER and _PASSWORD, or install PowerShell for the simulated fleet.")
    with simulated.simulated_lab(path) as lab:
        yield f"{simulated.LABEL}: ", lab


def main() -> int:
    """Check a server; return 1 if an assumption is refuted."""
    parser = argparse.ArgumentParser(prog="make live", description="Checks the assumptions of docs/protocol.md.")
    parser.add_argument("--folder", type=Path, default=Path(".cache/live"), help="for verdicts and recordings")
    parser.add_argument("ids", nargs="*", help="checks to run, such as A3; all without any")
    arguments = parser.parse_args()
    with _lab() as (label, lab):
        server = label + server_of(lab)
        rows = []
        for each in in_order():
            if not arguments.ids or each.id in arguments.ids:
                print(f"{each.id} ...", file=sys.stderr, flush=True)
                rows.append(run_check(each, lab))
        accounts = [each for each in (lab.options, lab.other_options) if each]
        secrets = [text for each in accounts for text in each["credential"].values()]
        rows = save(arguments.folder, server, rows, secrets)
    print(rows_as_text(server, rows))
    print(f"Recordings without names and passwords: {arguments.folder}")
    return int(any(row.verdict.outcome is Outcome.REFUTED for row in rows))


if __name__ == "__main__":
    sys.exit(main())
