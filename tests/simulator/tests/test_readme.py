# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of README.md run, and it names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .. import SimulatedFleet
from ..steps import VERBS

SOURCES = Path(__file__).resolve().parents[1]
PACKAGE = __package__.rpartition(".")[0]
TEXT = (SOURCES / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"\*\*([\w, ]+)\*\*(?:(?!```).)*?```python\n(.*?)```", TEXT.partition("## Declare a fleet")[0], re.DOTALL
)


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _code in EXAMPLES])
def test_examples_run(title: str, code: str) -> None:
    if "winrm" in title:
        pytest.importorskip("winrm")
    assert "assert " in code
    names: dict[str, Any] = {}
    exec(compile(code.replace("tests.simulator", PACKAGE), f"README.md, {title}", "exec"), names)


def test_there_are_examples_for_each_way_of_use() -> None:
    titles = [title for title, _code in EXAMPLES]
    assert titles == ["A fleet in a test", "pypsrp", "pywinrm", "Faults, silence and time"]


def test_the_declared_fleet_of_the_page_exists() -> None:
    found = re.search(r"## Declare a fleet\n\n```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    declared = yaml.safe_load(found[1].replace("scripts: {...}", "scripts: {Long job: [{output: begun}]}"))
    fleet = SimulatedFleet(declared)
    assert len(fleet) == 500
    assert fleet["srv500"].session("ITTask").commands[0].script == "Long job"


def test_all_steps_are_named() -> None:
    assert [verb for verb in VERBS if f"`{verb}`" not in TEXT] == []
