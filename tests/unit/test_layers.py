# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's packages stand in layers, and imports run one way."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _pssession

FOLDER = Path(_pssession.__path__[0])
# From the bottom up: each layer's name and its packages, or modules of the root. A module imports from lower layers and
# from its own package only; the modules of the root import from each other, too.
LAYERS = {
    "values": {"model"},
    "machine": {"system"},
    "options, files, WS-Management": {"request", "state", "wsman"},
    "computers, PSRP": {"target", "psrp"},
    "task": {"task"},
    "find": {"finding"},
    "plan and apply": {"verbs"},
    "run": {"output"},
    "surface": {"engine", "library", "report"},
}
LEVEL = {package: level for level, packages in enumerate(LAYERS.values()) for package in packages}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(FOLDER).with_suffix("").parts)


def package_of(module: str) -> str:
    return module.partition(".")[0]


MODULES = {module_of(path): path for path in sorted(FOLDER.rglob("*.py")) if path.name != "__init__.py"}


def imported(module: str) -> set[str]:
    """The engine's modules that a module imports."""
    package = module.split(".")[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else [])]
            names |= {".".join([*base, alias.name]) for alias in node.names} | {".".join(base)}
    return names & set(MODULES)


def wrong_imports(module: str, names: set[str]) -> set[str]:
    """Which of the names a module must not import."""
    package = package_of(module)
    allowed = LEVEL[package] if package != module else LEVEL[package] + 1
    return {name for name in names if package_of(name) != package and LEVEL[package_of(name)] >= allowed}


def test_every_package_has_its_layer() -> None:
    assert {package_of(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    assert wrong_imports(module, imported(module)) == set()


def test_no_imports_in_a_circle() -> None:
    assert list(TopologicalSorter({module: imported(module) for module in MODULES}).static_order())


def test_the_check_sees_imports() -> None:
    assert {"finding.discovery", "verbs.plan", "verbs.base"} <= imported("verbs.apply")
    assert {"model.errors", "model.sessions", "wsman.http", "wsman.soap"} <= imported("wsman.client")
    assert {"model.cmdlets", "output.in_disconnected_session", "report"} <= imported("engine")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("model.errors", "system.throttle"),  # from a layer above
        ("request.request", "state.journal"),  # from a package of the same layer
        ("psrp.host", "target.logon"),
        ("output.running", "engine"),
    ],
)
def test_the_check_refuses_imports(module: str, name: str) -> None:
    assert wrong_imports(module, {name, "model.codes"}) == {name}
