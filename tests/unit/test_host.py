# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host calls in the stream of a command, as PowerShell 7.6 sends them: exit codes, text, and questions."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator

import pytest
from pypsrp.serializer import Serializer

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Output, PipelineState
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    CommandEvent,
    ExitCodeSet,
    HostTextReceived,
    MessageUnreadable,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.gathering import Gatherer
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import host
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import whole_fragment

HOST_CALL, OUTPUT, STATE = 0x41100, 0x41004, 0x41006
DEBUG, VERBOSE, WARNING, PROGRESS, INFORMATION = 0x41007, 0x41008, 0x41009, 0x41010, 0x41011
# Captured from PowerShell 7.6.9 on Linux.
CALL = (
    '<Obj RefId="0"><MS><I64 N="ci">{ci}</I64><Obj N="mi" RefId="1"><TN RefId="0">'
    "<T>System.Management.Automation.Remoting.RemoteHostMethodId</T><T>System.Enum</T><T>System.ValueType</T>"
    '<T>System.Object</T></TN><ToString>{name}</ToString><I32>{number}</I32></Obj><Obj N="mp" RefId="2"><TN RefId="1">'
    "<T>System.Collections.ArrayList</T><T>System.Object</T></TN><LST>{parameters}</LST></Obj></MS></Obj>"
)
LINE = '<Obj RefId="0"><MS><S N="InformationalRecord_Message">{text}</S></MS></Obj>'
INFORMATION_RECORD = '<Obj RefId="0"><MS>{data}<S N="Source">Write-Host</S></MS></Obj>'
HOST_MESSAGE = (
    '<Obj N="MessageData" RefId="1"><TN RefId="0"><T>System.Management.Automation.HostInformationMessage</T>'
    '<T>System.Object</T></TN><ToString>{text}</ToString><Props><S N="Message">{text}</S><B N="NoNewLine">false</B>'
    '<Nil N="ForegroundColor" /><Nil N="BackgroundColor" /></Props></Obj>'
)
PROGRESS_RECORD = (
    '<Obj {name}RefId="3"><MS><S N="Activity">{activity}</S><I32 N="ActivityId">0</I32><S N="StatusDescription">s</S>'
    '<Nil N="CurrentOperation" /><I32 N="ParentActivityId">-1</I32><I32 N="PercentComplete">5</I32><Obj N="Type" '
    'RefId="4"><TN RefId="2"><T>System.Management.Automation.ProgressRecordType</T><T>System.Enum</T></TN>'
    '<ToString>Processing</ToString><I32>0</I32></Obj><I32 N="SecondsRemaining">-1</I32></MS></Obj>'
)
COMPLETED = '<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>'


def exit_call(code: object, ci: int = -100) -> str:
    return CALL.format(ci=ci, name="SetShouldExit", number=6, parameters=f"<I32>{code}</I32>")


def events_of(stream: CommandStream, *messages: tuple[int, str]) -> Iterator[CommandEvent]:
    """The events of some messages of a command."""
    for number, message in enumerate(messages, start=1):
        yield from stream.feed(fragment_of(number, *message))


def fragment_of(number: int, kind: int, clixml: str) -> bytes:
    """A message of a command as a server sends it."""
    head = struct.pack("<II", 1, kind) + uuid.UUID(int=1).bytes_le + uuid.UUID(int=2).bytes_le
    return whole_fragment(number, head + b"\xef\xbb\xbf" + clixml.encode())


def output_of(*messages: tuple[int, str]) -> Output:
    """What some messages of a command leave in a result."""
    gatherer = Gatherer()
    for event in events_of(CommandStream(), *messages):
        gatherer.add(event)
    return gatherer.finish()


def calls_of(*messages: tuple[int, str]) -> CommandStream:
    """A stream that got some messages of a command."""
    stream = CommandStream()
    list(events_of(stream, *messages))
    return stream


@pytest.mark.parametrize("code", [0, 3, -1, 3010, 2147483647])
def test_exit_code(code: int) -> None:
    output = output_of((OUTPUT, "<S>a</S>"), (HOST_CALL, exit_call(code)), (STATE, COMPLETED))
    assert (output.rc, output.state, output.output) == (code, PipelineState.COMPLETED, ["a"])


def test_without_exit_there_is_no_code() -> None:
    assert output_of((OUTPUT, "<S>a</S>"), (STATE, COMPLETED)).rc is None


def test_the_last_code_counts() -> None:
    # $Host.SetShouldExit(4); $Host.SetShouldExit(6)
    assert output_of((HOST_CALL, exit_call(4)), (HOST_CALL, exit_call(6)), (STATE, COMPLETED)).rc == 6


def test_only_calls_without_the_id_for_it_want_an_answer() -> None:
    said = CALL.format(ci=-100, name="WriteLine2", number=16, parameters="<S>said</S>")
    unknown = CALL.format(ci=-100, name="Whatever", number=4711, parameters="")
    asked = CALL.format(ci=1, name="ReadLine", number=11, parameters="")
    # By its name a method such as this one could be mistaken for one that returns nothing.
    named_like_a_setter = CALL.format(ci=2, name="SetAndGet", number=4712, parameters="")
    kinds = [(HOST_CALL, call) for call in (said, unknown, asked, named_like_a_setter)]
    assert [(call.call_id, call.method) for call in calls_of(*kinds).host_calls] == [(1, 11), (2, 4712)]


def test_host_call_is_read() -> None:
    call = host.host_call(
        CALL.format(ci=7, name="PromptForChoice", number=26, parameters="<S>cap</S><Nil /><I32>0</I32>")
    )
    assert call == host.HostCall(7, 26, "PromptForChoice", ("cap", None, 0))
    assert call.wants_answer


@pytest.mark.parametrize(
    "clixml",
    [
        "<S>no call</S>",
        CALL.format(ci="x", name="SetShouldExit", number=6, parameters=""),
        CALL.format(ci=-100, name="SetShouldExit", number="x", parameters=""),
        CALL.format(ci=-100, name="SetShouldExit", number=6, parameters=""),
        CALL.format(ci=-100, name="SetShouldExit", number=6, parameters="<S>three</S>"),
        CALL.replace("<LST>{parameters}</LST>", "<I32>3</I32>").format(ci=-100, name="SetShouldExit", number=6),
        CALL.replace("<I32>{number}</I32>", "").format(ci=-100, name="SetShouldExit", parameters=""),
    ],
)
def test_a_call_that_cannot_be_read_is_reported_and_the_next_message_is_read(clixml: str) -> None:
    unreadable, exit_code = events_of(CommandStream(), (HOST_CALL, clixml), (HOST_CALL, exit_call(3)))
    assert isinstance(unreadable, MessageUnreadable)
    assert exit_code == ExitCodeSet(3)


Message = tuple[int, str]


def write_host(text: str) -> Message:
    return INFORMATION, INFORMATION_RECORD.format(data=HOST_MESSAGE.format(text=text))


def write_information(text: str) -> Message:
    return INFORMATION, INFORMATION_RECORD.format(data=f'<S N="MessageData">{text}</S>')


def line(kind: int, text: str) -> Message:
    return kind, LINE.format(text=text)


def progress(activity: str) -> Message:
    return PROGRESS, PROGRESS_RECORD.format(name="", activity=activity)


METHODS = {
    "Write1": 13,
    "Write2": 14,
    "WriteLine1": 15,
    "WriteLine2": 16,
    "WriteLine3": 17,
    "WriteErrorLine": 18,
    "WriteDebugLine": 19,
    "WriteProgress": 20,
    "WriteVerboseLine": 21,
    "WriteWarningLine": 22,
}


def said(name: str, *texts: str) -> Message:
    """A call that writes; texts that begin with < are CLIXML."""
    parameters = "".join(text if text.startswith("<") else f"<S>{text}</S>" for text in texts)
    return HOST_CALL, CALL.format(ci=-100, name=name, number=METHODS[name], parameters=parameters)


RED, BLUE = "<I32>12</I32>", "<I32>9</I32>"


@pytest.mark.parametrize(
    ("messages", "written", "out"),
    [
        ([said("WriteLine2", "a")], [], "a\n"),
        ([said("Write1", "a"), said("Write2", RED, BLUE, "b"), said("WriteLine1")], [], "ab\n"),
        ([said("WriteLine2", "<Nil />"), said("WriteLine2", "<S />")], [], "\n\n"),
        ([said("WriteLine2", "_x001B_[32;1ma_x001B_[0m b")], [], "a b\n"),
        # Write-Host: a record, and right behind it a call with its text.
        ([write_host("a"), said("WriteLine2", "a")], ["a"], ""),
        ([write_host("a"), said("Write1", "a")], ["a"], ""),
        ([write_host("a"), said("WriteLine3", RED, BLUE, "a")], ["a"], ""),
        ([write_host("_x001B_[1ma"), said("WriteLine2", "_x001B_[1ma")], ["\x1b[1ma"], ""),
        ([write_host(""), said("WriteLine2", "<S />")], [""], ""),
        ([write_host("a"), said("WriteLine2", "a")] * 3, ["a"] * 3, ""),
        # The same text by $Host.UI.WriteLine before and after it.
        ([said("WriteLine2", "a"), write_host("a"), said("WriteLine2", "a")], ["a"], "a\n"),
        ([write_host("a"), said("WriteLine2", "a"), said("WriteLine2", "a")], ["a"], "a\n"),
        # A call of a job in between.
        ([write_host("a"), said("WriteLine2", "j"), said("WriteLine2", "a")], ["a"], "j\n"),
        ([write_host("a"), line(WARNING, "w"), said("WriteWarningLine", "w"), said("WriteLine2", "a")], ["a"], ""),
        # Records without a call: redirected ones, and Write-Information.
        ([write_host("a"), write_host("b"), said("WriteLine2", "b"), said("WriteLine2", "a")], ["a", "b"], "a\n"),
        ([write_information("a"), said("WriteLine2", "b")], ["a"], "b\n"),
        # Write-Information -InformationAction Continue.
        ([write_information("a"), said("WriteLine2", "a")], ["a"], ""),
    ],
)
def test_text_for_the_host(messages: list[Message], written: list[str], out: str) -> None:
    output = output_of(*messages, (STATE, COMPLETED))
    data = [record["message_data"] for record in output.information]
    assert [each["Message"] if isinstance(each, dict) else each for each in data] == written
    assert [output.host_out, output.host_err] == [out, ""]


def test_error_text_for_the_host() -> None:
    output = output_of(said("WriteErrorLine", "_x001B_[31mWrite-Error: e_x001B_[0m"), (STATE, COMPLETED))
    assert [output.host_out, output.host_err] == ["", "Write-Error: e\n"]


@pytest.mark.parametrize(
    ("kind", "stream"),
    [(WARNING, "warning"), (VERBOSE, "verbose"), (DEBUG, "debug")],
    ids=["warning", "verbose", "debug"],
)
def test_lines_of_other_streams_are_there_once(kind: int, stream: str) -> None:
    method = f"Write{stream.capitalize()}Line"
    twice = [line(kind, "a"), said(method, "a")]
    # The last line comes from a job that writes to the host itself, so that there is no record of it.
    output = output_of(*twice, *twice, line(kind, "redirected"), said(method, "alone"), (STATE, COMPLETED))
    assert getattr(output, stream) == ["a", "a", "redirected", "alone"]
    assert [output.host_out, output.host_err] == ["", ""]


@pytest.mark.parametrize("messages", [[progress("p")], [progress("old")], []])
def test_progress_by_call(messages: list[Message]) -> None:
    called = said("WriteProgress", "<I64>0</I64>", PROGRESS_RECORD.format(name="", activity="p"))
    output = output_of(*messages, called, (STATE, COMPLETED))
    assert output.progress == output_of(progress("p"), (STATE, COMPLETED)).progress
    assert (output.progress or {})["record_type"] == "Processing"


def test_text_for_the_host_is_bounded() -> None:
    gatherer = Gatherer(max_text=5)
    for letter in "abc":
        for is_error in (False, True):
            gatherer.add(HostTextReceived(letter * 2 + "\n", is_error))
    output = gatherer.finish()
    assert [output.host_out, output.host_err] == ["aa\nbb... 4 more characters are not shown"] * 2


FIELD = (
    '<Obj RefId="4"><MS><S N="name">{}</S><S N="label" /><S N="parameterTypeFullName">System.String</S>'
    '<S N="helpMessage" /><B N="isMandatory">true</B></MS></Obj>'
)
CHOICE = '<Obj RefId="4"><MS><S N="label">{}</S><S N="helpMessage" /></MS></Obj>'


def listed(form: str, *names: str) -> str:
    entries = "".join(map(form.format, names))
    return f'<Obj RefId="3"><TN RefId="9"><T>System.Collections.ArrayList</T></TN><LST>{entries}</LST></Obj>'


@pytest.mark.parametrize(
    ("name", "number", "parameters", "question"),
    [
        ("ReadLine", 11, "", ""),
        ("ReadLineAsSecureString", 12, "", ""),
        ("Prompt", 23, "<Nil /><Nil />" + listed(FIELD, "Your name"), "Your name"),
        ("Prompt", 23, "<S>cap</S><S>msg</S>" + listed(FIELD, "A", "B"), "cap - msg - A, B"),
        ("PromptForCredential1", 24, "<S>cap</S><S>msg</S><S>bob</S><S>target</S>", "cap - msg - bob"),
        ("PromptForCredential2", 25, "<S>cap</S><S>msg</S><Nil /><Nil /><I32>3</I32>", "cap - msg"),
        (
            "PromptForChoice",
            26,
            "<S>cap</S><S>msg</S>" + listed(CHOICE, "&amp;Yes", "N&amp;o"),
            "cap - msg - [Yes, No]",
        ),
        ("PromptForChoiceMultipleSelection", 56, "<S>c</S><S>m</S>" + listed(CHOICE, "&amp;A"), "c - m - [A]"),
        ("ReadKey", 46, "<I32>1</I32>", ""),
        # What no PowerShell sends must do no harm.
        ("Prompt", 23, "", ""),
        ("PromptForChoice", 26, "<S>cap</S><I32>1</I32><S>no list</S>", "cap - []"),
        ("Prompt", 23, "<S>" + "x" * 5000 + "</S>", "x" * 1000 + "..."),
    ],
)
def test_question(name: str, number: int, parameters: str, question: str) -> None:
    call = host.host_call(CALL.format(ci=1, name=name, number=number, parameters=parameters))
    assert host.question_of(call) == question


def test_answered_calls_are_forgotten() -> None:
    calls = [(HOST_CALL, CALL.format(ci=number, name="ReadLine", number=11, parameters="")) for number in (1, 2, 3)]
    stream = calls_of(*calls)
    stream.forget_calls({1, 3})
    assert [call.call_id for call in stream.host_calls] == [2]


@pytest.mark.parametrize("has_ui", [True, False])
def test_host_info(has_ui: bool) -> None:
    """The host is never null: a command would have that of the pool then, whoever opened it."""
    element = Serializer().serialize(host.host_info(has_ui))
    assert element is not None
    values = {each.get("N"): each.text for each in element.iter("B")}
    assert values == {
        "_isHostNull": "false",
        "_isHostUINull": "false" if has_ui else "true",
        "_isHostRawUINull": "true",
        "_useRunspaceHost": "false",
    }
