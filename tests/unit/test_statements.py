# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements around a script, and what the first and the last of them tell about it."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Output, Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import StatusReceived
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.gathering import Gatherer
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import statements
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_status import CommandStatus
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from tests.unit.test_host import COMPLETED, OUTPUT, STATE, events_of, fragment_of

COMMAND = "7d9ee1c2-0000-0000-0000-000000000001"
OTHER = "7d9ee1c2-0000-0000-0000-000000000002"
MARK = "7d9ee1c2-0000-0000-0000-000000000003"


def entry(key: str, value: str) -> str:
    return f'<En><S N="Key">{key}</S>{value}</En>'


def status(command_id: str = COMMAND, **entries: str) -> str:
    """What the last statement of a command writes, as a server sends it; the values are CLIXML."""
    dictionary = entry("psremoting.fleet", f'<S N="Value">{command_id}</S>')
    dictionary += "".join(entry(name, value) for name, value in entries.items())
    types = "<T>System.Collections.Hashtable</T><T>System.Object</T>"
    return f'<Obj RefId="0"><TN RefId="0">{types}</TN><DCT>{dictionary}</DCT></Obj>'


def output_of(*objects: str, max_objects: int | None = None) -> Output:
    gatherer = Gatherer(max_objects)
    stream = CommandStream(command_id=COMMAND, wants_output=gatherer.has_room)
    for event in events_of(stream, *((OUTPUT, each) for each in objects), (STATE, COMPLETED)):
        gatherer.add(event)
    return gatherer.finish()


def commands_of(script: Script) -> list[Any]:
    return statements.commands_of(script, [], COMMAND, OTHER, MARK)


def test_a_command_without_a_status_counts_as_a_change() -> None:
    output = output_of("<S>a</S>")
    assert (output.changed, output.failed, output.result, output.diff) == (True, False, {}, {})


def test_what_a_script_left_is_no_part_of_its_output() -> None:
    before = entry("before", '<S N="Value">x</S>')
    told = status(
        changed='<B N="Value">false</B>',
        failed='<B N="Value">true</B>',
        result='<I32 N="Value">3</I32>',
        diff=f'<Obj N="Value" RefId="1"><DCT>{before}</DCT></Obj>',
    )
    output = output_of("<S>a</S>", told)
    assert output.output == ["a"]
    assert (output.changed, output.failed, output.result, output.diff) == (False, True, 3, {"before": "x"})


def test_the_last_status_counts() -> None:
    """A script may write one as well, and what it says of itself is its own business."""
    output = output_of(status(changed='<B N="Value">false</B>'), status(changed='<B N="Value">true</B>'))
    assert (output.changed, output.output) == (True, [])


@pytest.mark.parametrize("value", ['<Nil N="Value" />', '<S N="Value">false</S>', '<I32 N="Value">0</I32>'])
def test_what_is_no_boolean_says_nothing(value: str) -> None:
    output = output_of(status(changed=value, failed=value, diff=value))
    assert (output.changed, output.failed, output.diff) == (True, False, {})


def test_a_status_of_another_command_is_output() -> None:
    output = output_of(status(OTHER, changed='<B N="Value">false</B>'))
    assert output.changed is True
    assert output.output == [{"psremoting.fleet": OTHER, "changed": False}]


@pytest.mark.parametrize("text", [COMMAND, f"psremoting.fleet {COMMAND}"])
def test_text_is_no_status(text: str) -> None:
    output = output_of(f"<S>{text}</S>")
    assert (output.changed, output.output) == (True, [text])


def test_a_status_is_read_where_no_more_output_is_kept() -> None:
    output = output_of(
        "<S>a</S>", f"<S>psremoting.fleet {COMMAND}</S>", status(changed='<B N="Value">false</B>'), max_objects=1
    )
    assert output.changed is False
    assert output.output == ["a", "... 1 more objects are not shown"]


def test_only_the_script_runs_in_the_scope_of_the_session() -> None:
    """What the others use must not be among the variables of the session."""
    commands = commands_of(Script("'mine'"))
    assert [command.end_of_statement for command in commands] == [True] * 3
    assert [command.cmd for command in commands if not command.use_local_scope] == ["'mine'"]
    assert (
        commands[1].cmd == "'mine'"
    )  # never the first: an error that ends the first statement does not fail the command


def test_input_goes_through_the_first_statement() -> None:
    """A server gives it to that one only."""
    commands = commands_of(Script("'mine'", input=(1,)))
    assert [command.end_of_statement for command in commands] == [True, False, True, True]
    assert "$input" in commands[0].cmd
    assert commands[2].cmd == "'mine'"


def test_what_the_statements_are_told_is_no_source() -> None:
    """It comes as arguments, so that nothing of it is run as code."""
    quiet, loud = (commands_of(Script("x", check_mode=on, verbosity=count)) for on, count in ((False, 0), (True, 4)))
    assert [command.cmd for command in quiet] == [command.cmd for command in loud]
    assert [part.value for part in loud[0].args] == [OTHER, COMMAND, MARK, True, 4]
    assert [part.value for part in loud[-1].args] == [OTHER, COMMAND, MARK]


def test_a_value_that_is_no_dictionary_is_no_status() -> None:
    values: list[Any] = [None, "x", [], {}, {"psremoting.fleet": None}]
    for value in values:
        assert not CommandStatus(COMMAND).read(value)
    (told,) = CommandStatus(COMMAND).read({"psremoting.fleet": COMMAND})
    assert isinstance(told, StatusReceived)


BEGIN = status(begin='<B N="Value">true</B>')
END = status(has_begin='<B N="Value">true</B>')


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([BEGIN, "<S>a</S>", END], True),
        (["<S>a</S>", END], False),
        ([END], False),
        ([BEGIN, "<S>a</S>"], True),
        # Of another client, or still without its end; and of a version that wrote no mark.
        (["<S>a</S>"], None),
        (["<S>a</S>", status()], None),
        ([status(OTHER, begin='<B N="Value">true</B>')], None),
    ],
)
def test_the_mark_at_the_beginning_tells_who_received_it(objects: list[str], expected: bool | None) -> None:
    output = output_of(*objects)
    assert output.beginning_received is expected
    assert output.output.count("a") == objects.count("<S>a</S>")
    assert output.changed is True


def test_the_mark_takes_no_place_in_the_output() -> None:
    output = output_of(BEGIN, "<S>a</S>", "<Nil />", END, max_objects=2)
    assert (output.output, output.beginning_received) == (["a", None], True)


# What a script writes that knows the id of its own command, but not the mark of its start.
FAKE = {"psremoting.fleet": COMMAND, "begin": "mine"}
FAKE_BEGIN = status(begin='<S N="Value">mine</S>')
FAKE_SKIP = status(skipped='<S N="Value">nothing to do</S>')
FAKE_END = status(has_begin='<S N="Value">mine</S>', changed='<B N="Value">false</B>')
REAL_BEGIN, REAL_END = (status(**{name: '<S N="Value">7a1c</S>'}) for name in ("begin", "has_begin"))


@pytest.mark.parametrize(
    ("before", "fake"),
    [
        *itertools.product([[], ["<S>a</S>"]], [FAKE_BEGIN, FAKE_END, BEGIN, END, status()]),
        (["<S>a</S>"], FAKE_SKIP),
    ],
)
def test_what_a_script_writes_in_the_place_of_a_status_is_output(before: list[str], fake: str) -> None:
    output = output_of(REAL_BEGIN, *before, fake, "<S>z</S>", REAL_END)
    assert (output.beginning_received, output.changed, output.skip_reason) == (True, True, None)
    assert len(output.output) == len(before) + 2
    assert output.output[len(before)]["psremoting.fleet"] == COMMAND


@pytest.mark.parametrize("fakes", [[FAKE_BEGIN], [FAKE_BEGIN, FAKE_END], [FAKE_END], [FAKE_SKIP, FAKE_BEGIN]])
def test_no_script_hides_that_the_beginning_went_elsewhere(fakes: list[str]) -> None:
    """Its mark may be the first object that is left. The last statement knows the mark that was the first."""
    assert output_of(*fakes, REAL_END).beginning_received is False
    assert output_of("<S>a</S>", *fakes, REAL_END).beginning_received is False


def test_a_mark_behind_output_is_output() -> None:
    output = output_of("<S>a</S>", FAKE_BEGIN)
    assert (output.output, output.beginning_received) == (["a", FAKE], None)


def test_each_start_has_a_mark_of_its_own() -> None:
    """What the first and the last statement are given, and nothing else."""
    begin, script, end = commands_of(Script("x", creates="y"))
    assert MARK in [part.value for part in begin.args]
    assert MARK in [part.value for part in end.args]
    assert MARK not in [part.value for part in script.args]


@pytest.mark.parametrize("flags", [0, 2])
def test_a_stream_that_begins_in_a_message_has_lost_its_beginning(flags: int) -> None:
    """Whoever started the command."""
    tail = struct.pack(">QQBI", 1, 1, flags, 4) + b"tail"
    gatherer = Gatherer()
    stream = CommandStream(command_id=COMMAND)
    for event in [*stream.feed(tail), *stream.feed(fragment_of(2, OUTPUT, "<S>a</S>"))]:
        gatherer.add(event)
    output = gatherer.finish()
    assert (output.output, output.beginning_received, gatherer.unreadable) == (["a"], False, [])


def test_the_first_statement_begins_with_the_mark() -> None:
    begin = commands_of(Script("x", input=(1,)))[0].cmd
    parameters, first, *_others = begin.split(";")
    assert parameters.startswith("param(")
    assert "psremoting.fleet" in first
    assert commands_of(Script("Get-Date", is_command=True))[0].cmd == "Get-Date"
