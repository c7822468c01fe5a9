# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of other projects: get them from a source distribution, and compare those that fail with a table of ours."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from dev import tree


def unpack(package: str, version: str, folder: Path, part: str = "") -> Path:
    """Download the source distribution of a package, and unpack the files whose paths have `part`.

    Returns:
        The folder of the package in `folder`.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    download = ["download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), f"{package}=={version}"]
    subprocess.run([*pip, *download], check=True)
    name = f"{package.replace('-', '_')}-{version}"
    with tarfile.open(folder / f"{name}.tar.gz") as archive:
        archive.extractall(folder, members=[each for each in archive if part in each.name], filter="data")
    return folder / name


def report(failed: set[str], always: set[str], sometimes: set[str], table: Path) -> int:
    """Print what differs from a table; returns the exit code.

    Args:
        failed: Names of what failed.
        always: Names in the table of what fails, without what did not run.
        sometimes: Names in the table of what fails sometimes.
        table: The file that has the table.
    """
    failed = failed - sometimes
    place = table.relative_to(tree.ROOT)
    for name in sorted(failed - always):
        print(f"failed, and is not in {place}: {name}")
    for name in sorted(always - failed):
        print(f"passed, and is in {place}: {name}")
    return 0 if failed == always else 1
