# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts as files and options have them."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.scripts import (
    decoded,
    prepared,
    requirements_of,
    script_of,
    supports_should_process,
)

TEXT = "param($Name)\r\n'Grüße 😀'\r\n"
REQUIRES = "#Requires -Version 7.0"


def script(**options: Any) -> Script:
    found = script_of({"script": "x", **options})
    assert found is not None
    return found


def refusal(**options: Any) -> str:
    with pytest.raises(ParameterBindingError) as raised:
        script(**options)
    return raised.value.message


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16-le", "utf-16-be"],
)
def test_a_file_is_utf8_or_utf16_with_a_mark(data: bytes) -> None:
    assert decoded(data) == TEXT


@pytest.mark.parametrize(
    ("data", "message", "remedy"),
    [
        (TEXT[:20].encode("cp1252"), "it is not UTF-8, and has no byte order mark", "iconv -f WINDOWS-1252"),
        (b"\xef\xbb\xbf\xff", "it is not valid UTF-8", "Save it as UTF-8"),
        (b"\xff\xfe\x00", "it is not valid UTF-16LE", "Save it as UTF-8"),
        ("Get-Date".encode("utf-16-le"), "it looks like UTF-16", "iconv -f UTF-16LE"),
        ("'Grü\udcdfe'".encode("utf-16-le", "surrogatepass"), "it looks like UTF-16", "iconv -f UTF-16LE"),
        ("Get-Date".encode("utf-32"), "it holds NUL characters", "Save it as UTF-8"),
        (b"MZ\x90\x00\x03", "it holds NUL characters", "Save it as UTF-8"),
    ],
    ids=ascii,
)
def test_another_file_is_refused_with_a_way_to_save_it(data: bytes, message: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        decoded(data)
    assert remedy in str(raised.value)


def test_a_mark_at_the_beginning_of_a_text_goes() -> None:
    assert script(script="\ufeff'x\ufeff'").text == "'x\ufeff'"


@pytest.mark.parametrize("text", ["\udcff\udcfeG\0e\0t\0", "'Gr\udcfc\udcdfe'", "a\0"], ids=ascii)
def test_a_text_of_a_file_in_another_encoding_is_refused(text: str) -> None:
    assert "script is not text" in (message := refusal(script=text))
    assert "option path" in message
    assert "\0" not in message
    assert ("looks like UTF-16" in message) == ("\0" in text)


@pytest.mark.parametrize("text", ["", " \n", "\ufeff", "\ufeff\r\n"], ids=ascii)
def test_a_script_without_anything_is_refused(text: str) -> None:
    assert refusal(script=text) == "script is empty"


@pytest.mark.parametrize("name", ["-Name", "\u2013Name", "Name:", " Name", "-Name:"], ids=ascii)
def test_a_name_is_not_written_as_in_a_command_line(name: str) -> None:
    for options in ({"parameters": {name: "secret"}}, {"sensitive_parameters": [{"name": name, "value": "secret"}]}):
        assert "Write 'Name'" in (message := refusal(**options))
        assert "secret" not in message


@pytest.mark.parametrize("name", ["", " ", "-", ":"])
def test_a_name_of_nothing_is_refused(name: str) -> None:
    assert "is not the name of a parameter" in refusal(parameters={name: 1})


def test_names_with_a_dash_inside_and_numbers_are_names() -> None:
    assert script(parameters={"a-b": 1, 1: None}).parameters == {"a-b": 1, "1": None}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{REQUIRES}\n'x'", [REQUIRES]),
        ("'x'\r\n  #REQUIRES -RunAsAdministrator  \r\n", ["#REQUIRES -RunAsAdministrator"]),
        (f"{REQUIRES}\n# more\n#requires -Modules Hyper-V", [REQUIRES, "#requires -Modules Hyper-V"]),
        (f"<# what it needs:\n{REQUIRES}\n#>\n'x'", []),
        (f"<# a #>\n{REQUIRES}\n<# b #>", [REQUIRES]),
        (f"@'\n{REQUIRES}\n'@", []),
        (f'@"\n{REQUIRES}\n"@ ; 1', []),
        (f"@'\ntext\n'@\n{REQUIRES}", [REQUIRES]),
        (f"'\n{REQUIRES}\n'", []),
        (f'"`"\n{REQUIRES}\n"', []),
        (f"'it''s'\n{REQUIRES}", [REQUIRES]),
        (f"# it's so\n{REQUIRES}", [REQUIRES]),
        (f"# see {REQUIRES}", []),
        ("# requires -Version 7.0", []),
        ("#requirements: none", []),
        ("Get-Date", []),
    ],
    ids=ascii,
)
def test_requirements_are_found_where_powershell_finds_them(text: str, found: list[str]) -> None:
    assert requirements_of(text) == found


# Check mode

SHOULD_PROCESS = "[CmdletBinding(SupportsShouldProcess)]"


@pytest.mark.parametrize(
    "text",
    [
        f"{SHOULD_PROCESS}\nparam ()",
        "[cmdletbinding( ConfirmImpact = 'High', SupportsShouldProcess = $true )] Param (",
        "[System.Management.Automation.CmdletBindingAttribute(SupportsShouldProcess)]param(",
        f"# one\r\n<# two #>\nusing namespace System.IO\nusing module 'a b'; \n{SHOULD_PROCESS}\n# three\nparam(",
        f"[Diagnostics.CodeAnalysis.SuppressMessage('a[]', '')]\n{SHOULD_PROCESS}param(",
        "[CmdletBinding(HelpUri = 'https://host/(a)', SupportsShouldProcess)]param(",
    ],
)
def test_a_script_says_at_its_start_that_it_supports_check_mode(text: str) -> None:
    assert supports_should_process(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[CmdletBinding()]param()",
        "[CmdletBinding(SupportsShouldProcess = $false)]param()",
        "[CmdletBinding(SupportsShouldProcess = $asked)]param()",
        "[CmdletBinding(HelpUri = 'a, SupportsShouldProcess')]param()",
        "[CmdletBinding(DefaultParameterSetName = 'SupportsShouldProcess')]param()",
        SHOULD_PROCESS,
        f"{SHOULD_PROCESS}function Set-It {{ }}",
        f"function Set-It {{ {SHOULD_PROCESS}param() }}",
        f"'a'\n{SHOULD_PROCESS}param()",
        f"param()\n{SHOULD_PROCESS}param()",
        f"# {SHOULD_PROCESS}param()\nRemove-Item x",
        f"<# {SHOULD_PROCESS}param() #>\nRemove-Item x",
        f"<# a #> Remove-Item x <# b #> {SHOULD_PROCESS}param()",
        f"'{SHOULD_PROCESS}param()'",
    ],
)
def test_other_scripts_do_not_support_check_mode(text: str) -> None:
    assert not supports_should_process(text)


@pytest.mark.parametrize("text", ["[ " * 50_000, "#" * 100_000, "<#" * 50_000, " " * 100_000, "[a]" * 50_000])
def test_looking_for_it_takes_no_time_that_grows_faster_than_the_script(text: str) -> None:
    assert not supports_should_process(text)


@pytest.mark.parametrize(
    ("given", "check_mode", "expected"),
    [
        ({}, False, {"Confirm": False}),
        ({}, True, {"Confirm": False, "WhatIf": True}),
        ({"confirm": True}, False, {"confirm": True}),
        ({"cf": True, "whatif": False, "wi": False}, True, {"cf": True, "WhatIf": True}),
    ],
)
def test_a_script_that_supports_check_mode_gets_its_parameters(
    given: dict[str, Any], check_mode: bool, expected: dict[str, Any]
) -> None:
    found = prepared(Script(f"{SHOULD_PROCESS}param()", parameters=given), check_mode=check_mode, verbosity=3)
    assert (found.parameters, found.check_mode, found.verbosity) == (expected, check_mode, 3)


def test_other_scripts_get_no_such_parameters() -> None:
    assert prepared(Script("x", parameters={"a": 1}), check_mode=True, verbosity=0).parameters == {"a": 1}


# Commands, and conditions of scripts


def test_a_command_is_a_name() -> None:
    found = script_of({"command": "Get-Date", "parameters": {"Format": "yyyy"}})
    assert found is not None
    assert (found.text, found.is_command, found.parameters) == ("Get-Date", True, {"Format": "yyyy"})
    assert not script().is_command


@pytest.mark.parametrize("name", ["", "  ", "Get-Date\nGet-Date", "a\0b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    assert "is not the name of a function or cmdlet" in refusal(script=None, command=name)


def test_a_command_is_no_script() -> None:
    assert "cannot be used together" in refusal(command="Get-Date")
    assert "creates and error_action cannot be used with command" in refusal(
        script=None, command="Get-Date", creates="x", error_action="stop"
    )


def test_conditions_are_in_the_words_of_powershell() -> None:
    found = script(creates="a", removes="b", chdir="c", error_action="silently_continue")
    assert (found.creates, found.removes, found.chdir, found.error_action) == ("a", "b", "c", "SilentlyContinue")
    assert found.has_conditions
    assert not script(creates=None).has_conditions
