# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output of commands as lines of text."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import (
    excerpts_of,
    grouped_excerpts,
    lines_of,
    shown_output,
)


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


def grouped(results: dict[str, list[dict[str, Any]]], places: dict[str, str] | None = None) -> list[str]:
    excerpts = {
        host: excerpts_of(given, 2, {"c0ffee00-1": places[host]} if places else {}) for host, given in results.items()
    }
    return grouped_excerpts(excerpts, {host: f"in the journal of {host}" for host in results}, "in the journals")


def test_equal_output_of_many_hosts_is_shown_once() -> None:
    """In the place of the first of them."""
    hosts = [f"srv{number:02}" for number in range(1, 41)]
    results = {host: [result(["a", "b", host if host == "srv40" else "c"])] for host in hosts}
    results["srv02"] = [result(["other"])]
    results["srv03"] = [result(["a", "b", "c"], rc=3)]
    results["srv39"] = [result(["a", "b", "c", "d"])]
    assert grouped(results) == [
        f"srv01, {', '.join(hosts[3:12])} and 27 more: Nightly, Completed",
        "  a",
        "  b",
        "  ... 1 more line in the journals",
        "srv02: Nightly, Completed",
        "  other",
        "srv03: Nightly, Completed, exit code 3",
        "  a",
        "  b",
        "  ... 1 more line in the journal of srv03",
        "srv39: Nightly, Completed",
        "  a",
        "  b",
        "  ... 2 more lines in the journal of srv39",
    ]


def test_files_of_hosts_with_equal_output_are_told_by_their_folder() -> None:
    places = {host: f"/out/{host}/Nightly.txt" for host in ("srv01", "srv02", "srv03")}
    results = {"srv01": [result(["a"])], "srv02": [result(["b"])], "srv03": [result(["a"])]}
    assert grouped(results, places) == [
        "srv01, srv03: Nightly, Completed, in /out",
        "  a",
        "srv02: Nightly, Completed, in /out/srv02/Nightly.txt",
        "  b",
    ]


def test_nothing_is_shown_where_nothing_is_to_be_shown() -> None:
    assert shown_output("srv01", [result(["a"])], 0, {}, "") == []
    assert shown_output("srv01", [result([], None, state=None)], 10, {}, "") == []
    assert shown_output("srv01", [result([])], 10, {}, "") == ["srv01: Nightly, Completed, no output"]


def test_a_line_on_the_terminal_has_an_end() -> None:
    (_heading, line) = shown_output("srv01", [result(["x" * 100_000])], 10, {}, "")
    assert len(line) < 400
    assert line.endswith("...")
