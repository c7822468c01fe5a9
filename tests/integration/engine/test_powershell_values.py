# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values and formatted output of a real PowerShell, through the simulated WinRM.

Scripts are run many at a time, one after the other in one command: what counts is what each of them gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.powershell import need_powershell
from tests.simulator import SimulatedFleet

CAPTURED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "unit" / "captured_values.json").read_text("utf-8")
)

# Windows breaks lines between words, as PowerShell does where the language is one of a list; here it is none.
AS_ON_WINDOWS = """
$PSStyle.OutputRendering = 'PlainText'
[psobject].Assembly.GetType('Microsoft.PowerShell.Commands.Internal.Format.StringManipulationHelper').
    GetField('s_cultureCollection', 'NonPublic, Static').GetValue($null).Add('iv')
"""
WORDS = "@{ e = { 'lorem ipsum dolor ' * 20 }; n = 'Words' }"
FORMATS = [
    "[pscustomobject]@{ Name = 'a'; Id = 1; L = 'x' }, [pscustomobject]@{ Name = 'bb'; Id = 22; L = $null } |"
    " Format-Table",
    "[pscustomobject]@{ Name = 'a'; Id = 1 }, [pscustomobject]@{ Name = 'bb'; Longer = 22 } | Format-List",
    '1..30 | ForEach-Object { [pscustomobject]@{ Name = "n$_" * $_ } } | Format-Wide',
    '1..30 | ForEach-Object { [pscustomobject]@{ Name = "n$_" } } | Format-Wide -AutoSize',
    '1..31 | ForEach-Object { [pscustomobject]@{ Name = "n$_" } } | Format-Wide -Column 4',
    "[pscustomobject]@{ Name = 'a'; B = @(1, 2); H = @{ k = 1 } } | Format-Custom",
    "[datetime]'2026-01-02' | Format-Custom",
    *(
        f"[pscustomobject]@{{ G = 'a'; Id = 1 }}, [pscustomobject]@{{ G = 'b'; Id = 2 }} | Format-{view} -GroupBy G"
        for view in ("Table", "List", "Wide", "Custom")
    ),
    "'text', \"a`nb\" | Format-Table",
    f"1 | Format-Table {WORDS}, Length -Wrap",
    f"1 | Format-Table @{{ e = {{ 1 }}; n = 'Id' }}, {WORDS}, {WORDS}",
    f"1 | Format-Table @{{ e = {{ 1 }}; n = 'A long header'; w = 5 }}, {WORDS} -Wrap",
    "1..3 | Format-Table @{ n = 'Square'; e = { $_ * $_ }; f = '{0:n2}' }, @{ n = 'T'; e = { \"t$_\" }; w = 1 }",
    "1..3 | Format-Table @{ n = 'Square'; e = { $_ * $_ } }, @{ n = 'Text'; e = { \"t$_\" }; w = 200 }",
    "1..3 | Format-Table @{ n = 'C'; e = { \"t$_\" }; w = 9; a = 'center' }, @{ n = 'R'; e = { $_ }; a = 'right' }",
    f"1 | Format-List {WORDS}, @{{ n = 'x'; e = {{ 'x' * 300 }} }}, @{{ n = 'y'; e = {{ \"line1`r`nline2`n\" }} }}",
    '[pscustomobject]@{ Name = "line1`r`nline2`n"; Id = 1 } | Format-Table',
    '[pscustomobject]@{ Name = "line1`r`nline2`n"; Id = 1 } | Format-Table -Wrap',
    "[pscustomobject]@{ Name = '日本語テキスト' * 20; Id = 'é'; E = '😀😀' } | Format-Table",
    "[pscustomobject]@{ '日本語' = '日本語' * 40; Id = 'é' } | Format-List",
    "@{ a = 1; b = 'x' * 200 } | Format-Table -HideTableHeaders",
    "1..3 | Format-List; 1..3 | Format-Wide; 1..3 | Format-Custom; $null | Format-Table",
    "[pscustomobject]@{} | Format-Table; [pscustomobject]@{} | Format-List",
    '1..3 | ForEach-Object { $o = [ordered]@{}; foreach ($i in 1..40) { $o["Col$i"] = $i * $_ };'
    " [pscustomobject]$o } | Format-Table",
    '1..3 | ForEach-Object { $o = [ordered]@{}; foreach ($i in 1..8) { $o["Col$i"] = "value $i " * 4 };'
    " [pscustomobject]$o } | Format-Table *",
    "[pscustomobject]@{ Name = 'a'; Id = 1 }, 'raw', [pscustomobject]@{ Name = 'long'; Id = 1 } | Format-Table",
    "[pscustomobject]@{ Name = 'a'; Id = 1 }, 'raw', [pscustomobject]@{ Name = 'long'; Id = 1 } | Format-List",
    "Get-Item /etc, /usr | Format-Table Name; Get-Verb | Format-Table -GroupBy Group",
    '[pscustomobject]@{ Name = "`e[31mred`e[0m"; Id = 1 } | Format-Table',
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Result]]:
    """Run a script in a session that all tests here share."""
    pwsh = need_powershell()
    with SimulatedFleet.build(["srv01"], [ADMIN], powershell=pwsh) as fleet:
        controller = Controller(fleet, tmp_path_factory.mktemp("registry") / "registry.sqlite3")
        assert controller.run(_plugins.NEW, "srv01", name=["values"])["errors"] == []

        def run(script: str, **options: Any) -> Result:
            result = controller.run(_plugins.INVOKE, "srv01", name=["values"], script=script, **options)
            assert result["errors"] == []
            return result

        yield run


def output_of(result: Result) -> list[Any]:
    (got,) = result["results"]
    assert got["error"] == []
    return list(got["output"])


def test_captured_values_come_again(run: Callable[..., Result]) -> None:
    output = output_of(run("\n".join(captured["script"] for captured in CAPTURED)))
    assert output == [captured["value"] for captured in CAPTURED]


def test_null_among_values(run: Callable[..., Result]) -> None:
    assert output_of(run("1, $null, 2; $Host.UI.RawUI.WindowSize; @($null, 1)")) == [1, None, 2, None, None, 1]


def test_records_in_the_output(run: Callable[..., Result]) -> None:
    script = """
        try { throw 'deep trouble' } catch { $_; [pscustomobject]@{ caught = $_ } }
        Get-Item /nowhere 2>&1
        Write-Host hello 6>&1
        Write-Debug careful -Debug 5>&1
    """
    result = run(script)
    thrown, holder, missing, information, debug = output_of(result)
    assert (thrown["exception"]["message"], thrown["fully_qualified_error_id"]) == ("deep trouble", "deep trouble")
    assert "At line:" in thrown["output"]
    assert holder["caught"]["exception"] == thrown["exception"]
    assert missing["category_info"]["category"] == "ObjectNotFound"
    assert (information["message_data"], information["tags"]) == ("hello", ["PSHOST"])
    assert debug == "careful"
    stream = run("Get-Item /nowhere")["results"][0]["error"][0]
    assert missing.keys() == stream.keys()
    assert missing["exception"] == stream["exception"]


def test_a_certificate_with_all_that_dotnet_says(run: Callable[..., Result]) -> None:
    (own,) = (captured for captured in CAPTURED if "X509Certificate2]" in captured["script"])
    names = "Subject, Issuer, SerialNumber, Thumbprint"
    certificate, said = output_of(run(f"$c = {own['script']}; $c; $c | Select-Object {names}"))
    assert {name: certificate[name] for name in said} == said


def test_formatted_output_is_what_out_string_shows(run: Callable[..., Result]) -> None:
    run(AS_ON_WINDOWS)
    end = "=== the end of one ==="
    result = run("\n".join(f"{script}\n'{end}'" for script in FORMATS))
    assert [warning for warning in result["warnings"] if "Format-Table" in warning]
    shown = "\n".join(output_of(result)).split(end)
    out_string = "\n".join(f"& {{ {script}\n }} | Out-String -Width 120; '{end}'" for script in FORMATS)
    wanted = "\n".join(output_of(run(out_string))).split(end)
    assert len(shown) == len(wanted) == len(FORMATS) + 1
    for script, own, theirs in zip(FORMATS, shown, wanted, strict=False):
        # Out-String gives one text with a line end at its end, and "\n" joins it to the mark.
        assert own.strip("\n").split("\n") == theirs.strip("\n").split("\n"), script
        assert own.count("\n") == theirs.count("\n") - 1, script


def test_values_alone_give_no_warning(run: Callable[..., Result]) -> None:
    assert run("'Format-Table'; 1")["warnings"] == []
