# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of Format cmdlets as PowerShell 7.6.9 on Linux sent them, against Out-String of the same; then bad ones.

`tests/integration/engine/test_powershell_values.py` compares many more in a real PowerShell.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Output
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.gathering import Gatherer
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import format_views
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.clixml import more
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.console_text import (
    MAX_LINES,
    MORE_LINES,
    Alignment,
    cell,
    head,
    plain,
    tail,
    width,
    wrapped,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.format_views import CLASS_ID
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.formatting import FormattedOutput
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import whole_fragment

CAPTURED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("captured_formatting.json").read_text("utf-8"))
PIPELINE_OUTPUT = 0x00041004


def output_of(messages: list[str], max_objects: int | None = None) -> Output:
    """What a command that gave these objects leaves in a result."""
    gatherer = Gatherer(max_objects)
    stream = CommandStream(wants_output=gatherer.has_room)
    for number, clixml in enumerate(messages):
        message = struct.pack("<II32x", 1, PIPELINE_OUTPUT) + clixml.encode()
        for event in stream.feed(whole_fragment(number, message)):
            gatherer.add(event)
    for event in stream.flush():
        gatherer.add(event)
    return gatherer.finish()


def captured(word: str) -> dict[str, Any]:
    return next(each for each in CAPTURED if word in each["script"])


def packet(class_id: str, **members: Any) -> dict[str, Any]:
    return {CLASS_ID: class_id, **members}


def row(*texts: str, multi_line: bool = False) -> dict[str, Any]:
    fields = [{"propertyValue": text, "alignment": 0} for text in texts]
    entry = {"formatPropertyFieldList": fields, "multiLine": multi_line}
    return packet("27c87ef9bbda4f709f6b4002fa4af63c", formatEntryInfo=entry, outOfBand=False)


def table(*columns: dict[str, Any], **start: Any) -> list[dict[str, Any]]:
    shape = packet("e3b7a39c089845d388b2e84c5d38f5dd", tableColumnInfoList=list(columns), hideHeader=False)
    return [
        packet("033ecb2bc07a4d43b5ef94ed5a35d280", shapeInfo=shape, **start),
        packet("9e210fe47d09416682b841769c78b8a3", groupingEntry=None),
    ]


def lines(packets: list[dict[str, Any]]) -> list[str]:
    output = FormattedOutput()
    return [line for each in packets for line in output.feed(each)] + output.flush()


NAME = {"propertyName": "Name", "label": None, "width": 0, "alignment": 1}


class TestCaptured:
    @pytest.mark.parametrize("each", CAPTURED, ids=lambda each: each["script"][-60:])
    def test_as_out_string_shows_it(self, each: dict[str, Any]) -> None:
        output = output_of(each["messages"])
        assert output.output == each["lines"]
        assert output.is_formatted

    def test_objects_are_not_formatted(self) -> None:
        output = output_of(["<I32>1</I32>", "", "<I32>2</I32>"])
        assert (output.output, output.is_formatted) == ([1, None, 2], False)

    def test_what_comes_behind_a_table_comes_behind_it(self) -> None:
        each = captured("Id = 22")
        *rows, group_end, end = each["messages"]
        output = output_of([*rows, "<S>between</S>", group_end, end, "<S>behind</S>"]).output
        assert output == [*each["lines"][:-1], "between", "", "behind"]

    def test_a_receive_that_ends_early_shows_what_came(self) -> None:
        each = captured("Id = 22")
        assert output_of(each["messages"][:-2]).output == each["lines"][:-1]

    def test_a_receive_that_begins_late_shows_what_comes(self) -> None:
        assert output_of(captured("Id = 22")["messages"][2:]).output == ["a 1", "bbb 22", ""]
        assert output_of(captured("Format-List")["messages"][2:]).output[0] == "Name   : a"
        assert output_of(captured("Format-Wide")["messages"][2:]).output[0] == "item1"

    @pytest.mark.parametrize("max_objects", range(8))
    def test_lines_count_as_objects(self, max_objects: int) -> None:
        each = captured("Id = 22")
        output = output_of(each["messages"], max_objects).output
        assert output[:max_objects] == each["lines"][:max_objects]
        assert len(output) == min(max_objects + 1, len(each["lines"]))
        if max_objects < len(each["lines"]):
            assert output[-1].endswith("more objects are not shown")

    def test_the_mark_counts_lines_that_wait(self) -> None:
        assert output_of(captured("Id = 22")["messages"][:4], 2).output == ["", "Name Id", more(3, "objects")]


class TestTables:
    def test_widths_come_from_all_rows_that_wait(self) -> None:
        assert lines([*table(NAME), row("a"), row("long text")]) == ["", "Name", "----", "a", "long text"]

    def test_later_rows_have_the_widths_of_the_first_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(format_views, "MAX_WAITING_ROWS", 2)
        shown = lines([*table(NAME), row("a"), row("four"), row("too long"), row("b")])
        assert shown == ["", "Name", "----", "a", "four", "too…", "b"]

    def test_long_texts_do_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(format_views, "MAX_WAITING_CHARACTERS", 10)
        output = FormattedOutput()
        shown = [output.feed(each) for each in [*table(NAME), row("a"), row("x" * 10), row("b")]]
        assert shown[-2:] == [["Name", "----", "a", "x" * 10], ["b"]]

    def test_too_few_and_too_many_fields(self) -> None:
        assert lines([*table(NAME, NAME), row("a"), row("b", "c", "d")])[3:] == ["a    ", "b    c"]

    def test_bad_packets_give_something(self) -> None:
        start, group = table()
        for bad in (
            [packet(start[CLASS_ID])],
            [packet(start[CLASS_ID], shapeInfo="x"), group, row("a")],
            [start, group, row("a")],
            [group, row("a"), row("b")],
            [*table({"width": "x", "alignment": 99, "label": 5}), row("a")],
            [*table({**NAME, "width": 10**9}), row("a"), packet("4ec4f0187cb04f4cb6973460dfe252df")],
            [packet("27c87ef9bbda4f709f6b4002fa4af63c"), packet("cf522b78d86c486691226b40aa69e95c")],
            [packet("27c87ef9bbda4f709f6b4002fa4af63c", formatEntryInfo={"formatValueList": [None, {"text": 1}]})],
        ):
            assert all(isinstance(line, str) for line in lines(bad))

    def test_lines_of_one_row_are_bounded(self) -> None:
        shown = lines([*table(NAME), row("\n" * (MAX_LINES + 5), multi_line=True)])
        assert len(shown) == MAX_LINES + 4
        assert shown[-1] == MORE_LINES


class TestLists:
    def test_lines_of_one_object_are_bounded(self) -> None:
        field = {"label": "L", "formatPropertyField": {"propertyValue": "\n" * MAX_LINES}}
        entry = {"listViewFieldList": [field, field]}
        shown = lines([packet("27c87ef9bbda4f709f6b4002fa4af63c", formatEntryInfo=entry)])
        assert len(shown) == MAX_LINES + 2
        assert shown[-2:] == [MORE_LINES, ""]

    def test_labels_that_leave_no_room(self) -> None:
        field = {"label": "L" * 200, "formatPropertyField": {"propertyValue": "ab"}}
        entry = {"listViewFieldList": [field]}
        shown = lines([packet("27c87ef9bbda4f709f6b4002fa4af63c", formatEntryInfo=entry)])
        assert shown == ["L" * 116 + " : a", " " * 119 + "b", ""]

    def test_labels_of_several_lines(self) -> None:
        entry = {"listViewFieldList": [{"label": "C\nD", "formatPropertyField": {"propertyValue": "2"}}]}
        shown = lines([packet("27c87ef9bbda4f709f6b4002fa4af63c", formatEntryInfo=entry)])
        assert shown == ["C", "D : 2", ""]


class TestFreeText:
    def test_frames_and_depth_are_bounded(self) -> None:
        value: dict[str, Any] = {"text": "deep"}
        for _number in range(60):
            value = {"formatValueList": [value], "frameInfo": {"leftIndentation": 10**9, "firstLine": -5}}
        entry = {"formatValueList": [{"formatValueList": [{"text": "a"}, {"newLine": 1}, value, {"text": "b"}]}]}
        shown = lines([packet("27c87ef9bbda4f709f6b4002fa4af63c", formatEntryInfo=entry, outOfBand=True)])
        assert shown[0] == "a"
        assert shown[-1] == "b"


class TestConsoleText:
    @pytest.mark.parametrize(
        ("text", "cells", "alignment", "shown"),
        [
            ("ab", 4, Alignment.LEFT, "ab  "),
            ("ab", 4, Alignment.RIGHT, "  ab"),
            ("ab", 5, Alignment.CENTER, " ab  "),
            ("abcdef", 4, Alignment.LEFT, "abc…"),
            ("abcdef", 4, Alignment.RIGHT, "…def"),
            ("abcdef", 1, Alignment.LEFT, "a"),
            ("abcdef", 1, Alignment.RIGHT, "f"),
            ("a\r\nb", 4, Alignment.LEFT, "a…  "),
            ("日本語", 5, Alignment.LEFT, "日本…"),
            ("日本語", 4, Alignment.LEFT, "日… "),
            ("日本語", 4, Alignment.RIGHT, " …語"),
            ("", 2, Alignment.UNDEFINED, "  "),
        ],
    )
    def test_cells(self, text: str, cells: int, alignment: Alignment, shown: str) -> None:
        assert cell(text, cells, alignment, is_last=False) == shown

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("", [""]),
            ("one two three", ["one two ", "three"]),
            ("one two", ["one two"]),
            ("abcdefghijk l", ["abcdefgh", "ijk l"]),
            ("a abcdefghijk", ["a abcdef", "ghijk"]),
            ("a\r\n\nb\n", ["a", "", "b", ""]),
            ("日本語日本語", ["日本語日", "本語"]),
        ],
    )
    def test_wrapping(self, text: str, shown: list[str]) -> None:
        assert list(wrapped(text, 8, 8)) == shown

    def test_wrapping_with_a_first_line_of_its_own(self) -> None:
        assert list(wrapped("one two three", 4, 9)) == ["one ", "two three"]

    def test_widths(self) -> None:
        assert (width("ab"), width("é日😀"), head("日本", 3), tail("日本", 3)) == (2, 5, "日", "本")

    def test_escapes_of_terminals_are_left_out(self) -> None:
        assert plain("\x1b[31;1mred\x1b[0m \x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\ \x1b[?25l.") == "red link ."
        assert plain("\x1b]8;;" * 100_000) == "\x1b]8;;" * 100_000
        assert plain(None) == plain(5) == ""
