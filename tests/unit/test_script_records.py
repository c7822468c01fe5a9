# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Warnings about what scripts wrote to their error and warning streams."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import (
    CommandResult,
    Output,
    PipelineState,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.script_records import (
    MOST_CHARACTERS,
    warnings_of,
)
from tests.unit.builders import endpoint, session


def gave(
    computer: str = "srv01", name: str = "job1", *, errors: tuple[str, ...] = (), warnings: tuple[str, ...] = ()
) -> CommandResult:
    records: list[dict[str, Any]] = [{"exception": {"message": message}} for message in errors]
    output = Output(PipelineState.COMPLETED, error=records, warning=list(warnings))
    return CommandResult(session(endpoint(computer), name=name), "command", output)


def lines_of(results: list[CommandResult]) -> list[str]:
    return [warning.text for warning in warnings_of(results)]


def test_a_warning_has_all_records_that_it_is_about() -> None:
    srv01, srv02 = gave(errors=("disk full",), warnings=("hot", "hotter")), gave("srv02", warnings=("hot",))
    (one, other) = warnings_of([srv01, srv02])
    key = srv01.session.key
    assert one.records == {(key, "error", "disk full"), (key, "warning", "hot"), (key, "warning", "hotter")}
    assert other.records == {(srv02.session.key, "warning", "hot")}
    *_first, rest = warnings_of([gave(f"srv{number:02}", warnings=(f"hot {number}",)) for number in range(12)])
    assert {text for _key, _stream, text in rest.records} == {"hot 10", "hot 11"}


def test_what_a_script_wrote_is_a_line() -> None:
    assert lines_of([gave(errors=("disk full",), warnings=("hot", "hotter")), gave("srv02")]) == [
        "The script in session job1 on srv01 wrote an error: disk full, and 2 warnings: hot | hotter",
    ]


def test_sessions_that_wrote_the_same_share_a_line() -> None:
    same = [gave(f"srv{number}", warnings=("hot",)) for number in range(7)]
    assert lines_of([*same, gave("other", warnings=("cold",))]) == [
        "The scripts in 7 sessions (job1 on srv0, srv1, srv2, srv3, srv4 and 2 more) each wrote a warning: hot",
        "The script in session job1 on other wrote a warning: cold",
    ]
    assert lines_of([gave("a", "one", warnings=("hot",)), gave("b", "two", warnings=("hot",))]) == [
        "The scripts in 2 sessions (one on a, two on b) each wrote a warning: hot",
    ]


def test_lines_are_few_and_short() -> None:
    (line,) = lines_of([gave(errors=("x" * 5000, "two\nlines \x1b[2J", "3", "4", "5"))])
    assert line == (
        f"The script in session job1 on srv01 wrote 5 errors: {'x' * MOST_CHARACTERS}... | two lines _x001B_[2J | 3 | "
        "2 more in the result"
    )
    lines = lines_of([gave(f"srv{number:02}", warnings=(f"hot {number}",)) for number in range(12)])
    assert len(lines) == 11
    assert lines[-1] == (
        "The scripts in 2 more sessions wrote errors or warnings. The results have them (error, warning)."
    )
