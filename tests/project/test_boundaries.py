# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which part of the code may import which: the arrows of docs/architecture.md, kept straight by a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.psremoting.fleet"
ENGINE = ROOT / "plugins" / "module_utils" / "_pssession"
SIMULATOR = ROOT / "tests" / "simulator"


def imports_of(path: Path) -> Iterator[str]:
    """The absolute names of all modules that a file imports, wherever in the file it does."""
    inside = path.relative_to(ROOT).parts[:-1]
    package = ((*COLLECTION.split("."), *inside)) if inside[0] == "plugins" else inside
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # One dot is the file's own package, each further dot one above it.
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def python_files(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.py"))
    assert files, f"nothing found in {folder}"
    return files


@pytest.mark.parametrize("path", python_files(ENGINE), ids=lambda path: str(path.relative_to(ENGINE)))
def test_the_engine_knows_nothing_of_ansible(path: Path) -> None:
    allowed = f"{COLLECTION}.plugins.module_utils._pssession"
    strange = [
        name
        for name in imports_of(path)
        if within(name, "ansible") or (within(name, "ansible_collections") and not within(name, allowed))
    ]
    assert strange == []


# The simulator's own tests use these clients: they are in a folder of their own, and no part of it.
SIMULATOR_FILES = [path for path in python_files(SIMULATOR) if SIMULATOR / "tests" not in path.parents]


@pytest.mark.parametrize("path", SIMULATOR_FILES, ids=lambda path: str(path.relative_to(SIMULATOR)))
def test_the_simulator_shares_no_code_with_what_it_tests(path: Path) -> None:
    strange = [
        name
        for name in imports_of(path)
        if any(within(name, client) for client in ("pypsrp", "winrm", "ansible", "ansible_collections"))
    ]
    assert strange == []


def test_jobs_know_nothing_but_results() -> None:
    """A job can be simulated: no Ansible, no files, no clock, no network and no threads in it."""
    package = f"{COLLECTION}.plugins.plugin_utils._jobs"
    pure = ("__future__", "collections.abc", "dataclasses", "enum", "hashlib", "hmac", "json", "re", "typing")
    allowed = (*pure, package)
    model = f"{COLLECTION}.plugins.module_utils._pssession.model"
    outcome = f"{COLLECTION}.plugins.plugin_utils._outcome"
    texts = f"{COLLECTION}.plugins.plugin_utils._live.text"
    for path in python_files(ROOT / "plugins" / "plugin_utils" / "_jobs"):
        strange = [
            name
            for name in imports_of(path)
            if not any(within(name, each) for each in (*allowed, model, outcome, texts))
        ]
        assert strange == [], path


def test_modules_reach_only_what_ansible_sends_with_them() -> None:
    """A module that runs on another host finds module_utils there, and nothing else of the collection."""
    allowed = f"{COLLECTION}.plugins.module_utils"
    for folder in ("modules", "module_utils"):
        for path in (ROOT / "plugins" / folder).rglob("*.py"):
            strange = [
                name for name in imports_of(path) if within(name, "ansible_collections") and not within(name, allowed)
            ]
            assert strange == [], path
