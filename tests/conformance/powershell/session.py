# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples in a session: the script that shows them, and what is wrong with its output."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.powershell.expectations import expected_output, read_json
from tests.conformance.powershell.samples import Sample

# Runs a script in a session, with further options of invoke_command, and returns its output objects.
Run = Callable[..., Sequence[Any]]

# The functions that samples use. Show writes two output objects for each sample: JSON in Base64, so that no character
# of it depends on what is tested, and the value. Value and view are evaluated in one line, which errors have in them.
PREAMBLE = r"""
$invariant = [cultureinfo]::InvariantCulture
class Holder { [object] $First; [object] $Second }
function Show($Source, $View) {
    $value = $null
    try {
        $value = & $Source; $shown = if ($null -eq $View) { , $value } else { & $View }
        $json = ConvertTo-Json -InputObject $shown @options
        # What EscapeNonAscii leaves: characters from U+0080 to U+009F, and halves of pairs that are a [char].
        $json = [regex]::Replace($json, '[^\x00-\x7e]', { '\u{0:x4}' -f [int] [char] $args[0].Value })
        'json ' + [Convert]::ToBase64String([Text.Encoding]::ASCII.GetBytes($json))
    } catch {
        "failed $_"
    }
    , $value
}
$options = @{
    Depth = 12; Compress = $true; EnumsAsStrings = $true; EscapeHandling = 'EscapeNonAscii'
    WarningAction = 'SilentlyContinue'; ErrorAction = 'Stop'
}
function Get-Thrown($What) { try { throw $What } catch { , $_ } }
function Get-Written($Options) { Get-WrittenHere $Options }
function Get-WrittenHere($Options) { Write-Error @Options 2>&1 }
function Get-XmlView($Node) {
    if ($Node -is [array]) { return , @($Node | ForEach-Object { , (Get-XmlView $_) }) }
    if ($Node -isnot [Xml.XmlNode]) { return , $Node }
    $shown = [ordered]@{}
    foreach ($property in $Node.PSAdapted.PSObject.Properties) { $shown[$property.Name] = Get-XmlView $property.Value }
    , $shown
}
function Get-ErrorView($Record, $Target) {
    $exceptions = for ($next = $Record.Exception; $next; $next = $next.InnerException) {
        [ordered]@{
            message = $next.Message; type = $next.GetType().FullName; help_link = $next.HelpLink
            source = $next.Source; hresult = $next.HResult
        }
    }
    $details, $category = $Record.ErrorDetails, $Record.CategoryInfo
    [ordered]@{
        exceptions = @($exceptions)
        details = if ($details) { , @($details.Message, $details.RecommendedAction) }
        target = $Target
        category = [string] $category.Category; category_id = [int] $category.Category
        activity = $category.Activity; reason = $category.Reason
        target_name = $category.TargetName; target_type = $category.TargetType
        category_message = $category.GetMessage()
        id = $Record.FullyQualifiedErrorId
        trace = $Record.ScriptStackTrace
        position = $Record.InvocationInfo.PositionMessage
    }
}
"""


def judge_in(run: Run) -> Callable[[Sequence[Sample]], list[str | None]]:
    """Return the judge that runs samples by a session."""

    def judge(samples: Sequence[Sample]) -> list[str | None]:
        output = list(run(PREAMBLE + "\n".join(_shown(sample) for sample in samples)))
        verdicts: list[str | None] = []
        for sample in samples:
            # "No result" gives nothing at the top of a pipeline, and everything else one object.
            values = 0 if sample.kind == "no result" else 1
            shown, output = output[: 1 + values], output[1 + values :]
            verdicts.append(_verdict(sample, *shown) if values and len(shown) == 2 else _no_value(sample, *shown))
        if output:
            raise AssertionError(f"there is more output than there are samples: {output}")
        return verdicts

    return judge


def _shown(sample: Sample) -> str:
    view = "" if sample.view == sample.source else f" {{ , ({sample.view}) }}"
    return f"Show {{ , ({sample.source}) }}{view}"


def _no_value(sample: Sample, told: Any = None) -> str | None:
    if sample.kind == "no result" and told == f"json {base64.b64encode(b'null').decode()}":
        return None
    return f"no value, and for JSON: {told!r}"


def _verdict(sample: Sample, told: Any, came: Any) -> str | None:
    if not (isinstance(told, str) and told.startswith("json ")):
        return f"PowerShell has no JSON for it: {told!r}"
    json_text = base64.b64decode(told.removeprefix("json ")).decode()
    try:
        right = expected_output(sample, read_json(json_text))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return f"JSON has not the shape of the value ({error!r})\n    JSON:  {json_text[:500]}\n    came:  {came!r}"
    where = unlike(right, came)
    if where is None:
        return None
    return f"wrong at {where or 'the top'}\n    JSON:  {json_text[:500]}\n    right: {right!r}\n    came:  {came!r}"


def unlike(right: Any, came: Any) -> str | None:
    """Return where two values differ, or None: types, the order of names and the sign of zero count, too."""
    if type(right) is not type(came):
        return ""
    if isinstance(right, dict):
        if list(right) != list(came):
            return ""
        members = [(f".{name}", right[name], came[name]) for name in right]
    elif isinstance(right, list):
        if len(right) != len(came):
            return ""
        members = [(f"[{number}]", *pair) for number, pair in enumerate(zip(right, came, strict=True))]
    else:
        return None if repr(right) == repr(came) else ""
    for name, *pair in members:
        inner = unlike(*pair)
        if inner is not None:
            return name + inner
    return None
