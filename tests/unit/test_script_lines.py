# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The line of a script by which people know it."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._script_lines import telling_lines


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("Get-Date", "Get-Date"),
        ("# Copyright (c) 2026 Contoso\n#requires -Version 5.1\n\nGet-Date", "Get-Date"),
        ("<#\n.SYNOPSIS\n  Rebuilds (all) indexes.\n#>\nGet-Date", "Get-Date"),
        ("using namespace System.IO\nusing module Sql\nGet-Date", "Get-Date"),
        ("[CmdletBinding(SupportsShouldProcess)]\nparam(\n  [string] $Name\n)\nGet-Date", "Get-Date"),
        ("param($A, $B = (Get-Thing 1)) Get-Date $A", "Get-Date $A"),
        ("PARAM ([ValidateSet('a)', \"b)\")] $A, # the first ) of all\n $B)\r\nGet-Date", "Get-Date"),
        ("[CmdletBinding()] param(); Get-Date", "Get-Date"),
        ("[Console]::Out.Flush()", "[Console]::Out.Flush()"),
        ("parameters $A", "parameters $A"),
        ("# only this", "# only this"),
        ("param($Cut, [int] $", "param($Cut, [int] $"),  # a server lists the beginning
        ("<# a comment that was cut", "<# a comment that was cut"),
    ],
)
def test_the_line_that_says_something(script: str, line: str) -> None:
    assert telling_lines(script)[0] == line


def test_nothing_is_nothing() -> None:
    assert telling_lines("") == []
