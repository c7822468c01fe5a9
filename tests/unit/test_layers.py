# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arrows between the engine's rooms run one way."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _pssession

FOLDER = Path(_pssession.__path__[0])
# From the bottom up, modules and packages. A module imports from lower rooms and from its own package only.
ROOMS = [
    {"cmdlets", "codes", "wildcard"},
    {"errors"},
    {"options"},
    {"settings"},
    {"model", "libraries", "parameter_sets", "throttle", "journal"},
    {"commands", "certificates"},
    {"scripts"},
    {"request", "registry", "report"},
    {"wsman", "memory"},
    {"logon"},
    {"endpoint"},
    {"psrp", "context"},
    {"task", "command_errors"},
    {"discovery"},
    {"selection", "plan"},
    {"finding", "verbs", "running"},
    {"apply"},
    {"disconnecting"},
    {"in_disconnected_session"},
    {"engine"},
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(FOLDER).with_suffix("").parts)


def room_of(module: str) -> str:
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


def test_every_module_has_its_room() -> None:
    assert {room_of(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    room = room_of(module)
    wrong = {name for name in imported(module) if room_of(name) != room and LEVEL[room_of(name)] >= LEVEL[room]}
    assert wrong == set()


def test_no_imports_in_a_circle() -> None:
    assert list(TopologicalSorter({module: imported(module) for module in MODULES}).static_order())


def test_the_check_sees_imports() -> None:
    assert {"discovery", "plan", "verbs.base"} <= imported("apply")
    assert {"errors", "model", "wsman.http", "wsman.soap"} <= imported("wsman.client")
