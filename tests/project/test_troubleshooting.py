# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/troubleshooting.md has every error that the code can report, and what it says there runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets, codes
from tests.integration.playbooks.controller import PASSWORD, USER, inventory_of
from tests.project import guides
from tests.simulator import SimulatedFleet, User

ROOT = Path(__file__).resolve().parents[2]
MODULE_UTILS = ROOT / "plugins" / "module_utils"
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| `")]
# Rows of the tables of codes: id, code, hex, reason, and words.
CODES = {int(row[1]): (row[0].strip("`"), row[2], row[3]) for row in ROWS if len(row) > 4 and row[1].isdecimal()}
# What makes an error record takes its id as the first argument, but for these helpers.
MAKERS = {"error_record": 0, "ParameterBindingError": 0, "LimitExceeded": 0, "_record": 0, "miss": 0, "_not_known": 2}


def reported_ids() -> set[str]:
    """Every error id in the source: arguments of what makes errors, and all that is called `error_id`."""
    found: set[str] = set()
    for path in [*(MODULE_UTILS / "_pssession").rglob("*.py"), MODULE_UTILS / "_plugins.py"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            name.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for name in node.targets
            if isinstance(name, ast.Name)
        }
        for expression in _id_expressions(tree):
            found |= set(_words(expression, constants))
    return found


def _id_expressions(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            place = MAKERS.get(name)
            if place is not None and len(node.args) > place:
                yield node.args[place]
            yield from (keyword.value for keyword in node.keywords if (keyword.arg or "").endswith("error_id"))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            if ast.unparse(node.targets[0]) == "error_id":
                yield node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
            if ast.unparse(node.target).endswith("error_id"):
                yield node.value
        elif isinstance(node, ast.FunctionDef):
            named = [*node.args.posonlyargs, *node.args.args]
            for argument, default in zip(reversed(named), reversed(node.args.defaults), strict=False):
                if argument.arg == "error_id":
                    yield default


def _words(expression: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The ids an expression can come to: its strings, those of tables it looks in, and a made-up one for commands."""
    if isinstance(expression, ast.JoinedStr):
        start, ending = [str(part.value) for part in expression.values if isinstance(part, ast.Constant)]
        yield from (f"{start}{each.verb}{ending}" for each in cmdlets.CMDLETS if each.parameter_sets)
        return
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z]\w+", node.value):
            yield node.value
        elif isinstance(node, ast.Name) and isinstance(constants.get(node.id), ast.Dict):
            table = constants[node.id]
            assert isinstance(table, ast.Dict)
            yield from (str(value.value) for value in table.values if isinstance(value, ast.Constant))


def test_every_code_has_a_row_with_the_right_numbers() -> None:
    known = {int(code) for code in (*codes.TRANSPORT_PREFIXES, *codes.HINTS)}
    assert {code: (codes.transport_prefix(code), f"0x{code:X}", codes.reason_of(code).value) for code in known} == CODES


def test_every_reason_is_explained() -> None:
    table = PAGE.split("\n### The reason\n")[1].split("\n## ")[0].split("--- |\n")[1]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(each.value for each in codes.Reason)


def test_codes_with_a_hint_have_something_to_do() -> None:
    """The last table is of those that only the server explains."""
    told, passed_on = PAGE.split("### Said by the server alone")
    for code in codes.HINTS:
        assert f"| {int(code)} |" in told
    assert [code for code in codes.HINTS if f"| {int(code)} |" in passed_on] == []


def test_numbers_in_the_text_are_those_of_codes() -> None:
    prefixes = {prefix for prefix, _written, _reason in CODES.values()}
    assert set(re.findall(r"`(-\d+)`", PAGE)) <= prefixes


def test_every_error_id_has_a_row_and_none_is_made_up() -> None:
    table = PAGE.split("\n## Error ids\n")[1].split("\n## Codes\n")[0]
    told = {
        word
        for line in table.splitlines()
        for word in re.findall(r"`([A-Z]\w+)`", line.split(" | ")[0])
        if "| " in line
    }
    found = reported_ids()
    assert {"PSSessionConnectFailed", "RemoveSessionCannotConnectToServer", "MissingMandatoryParameter"} <= found
    assert sorted(told) == sorted(found)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A user's folder: the examples of the page, and an inventory of two computers, one without the session meant."""
    computers: list[dict[str, Any]] = [
        {"name": "server01", "sessions": [{"name": "Nightly", "inactivity": 4000}]},
        {"name": "server02"},
    ]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)]) as fleet:
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory_of(fleet)), encoding="utf-8")
        for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
            (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        yield tmp_path


def run(folder: Path, command: str) -> str:
    ended = guides.run_to_end(folder, folder / "home", command, ANSIBLE_INVENTORY=str(folder / "inventory.yml"))
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


def test_errors_are_shown_as_the_page_says(folder: Path) -> None:
    output = run(folder, "ansible-playbook errors.yml")
    assert "server02: no session named 'Nightly' was found on server02 (PSSessionNameMatchFail)" in output
    assert "WARNING" not in output


def test_commands_run_as_written(folder: Path) -> None:
    commands = [
        line
        for text in re.findall(r"^```shell\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        for line in text.splitlines()
        if line.startswith("ansible windows")
    ]
    assert len(commands) == 3
    assert all("Nightly" in run(folder, command) for command in commands)
