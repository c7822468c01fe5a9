# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to find a session by its name on every computer and connect to it, each for a process of its own.

    python -m tests.benchmark.contenders NAME COMPUTERS.json

COMPUTERS.json maps names to addresses. What it took is printed as JSON: seconds of time and of processor time, peak
of memory in KiB. Starting Python and importing libraries is not part of it.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pypsrp.powershell import RunspacePool
from pypsrp.wsman import WSMan

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings

USER, PASSWORD, SESSION = "operator", "not-a-secret", "ITTask"
THROTTLE = 32
Addresses = Mapping[str, str]


def collection(addresses: Addresses) -> int:
    """The engine of this collection, as one task calls it; returns how many sessions were connected."""

    def settings_of(computer_name: str, _inventory_hostname: str | None) -> HostSettings:
        return HostSettings(
            address=addresses[computer_name],
            authentication="basic",
            message_encryption="never",
            username=USER,
            password=PASSWORD,
        )

    with tempfile.TemporaryDirectory() as folder:
        options = {
            "computer_name": list(addresses),
            "name": [SESSION],
            "on_missing": "error",
            "throttle_limit": THROTTLE,
            "state_file": str(Path(folder, "registry.sqlite3")),
        }
        result = _plugins.CONNECT(options, settings_of=settings_of, check_mode=False)
    assert not result["errors"], result["errors"][:1]
    return len(result["sessions"])


def pypsrp_one_by_one(addresses: Addresses) -> int:
    """Bare pypsrp in a loop."""
    return sum(map(_with_pypsrp, addresses.values()))


def pypsrp_threads(addresses: Addresses) -> int:
    """Bare pypsrp in as many threads as the engine has."""
    with ThreadPoolExecutor(THROTTLE) as executor:
        return sum(executor.map(_with_pypsrp, addresses.values()))


def _with_pypsrp(address: str) -> int:
    connection = WSMan(
        address, port=5985, ssl=False, auth="basic", encryption="never", username=USER, password=PASSWORD
    )
    with connection:
        found = RunspacePool.get_runspace_pools(connection)  # it tells no names; there is one session
        for pool in found:
            pool.connect()
    return len(found)


CONTENDERS: Mapping[str, Callable[[Addresses], int]] = {
    "pypsrp, one by one": pypsrp_one_by_one,
    "pypsrp, 32 threads": pypsrp_threads,
    "this collection": collection,
}


def main(name: str, path: str) -> None:
    """Run one contender and print what it took."""
    addresses = json.loads(Path(path).read_text(encoding="utf-8"))
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    connected = CONTENDERS[name](addresses)
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
    assert connected == len(addresses), connected
    # getrusage counts what the process was before it became this program.
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert peak is not None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": int(peak[1])}))


if __name__ == "__main__":
    main(*sys.argv[1:])
