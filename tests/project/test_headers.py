# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Python files of the collection begin with a docstring that says in one line what they are; the licence follows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
# Ansible documents these itself, and ansible-test wants its licence header in their first lines.
DOCUMENTED = {"callback", "connection", "filter", "lookup", "modules"}
FILES = [path for path in sorted(PLUGINS.rglob("*.py")) if path.relative_to(PLUGINS).parts[0] not in DOCUMENTED]
# In two parts, for REUSE reads this file as well.
LICENCE = "# SPDX-License-" + "Identifier: GPL-3.0-or-later"


def has_header(text: str) -> bool:
    """Tell whether a text begins with a docstring, whose first line is a sentence, and the licence."""
    parts = re.match(
        r'"""([A-Z][^\n]*\.)(?:\n\n(?:(?!""")[\s\S])+\n)?"""\n\n' + re.escape(LICENCE) + r"\n(?:\n|$)", text
    )
    return parts is not None and not parts[1].startswith("What ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_file_says_first_what_it_is(path: Path) -> None:
    assert has_header(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        f'{LICENCE}\n\n"""The pool of clients."""\n',
        f'# Private to the collection.\n\n"""The pool of clients."""\n\n{LICENCE}\n',
        f'"""What is done."""\n\n{LICENCE}\n',
        f'"""The pool of clients: a sentence\nof two lines."""\n\n{LICENCE}\n',
        '"""The pool of clients."""\n\nfrom __future__ import annotations\n',
    ],
)
def test_the_check_sees_other_headers(text: str) -> None:
    assert not has_header(text)
