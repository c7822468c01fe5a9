"""The output of commands as lines of text, for files and terminals."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown

Entry = t.Mapping[str, t.Any]

_MOST_SIGNS = 300  # of a line on the terminal and in a report; the file has all of it


def lines_of(result: Entry) -> list[str]:
    """Return what a command gave as lines, without characters that a terminal obeys.

    The output comes first, then text for the host, warnings and errors: servers send these as streams of their own.

    Args:
        result: An entry of `results`, as receive_pssession returns it.
    """
    lines = [line for value in result.get("output") or () for line in _value_lines(value)]
    while lines and not lines[-1]:
        lines.pop()
    lines += str(result.get("host_out") or "").splitlines()
    lines += str(result.get("host_err") or "").splitlines()
    for text in result.get("warning") or ():
        lines += _labelled("WARNING", str(text))
    for record in result.get("error") or ():
        lines += _labelled("ERROR", _message_of(record))
    if result.get("failure"):
        lines += _labelled("FAILED", _message_of(result["failure"]))
    return ["\t".join(map(shown, line.split("\t"))) for line in lines]  # a tab only moves the cursor


def shown_output(
    host: str, results: t.Iterable[Entry], most: int, places: t.Mapping[str, str], elsewhere: str
) -> list[str]:
    """Return the lines to show of what the commands on a host gave: the first ones, and where the rest is.

    Args:
        results: Entries of `results`; one without a command gave nothing, and is left out.
        most: How many lines of output are shown of the host, at most. With 0 nothing is shown.
        places: Files that have the whole output, by the ids of commands.
        elsewhere: Where the output is if there is no file.
    """
    shown_lines: list[str] = []
    left = most
    for result in results:
        if most <= 0 or not result.get("command_id"):
            continue
        lines = lines_of(result)
        first, rest = lines[:left], len(lines) - left
        left -= len(first)
        place = places.get(str(result["command_id"]))
        heading = _heading(result, has_output=bool(lines))
        shown_lines.append(f"{shown(host)}: {heading}{f', in {place}' if place else ''}")
        shown_lines += [f"  {cut(line)}" for line in first]
        if rest > 0:
            count = "1 more line" if rest == 1 else f"{rest} more lines"
            shown_lines.append(f"  ... {count}{'' if place else f' {elsewhere}'}")
    return shown_lines


def _heading(result: Entry, *, has_output: bool) -> str:
    rc = result.get("rc")
    code = f", exit code {rc}" if rc else ""
    nothing = "" if has_output else ", no output"
    return f"{shown(str(result.get('name') or result.get('instance_id')))}, {result.get('state')}{code}{nothing}"


def _value_lines(value: t.Any) -> list[str]:
    """Return an object of the output as lines: text as it is, an object with a line for each of its properties."""
    if isinstance(value, str):
        return value.splitlines() or [""]
    if not isinstance(value, t.Mapping) or not value:
        return [_in_line(value)]
    width = max(len(str(name)) for name in value)
    return [*(f"{name!s:{width}} : {_in_line(each)}".rstrip() for name, each in value.items()), ""]


def _in_line(value: t.Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.splitlines())
    if isinstance(value, bool):
        return str(value)  # True and False, as PowerShell writes them
    return json.dumps(value, ensure_ascii=False)


def _labelled(label: str, text: str) -> list[str]:
    first, *others = text.splitlines() or [""]
    return [f"{label}: {first}".rstrip(), *others]


def _message_of(record: t.Any) -> str:
    """Return the message of an error record, or the text that a console would show where it has none."""
    if not isinstance(record, t.Mapping):
        return str(record)
    exception = record.get("exception")
    message = exception.get("message") if isinstance(exception, t.Mapping) else None
    return str(message or record.get("output") or "an error without a message").strip()


def cut(line: str) -> str:
    """Return a line, cut after 300 characters."""
    return line if len(line) <= _MOST_SIGNS else f"{line[:_MOST_SIGNS]}..."
