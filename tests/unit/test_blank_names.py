# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A blank name never means all: every module refuses it before anything is sent.

Only pssession_job, role, playbooks and the lookup take it for the default, since surveys fill their variables.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._plugins import Plugin

# The options by which a task says which computers, sessions and accounts it is about.
SELECTING = (
    "name", "session", "id", "instance_id", "computer_name", "connection_uri", "owner", "session_name"
)  # fmt: skip
BLANKS = {"blank": "", "blanks": "  ", "line": "\n", "list": [""], "one": ["ITTask", " "], "none": []}
ROWS = [(plugin, name) for plugin in _plugins.MODULES for name in SELECTING if name in plugin.spec]
# What the other options of a task are, so that only the blank one can be wrong.
NEEDED: dict[str, dict[str, Any]] = {
    "name": {"computer_name": "srv01"},
    "instance_id": {"computer_name": "srv01"},
    "owner": {"computer_name": "srv01", "name": "ITTask"},
    "computer_name": {"name": "ITTask"},
    "connection_uri": {"name": "ITTask"},
    "session_name": {"computer_name": "srv01", "in_disconnected_session": True},
}


def refusal(plugin: Plugin, given: dict[str, Any]) -> str:
    """What a module says of the options of a task that it refuses; empty if it does not."""
    checked = ArgumentSpecValidator(plugin.spec).validate(given)
    if checked.error_messages:
        return " ".join(checked.error_messages)
    options = _arguments.lists_of_text(checked.validated_parameters, given, plugin.spec)
    refused = plugin.refusal(options)
    return "" if refused is None else str(refused["msg"])


def of_task(plugin: Plugin, name: str, value: Any) -> dict[str, Any]:
    script = {"script": "Get-Date"} if "script" in plugin.spec else {}
    return {**script, **NEEDED.get(name, {}), name: value}


def can_be(plugin: Plugin, name: str, kind: str) -> bool:
    """Whether a blank of this kind is one for an option."""
    if name not in ("id", "session"):
        return True
    # Their items are no text. A list of no sessions, from a lookup that found nothing, is what on_missing is about.
    return kind != "one" and (name, kind, plugin.spec["on_missing"].get("default")) != ("session", "none", "skip")


BLANK_ROWS = [(*row, kind) for row in ROWS for kind in BLANKS if can_be(*row, kind)]


@pytest.mark.parametrize(
    ("plugin", "name", "kind"), BLANK_ROWS, ids=[f"{plugin.name}-{name}-{kind}" for plugin, name, kind in BLANK_ROWS]
)
def test_a_blank_name_is_refused(plugin: Plugin, name: str, kind: str) -> None:
    said = refusal(plugin, of_task(plugin, name, BLANKS[kind]))
    is_other_type = name in ("id", "session") and name in said and "nable to" in said
    assert said.startswith((f"{name} has an empty value", f"{name} is an empty list")) or is_other_type, said


@pytest.mark.parametrize(("plugin", "name"), ROWS, ids=[f"{plugin.name}-{name}" for plugin, name in ROWS])
def test_the_same_task_with_a_name_is_not_refused(plugin: Plugin, name: str) -> None:
    guid = "11111111-2222-3333-4444-555555555555"
    value: dict[str, Any] = {
        "id": 1,
        "instance_id": guid,
        "session": [{"instance_id": guid, "computer_name": "srv01"}],
        "connection_uri": "http://srv01",
    }
    assert refusal(plugin, of_task(plugin, name, value.get(name, "ITTask"))) == ""
