# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role: its entry points, what they document and what they read are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _role_variables

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "pssession"
DOCUMENTED: dict[str, Any] = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))[
    "argument_specs"
]
# One compares connection plugins, and has no part of the role.
PLAYBOOKS = {path.stem: path for path in (ROOT / "playbooks").glob("*.yml") if path.stem != "compare_connections"}
entry_points = pytest.mark.parametrize("entry_point", sorted(_role_variables.SPECS))
# Ansible would refuse a blank for one of these before the task of the role, and AWX sends blanks.
CHECKED_BY_TASK = {"int", "bool", "list", "dict"}


def is_raw(option: dict[str, Any]) -> bool:
    return option["type"] in CHECKED_BY_TASK or "choices" in option


def tasks(entry_point: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROLE / "tasks" / f"{entry_point}.yml").read_text(encoding="utf-8"))
    return found


def test_entry_points_are_the_same_everywhere() -> None:
    files = {path.stem for path in (ROLE / "tasks").glob("*.yml")}
    assert files == set(DOCUMENTED) == set(_role_variables.SPECS) == set(_arguments.ENTRY_POINTS)


@entry_points
def test_variables_documented_are_those_read(entry_point: str) -> None:
    spec = _role_variables.named(_role_variables.SPECS[entry_point])
    options = DOCUMENTED[entry_point]["options"]
    assert {name: ("raw" if is_raw(option) else option["type"]) for name, option in spec.items()} == {
        name: option["type"] for name, option in options.items()
    }
    for key in ("default", "required"):
        assert {
            name: option.get(key) for name, option in spec.items() if key in option and option[key] is not None
        } == {name: option[key] for name, option in options.items() if key in option}


@entry_points
def test_choices_are_documented(entry_point: str) -> None:
    spec = _role_variables.named(_role_variables.SPECS[entry_point])
    for name, option in spec.items():
        text = " ".join(DOCUMENTED[entry_point]["options"][name]["description"])
        missing = [choice for choice in option.get("choices", ()) if f"V({choice})" not in text]
        assert (name, missing) == (name, [])


@entry_points
def test_an_entry_point_is_one_task(entry_point: str) -> None:
    (task,) = tasks(entry_point)
    assert task["psremoting.fleet.pssession_role"] == {"entry_point": entry_point}
    assert set(task) == {"name", "psremoting.fleet.pssession_role", "register"}
    assert task["register"] == "pssession_result"


def test_each_entry_point_has_a_playbook_of_its_name() -> None:
    assert set(PLAYBOOKS) == {"connect" if name == "main" else name for name in _role_variables.SPECS}


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS))
def test_a_playbook_is_its_entry_point_and_a_summary(playbook: str) -> None:
    (play,) = yaml.safe_load(PLAYBOOKS[playbook].read_text(encoding="utf-8"))
    (block,) = play["tasks"]
    (role,) = block["block"]
    (summary,) = block["always"]
    tasks_from = role["ansible.builtin.import_role"].get("tasks_from", "main")
    assert tasks_from == ("main" if playbook == "connect" else playbook)
    assert role["vars"] == {"pssession_other_hosts": "skip"}
    assert summary["run_once"]
    assert "psremoting.fleet.pssession_summary" in summary
    assert play["strategy"] == "ansible.builtin.linear"


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS))
def test_a_playbook_says_how_it_is_called(playbook: str) -> None:
    text = PLAYBOOKS[playbook].read_text(encoding="utf-8")
    assert f"#     ansible-playbook psremoting.fleet.{playbook} -i " in text
