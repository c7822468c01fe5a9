# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host calls in the stream of a command, as PowerShell 7.6 sends them, and the exit code that one of them brings."""

from __future__ import annotations

import struct
import uuid

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.commands import PipelineState
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import host
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import whole_fragment
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.pipelines import Collector

HOST_CALL, OUTPUT, STATE = 0x41100, 0x41004, 0x41006
# Captured from PowerShell 7.6.9 on Linux.
CALL = (
    '<Obj RefId="0"><MS><I64 N="ci">{ci}</I64><Obj N="mi" RefId="1"><TN RefId="0">'
    "<T>System.Management.Automation.Remoting.RemoteHostMethodId</T><T>System.Enum</T><T>System.ValueType</T>"
    '<T>System.Object</T></TN><ToString>{name}</ToString><I32>{number}</I32></Obj><Obj N="mp" RefId="2"><TN RefId="1">'
    "<T>System.Collections.ArrayList</T><T>System.Object</T></TN><LST>{parameters}</LST></Obj></MS></Obj>"
)
COMPLETED = '<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>'


def exit_call(code: object, ci: int = -100) -> str:
    return CALL.format(ci=ci, name="SetShouldExit", number=6, parameters=f"<I32>{code}</I32>")


def collected(*messages: tuple[int, str]) -> Collector:
    """A collector that got some messages of a command."""
    collector = Collector()
    for number, (kind, clixml) in enumerate(messages, start=1):
        head = struct.pack("<II", 1, kind) + uuid.UUID(int=1).bytes_le + uuid.UUID(int=2).bytes_le
        collector.feed(whole_fragment(number, head + b"\xef\xbb\xbf" + clixml.encode()))
    return collector


@pytest.mark.parametrize("code", [0, 3, -1, 3010, 2147483647])
def test_exit_code(code: int) -> None:
    collector = collected((OUTPUT, "<S>a</S>"), (HOST_CALL, exit_call(code)), (STATE, COMPLETED))
    output = collector.finish()
    assert (output.rc, output.state, output.output) == (code, PipelineState.COMPLETED, ["a"])
    assert collector.host_calls == []


def test_without_exit_there_is_no_code() -> None:
    assert collected((OUTPUT, "<S>a</S>"), (STATE, COMPLETED)).finish().rc is None


def test_the_last_code_counts() -> None:
    # $Host.SetShouldExit(4); $Host.SetShouldExit(6)
    assert collected((HOST_CALL, exit_call(4)), (HOST_CALL, exit_call(6)), (STATE, COMPLETED)).finish().rc == 6


def test_only_calls_without_the_id_for_it_want_an_answer() -> None:
    said = CALL.format(ci=-100, name="WriteLine2", number=16, parameters="<S>said</S>")
    unknown = CALL.format(ci=-100, name="Whatever", number=4711, parameters="")
    asked = CALL.format(ci=1, name="ReadLine", number=11, parameters="")
    # By its name a method such as this one could be mistaken for one that returns nothing.
    named_like_a_setter = CALL.format(ci=2, name="SetAndGet", number=4712, parameters="")
    kinds = [(HOST_CALL, call) for call in (said, unknown, asked, named_like_a_setter)]
    assert [(call.call_id, call.method) for call in collected(*kinds).host_calls] == [(1, 11), (2, 4712)]


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
def test_a_call_that_cannot_be_read_is_an_error(clixml: str) -> None:
    with pytest.raises(TransportError, match="PSRP data that cannot be read"):
        collected((HOST_CALL, clixml))
