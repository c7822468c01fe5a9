# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets Ansible's Windows tasks run in a PowerShell for Linux: gives it the environment that they expect of Windows.

ansible-core looks for programs on PATH and for folders in variables before a module begins. With these there, modules
that need nothing else of Windows run: win_ping, win_powershell, win_file and own ones. For copy, fetch, become, async
and programs, a controller takes more from the folder `windows`; see `for_windows`.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from .controller import Controller

REPLACED = Path(__file__).resolve().parent / "windows"
# Variables of Windows by folders of the machine.
_FOLDERS = {
    "TEMP": "temp",
    "TMP": "temp",
    "TMPDIR": "temp",
    "SystemRoot": "windows",
    "windir": "windows",
    "ProgramData": "data",
    "ProgramFiles": "programs",
    "HOME": "user",
    "USERPROFILE": "user",
    "LOCALAPPDATA": "user",
    "APPDATA": "user",
}
_VARIABLES = {
    "SystemDrive": "/",
    "USERNAME": "operator",
    "COMPUTERNAME": "LAB",
    "USERDOMAIN": "LAB",
    "PSModulePath": str(REPLACED / "commands"),
}
# Where ansible-core before 2.19 looks for it.
_POWERSHELL = "windows/System32/WindowsPowerShell/v1.0/powershell.exe"


def windows_machine(folder: Path, powershell: str) -> str:
    """Return the path of a program that is `pwsh` with the environment of Windows.

    Args:
        folder: Where the folders of the machine are made. The program works in it.
        powershell: Path of the real one.
    """
    folder.mkdir(parents=True)
    programs, program = folder / "bin", folder / "pwsh"
    for name in {*_FOLDERS.values(), "bin"}:
        (folder / name).mkdir()
    # Core 2.21 and newer ask whether `powershell` on PATH is in $PSHOME; if not, they start a second process.
    home = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-Command", "$PSHOME"], capture_output=True, text=True, check=True
    ).stdout.strip()
    (programs / "powershell").symlink_to(Path(home) / "pwsh.dll")
    _write_program(programs / "chcp.com", "exit 0")  # core 2.16 sets the code page
    # To restart takes no time, and no session ends by it.
    _write_program(programs / "shutdown.exe", 'touch "$SystemRoot/boot"; mkdir -p "$HOME/logon"')
    for path in (programs / "pwsh", programs / "powershell.exe", folder / _POWERSHELL):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(program)
    (folder / "windows" / "boot").touch()
    exports = {**{name: str(folder / place) for name, place in _FOLDERS.items()}, **_VARIABLES}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    lines += [
        f'export PATH={shlex.quote(str(programs))}:"$PATH"',
        f"cd {shlex.quote(str(folder))}",
        f'exec {shlex.quote(powershell)} "$@"',
    ]
    return str(_write_program(program, "\n".join(lines)))


def for_windows(controller: Controller) -> Controller:
    """Have a controller send what runs on Linux, where ansible-core's own parts need Windows."""
    controller.environment["ANSIBLE_MODULE_UTILS"] = str(REPLACED / "module_utils")
    (controller.folder / "shell_plugins").symlink_to(REPLACED / "shell")  # no setting names a folder of these
    controller.group_variables.update(
        ansible_shell_type="powershell_on_linux", ansible_async_dir="%USERPROFILE%/.ansible_async"
    )
    return controller


def _write_program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
