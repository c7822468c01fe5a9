# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that run through ansible.windows.win_powershell and invoke_command alike, and where their results differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.integration.playbooks.controller import TaskResult

# What is compared of each result.
COMPARED = ("changed", "failed", "output", "result", "error", "warning", "verbose", "debug", "host_out", "host_err")
CHECKED = """[CmdletBinding(SupportsShouldProcess)]
param ([string] $Path)
$Ansible.CheckMode
if ($PSCmdlet.ShouldProcess($Path)) { 'done' } else { 'planned' }
"""


@dataclass(frozen=True)
class Case:
    """A task with a script of its own.

    Attributes:
        name: Unique.
        script: What runs.
        options: Further options, which both modules have.
        keywords: Of the task.
    """

    name: str
    script: str
    options: Mapping[str, Any] = field(default_factory=dict)
    keywords: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """An output object that differs, in all of what it gives.

    Attributes:
        what: For readers, in Markdown.
        script: Gives it.
        theirs, ours: What the modules make of it.
    """

    what: str
    script: str
    theirs: Any
    ours: Any


@dataclass(frozen=True)
class Difference:
    """A row of the table in docs/output.md.

    Attributes:
        case: Shows the difference.
        what: For readers, in Markdown.
        key: Of the result.
        theirs, ours: What the modules return there.
        because: Why it differs.
    """

    case: Case
    what: str
    key: str
    theirs: Any
    ours: Any
    because: str


# Their results are the same.
ALIKE = (
    Case(
        "values",
        "'text'; 2; 1.5; [long] 5e9; $null; $true; [char] 'a'; @{ list = 1, 2; inner = @{ a = 'b' } }; "
        "[pscustomobject]@{ Name = 'web1'; Ports = 80, 443; None = $null }; "
        "[guid] '7d9ee1c2-0000-0000-0000-000000000001'",
    ),
    Case(
        "parameters",
        "[CmdletBinding()] param ([string] $Text, [int] $Count, [switch] $Force, $Nothing = 1) "
        '"$Text $Count $Force $($null -eq $Nothing)"; $Ansible.Changed = $false; '
        "$Ansible.Result = @{ a = 1, @{ b = 'c' } }",
        {"parameters": {"Text": "it's $x `n", "Count": 3, "Force": True, "Nothing": None}},
    ),
    Case("file", "", {"path": "compared.ps1"}),
    Case("failed", "$Ansible.Failed = $true; $Ansible.Result = $null; 'last words'"),
    Case("check mode", CHECKED, {"parameters": {"Path": "it"}}, {"check_mode": True}),
    Case("not in check mode", CHECKED, {"parameters": {"Path": "it"}}),
    Case("location", "(Get-Location).Path", {"chdir": "/"}),
    Case("creates", "'ran'", {"creates": "/usr"}),
    Case("removes", "'ran'", {"removes": "/usr"}),
    Case("errors do not end it", "Write-Error 'wrong'; 'after'", {"error_action": "continue"}),
    Case("errors are quiet", "Write-Error 'wrong'; 'after'", {"error_action": "silently_continue"}),
    Case(
        "secrets",
        "param ([securestring] $Token, [pscredential] $Account) $Token.Length; $Account.UserName; "
        "$Account.GetNetworkCredential().Password.Length",
        {
            "sensitive_parameters": [
                {"name": "Token", "value": "hush"},
                {"name": "Account", "username": "me", "password": "secret"},
            ]
        },
    ),
)
VALUES = (
    Value(
        "an enumeration", "[DayOfWeek]::Monday", {"Type": "System.DayOfWeek", "String": "Monday", "Value": 1}, "Monday"
    ),
    Value("a date", "[datetime] '2026-11-30T08:30:00'", "2026-11-30T08:30:00.0000000", "2026-11-30T08:30:00"),
    Value(
        "a date with an offset",
        "[datetimeoffset]::new(2026, 11, 30, 8, 30, 0, [timespan]::FromHours(2))",
        "2026-11-30T08:30:00.0000000+02:00",
        "2026-11-30T08:30:00+02:00",
    ),
    Value("bytes", ", [byte[]] (1, 2)", [1, 2], "AQI="),
    Value("a number without a fraction", "100.0d", 100.0, 100),
    Value(
        "a version",
        "[version] '10.0.17763'",
        {"Major": 10, "Minor": 0, "Build": 17763, "Revision": -1, "MajorRevision": -1, "MinorRevision": -1},
        "10.0.17763",
    ),
    Value(
        "a value deeper than `depth`",
        "@{ a = @{ b = @{ c = 1 } } }",
        {"a": {"b": "System.Collections.Hashtable"}},
        {"a": {"b": {"c": 1}}},
    ),
)
DIFFERENT_VALUES = Case("values that differ", "; ".join(each.script for each in VALUES))
STREAMS = Case(
    "streams",
    "$VerbosePreference = $DebugPreference = 'Continue'; Write-Warning 'w'; Write-Verbose 'v'; Write-Debug 'd'; "
    "$Host.UI.WriteLine('shown'); $Host.UI.WriteErrorLine('wrong'); $Ansible.Verbosity",
)
THROWS = Case("throw", "'before'; $Ansible.Result = 5; throw 'over'")
DIFFERENCES = (
    Difference(
        THROWS,
        "the error that ends a script",
        "error",
        ["over"],
        [],
        "The error is in `failure` of `results`, and in `msg`.",
    ),
    Difference(
        THROWS,
        "`$Ansible.Result` of a script that throws",
        "result",
        5,
        {},
        "The session sends nothing after the error.",
    ),
    Difference(
        Case("error_action stop", "'before'; Write-Error 'wrong'; 'after'", {"error_action": "stop"}),
        "an error that ends the script because of `error_action: stop`",
        "error",
        ["wrong"],
        [],
        "As above.",
    ),
    Difference(
        Case("host", "Write-Host 'shown'"),
        "`Write-Host`",
        "host_out",
        "shown\n",
        "",
        "The text is in `information`. `host_out` has only text that is in no stream.",
    ),
    Difference(
        STREAMS,
        "warnings, verbose and debug messages",
        "host_out",
        "WARNING: w\nVERBOSE: v\nDEBUG: d\nshown\n",
        "shown\n",
        "Only their own streams have them.",
    ),
    Difference(
        Case("exit", "'before'; exit 3"),
        "`exit 3`",
        "failed",
        False,
        True,
        "The task fails with a code other than 0, unless `expected_return_code` has it.",
    ),
)
# Where more than one value of the result differs.
FURTHER = (
    (
        "a method that throws (`[int]::Parse('x'); 'after'`)",
        "an error record; the script goes on",
        "the script fails, as with `Invoke-Command`",
    ),
    ("`chdir` to a location that does not exist", "an error record; the script runs", "the script does not run"),
    ("a script without `SupportsShouldProcess` in check mode", "`changed: true`", "`what_if` says what would be done"),
)


def of(result: TaskResult) -> dict[str, Any]:
    """Return what is compared of a result; of errors the messages."""
    seen = {name: result.values.get(name) for name in COMPARED}
    seen["failed"] = result.outcome == "ignored"  # failed, and the run went on
    seen["error"] = [error["exception"]["message"] for error in seen["error"] or ()]
    return seen


def table() -> str:
    """Return the table as it is in docs/output.md."""

    def shown(key: str, value: object) -> str:
        return f"`{key}: {json.dumps(value, ensure_ascii=False)}`"

    rows = [("what", "`win_powershell`", "`invoke_command`", "because"), ("---", "---", "---", "---")]
    rows += [
        (f"{each.what}: `{each.script}`", shown("output", [each.theirs]), shown("output", [each.ours]), "")
        for each in VALUES
    ]
    rows += [
        (each.what, shown(each.key, each.theirs), shown(each.key, each.ours), each.because) for each in DIFFERENCES
    ]
    rows += [(*each, "") for each in FURTHER]
    return "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in rows)
