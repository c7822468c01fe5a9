"""The output of commands as lines of text, for files and terminals."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import counted, shown
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary import NAMED, listed

Entry = t.Mapping[str, t.Any]

_MOST_SIGNS = 300  # of a line on the terminal and in a report; the file has all of it


def lines_of(result: Entry) -> list[str]:
    """Return the output of a command as lines, without terminal controls.

    The output comes first, then text for the host, warnings and errors, because servers send these as separate streams.

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


class Excerpt(t.NamedTuple):
    """The lines of output to show for one command.

    Attributes:
        heading: Session, state and exit code.
        lines: The first lines of its output.
        rest: The number of lines that follow.
        place: The file that has all of them, or "" if there is none.
    """

    heading: str
    lines: tuple[str, ...]
    rest: int
    place: str


def excerpts_of(results: t.Iterable[Entry], most: int, places: t.Mapping[str, str]) -> list[Excerpt]:
    """Return the excerpts to show for the commands on a host: the first lines of their output.

    Args:
        results: Entries of `results`. Entries without a command are left out.
        most: The maximum number of lines of output to show for the host. With 0 nothing is shown.
        places: Files that have the whole output, by the ids of commands.
    """
    excerpts = []
    left = most
    for result in results:
        if most <= 0 or not result.get("command_id"):
            continue
        lines = lines_of(result)
        first = tuple(cut(line) for line in lines[:left])
        left -= len(first)
        heading = _heading(result, has_output=bool(lines))
        place = places.get(str(result["command_id"]), "")
        excerpts.append(Excerpt(heading, first, len(lines) - len(first), place))
    return excerpts


def shown_output(
    host: str, results: t.Iterable[Entry], most: int, places: t.Mapping[str, str], elsewhere: str
) -> list[str]:
    """Return the lines of output to show for a host: the first ones, and the place of the rest.

    Args:
        results, most, places: As for `excerpts_of`.
        elsewhere: The place of the output if there is no file.
    """
    return lines_of_excerpts(host, excerpts_of(results, most, places), elsewhere)


def lines_of_excerpts(host: str, excerpts: t.Iterable[Excerpt], elsewhere: str) -> list[str]:
    """Return excerpts of the commands on a host as lines, each behind the host."""
    return [line for each in excerpts for line in _excerpt_lines([host], each, elsewhere)]


def grouped_excerpts(
    by_host: t.Mapping[str, t.Sequence[Excerpt]], elsewhere: t.Mapping[str, str], elsewhere_of_all: str
) -> list[str]:
    """Return excerpts as lines, of hosts where they are equal once, behind the names of these hosts.

    Args:
        elsewhere: For each host where its output is if there is no file.
        elsewhere_of_all: Where that of all hosts is.
    """
    groups: dict[Excerpt, list[tuple[str, str]]] = {}
    for host, excerpts in by_host.items():
        for excerpt in excerpts:
            groups.setdefault(excerpt._replace(place=""), []).append((host, excerpt.place))
    lines = []
    for excerpt, given in groups.items():
        places = [place for _host, place in given]
        common = os.path.commonpath(places) if all(places) else ""
        rest = elsewhere[given[0][0]] if len(given) == 1 else elsewhere_of_all
        lines += _excerpt_lines([host for host, _place in given], excerpt._replace(place=common), rest)
    return lines


def _excerpt_lines(hosts: t.Sequence[str], excerpt: Excerpt, elsewhere: str) -> list[str]:
    place = excerpt.place
    lines = [f"{shown(listed(hosts, NAMED))}: {excerpt.heading}{f', in {place}' if place else ''}"]
    lines += [f"  {line}" for line in excerpt.lines]
    if excerpt.rest > 0:
        lines.append(f"  ... {counted(excerpt.rest, 'more line')}{'' if place else f' {elsewhere}'}")
    return lines


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
