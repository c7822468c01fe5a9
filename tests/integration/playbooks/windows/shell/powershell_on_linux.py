# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's PowerShell shell for tests with a PowerShell on Linux: paths with /, and scripts that need no kernel32.

Cmdlets take a path with backslashes on Linux, .NET's classes take them for a part of the name.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.executor.powershell import module_manifest
from ansible.plugins.shell.powershell import ShellModule as PowerShell

DOCUMENTATION = """
name: powershell_on_linux
short_description: PowerShell on Linux
description: PowerShell on Linux, with which tests run Windows tasks.
extends_documentation_fragment: [shell_windows]
"""

_ASYNC_WRAPPER = Path(__file__).resolve().parent.parent / "async_wrapper.ps1"
# Handles that a process inherits do not exist on Linux; the result's file tells as much.
_SIGNAL_OF_WATCHDOG = re.compile(rb"^\$waitHandle = .*?^\$null = \$waitEvent\.Set\(\)", re.MULTILINE | re.DOTALL)
# Before ansible-core 2.19: a pipe for the current account alone.
_ACCESS_TO_PIPE = re.compile(rb"^\$current_user = .*?^\$pipe_sec\.AddAccessRule\(\$pipe_ar\)", re.MULTILINE | re.DOTALL)


class ShellModule(PowerShell):
    """Core's shell, with paths of Linux."""

    SHELL_FAMILY = "powershell"

    def join_path(self, *args: str) -> str:
        joined: str = super().join_path(*args)
        return joined.replace("\\", "/")


def _without_windows(name: str, script: bytes) -> bytes:
    """Return what runs in place of one of core's scripts."""
    if name == "async_wrapper.ps1":
        if b"Ansible._Async" in script:
            return _ASYNC_WRAPPER.read_bytes()
        return _ACCESS_TO_PIPE.sub(b"", script).replace(b",\n    0,\n    0,\n    $pipe_sec\n", b",\n    0,\n    0\n")
    if name == "async_watchdog.ps1":
        return _SIGNAL_OF_WATCHDOG.sub(b"", script)
    return script


def _reading(read: Callable[[str, str], bytes | None]) -> Callable[[str, str], bytes | None]:
    @functools.wraps(read)
    def get_data(package: str, resource: str) -> bytes | None:
        data = read(package, resource)
        return data and _without_windows(resource, data) if package == "ansible.executor.powershell" else data

    return get_data


def _replace_scripts() -> None:
    """Have this process, a worker with one task, read other scripts; core asks `pkgutil` for them."""
    own: Any = module_manifest
    if not isinstance(own.pkgutil, types.SimpleNamespace):
        own.pkgutil = types.SimpleNamespace(get_data=_reading(own.pkgutil.get_data))


_replace_scripts()
