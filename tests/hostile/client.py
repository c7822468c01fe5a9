# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task in a process of its own, with 1 GiB of address space, against a hostile computer and an honest one."""

from __future__ import annotations

import json
import re
import resource
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings

ADDRESS_SPACE = 1024**3
# Seconds. Answers that never end are cut by these.
SHORT = 2
_COMMON = {"computer_name": ["hostile", "honest"], "session_option": {"open_timeout": SHORT, "cancel_timeout": SHORT}}
_RECEIVING = {"name": ["*"], "timeout": 3, "recovery_timeout": 0}

# Name of a task: its plugin and its options.
TASKS: dict[str, tuple[_plugins.Plugin, dict[str, Any]]] = {
    "list": (_plugins.INFO, {}),
    "connect": (_plugins.CONNECT, {}),
    "receive": (_plugins.RECEIVE, _RECEIVING),
    "new": (_plugins.NEW, {"name": ["made"]}),
    "start": (
        _plugins.INVOKE,
        {"in_disconnected_session": True, "session_name": ["made"], "script": "quick"},
    ),
    "remove": (_plugins.REMOVE, {"name": ["*"]}),
}


def peak_kib() -> int:
    """Return the most memory that this process has used."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found
    return int(found[1])


def serve(pipe: Connection) -> None:
    """Run tasks until the other end of the pipe closes. For each, send what came of it.

    That is its result and the memory that it took in KiB, or a traceback.
    """
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    while True:
        try:
            task, ports, folder = pipe.recv()
        except EOFError:
            return
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
        before = peak_kib()
        try:
            text = json.dumps(result_of(task, ports, folder))
        except BaseException:  # noqa: BLE001 - whatever it is, it is what the test wants to know
            pipe.send({"crash": traceback.format_exc(limit=-8)})
        else:
            pipe.send({"result": text, "kib": peak_kib() - before})


def result_of(task: str, ports: dict[str, tuple[str, int]], folder: str) -> dict[str, Any]:
    """Run a task against computers at these addresses and ports."""
    plugin, options = TASKS[task]
    settings = {
        name: HostSettings.from_options(
            {
                "address": address,
                "port": port,
                "authentication": "basic",
                "username": "admin",
                "password": "secret",
                "message_encryption": "never",
                "operation_timeout": SHORT,
            }
        )
        for name, (address, port) in ports.items()
    }
    return plugin(
        {**_COMMON, **options, "state_file": f"{folder}/registry.sqlite3", "throttle_limit": 32},
        settings_of=lambda name, _host: settings.get(name),
        check_mode=False,
    )
