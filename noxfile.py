# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests on every supported ansible-core: `make test-all`, or one of them with `nox -s 2.20-3.12`.

| session | tests |
| --- | --- |
| 2.20-3.12 and so on | unit and integration tests with this core on this Python |
| sanity-2.20 and so on | sanity tests of this core, on each Python of this machine that it supports |
| unit-3.10 | unit tests on the oldest Python that a supported core allows |
| lowest | unit and engine tests with the lowest versions in meta/ee-requirements.txt |
| devel | unit and integration tests with the development version of ansible-core; only if it is named |

A session whose Python is not on the machine is skipped, and nox names it. `.github/workflows/ci.yml` runs all of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nox
from nox.command import CommandFailed

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dev import cores, pythons, tree

OLDEST, *_others, NEWEST = cores.CORES
DEVEL = "https://github.com/ansible/ansible/archive/devel.tar.gz"
UNIT_TESTS = ("tests/unit",)
ENGINE_TESTS = ("tests/unit", "tests/integration/engine", "tests/conformance")
ALL_TESTS = ("tests/unit", "tests/integration")

nox.needs_version = ">=2024.3.2"
nox.options.envdir = ".cache/nox"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = "CI" in os.environ
nox.options.stop_on_first_error = False
os.environ["PATH"] = pythons.real_path()


def lowest() -> list[str]:
    """Return the lowest versions of the collection's own requirements, as pip's constraints."""
    text = (tree.ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8")
    return [f"{name}=={version}" for name, version in re.findall(r"^(\w+)>=([\d.]+)", text, re.MULTILINE)]


def run_tests(session: nox.Session, *tests: str) -> None:
    """Run tests, or what the command line names instead, in processes that find the collection."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    libraries = str(session.run("python", "-c", code, silent=True)).strip()
    Path(libraries, "psremoting_fleet.pth").write_text(f"{tree.link()}\n", encoding="utf-8")
    told = session.run("ansible", "--version", silent=True)
    session.log(str(told).splitlines()[0])
    arguments = session.posargs or [*tests, "--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder"]
    session.run("python", "-m", "pytest", "--no-header", "--quiet", *arguments)


@contextlib.contextmanager
def may_fail(session: nox.Session, core: str) -> Iterator[None]:
    """Skip a session that fails if its core is a pre-release; in CI the workflow decides that."""
    try:
        yield
    except CommandFailed:
        if core not in cores.PRE_RELEASES or "CI" in os.environ:
            raise
        session.skip(f"it failed, and may: {core} is a pre-release")


def add_session(core: str, python: str) -> None:
    """Make a session for a core on a Python."""

    @nox.session(name=f"{core}-{python}", python=python)
    def tests(session: nox.Session) -> None:
        session.install("--quiet", cores.requirement(core), "-r", "tests/requirements.txt")
        with may_fail(session, core):
            run_tests(session, *ALL_TESTS)


def add_sanity_session(core: str, python: str) -> None:
    """Make a session for the sanity tests of a core, which is started on that Python."""

    @nox.session(name=f"sanity-{core}", python=python)
    def sanity(session: nox.Session) -> None:
        session.install("--quiet", cores.requirement(core))
        with may_fail(session, core):
            session.run("python", "dev/sanity.py", *session.posargs)


for core_version, python_versions in cores.CORES.items():
    for python_version in python_versions:
        add_session(core_version, python_version)
    add_sanity_session(core_version, python_versions[-1])


@nox.session(name=f"unit-{cores.OLDEST_PYTHON}", python=cores.OLDEST_PYTHON)
def oldest_python(session: nox.Session) -> None:
    """Run the unit tests on the oldest Python that a supported core allows."""
    session.install("--quiet", cores.requirement(OLDEST), "-r", "tests/requirements-unit.txt")
    run_tests(session, *UNIT_TESTS)


@nox.session(name="lowest", python=cores.CORES[OLDEST][0])
def lowest_versions(session: nox.Session) -> None:
    """Run the tests of the engine with the lowest versions of its libraries."""
    session.install("--quiet", cores.requirement(OLDEST), "-r", "tests/requirements.txt", *lowest())
    run_tests(session, *ENGINE_TESTS)


@nox.session(name="devel", python=cores.CORES[NEWEST][-1], default=False)
def development_version(session: nox.Session) -> None:
    """Run the tests with the development version of ansible-core, which may fail."""
    session.install("--quiet", DEVEL, "-r", "tests/requirements.txt")
    run_tests(session, *ALL_TESTS)
