# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Output of commands in the page of a report, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import files, output
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import Report, report_of
from tests.unit.report_results import HOSTILE, MADE_AT, command, result, session


def report(lines: int, *outputs: list[Any], **fields: Any) -> Report:
    """A report of a command with each of the outputs, on a host of its own."""
    sessions = [session(f"srv{number:04}") for number in range(len(outputs))]
    given = [command(of, output=values, **fields) for of, values in zip(sessions, outputs, strict=True)]
    return report_of([result(sessions=sessions, results=given)], "A title", lines)


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(count)]


@pytest.mark.parametrize(
    ("lines", "first", "left_out", "last"),
    [(0, None, 0, None), (1, [0], 9, []), (4, [0, 1], 6, [8, 9]), (5, [0, 1, 2], 5, [8, 9]), (10, range(10), 0, [])],
)
def test_the_first_and_last_lines_of_a_command_are_kept(lines: int, first: Any, left_out: int, last: Any) -> None:
    found = report(lines, numbered(10)).outputs
    if first is None:
        assert found == []
        return
    (excerpt,) = found
    told = [*excerpt.first, *excerpt.last]
    assert told == [f"line {number}" for number in [*first, *last]]
    assert (excerpt.left_out, excerpt.count) == (left_out, 10)
    assert bool(excerpt.left_out) is (len(told) < 10)


def test_errors_of_a_script_are_the_last_lines() -> None:
    (excerpt,) = report(2, numbered(50), error=[{"exception": {"message": "disk full"}}]).outputs
    assert (excerpt.first, excerpt.last) == (["line 0"], ["ERROR: disk full"])


def test_a_page_has_no_more_characters_than_promised_and_no_command_takes_them_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "MOST_CHARACTERS", 400)
    long, short = report(1_000, ["x" * 1_000, *numbered(100)], ["little"]).outputs
    told = "\n".join([*long.first, *long.last])
    assert len(told) < 200
    assert long.left_out == 101 - len(long.first) - len(long.last) > 90
    assert (short.first, short.left_out) == (["little"], 0)


def test_a_command_that_wrote_nothing_has_no_output() -> None:
    assert [excerpt.host for excerpt in report(10, [], ["text"]).outputs] == ["srv0001"]


def test_each_command_of_a_session_has_its_output_the_last_one_of_an_id() -> None:
    of = session("srv01")
    given = [command(of, command_id=each, output=[text]) for each, text in [("1", "a"), ("2", "b"), ("1", "c")]]
    made = report_of([result(sessions=[of], results=given)], "A title", 10)
    assert [excerpt.first for excerpt in made.outputs] == [["c"], ["b"]]


def test_output_is_in_the_page_alone_and_only_where_it_is_asked_for() -> None:
    with_output, without = report(10, ["secret-output"]), report(0, ["secret-output"])
    for kind in files.FORMATS:
        assert ("secret-output" in files.content(with_output, kind, MADE_AT).decode()) is (kind == "html")
        assert "secret-output" not in files.content(without, kind, MADE_AT).decode()
    assert with_output.as_dict() == without.as_dict()


def test_output_is_only_text_in_the_page() -> None:
    page = files.content(report(10, [HOSTILE, "\x1b[31mred", "\u202egpj", "a\tb"]), "html", MADE_AT).decode()
    assert HOSTILE not in page
    assert page.count("<script>") == 1
    assert "_x001B_[31mred" in page
    assert "\u202e" not in page
    assert "a\tb" in page
