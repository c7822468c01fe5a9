"""Lines for people: the text that a task shows on the terminal, and the `stdout` of its result."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import Cmdlet
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import failure
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import host_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import lines_of, shown_output
from ansible_collections.psremoting.fleet.plugins.plugin_utils._tables import format_rows, format_table

Entry = t.Mapping[str, t.Any]
Result = t.Mapping[str, t.Any]

# Lines of `stdout`: what was found, what check mode foresees, output; and characters of them, and of each.
LINES = 1_000
CHARACTERS = 100_000
CHARACTERS_OF_LINE = 1_000
# Sessions in the table of those that a task has changed: who asked for it knows them.
CHANGED = 50
# Sessions that a task shows that runs for each host of a play.
OF_EACH_HOST = 5
_COLUMNS = ("Id", "Name", "ComputerName", "State", "Availability")
_WITHOUT_HEADINGS = ("ComputerName", "Name", "State", "Availability")
_OF_COMMANDS = ("ComputerName", "Name", "State")


def stdout_of(cmdlet: Cmdlet, result: Result) -> list[str]:
    """Return the lines of `stdout`: in check mode the What if lines, otherwise output, or a table of sessions.

    A table has the sessions that a cmdlet has found, or for one that changes sessions those that it has changed. Errors
    follow where they do not fail the task; otherwise the message of the task has them.
    """
    commands = _commands(result)
    lines = what_if_lines(result) if result.get("what_if") else []
    if commands:
        lines += _output_lines(commands)
    elif not lines:
        lines = _table(cmdlet, result)
    return _bounded([*lines, *_errors(result)])


def shown_of(cmdlet: Cmdlet, result: Result) -> list[str]:
    """Return the lines of a task on the terminal: its stdout, with the states of commands in place of their output."""
    commands = _commands(result)
    if not commands:
        return stdout_of(cmdlet, result)
    columns = [*_OF_COMMANDS, *_used(commands, rc="ExitCode")]
    if any(given.get("state") == "Running" and given.get("progress") for given in commands):
        columns.append("Progress")
    more = _more(len(commands) - CHANGED, "results")
    foreseen = what_if_lines(result) if result.get("what_if") else []
    return [*foreseen, *format_table(commands[:CHANGED], columns), *more, *_errors(result)]


def shown_for_each_host(cmdlet: Cmdlet, result: Result) -> list[str]:
    """Return the lines of a task that runs for each host of a play: only those that Ansible does not show itself.

    These are sessions that were found, without headings, and errors that do not fail the task.
    """
    if result.get("what_if"):
        return what_if_lines(result)
    sessions = result.get("sessions") or [] if cmdlet.is_reading else []
    rows = format_rows(sessions[:OF_EACH_HOST], [*_WITHOUT_HEADINGS, *_optional(sessions)])
    more = [f"{host_of(sessions[0])}: {line}" for line in _more(len(sessions) - OF_EACH_HOST)]
    return [*rows, *more, *_errors(result)]


def what_if_lines(result: Result) -> list[str]:
    """Return the What if lines of a result, each with its host."""
    return [f"{host_of(each)}: {each['what_if']}" for each in result["sessions"] if each.get("what_if")]


def _commands(result: Result) -> list[Entry]:
    """Return the results of sessions that had a command, by host and name."""
    return sorted((given for given in result.get("results") or () if given.get("command_id")), key=_place)


def _table(cmdlet: Cmdlet, result: Result) -> list[str]:
    sessions = result.get("sessions") or []
    if not cmdlet.is_reading:
        sessions = sorted((session for session in sessions if session.get("changed")), key=_place)
    most = LINES if cmdlet.is_reading else CHANGED
    if not sessions:
        return []
    return [*format_table(sessions[:most], [*_COLUMNS, *_optional(sessions)]), *_more(len(sessions) - most)]


def _optional(sessions: t.Sequence[Entry]) -> list[str]:
    """Return the columns that some of the sessions have."""
    return _used(sessions, expires_on="ExpiresIn", commands="Command")


def _used(entries: t.Sequence[Entry], **columns: str) -> list[str]:
    return [name for key, name in columns.items() if any(entry.get(key) not in (None, []) for entry in entries)]


def _output_lines(results: t.Sequence[Entry]) -> list[str]:
    """Return the output of one command as it is, that of several with a heading for each."""
    if len(results) == 1:
        return lines_of(results[0])
    most = max(LINES // len(results) - 1, 1)
    elsewhere = "in the results of the task"
    return [line for each in results for line in shown_output(str(host_of(each)), [each], most, {}, elsewhere)]


def _place(entry: Entry) -> tuple[str, str]:
    return str(host_of(entry)), str(entry.get("name") or "")


def _errors(result: Result) -> list[str]:
    errors = [] if result.get("failed") else result.get("errors") or []
    return failure(errors, result.get("sessions") or []).splitlines()


def _bounded(lines: t.Sequence[str]) -> list[str]:
    """Return the first of some lines, as many as `stdout` may have, and the number of the others."""
    bounded: list[str] = []
    size = 0
    for line in lines[:LINES]:
        short = line if len(line) <= CHARACTERS_OF_LINE else f"{line[:CHARACTERS_OF_LINE]}..."
        size += len(short) + 1
        if size > CHARACTERS:
            break
        bounded.append(short)
    left = len(lines) - len(bounded)
    return [*bounded, f"... and {left} more lines: see the result"] if left else bounded


def _more(count: int, key: str = "sessions") -> list[str]:
    return [f"... and {count} more: see {key} in the result"] if count > 0 else []
