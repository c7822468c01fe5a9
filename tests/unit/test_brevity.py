# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which failed results are short, and for whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible.plugins.loader import callback_loader

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _brevity

MANY = [{"message": str(number)} for number in range(5)]


def task(**fields: Any) -> Any:
    usual: dict[str, Any] = {"register": None, "until": [], "retries": None, "debugger": None, "_parent": None}
    return SimpleNamespace(**{**usual, **fields}, get_play=lambda: SimpleNamespace(strategy="linear"))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No callback but the default one, and no -v."""
    monkeypatch.setattr(constants.config, "get_config_value_and_origin", lambda _name: ("", "default"))
    monkeypatch.setattr(constants, "CALLBACKS_ENABLED", [])
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", "default")
    monkeypatch.setattr(_brevity.display, "verbosity", 0)
    monkeypatch.setattr(callback_loader, "print_paths", lambda: "/usr/share/ansible/plugins/callback")


@pytest.mark.parametrize(
    ("fields", "is_alone"),
    [
        ({}, True),
        ({"register": "found"}, False),
        ({"until": ["found.changed"]}, False),
        ({"debugger": "on_failed"}, False),
        ({"_parent": SimpleNamespace(rescue=[], _parent=SimpleNamespace(rescue=["a task"], _parent=None))}, False),
        ({"_parent": SimpleNamespace(rescue=[], _parent=None)}, True),
    ],
)
def test_what_of_a_task_may_have_its_result(fields: dict[str, Any], is_alone: bool) -> None:
    assert _brevity.is_for_terminal_alone(task(**fields)) is is_alone


@pytest.mark.parametrize(
    ("stdout", "enabled", "is_alone"),
    [
        ("ansible.builtin.default", ["ansible.posix.profile_tasks", "timer"], True),
        ("default", ["timer", "community.general.logstash"], False),
        ("awx_display", [], False),
        ("ansible.posix.json", [], False),
    ],
)
def test_other_callbacks_have_all_of_it(
    monkeypatch: pytest.MonkeyPatch, stdout: str, enabled: list[str], is_alone: bool
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", stdout)
    monkeypatch.setattr(constants, "CALLBACKS_ENABLED", enabled)
    assert _brevity.is_for_terminal_alone(task()) is is_alone


@pytest.mark.parametrize(
    ("fields", "is_long"),
    [
        ({"errors": MANY}, True),
        ({"errors": MANY[:1], "sessions": MANY}, True),
        ({"errors": MANY[:1]}, False),
        ({"errors": MANY, "failed": False}, False),
        ({"errors": MANY, "results": [{"output": ["seen nowhere else"]}]}, False),
        ({"hosts": {"a": {"errors": MANY}}}, True),
        ({"hosts": {"a": {"errors": MANY, "results": [{"output": []}]}}}, False),
    ],
)
def test_what_is_long_and_was_told(fields: dict[str, Any], is_long: bool) -> None:
    assert _brevity.is_long({"failed": True, **fields}) is is_long


def test_a_short_result_has_the_first_line_of_the_message() -> None:
    result = {"failed": True, "changed": True, "msg": "5 errors.\nbusy: a, b", "errors": MANY, "warnings": []}
    assert _brevity.brief(result) == {
        "failed": True,
        "changed": True,
        "msg": "5 errors. See the lines above; with -v the result has all records.",
    }
