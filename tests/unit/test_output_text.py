# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output of commands as lines of text."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import lines_of, shown_output


def result(output: list[Any], command_id: str | None = "c0ffee00-1", **fields: Any) -> dict[str, Any]:
    return {"name": "Nightly", "command_id": command_id, "state": "Completed", "output": output, **fields}


def test_texts_are_lines_and_objects_have_a_line_for_each_property() -> None:
    value = {"Updates": 12, "RestartNeeded": True, "Nested": {"a": [1, None]}, "Nothing": None, "Two": "a\nb"}
    assert lines_of(result(["first\nsecond", "", value, 3, None, [1, 2]])) == [
        "first",
        "second",
        "",
        "Updates       : 12",
        "RestartNeeded : True",
        'Nested        : {"a": [1, null]}',
        "Nothing       :",
        "Two           : a b",
        "",
        "3",
        "",
        "[1, 2]",
    ]


def test_other_streams_come_behind_the_output() -> None:
    failure = {"exception": {"message": "it broke\nat last"}, "output": "At line:1"}
    streams: dict[str, Any] = {"warning": ["careful"], "error": [{"output": "as shown\n"}], "host_out": "told\nhost\n"}
    assert lines_of(result([{"a": 1}], failure=failure, **streams)) == [
        "a : 1",
        "told",
        "host",
        "WARNING: careful",
        "ERROR: as shown",
        "FAILED: it broke",
        "at last",
    ]


def test_no_line_has_what_a_terminal_obeys() -> None:
    streams: dict[str, Any] = {"warning": ["\x1b[2J"], "host_out": "\x9b31m", "error": [{"output": "\u202e"}]}
    lines = lines_of(result(["\x1b]0;title\a", {"\x1b[1m": "\x1b[2m"}, "\ud800"], **streams))
    assert all(line.isprintable() for line in lines)
    assert lines[0] == "_x001B_]0;title_x0007_"


def test_a_tab_stays_a_tab() -> None:
    assert lines_of({"output": ["Name\tSize\x1b"]}) == ["Name\tSize_x001B_"]


def test_the_first_lines_of_a_host_and_where_the_rest_is() -> None:
    results = [result([str(number) for number in range(12)]), result(["more", "and more"], "c1", rc=3)]
    assert shown_output("srv01", results, 10, {"c0ffee00-1": "/out/srv01/Nightly.txt"}, "in the journal") == [
        "srv01: Nightly, Completed, in /out/srv01/Nightly.txt",
        *(f"  {number}" for number in range(10)),
        "  ... 2 more lines",
        "srv01: Nightly, Completed, exit code 3",
        "  ... 2 more lines in the journal",
    ]
    assert shown_output("srv01", results[1:], 1, {}, "in the journal") == [
        "srv01: Nightly, Completed, exit code 3",
        "  more",
        "  ... 1 more line in the journal",
    ]


def test_nothing_is_shown_where_nothing_is_to_be_shown() -> None:
    assert shown_output("srv01", [result(["a"])], 0, {}, "") == []
    assert shown_output("srv01", [result([], None, state=None)], 10, {}, "") == []
    assert shown_output("srv01", [result([])], 10, {}, "") == ["srv01: Nightly, Completed, no output"]


def test_a_line_on_the_terminal_has_an_end() -> None:
    (_heading, line) = shown_output("srv01", [result(["x" * 100_000])], 10, {}, "")
    assert len(line) < 400
    assert line.endswith("...")
