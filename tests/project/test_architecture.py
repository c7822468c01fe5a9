# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/architecture.md names all files of the engine, and no page names one that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins" / "module_utils" / "_pssession"
FILES = {str(path.relative_to(ENGINE)) for path in ENGINE.rglob("*.py") if path.name != "__init__.py"}
PACKAGES = {name.partition("/")[0] for name in FILES if "/" in name}


def named(text: str) -> set[str]:
    """Return the files of the engine that a text names by package and name."""
    return {name for name in re.findall(r"`(\w+/\w+\.py)`", text) if name.partition("/")[0] in PACKAGES}


def test_each_file_of_the_engine_is_in_the_table() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("Around it:")[0]
    assert {name for name in FILES if f"`{name}`" not in table} == set()


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/protocol.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    names = named((ROOT / page).read_text(encoding="utf-8"))
    assert names
    assert names - FILES == set()
