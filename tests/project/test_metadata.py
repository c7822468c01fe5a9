# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says about itself in one place agrees with what it is in another."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import libraries

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_every_module_that_talks_to_computers_is_in_the_action_group() -> None:
    modules = sorted(["pssession_job", "pssession_role", *(plugin.name for plugin in _plugins.MODULES)])
    assert sorted(load("meta/runtime.yml")["action_groups"]["all"]) == modules
    files = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - {"__init__"}
    # Report and summary have no options of the others, so their defaults would only be errors to them.
    assert files == {*modules, "pssession_report", "pssession_summary"}


def test_the_readme_lists_every_module_and_lookup() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("<!-- What there is. -->")[2].partition("<!-- The end of what there is. -->")[0]
    assert sorted(re.findall(r"module `(\w+)`", table)) == sorted(
        ["pssession_job", "pssession_report", "pssession_summary", *(each.name for each in _plugins.MODULES)]
    )
    lookups = {path.stem for path in (ROOT / "plugins" / "lookup").glob("*.py")} - {"__init__"}
    assert set(re.findall(r"lookup `(\w+)`", table)) == lookups


def test_the_parameter_sets_are_documented() -> None:
    page = (ROOT / "docs" / "cmdlet.md").read_text(encoding="utf-8")
    table = page.partition("## Parameter sets")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE)
    assert {name: set(re.findall(r"\w+", options)) for name, options in rows} == {
        each.name: each.mandatory for each in _plugins.CONNECT.cmdlet.parameter_sets
    }


def test_every_module_has_its_action_plugin_and_the_other_way_round() -> None:
    names = {
        kind: sorted(path.stem for path in (ROOT / "plugins" / kind).glob("*.py") if path.stem != "__init__")
        for kind in ("action", "modules")
    }
    assert names["action"] == names["modules"]


def test_nothing_is_excused_from_the_sanity_tests() -> None:
    assert list((ROOT / "tests" / "sanity").glob("ignore-*.txt")) == []


def test_both_modules_with_output_describe_it_alike() -> None:
    """Ansible shares documentation of options, and none of return values."""
    invoke, receive = (returned_by(name) for name in ("invoke_command", "receive_pssession"))
    assert invoke == receive
    assert {"skip_reason", "host_out", "state"} <= invoke["results"].keys()


def returned_by(module: str) -> dict[str, Any]:
    """Return the return values of a module, of `results` the parts, without what only one of the two modules has."""
    name = f"ansible_collections.psremoting.fleet.plugins.modules.{module}"
    text = importlib.import_module(name).RETURN.replace("psremoting.fleet.invoke_command#module:", "")
    values: dict[str, Any] = yaml.safe_load(text)
    parts: dict[str, Any] = values["results"]["contains"]
    del parts["command_id"]["description"]  # receive_pssession may know it from the journal
    for part in (*values.values(), *parts.values()):
        told = part.get("description", "")
        part["description"] = " ".join(("\n".join(told) if isinstance(told, list) else told).split())
    return {**values, "results": parts}


def test_private_helpers_are_named_so() -> None:
    for folder in ("module_utils", "plugin_utils", "doc_fragments"):
        public = [path.name for path in (ROOT / "plugins" / folder).glob("[!_]*")]
        assert public == [], folder


def test_bounds_are_the_same_wherever_they_are_told() -> None:
    """They are decided in meta/ee-requirements.txt; documentation and messages may repeat them."""
    text = (ROOT / "meta/ee-requirements.txt").read_text(encoding="utf-8")
    decided = dict(re.findall(r"^(\w+)(\S+)$", text, re.MULTILINE))
    assert {each.name: each.requirement.removeprefix(each.name) for each in libraries.LIBRARIES} == decided
    bound = re.compile(rf"\b({'|'.join(decided)})(?:\[[\w,]+\])?\s*(>=\s*[\d.]*\d(?:\s*,\s*<\s*[\d.]*\d)?)")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.suffix not in {".md", ".py", ".rst", ".txt", ".yml"} or not path.is_file():
            continue
        for library, version in bound.findall(path.read_text(encoding="utf-8")):
            assert re.sub(r"\s", "", version) == decided[library], f"{name} says {library}{version}"


def test_every_bound_has_its_reason() -> None:
    """A comment stands above each requirement, after the blank line that ends the one before."""
    text = (ROOT / "meta/ee-requirements.txt").read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n")]
    requirements = [block for block in blocks if not block[-1].startswith("#")]
    assert len(requirements) == len(libraries.LIBRARIES)
    assert all(len(block) > 1 and all(line.startswith("#") for line in block[:-1]) for block in requirements)
