# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Examples: what a script does, and the part of its result that shows it. docs/output.md has them as a table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """A row of the table.

    Attributes:
        topic: For readers, in Markdown.
        script: What runs, or what is given to a script.
        shows: Keys of the result that the row shows, with the way to a part of it where the whole is long.
        options: Further options of invoke_command.
        before: What runs before the script and is not shown.
    """

    topic: str
    script: str
    shows: Sequence[str] = ("output",)
    options: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""


_CERTIFICATE = """
$key = [Security.Cryptography.RSA]::Create(2048)
$certificate = [Security.Cryptography.X509Certificates.CertificateRequest]::new(
    'CN=web1', $key, 'SHA256', [Security.Cryptography.RSASignaturePadding]::Pkcs1
).CreateSelfSigned('2026-11-30T00:00:00Z', '2027-11-30T00:00:00Z')
"""

EXAMPLES = (
    Example("objects", "[pscustomobject]@{ Name = 'web1'; Ports = 80, 443 }"),
    Example("a hashtable", "@{ Free = 12.5 }"),
    Example("`$null`", "1, $null, 2"),
    Example("no result in a property", "[pscustomobject]@{ Found = (1 | Where-Object { $false }) }"),
    Example("dates", "[datetime] '2026-11-30T08:30:00'"),
    Example("dates with an offset", "[datetimeoffset]::new(2026, 11, 30, 8, 30, 0, [timespan]::FromHours(2))"),
    Example("enumerations", "[DayOfWeek]::Monday"),
    Example("large numbers", "[bigint]::Pow(2, 70)"),
    Example("empty cells of databases", "[DBNull]::Value"),
    Example("values that are text in .NET", "[regex] '^web[0-9]+$'"),
    Example("elements of XML", """([xml] '<a><b c="d">e</b></a>').a"""),
    Example(
        "certificates",
        "$certificate",
        ("output[0].Subject", "output[0].NotAfter", "output[0].DnsNameList"),
        before=_CERTIFICATE,
    ),
    Example("secure strings", "ConvertTo-SecureString 'secret' -AsPlainText -Force"),
    Example("the computer of a fan-out", "[pscustomobject]@{ PSComputerName = 'web1'; Free = 12 }"),
    Example("warnings", "Write-Warning 'nearly full'", ("warning",)),
    Example(
        "errors in the output",
        "try { throw 'disk full' } catch { $_ }",
        ("output[0].exception.message", "output[0].fully_qualified_error_id"),
    ),
    Example("warnings in the output", "Write-Warning 'nearly full' 3>&1"),
    Example("warnings of jobs", "Start-ThreadJob { Write-Warning 'in a job' } | Receive-Job -Wait", ("warning",)),
    Example("text for the host", "'shown' | Out-Host", ("host_out",)),
    Example("errors for the host", "$Host.UI.WriteErrorLine('wrong')", ("host_err",)),
    Example("Format-Table", "[pscustomobject]@{ Name = 'web1'; Port = 80 } | Format-Table"),
    Example("Format-List", "[pscustomobject]@{ Name = 'web1'; Port = 80 } | Format-List"),
    Example("`exit`", "'done'; exit 3", ("output", "rc", "state"), {"expected_return_code": [0, 3]}),
    Example(
        "an installer that asks for a restart", "exit 3010", ("rc", "reboot_required"), {"expected_return_code": [3010]}
    ),
    Example(
        "a native program's exit code",
        "/bin/sh -c 'exit 4'; exit $LASTEXITCODE",
        ("rc",),
        {"expected_return_code": [4]},
    ),
    Example("nothing changed", "$Ansible.Changed = $false", ("changed",)),
    Example("a result", "$Ansible.Result = @{ Free = 12 }", ("result",)),
    Example("a difference", "$Ansible.Diff = @{ before = 'old'; after = 'new' }", ("diff",)),
    Example("`parameters: {v: null}`", "param($v) $null -eq $v", options={"parameters": {"v": None}}),
    Example("`input: [null, 1, null]`", "@($input).Count", options={"input": [None, 1, None]}),
)
HEADER = "| what | script | in the result |\n| --- | --- | --- |\n"


def row(example: Example, result: Mapping[str, Any]) -> str:
    """Return the row of an example with what a run gave."""
    shown = ", ".join(
        f"`{way}: {json.dumps(_at(way, result), ensure_ascii=False, sort_keys=True)}`" for way in example.shows
    )
    script = example.script.replace("|", "\\|")
    return f"| {example.topic} | `{script}` | {shown} |\n"


def _at(way: str, result: Any) -> Any:
    """Return the part of a result that a way such as `output[0].Subject` leads to."""
    for name, number in re.findall(r"(\w+)(?:\[(\d+)\])?", way):
        result = result[name] if not number else result[name][int(number)]
    return result
