# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the checks, and writes verdicts and recordings."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .checks import CHECKS
from .lab import Lab, outputs, run
from .recorder import Exchange, Recorder, as_yaml
from .redaction import Redaction
from .verdicts import Check, Verdict, unknown

SERVER = """
$version = $PSVersionTable
"{0}, PowerShell {1} {2}" -f [Environment]::OSVersion.VersionString, $version.PSEdition, $version.PSVersion
"""


@dataclass(frozen=True)
class Row:
    """A check that has run, with its conversation."""

    check: Check
    verdict: Verdict
    exchanges: list[Exchange]


def in_order() -> list[Check]:
    """Return all checks: assumptions, then questions, each by number."""
    return sorted(CHECKS.values(), key=lambda each: (each.id[0], int(each.id[1:])))


def run_check(check: Check, lab: Lab) -> Row:
    """Run one check; an error that it does not expect leaves its verdict unknown."""
    lab.recorder = Recorder()
    try:
        found = check.run(lab)
    except Exception as error:  # noqa: BLE001 - the other checks go on
        traceback.print_exc()
        found = unknown(f"the check ended with {type(error).__name__}: {' '.join(str(error).split())}")
    return Row(check, found, lab.recorder.exchanges)


def server_of(lab: Lab) -> str:
    """Return what the server says of itself: system, edition and version of PowerShell."""
    lab.recorder = Recorder()
    with lab.client() as client, lab.session(client) as session:
        (said,) = outputs(run(client, session, SERVER))
    return str(said)


def rows_as_text(server: str, rows: Iterable[Row]) -> str:
    """Return the table of verdicts for people."""
    return "".join(_lines(server, rows))


def _lines(server: str, rows: Iterable[Row]) -> Iterator[str]:
    yield f"{server}\n\n"
    for row in rows:
        yield f"{row.check.id:<4}{row.verdict.outcome.value:<9}{row.check.claim}\n"
        yield f"             {row.verdict.evidence}\n"


def save(folder: Path, server: str, rows: Iterable[Row], secrets: Iterable[str]) -> list[Row]:
    """Write the verdicts and a recording for each check, without secrets, and return what was written."""
    rows = list(rows)
    redaction = Redaction(secrets, [exchange for row in rows for exchange in row.exchanges])
    clean = [
        Row(
            row.check,
            Verdict(row.verdict.outcome, redaction.of_text(row.verdict.evidence)),
            [redaction.of_exchange(each) for each in row.exchanges],
        )
        for row in rows
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for row in clean:
        (folder / f"live_{row.check.id}.yml").write_text(as_yaml(row.exchanges), encoding="utf-8", newline="\n")
    verdicts = [
        {"id": row.check.id, "claim": row.check.claim, "verdict": row.verdict.outcome.value,
         "evidence": row.verdict.evidence}
        for row in clean
    ]  # fmt: skip
    document = {"server": server, "verdicts": verdicts}
    (folder / "verdicts.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", newline="\n")
    return clean
