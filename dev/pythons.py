# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the Pythons of this machine that really run.

Version managers (pyenv, asdf, mise) put a folder of launchers on PATH, with one launcher for every Python that was ever
installed; started outside its own project, such a launcher may only print an error. Tools that look for "python3.12" on
PATH (nox, ansible-test) are led astray by them.
"""

from __future__ import annotations

import os
from pathlib import Path


def real_path() -> str:
    """PATH with the folders that hold the version managers' Pythons in place of the folders of launchers."""
    folders: list[str] = []
    managed: list[str] = []
    for entry in os.environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(entry)
        if folder.name != "shims":
            folders.append(entry)
            continue
        for pattern in ("versions/3.*/bin", "installs/python/3.*/bin"):
            managed += [str(found) for found in sorted(folder.parent.glob(pattern))]
    # Behind the rest: what else lies in those folders must not hide the system's programs.
    return os.pathsep.join([*folders, *managed])
