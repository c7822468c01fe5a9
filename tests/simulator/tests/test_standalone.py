# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator is a package of its own: a copy of its folder, under another name, is all that a user needs."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[1]
TESTS = SOURCES / "tests"
NAME = "a_copy_of_the_simulator"
#: Packages that are imported, by the distribution that has them.
DISTRIBUTIONS = {"PyYAML": {"yaml"}, "pyspnego": {"spnego"}, "aiohttp": {"aiohttp", "multidict"}}
#: Clients that the simulator is for. It shares no code with them.
CLIENTS = ("pypsrp", "winrm", "ansible", "ansible_collections", "tests")
MOST_PARAMETERS = 5
MOST_LINES = 400


def files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*.py") if TESTS not in path.parents)
    assert len(found) > 40
    return found


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Level and name of each import, wherever in the file it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def declared() -> set[str]:
    """The packages of the distributions in pyproject.toml."""
    text = (SOURCES / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^dependencies = \[(.*)\]$", text, re.MULTILINE)
    assert found is not None
    names = re.findall(r'"([\w-]+)"', found[1])
    return {package for name in names for package in DISTRIBUTIONS.get(name, {name})}


@pytest.mark.parametrize("path", files(SOURCES), ids=lambda path: str(path.relative_to(SOURCES)))
def test_a_file_imports_only_the_package_and_what_it_declares(path: Path) -> None:
    depth = len(path.relative_to(SOURCES).parts)
    known = declared() | set(sys.stdlib_module_names)
    for level, name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        assert level <= depth, f"{name} is outside of the package"
        assert level or name.partition(".")[0] in known, f"{name} is not among the dependencies"


@pytest.mark.parametrize("path", files(SOURCES), ids=lambda path: str(path.relative_to(SOURCES)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [item.arg for item in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            given = [name for name in names if name not in ("self", "cls")]
            assert len(given) <= MOST_PARAMETERS, f"{node.name} has {len(given)} parameters"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but a copy of the package."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(SOURCES, folder / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(copy: Path, *arguments: str) -> str:
    """Run Python in the folder of the copy; returns what it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=kept, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_copy_works_without_the_project(copy: Path) -> None:
    """All modules can be imported, a fleet answers, and nothing of a client or of the project is loaded."""
    program = f"""
        import importlib, pathlib, pkgutil, sys, urllib.error, urllib.request
        import {NAME} as package
        modules = [m.name for m in pkgutil.walk_packages(package.__path__, "{NAME}.") if ".tests" not in m.name]
        for name in modules:
            importlib.import_module(name)
        assert len(modules) > 40, modules
        with package.SimulatedFleet.build(["srv01"], [package.User("admin", "pw")]) as fleet:
            fleet["srv01"].add_session("ITTask")
            try:
                urllib.request.urlopen(urllib.request.Request(fleet["srv01"].uri, method="POST", data=b""))
            except urllib.error.HTTPError as error:
                print(error.code)
            print([request.operation for request in fleet.requests])
        print(sorted({{name.partition(".")[0] for name in sys.modules}} & set({CLIENTS!r})))
    """
    assert run(copy, "-c", inspect.cleandoc(program)).splitlines() == ["401", "['Unauthenticated']", "[]"]


def test_the_program_of_a_copy_tells_its_name(copy: Path) -> None:
    told = run(copy, "-m", NAME, "--help")
    assert f"python -m {NAME} fleet.yml --inventory inventory.yml" in told
    for option in ("--ready-file", "--control-port", "--powershell", "--duration", "--inventory-passwords"):
        assert option in told


def test_a_copy_has_its_tests(copy: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:pytest-ansible", "-p", "no:xdist"]
    told = run(copy, "-m", "pytest", *options, f"{NAME}/tests/test_declaration.py", f"{NAME}/tests/test_switches.py")
    assert re.search(r"\d+ passed", told)
