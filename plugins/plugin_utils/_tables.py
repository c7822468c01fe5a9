"""Tables and lists of sessions, as Format-Table and Format-List show objects on Windows."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.primitives import decode
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live import text
from ansible_collections.psremoting.fleet.plugins.plugin_utils._script_lines import telling_lines
from ansible_collections.psremoting.fleet.plugins.plugin_utils._text import printable

# A session, or an entry of `results`, which has the result of a command in a session.
Entry = Mapping[str, t.Any]

# The maximum number of characters of a command line in a table. A table has no room for a long script.
_COMMAND_LINE = 60
# The meaning of the state Running in a list of commands.
NOT_RECEIVED = "Running or not received"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        least: The minimum width of the column.
        align: The alignment of its cells.
        value: A function that returns the cell for an entry at a given time. None means an empty cell.
    """

    heading: str
    value: t.Callable[[Entry, datetime.datetime], t.Any]
    least: int = 0
    align: t.Callable[[str, int], str] = str.ljust


def _key(name: str) -> t.Callable[[Entry, datetime.datetime], t.Any]:
    return lambda entry, _now: entry.get(name)


def _commands(entry: Entry, _now: datetime.datetime) -> str | None:
    commands = entry.get("commands")
    return None if commands is None else "; ".join(filter(None, map(_command, commands)))


def command_states(entry: Entry) -> str:
    """Return the states of the commands of a session. The text is empty if it has none, or if they are not known.

    A server lists a command that has ended as running until a client has received all of its output.
    """
    states = (str(command.get("state") or "") for command in entry.get("commands") or ())
    return "; ".join(NOT_RECEIVED if state == "Running" else state for state in states)


def _command(command: Entry) -> str:
    """Return the first line with content of a command's text. It is empty if the server does not list the text."""
    line, *others = telling_lines(decode(str(command.get("command_line") or "")).strip()) or [""]
    is_cut = len(line) > _COMMAND_LINE or others
    return f"{line[:_COMMAND_LINE].rstrip()}..." if is_cut else line


def _moment(entry: Entry, key: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(str(entry.get(key)), _TIME).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None


def _age(entry: Entry, now: datetime.datetime) -> str | None:
    since = _moment(entry, "disconnected_on")
    return None if since is None else text.duration(max(0.0, (now - since).total_seconds()))


def _expires_in(entry: Entry, now: datetime.datetime) -> str | None:
    until = _moment(entry, "expires_on")
    return None if until is None else text.duration(max(0.0, (until - now).total_seconds()))


# The headings, minimum widths and alignment of the first columns are those of PowerShell's table view of a PSSession.
_COLUMNS = (
    Column("Id", _key("id"), 3, str.rjust),
    Column("Name", _key("name"), 15),
    Column("Transport", _key("transport"), 9),
    Column("ComputerName", _key("computer_name"), 15),
    Column("ComputerType", _key("computer_type"), 15),
    Column("State", _key("state"), 13),
    Column("ConfigurationName", _key("configuration_name"), 21),
    Column("Availability", _key("availability"), 13, str.rjust),
)
_OTHERS = (
    Column("Command", _commands),
    Column("CommandState", lambda entry, _now: command_states(entry)),
    Column("Age", _age, align=str.rjust),
    Column("ExpiresIn", _expires_in, align=str.rjust),
    Column("Owner", _key("owner")),
    Column("Progress", lambda entry, _now: text.progress(entry.get("progress") or {})),
    Column("ExitCode", _key("rc"), align=str.rjust),
    Column("InstanceId", _key("instance_id")),
    Column("DisconnectedOn", _key("disconnected_on")),
    Column("ExpiresOn", _key("expires_on")),
    Column("IdleTimeout", _key("idle_timeout"), align=str.rjust),
    Column("OutputBufferingMode", _key("output_buffering_mode")),
    Column("ClientIp", _key("client_ip")),
    Column("ConnectionUri", _key("connection_uri")),
)
_BY_NAME = {column.heading.lower(): column for column in (*_COLUMNS, *_OTHERS)}
DEFAULT = tuple(column.heading for column in _COLUMNS)
ALL = tuple(column.heading for column in _BY_NAME.values())


def names_of(columns: t.Any) -> list[str]:
    """Return the names of columns given to a filter, as a list or as text with commas."""
    return (
        [name.strip() for name in columns.split(",")] if isinstance(columns, str) else [str(name) for name in columns]
    )


def columns_of(names: t.Iterable[str]) -> list[Column]:
    """Return the columns with the given names, regardless of case and underscores.

    Raises:
        ValueError: There is no such column.
    """
    columns = []
    for name in names:
        column = _BY_NAME.get(str(name).lower().replace("_", ""))
        if column is None:
            raise ValueError(f"there is no column {name}; the columns are {', '.join(ALL)}")
        columns.append(column)
    return columns


def format_table(
    entries: t.Iterable[Entry], columns: t.Iterable[str] = DEFAULT, now: datetime.datetime | None = None
) -> list[str]:
    """Return a table, one line for each entry under two lines of headings.

    Raises:
        ValueError: There is no such column.
    """
    chosen = columns_of(columns)
    headings = [column.heading for column in chosen]
    table = [headings, ["-" * len(heading) for heading in headings], *_rows(entries, chosen, now)]
    return _aligned(table, chosen)


def format_rows(entries: t.Iterable[Entry], columns: t.Iterable[str]) -> list[str]:
    """Return the lines of a table without its headings; see `format_table`."""
    return format_table(entries, columns)[2:]


def format_list(entries: t.Iterable[Entry], columns: t.Iterable[str] = ALL) -> list[str]:
    """Return the properties of each entry, one in each line, with an empty line between entries.

    Raises:
        ValueError: There is no such column.
    """
    chosen = columns_of(columns)
    longest = max((len(column.heading) for column in chosen), default=0)
    lines: list[str] = []
    for row in _rows(entries, chosen):
        lines += ["", *(f"{each.heading:{longest}} : {cell}".rstrip() for each, cell in zip(chosen, row, strict=True))]
    return lines[1:]


def entries_of(value: t.Any) -> list[Entry]:
    """Return the value given to a filter as a list of sessions, or of entries of `results`.

    Raises:
        ValueError: The value has neither.
    """
    if isinstance(value, (Mapping, str)):
        raise ValueError("it needs a list of sessions, such as the sessions of a registered result")
    entries = list(value)
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise ValueError(f"{entry!r} is not a session")
    return entries


def _rows(
    entries: t.Iterable[Entry], columns: t.Sequence[Column], now: datetime.datetime | None = None
) -> t.Iterator[list[str]]:
    now = now or datetime.datetime.now(datetime.timezone.utc)
    for entry in entries:
        values = (column.value(entry, now) for column in columns)
        yield ["" if value is None else printable(str(value)) for value in values]


def _aligned(table: t.Sequence[t.Sequence[str]], columns: t.Sequence[Column]) -> list[str]:
    cells = [
        [column.align(cell, max(column.least, *map(len, of_column))) for cell in of_column]
        for of_column, column in zip(zip(*table, strict=True), columns, strict=True)
    ]
    return [" ".join(line).rstrip() for line in zip(*cells, strict=True)]
