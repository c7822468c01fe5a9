# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules, lookup, role and playbooks have one name for one thing, apart from the prefixes of variables.

A variable of the role or of a playbook that means an option of the modules has its name and its type. Durations are in
seconds everywhere, so no name has a unit.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.plugin_utils._known_variables import OF_PLAYBOOKS

ROOT = Path(__file__).resolve().parents[2]
Spec = Mapping[str, Mapping[str, Any]]

SPECS: dict[str, Spec] = {
    **{plugin.name: plugin.spec for plugin in (*_plugins.MODULES, _plugins.LOOKUP)},
    "pssession_job": _arguments.PSSESSION_JOB,
    "pssession_report": _arguments.REPORT,
    "pssession_summary": _arguments.SUMMARY,
}
PREFIX = re.compile(r"^pssession_")
VARIABLE = re.compile(r"(?<!\w)pssession_\w+")
UNIT = re.compile(r"_(?:sec|secs|seconds|ms|msec|milliseconds|minutes|min)$")
# Variables that are no option of a module: they decide what the role or a playbook does.
OWN = {"way", "other_hosts", "hosts"}
# Options that get a variable of another name, and why.
PASSED = {
    ("session_name", "name"): "invoke_command has both: name is of sessions that exist",
    ("results", "result"): "what each host was told; it is a fact and no variable to set",
}


def kind(option: Mapping[str, Any]) -> str:
    """The type of a value, or of each in a list."""
    return str(option.get("elements") or option.get("type", "str"))


def declared() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each option and suboption of all plugins, with the place where it is declared."""
    for plugin, spec in SPECS.items():
        for name, option in spec.items():
            yield f"{plugin}.{name}", name, option
            # Names in other suboptions are about a user or a parameter.
            if name in ("session_option", "endpoints"):
                for suboption, each in option["options"].items():
                    yield f"{plugin}.{name}.{suboption}", suboption, each


def of_role() -> dict[str, Spec]:
    """The variables of each entry point of the role, as the role's documentation has them."""
    path = ROOT / "roles" / "pssession" / "meta" / "argument_specs.yml"
    specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
    return {name: spec["options"] for name, spec in specs.items()}


def of_playbooks() -> set[str]:
    """The variables that the playbooks have beside those of the role: those that they read, and that they document."""
    used = set()
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        own = {name for play in yaml.safe_load(text) for name in VARIABLE.findall(str(play)) if name in OF_PLAYBOOKS}
        assert own == {name for name in OF_PLAYBOOKS if re.search(rf"^#   {name} \(", text, re.MULTILINE)}, path.name
        used |= own
    return used


def tasks_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """All mappings in a file of plays or tasks, at any depth."""
    if isinstance(value, Mapping):
        yield value
        for each in value.values():
            yield from tasks_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from tasks_in(each)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The innermost options of a task, with their values as text."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, key)
    else:
        yield name, str(value)


def divergent_types(options: Iterator[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """Names that have another type in one place than in another."""
    first: dict[str, tuple[str, str]] = {}
    found = []
    for place, name, option in options:
        earlier, expected = first.setdefault(name, (place, kind(option)))
        if kind(option) != expected:
            found.append(f"{place} is {kind(option)}, {earlier} is {expected}")
    return found


def divergent_variables(spec: Spec) -> list[str]:
    """Variables that no option has the name of, or another type or other choices."""
    options = {name: option for plugin in SPECS.values() for name, option in plugin.items()}
    found = []
    for variable, has in spec.items():
        name = PREFIX.sub("", variable)
        option = options.get(name)
        if option is None:
            if name not in OWN:
                found.append(f"{variable}: no module has an option {name}")
        elif has.get("type") == "raw":
            # The module checks it: Ansible would refuse a blank for a number before any task of the role.
            if option.get("type") not in ("int", "bool", "list", "dict") and not option.get("choices"):
                found.append(f"{variable} is raw, and the option's {option['type']} may be blank")
        elif (kind(has), has.get("type", "str")) != (kind(option), option.get("type", "str")):
            found.append(f"{variable} is {has.get('type')}, the option is {option['type']}")
        elif has.get("choices") and sorted(has["choices"]) != sorted(option.get("choices", [])):
            found.append(f"{variable} has other choices than the option")
    return found


def divergent_passing(text: str) -> list[str]:
    """Options of our modules that a task sets from a variable of another name."""
    return [
        f"{option}: {variable}"
        for task in tasks_in(yaml.safe_load(text))
        for module, options in task.items()
        if str(module).startswith("psremoting.fleet.") and isinstance(options, Mapping)
        for option, value in leaves(options)
        for variable in VARIABLE.findall(value)
        if (name := PREFIX.sub("", variable)) != option and (option, name) not in PASSED
    ]


def test_an_option_has_one_type_in_all_plugins() -> None:
    assert divergent_types(declared()) == []


def test_variables_of_the_role_are_called_as_options_are() -> None:
    assert {name: found for name, spec in of_role().items() if (found := divergent_variables(spec))} == {}


def test_variables_of_playbooks_are_called_as_options_are() -> None:
    assert of_playbooks() == OF_PLAYBOOKS
    options = {name for spec in SPECS.values() for name in spec}
    assert {PREFIX.sub("", name) for name in of_playbooks()} - options == {"hosts", "compare_hosts", "compare_times"}


def test_a_variable_is_passed_to_the_option_of_its_name() -> None:
    files = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")]
    found = {path.name: divergent_passing(path.read_text(encoding="utf-8")) for path in files}
    assert {name: each for name, each in found.items() if each} == {}


def test_every_own_variable_is_one() -> None:
    variables = {PREFIX.sub("", name) for spec in of_role().values() for name in spec}
    options = {name for spec in SPECS.values() for name in spec}
    assert OWN - variables - {"hosts"} == set()  # hosts is used before anything can be checked
    assert OWN & options == set()


def test_no_name_has_a_unit() -> None:
    names = {name for _place, name, _option in declared()}
    names |= {name for spec in of_role().values() for name in spec} | of_playbooks()
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.psremoting.fleet.plugins.modules.{path.stem}")
        names |= {str(name) for returned in tasks_in(yaml.safe_load(module.RETURN)) for name in returned}
    assert {"idle_timeout", "expires_on", "results"} <= names
    assert {name for name in names if UNIT.search(name)} == set()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"pssession_names": {"type": "list", "elements": "str"}}, "pssession_names: no module has an option names"),
        ({"pssession_idle_timeout_sec": {"type": "int"}}, "no module has an option idle_timeout_sec"),
        ({"pssession_busy_timeout": {"type": "str"}}, "pssession_busy_timeout is str, the option is int"),
        ({"pssession_owner": {"type": "str"}}, "pssession_owner is str, the option is list"),
        ({"pssession_when_done": {"type": "str", "choices": ["stay"]}}, "pssession_when_done has other choices"),
    ],
)
def test_a_variable_that_diverges_is_found(spec: Spec, message: str) -> None:
    (found,) = divergent_variables(spec)
    assert message in found


def test_a_type_that_diverges_is_found() -> None:
    planted = ("new_module.busy_timeout", "busy_timeout", {"type": "float"})
    (found,) = divergent_types(iter([*declared(), planted]))
    assert found.startswith("new_module.busy_timeout is float, ")


def test_a_variable_that_is_passed_to_another_option_is_found() -> None:
    task = """
    - psremoting.fleet.invoke_command:
        session_name: "{{ pssession_name }}"
        session_option: {idle_timeout: "{{ pssession_lifetime | default(86400) }}"}
        path: "{{ pssession_path | realpath }}"
    """
    assert divergent_passing(task) == ["idle_timeout: pssession_lifetime"]
