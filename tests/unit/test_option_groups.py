# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each field of a group of options is read by the engine, and each option of a module has a field."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins, _pssession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.options import OptionGroup, option_name
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import (
    HostSettings,
    SessionOption,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request

ENGINE = Path(_pssession.__path__[0])
# `settings_in`, which reads the names of computers, is beside the engine.
SOURCES = [*sorted(ENGINE.rglob("*.py")), ENGINE.parent / "_plugins.py"]
GROUPS: list[type[OptionGroup]] = [
    *(hint for hint in get_type_hints(Request).values() if isinstance(hint, type) and issubclass(hint, OptionGroup)),
    HostSettings,
]
# The names under which the engine has an object of a group in hand.
NAMES: dict[str, set[str]] = {
    "LogonOptions": {"logon", "given"},
    "SessionOption": {"session_option", "option"},
    "HostSettings": {"settings", "known", "entry"},
}
# Groups whose values win over settings of the same names (`HostSettings.overridden_by`): these settings are then read.
OVERRIDING = ("Target", "LogonOptions", "SessionOption")
# Fields that need no reader, and why.
WITHOUT_READER = {
    "SessionOption.no_compression": "nothing is ever compressed",
    "SessionOption.proxy_authentication": "the only value that is not refused is basic",
}
# Options that the wrappers read and the engine does not, and those that become part of a Script.
ELSEWHERE = {
    "state_file",
    "client_id",
    "run_client_id",
    "confirm",
    "live",
    "endpoints",
    "session_option",
    "output_buffering_mode",
}
SCRIPT = {*_arguments.INVOKE} - {"in_disconnected_session", "session_name"}


def reads(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The attributes read in a module: the last name before the dot, and the attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value
            if isinstance(owner, ast.Attribute):
                yield owner.attr, node.attr
            elif isinstance(owner, ast.Name):
                yield owner.id, node.attr


def methods_of_groups(tree: ast.Module) -> Iterator[ast.AST]:
    """The classes of the groups: what they read to check a value is no use of it."""
    names = {group.__name__ for group in GROUPS}
    return (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in names)


def unread(sources: Mapping[str, str]) -> set[str]:
    found: set[tuple[str, str]] = set()
    for text in sources.values():
        tree = ast.parse(text)
        for group in list(methods_of_groups(tree)):
            tree.body.remove(group)  # type: ignore[arg-type]
        found |= set(reads(tree))

    def is_read(group: str, field: str) -> bool:
        if any((name, field) in found for name in NAMES.get(group, {group.lower()})):
            return True
        return group in OVERRIDING and field in HostSettings.option_names() and is_read("HostSettings", field)

    return {
        f"{group.__name__}.{each.name}"
        for group in GROUPS
        for each in dataclasses.fields(group)
        if not is_read(group.__name__, each.name)
    }


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {str(path): path.read_text(encoding="utf-8") for path in SOURCES}


def test_the_engine_reads_each_field(sources: dict[str, str]) -> None:
    assert unread(sources) == set(WITHOUT_READER)


def test_a_field_that_nothing_reads_is_found(sources: dict[str, str]) -> None:
    without = {path: text.replace("settings.ca_cert", "other.ca_cert") for path, text in sources.items()}
    assert unread(without) == {*WITHOUT_READER, "HostSettings.ca_cert", "LogonOptions.ca_cert"}


def names_of(*groups: type[OptionGroup]) -> set[str]:
    return {option_name(each) for group in groups for each in dataclasses.fields(group) if "read" in each.metadata}


def test_each_option_of_a_module_has_a_field() -> None:
    options = {name for plugin in (*_plugins.MODULES, _plugins.LOOKUP) for name in plugin.spec}
    groups = [group for group in GROUPS if group not in (SessionOption, HostSettings)]
    assert names_of(*groups) == options - ELSEWHERE - SCRIPT


@pytest.mark.parametrize(
    ("group", "spec"),
    [(SessionOption, _arguments.LOGON["session_option"]), (HostSettings, _arguments.ENDPOINTS["endpoints"])],
)
def test_each_suboption_has_a_field(group: type[OptionGroup], spec: dict[str, Any]) -> None:
    assert names_of(group) == set(spec["options"])
