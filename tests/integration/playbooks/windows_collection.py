# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection ansible.windows, where it is installed, and a copy of it that needs less of Windows."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from .windows_machine import REPLACED

# A folder of collections, where the usual ones do not have it.
VARIABLE = "PSSESSION_TEST_COLLECTIONS"
_NAME = Path("ansible_collections", "ansible", "windows")
# What files of it ask of Windows, and what takes its place: the account of a process, and the end of a computer.
_REPLACED = {
    "modules/setup.ps1": (
        ("[Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()", "$null"),
        ("$currentUser.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)", "$true"),
        ("[Security.Principal.WindowsIdentity]::GetCurrent()", "@{ User = @{ Value = 'S-1-5-21-1-1-1-1000' } }"),
    ),
    "plugin_utils/_reboot.py": (
        (r"C:\Windows\System32\shutdown.exe", "shutdown.exe"),
        # In the home folder.
        (r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\AutoLogonChecked", "~/logon"),
    ),
}


def find_ansible_windows() -> Path | None:
    """Return the folder of collections that has ansible.windows, or None."""
    usual = [*map(Path, sys.path), Path.home() / ".ansible" / "collections", Path("/usr/share/ansible/collections")]
    folders = [Path(os.environ[VARIABLE]), *usual] if VARIABLE in os.environ else usual
    return next((each for each in folders if (each / _NAME).is_dir()), None)


def need_ansible_windows() -> Path:
    """Return the folder of collections that has ansible.windows; skip a test where there is none."""
    found = find_ansible_windows()
    if found is None:
        pytest.skip(f"the collection ansible.windows is not installed; {VARIABLE} may name its folder of collections")
    return found


def without_windows(collections: Path, folder: Path) -> Path:
    """Copy the collection, with what PowerShell on Linux lacks replaced.

    Args:
        collections: The folder of collections that has it.
        folder: A new folder of collections.

    Returns:
        `folder`.
    """
    copied = folder / _NAME
    shutil.copytree(collections / _NAME, copied)
    process = (REPLACED / "module_utils" / "Ansible.Process.cs").read_text(encoding="utf-8")
    (copied / "plugins" / "module_utils" / "Process.cs").write_text(
        process.replace("namespace Ansible.Process", "namespace Ansible.Windows.Process"), encoding="utf-8"
    )
    for name, texts in _REPLACED.items():
        path = copied / "plugins" / name
        text = path.read_text(encoding="utf-8")
        for asked, answer in texts:
            assert asked in text, f"{name} of this ansible.windows has no {asked}"
            text = text.replace(asked, answer)
        path.write_text(text, encoding="utf-8")
    return folder
