# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task shows of its result."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import CONNECT, GET, RECEIVE
from ansible_collections.psremoting.fleet.plugins.plugin_utils._shown import (
    CHANGED,
    CHARACTERS,
    LINES,
    OF_EACH_HOST,
    shown_for_each_host,
    shown_of,
    stdout_of,
)


def session(number: int = 1, **fields: Any) -> dict[str, Any]:
    host = f"srv{number:03}"
    described = {"computer_name": host, "inventory_hostname": host, "name": "ITTask", "state": "Opened", "id": number}
    return {**described, "availability": "Available", "changed": True, **fields}


def command(number: int = 1, **fields: Any) -> dict[str, Any]:
    given = {"command_id": f"id{number}", "state": "Completed", "output": ["one", "two"], "rc": None}
    return {**session(number), **given, **fields}


ERROR = {"message": "session job on srv009 is busy", "hint": "Wait.", "reason": "busy", "computer_name": "srv009"}


def test_found_sessions_have_columns_for_what_is_known() -> None:
    plain = stdout_of(GET, {"sessions": [session(changed=False)]})
    assert plain[0].split() == ["Id", "Name", "ComputerName", "State", "Availability"]
    assert plain[2].split() == ["1", "ITTask", "srv001", "Opened", "Available"]
    more = [session(), session(2, expires_on="2000-01-01T00:00:00Z", commands=[{"command_line": "Get-Date"}])]
    table = stdout_of(GET, {"sessions": more})
    assert table[0].split()[-2:] == ["ExpiresIn", "Command"]
    assert table[3].split()[-3:] == ["0", "s", "Get-Date"]


def test_a_task_that_changes_sessions_shows_those_it_has_changed() -> None:
    result = {"sessions": [session(3), session(2, changed=False), session(1)]}
    assert [line.split()[2] for line in stdout_of(CONNECT, result)[2:]] == ["srv001", "srv003"]
    assert stdout_of(CONNECT, {"sessions": [session(changed=False)]}) == []


def test_errors_follow_where_they_do_not_fail_the_task() -> None:
    result = {"sessions": [session()], "errors": [ERROR]}
    assert stdout_of(CONNECT, result)[3:] == ["session job on srv009 is busy (Wait.)"]
    assert len(stdout_of(CONNECT, {**result, "failed": True})) == 3


def test_check_mode_shows_each_line_with_its_host() -> None:
    sessions = [session(1, what_if="What if: 1"), session(2, what_if=None), session(3, what_if="What if: 3")]
    result = {"sessions": sessions, "what_if": ["What if: 1", "What if: 3"]}
    lines = ["srv001: What if: 1", "srv003: What if: 3"]
    assert stdout_of(CONNECT, result) == shown_of(CONNECT, result) == shown_for_each_host(CONNECT, result) == lines


def test_long_tables_are_shortened_and_say_so() -> None:
    changed = stdout_of(CONNECT, {"sessions": [session(number) for number in range(CHANGED + 450)]})
    assert (len(changed), changed[-1]) == (CHANGED + 3, "... and 450 more: see sessions in the result")
    found = stdout_of(GET, {"sessions": [session(number) for number in range(LINES + 500)]})
    assert len(found) == LINES + 1
    assert found[-1].startswith("... and ")
    assert len(stdout_of(GET, {"sessions": [session(number) for number in range(500)]})) == 502


def test_output_is_the_stdout_of_a_command_and_is_not_shown() -> None:
    result = {"sessions": [session()], "results": [command()]}
    assert stdout_of(RECEIVE, result) == ["one", "two"]
    assert [line.split() for line in shown_of(RECEIVE, result)[2:]] == [["srv001", "ITTask", "Completed"]]
    several = stdout_of(RECEIVE, {**result, "results": [command(1), command(2, output=["x"] * 2000)]})
    assert several[:4] == ["srv001: ITTask, Completed", "  one", "  two", "srv002: ITTask, Completed"]
    assert several[-1] == f"  ... {2000 - (LINES // 2 - 1)} more lines in the results of the task"
    assert len(several) <= LINES


def test_much_output_is_cut_and_says_so() -> None:
    long = stdout_of(RECEIVE, {"results": [command(output=["x" * 5000, "end"])]})
    assert long == [f"{'x' * 1000}...", "end"]
    much = stdout_of(RECEIVE, {"results": [command(output=["x" * 900] * 500)]})
    assert CHARACTERS - 1000 < len("\n".join(much)) < CHARACTERS + 100
    assert much[-1] == f"... and {500 - (len(much) - 1)} more lines: see the result"


def test_a_script_that_runs_in_check_mode_has_its_output_beside_what_is_foreseen() -> None:
    result = {"sessions": [session(what_if="What if: 1")], "what_if": ["What if: 1"], "results": [command()]}
    assert stdout_of(RECEIVE, result) == ["srv001: What if: 1", "one", "two"]
    assert shown_of(RECEIVE, result)[0] == "srv001: What if: 1"
    assert shown_of(RECEIVE, result)[-1].split() == ["srv001", "ITTask", "Completed"]


def test_commands_are_shown_with_what_became_of_them() -> None:
    progress = {"activity": "Copy", "percent_complete": 45}
    results = [command(1, rc=3), command(2, state="Running", progress=progress), command(3, command_id=None)]
    headings, _rules, first, second = shown_of(RECEIVE, {"sessions": [], "results": results})
    assert headings.split() == ["ComputerName", "Name", "State", "ExitCode", "Progress"]
    assert first.split() == ["srv001", "ITTask", "Completed", "3"]
    assert second.split()[-3:] == ["Copy,", "45", "%"]


def test_a_task_for_each_host_shows_rows_without_headings() -> None:
    assert [line.split() for line in shown_for_each_host(GET, {"sessions": [session(), session()]})] == [
        ["srv001", "ITTask", "Opened", "Available"]
    ] * 2
    assert shown_for_each_host(GET, {"sessions": []}) == []
    assert shown_for_each_host(CONNECT, {"sessions": [session()]}) == []
    told = ["session job on srv009 is busy (Wait.)"]
    assert shown_for_each_host(CONNECT, {"sessions": [session()], "errors": [ERROR]}) == told
    assert shown_for_each_host(CONNECT, {"sessions": [], "errors": [ERROR], "failed": True}) == []
    many = shown_for_each_host(GET, {"sessions": [session()] * (OF_EACH_HOST + 4)})
    assert many[OF_EACH_HOST:] == ["srv001: ... and 4 more: see sessions in the result"]
