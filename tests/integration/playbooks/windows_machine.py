# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets Ansible's Windows tasks run in a PowerShell for Linux: gives it the environment that they expect of Windows.

ansible-core looks for programs on PATH and for folders in variables before a module begins. With these there, modules
that need nothing else of Windows run: win_ping, win_powershell, win_file and own ones.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

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
_VARIABLES = {"SystemDrive": "/", "USERNAME": "operator", "COMPUTERNAME": "LAB", "USERDOMAIN": "LAB"}


def windows_machine(folder: Path, powershell: str) -> str:
    """Return the path of a program that is `pwsh` with the environment of Windows.

    Args:
        folder: Where the folders of the machine are made. The program works in it.
        powershell: Path of the real one.
    """
    folder.mkdir(parents=True)
    programs = folder / "bin"
    for name in {*_FOLDERS.values(), "bin"}:
        (folder / name).mkdir()
    # Core 2.21 and newer ask whether `powershell` on PATH is in $PSHOME; if not, they start a second process.
    home = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-Command", "$PSHOME"], capture_output=True, text=True, check=True
    ).stdout.strip()
    (programs / "powershell").symlink_to(Path(home) / "pwsh.dll")
    _write_program(programs / "chcp.com", "exit 0")  # core 2.16 sets the code page
    exports = {**{name: str(folder / place) for name, place in _FOLDERS.items()}, **_VARIABLES}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    lines += [
        f'export PATH={shlex.quote(str(programs))}:"$PATH"',
        f"cd {shlex.quote(str(folder))}",
        f'exec {shlex.quote(powershell)} "$@"',
    ]
    return str(_write_program(folder / "pwsh", "\n".join(lines)))


def _write_program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
