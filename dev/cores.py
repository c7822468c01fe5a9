# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of ansible-core that the collection supports, each with Pythons to test it on.

`meta/runtime.yml`, README.md and the CI workflow have the same; `tests/project/test_matrix.py` compares them.
"""

from __future__ import annotations

import shutil

from dev import pythons

# Each core with the lowest and the highest Python that it and the tests' own tools support.
# 2.17 is left out: it has ended with a vulnerability (CVE-2026-11332), and molecule and pytest-ansible refuse to run on
# it.
CORES = {
    "2.16": ("3.11", "3.12"),
    "2.18": ("3.11", "3.13"),
    "2.19": ("3.11", "3.13"),
    "2.20": ("3.12", "3.14"),
    "2.21": ("3.12", "3.14"),
    "2.22": ("3.13", "3.14"),
}
# Cores that are not released yet, with the pre-release from which on they are tested. Their sessions may fail.
PRE_RELEASES = {"2.22": "2.22.0rc1"}
# The oldest Python that a supported core allows runs the unit tests only: tools of the other tests need a newer one.
OLDEST_PYTHON = "3.10"


def requirement(core: str) -> str:
    """Return what pip takes a core for; a bound that is a pre-release lets it take pre-releases."""
    return f"ansible-core>={PRE_RELEASES.get(core, core)},=={core}.*"


def interpreter(core: str) -> str | None:
    """Return the path of a Python of this machine that runs a core, or None."""
    found = (shutil.which(f"python{version}", path=pythons.real_path()) for version in CORES[core])
    return next(filter(None, found), None)
