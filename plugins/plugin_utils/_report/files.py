"""Files of the report: makes their contents, compares them with existing files, and writes them."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
import typing as t

from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import ERROR_FIELDS, SESSION_FIELDS, Report
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.page import html

# The format number of the JSON file. It increases when a field is removed or changes its meaning.
FORMAT_VERSION = 1

# Columns of the CSV file: first the kind and host of a row, then all fields of sessions and errors.
CSV_FIELDS = ("record", "outcome", *dict.fromkeys((*SESSION_FIELDS, *ERROR_FIELDS)))
# A spreadsheet takes a cell that begins with one of these characters for a formula.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# The places of the creation time in the files: in JSON, and in the head of the page.
_GENERATED_AT = re.compile(rb'generated_at"(?:: | content=)"([\dTZ:-]+)"')


def content(report: Report, kind: str, generated_at: str) -> bytes:
    """Return the content of a file.

    Args:
        kind: One of the `FORMATS`.
        generated_at: UTC time in ISO 8601, with a Z at its end.
    """
    # A name may have half of a surrogate pair. That is not a character and cannot be encoded.
    return FORMATS[kind](report, generated_at).encode("utf-8", "replace")


def as_json(report: Report, generated_at: str) -> str:
    """Return the JSON file."""
    head = {"format_version": FORMAT_VERSION, "generated_at": generated_at}
    return json.dumps({**head, **report.as_dict()}, ensure_ascii=False, indent=2) + "\n"


def as_csv(report: Report, _generated_at: str = "") -> str:
    """Return the CSV file (RFC 4180): a row for each session and each error, without times that differ in each run.

    It begins with the byte order mark by which spreadsheets and Windows PowerShell recognise UTF-8.
    """
    outcomes = {row["host"]: row["outcome"] for row in report.hosts}
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_FIELDS, restval="")
    writer.writeheader()
    for record, rows in (("session", report.sessions), ("error", report.errors)):
        for row in rows:
            cells = {**row, "record": record, "outcome": outcomes.get(row["host"])}
            writer.writerow({name: _cell(value) for name, value in cells.items()})
    return "\ufeff" + text.getvalue()


def _cell(value: t.Any) -> t.Any:
    """Return the text of a value for a cell, which is never a formula. Texts come from servers and users."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.lstrip().startswith(_FORMULA):
        return f"'{value}"
    return value


FORMATS: t.Mapping[str, t.Callable[[Report, str], str]] = {"html": html, "json": as_json, "csv": as_csv}


def is_current(path: str, report: Report, kind: str) -> bool:
    """Return whether a file has the same content already, apart from its creation time."""
    try:
        with open(path, "rb") as file:
            old = file.read()
    except FileNotFoundError:
        return False
    made = _GENERATED_AT.search(old)
    return old == content(report, kind, made[1].decode() if made else "")


def has_mode(path: str, mode: int) -> bool:
    """Return whether a file exists with these permissions."""
    return os.path.exists(path) and stat.S_IMODE(os.stat(path).st_mode) == mode
