# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each playbook of the collection documents exactly the variables it uses, with the types and defaults they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "playbooks"
PLAYBOOKS = sorted(path.stem for path in FOLDER.glob("*.yml"))
PROMISED = {"list", "reconnect", "start", "collect", "extend", "cleanup", "resume"}

# What the playbooks leave behind, for later plays and for the jobs after this one.
LEFT = {"pssession_result", "pssession_outcomes"}
# Decides which hosts there are, so it is used before anything can be checked.
HOSTS = "pssession_hosts"
VARIABLE = re.compile(r"(?<![\w.])pssession_\w+")  # no module psremoting.fleet.pssession_info
DOCUMENTED = re.compile(r"^#   (\w+) \((\w+), (required|optional|default (.+))\): \S", re.MULTILINE)
DEFAULT = r"\b{} \| default\(((?:\[.*?\]|[^\[\]()])*?)(?:, true)?\)"
# The default of a variable that can be 0, which `default(..., true)` would take for a blank.
DEFAULT_OF_NUMBER = r"\[{} \| default\(''\), (\d+)\] \| reject\('in', \['', none\]\) \| first"


@dataclass(frozen=True)
class Variable:
    """A variable as the comment of its playbook has it."""

    name: str
    type: str
    required: bool
    default: str | None


def documented(playbook: str) -> dict[str, Variable]:
    text = (FOLDER / f"{playbook}.yml").read_text(encoding="utf-8")
    comment = text[: text.index("\n- name:")]
    found = DOCUMENTED.findall(comment)
    return {name: Variable(name, kind, how == "required", default or None) for name, kind, how, default in found}


def code(path: Path) -> str:
    """The text of a file of ours and of all that it takes in, without comments."""
    text = re.sub(r"^ *# .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return text + "".join(code(each) for each in taken_in(path, text))


def taken_in(path: Path, text: str) -> Iterator[Path]:
    for name in re.findall(r"(?:import|include)_tasks: (.+)$", text, re.MULTILINE):
        near = path.parent / name
        yield near if near.exists() else FOLDER / name


def argument_spec(playbook: str) -> dict[str, dict[str, Any]]:
    (play,) = yaml.safe_load((FOLDER / f"{playbook}.yml").read_text(encoding="utf-8"))
    spec: dict[str, dict[str, Any]] = play["tasks"][0]["vars"]["variables"]
    return spec


def test_all_that_were_promised_are_there() -> None:
    assert set(PLAYBOOKS) == PROMISED


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_variables_used_are_those_documented(playbook: str) -> None:
    used = set(VARIABLE.findall(code(FOLDER / f"{playbook}.yml"))) - LEFT
    of_the_role = {name for name in documented(playbook) if name.startswith("reconnect_")}
    assert used == set(documented(playbook)) - of_the_role


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_variables_are_checked_as_documented(playbook: str) -> None:
    told = {name: (each.type, each.required) for name, each in documented(playbook).items() if name != HOSTS}
    spec = argument_spec(playbook)
    assert {name: (each["type"], each.get("required", False)) for name, each in spec.items()} == told


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_defaults_are_those_documented(playbook: str) -> None:
    text = code(FOLDER / f"{playbook}.yml")
    for name, variable in documented(playbook).items():
        # A mere question whether there is a value is no default.
        values = set(re.findall(DEFAULT.format(name), text)) - {"''", "omit"}
        values |= set(re.findall(DEFAULT_OF_NUMBER.format(name), text))
        expected = {
            None: set(),
            "all": {"'all'"},
            "[*]": {"['*']"},
            "[own account]": set(),  # it is the default of the job
        }.get(variable.default, {variable.default})
        assert (name, values) == (name, expected)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_it_says_how_it_is_called(playbook: str) -> None:
    text = (FOLDER / f"{playbook}.yml").read_text(encoding="utf-8")
    assert f"#     ansible-playbook psremoting.fleet.{playbook} -i " in text
