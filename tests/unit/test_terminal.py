# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The terminal of a task: which stream a line goes to, and what is shown of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants as C
from ansible.plugins.callback import CallbackBase
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _terminal
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal


class Shown:
    """Stands in for Ansible's display."""

    def __init__(self, verbosity: int = 0) -> None:
        self.verbosity = verbosity
        self.stdout: list[str] = []
        self.stderr: list[str] = []

    def display(self, text: str, color: str | None = None, stderr: bool = False) -> None:
        del color
        (self.stderr if stderr else self.stdout).append(text)

    def warning(self, text: str) -> None:
        self.stderr.append(f"[WARNING]: {text}")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    display = Shown()
    monkeypatch.setattr(_terminal, "display", display)
    return display


class Derived(Default):
    """Like awx_display, and most that print for people."""

    CALLBACK_NAME = "awx_display"


class Data(CallbackBase):
    CALLBACK_NAME = "ansible.posix.jsonl"


class OfAData(Data):
    """As awx_display is where the user has chosen a callback for data."""

    CALLBACK_NAME = "awx_display"


class Selective(CallbackBase):
    CALLBACK_NAME = "community.general.selective"


@pytest.mark.parametrize(
    ("callback", "is_for_people"),
    [(Derived, True), (Selective, True), (Data, False), (OfAData, False), (None, False)],
)
def test_standard_output_is_the_callbacks_unless_it_prints_for_people(
    monkeypatch: pytest.MonkeyPatch, shown: Shown, callback: type[CallbackBase] | None, is_for_people: bool
) -> None:
    classes = {"default": Default, "chosen": callback}
    monkeypatch.setattr(_terminal, "callback_loader", SimpleNamespace(get=lambda name, **_more: classes[name]))
    monkeypatch.setattr(C, "DEFAULT_STDOUT_CALLBACK", "chosen")
    _terminal._prints_for_people.cache_clear()
    Terminal().show("a line")
    _terminal._prints_for_people.cache_clear()
    assert shown.stdout == (["a line"] if is_for_people else [])
    assert shown.stderr == ([] if is_for_people else ["a line"])


@pytest.mark.parametrize("callback", ["default", "minimal", "oneline"])
def test_the_callbacks_of_ansible_core_print_for_people(callback: str) -> None:
    assert _terminal._prints_for_people(callback)


def test_a_task_with_no_log_shows_nothing(shown: Shown) -> None:
    shown.verbosity = 4
    terminal = Terminal.of(SimpleNamespace(no_log=True))
    for show in (terminal.show, terminal.show_verbose, terminal.warn):
        show("a secret")
    assert shown.stdout == shown.stderr == []
    Terminal.of(SimpleNamespace(no_log=False)).show("no secret")
    assert shown.stdout == ["no secret"]


def test_lines_stay_and_control_characters_do_not(shown: Shown) -> None:
    Terminal().show("first \x1b[31mred\nsecond\r\na\tthird")
    Terminal().warn("a \x07 bell")
    assert shown.stdout == ["first _x001B_[31mred\nsecond\na       third"]
    assert shown.stderr == ["[WARNING]: a _x0007_ bell"]


@pytest.mark.parametrize(("verbosity", "expected"), [(2, []), (3, ["step by step"])])
def test_verbose_lines(shown: Shown, verbosity: int, expected: list[Any]) -> None:
    shown.verbosity = verbosity
    Terminal().show_verbose("step by step")
    assert shown.stdout == expected
