# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/architecture.md shows all packages of the engine, and no page names a file that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.test_layers import LAYERS

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins" / "module_utils" / "_pssession"
FILES = {str(path.relative_to(ENGINE)) for path in ENGINE.rglob("*.py") if path.name != "__init__.py"}
PACKAGES = {name.partition("/")[0] for name in FILES if "/" in name}


def named(text: str) -> set[str]:
    """Return the files of the engine that a text names by package and name."""
    return {name for name in re.findall(r"`(\w+/\w+\.py)`", text) if name.partition("/")[0] in PACKAGES}


def test_the_picture_has_the_packages_in_their_layers() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = page.partition("## The packages")[2].partition("```text\n")[2].partition("```")[0].splitlines()
    shown = [set(re.findall(r"[\w.]+", row[:43])) for row in rows]
    assert shown == [
        {f"{name}.py" if f"{name}.py" in FILES else name for name in packages} for packages in reversed(LAYERS.values())
    ]


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/design.md", "docs/protocol.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    names = named((ROOT / page).read_text(encoding="utf-8"))
    assert names
    assert names - FILES == set()
