# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of docs/output.md: the page has what a real PowerShell gave. PSSESSION_WRITE_DOCS=1 writes it there."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.conformance.powershell.examples import EXAMPLES, HEADER, row
from tests.conformance.powershell.test_differences import PAGE
from tests.integration.engine.controller import Result

BEGIN = "<!-- The examples. -->\n"
END = "<!-- The end of the examples. -->"


def test_the_page_has_what_happens(invoke: Callable[..., Result]) -> None:
    before, _begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    documented, _end, after = rest.partition(END)
    seen = HEADER + "".join(
        row(example, invoke(example.before + example.script, **example.options)) for example in EXAMPLES
    )
    if os.environ.get("PSSESSION_WRITE_DOCS"):
        PAGE.write_text(before + BEGIN + seen + END + after, encoding="utf-8")
        return
    assert documented == seen
