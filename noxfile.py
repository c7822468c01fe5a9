# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The unit and integration tests on every supported ansible-core: `make test-all`, or `nox -s 2.20`.

A core whose Python is not on the machine is skipped, and nox says so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dev import pythons

# Each core with a Python it supports; 2.16 and 2.19 with the lowest one that the tests' own tools support.
# 2.17 is left out: it is past its end of life, and the current molecule and pytest-ansible refuse to run on it.
CORES = {"2.16": "3.11", "2.18": "3.12", "2.19": "3.11", "2.20": "3.12", "2.21": "3.13"}

nox.needs_version = ">=2024.3.2"
nox.options.envdir = ".cache/nox"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.stop_on_first_error = False
os.environ["PATH"] = pythons.real_path()


def add_session(core: str, python: str) -> None:
    """Make a session named after the core, on that Python."""

    @nox.session(name=core, python=python)
    def tests(session: nox.Session) -> None:
        session.install("--quiet", f"ansible-core=={core}.*", "-r", "tests/requirements.txt")
        told = session.run("ansible", "--version", silent=True)
        session.log(str(told).splitlines()[0])
        arguments = session.posargs or ["tests/unit", "tests/integration", "--numprocesses=auto", "--dist=loadfile"]
        session.run("python", "-m", "pytest", "--no-header", "--quiet", *arguments)


for core_version, python_version in CORES.items():
    add_session(core_version, python_version)
