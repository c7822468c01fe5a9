# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is fuzzed. A target takes bytes, and raises only what its callers expect."""

from __future__ import annotations

import contextlib
import json
import types
from collections.abc import Callable, Iterator

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown_in_line
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import host, records
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import (
    Defragmenter,
    whole_fragment,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.message import messages_in
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import elements, soap
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.authentication import _PypsrpCodec
from tests.hostile import answers

_READERS = (
    records.output_object,
    records.error_record,
    records.pipeline_state,
    records.pool_state,
    records.progress_record,
    records.information_record,
    records.informational_record,
    host.host_call,
)


def soap_answer(data: bytes) -> None:
    """An answer, as text, as an envelope, as a fault, as a list."""
    with contextlib.suppress(TransportError):
        envelope = soap.parse(soap.decode(data))
        soap.is_answer_to("uuid:1", envelope)
        fault = soap.find_fault(envelope)
        if fault is not None:
            shown_in_line(fault.message)
        for element in envelope.iter():
            elements.shell_of(element)


def fragments(data: bytes) -> None:
    """The stream of a command in two pieces, and that of a session."""
    stream = CommandStream(drops=bool(data[:1] < b"\x80"))
    cut = len(data) // 2
    with contextlib.suppress(TransportError):
        for piece in (data[:cut], data[cut:], data):
            for event in stream.feed(piece):
                repr(event)
    stream.flush()
    with contextlib.suppress(TransportError):
        list(messages_in(Defragmenter(), [data]))


def clixml(data: bytes) -> None:
    """One message, read in all ways."""
    text = data.decode("utf-8", "replace")
    for read in _READERS:
        with contextlib.suppress(ValueError):
            value = read(text)
            if not isinstance(value, host.HostCall):
                json.dumps(value).encode("ascii")
            else:
                host.question_of(value)


def multipart(data: bytes) -> None:
    """An encrypted answer, with an encryption that leaves all as it is. Its readers may raise any kind of exception."""
    context = types.SimpleNamespace(unwrap=lambda message: types.SimpleNamespace(data=message))
    kind, _separator, body = data.partition(b"\n")
    with contextlib.suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        _PypsrpCodec(context, "application/HTTP-SPNEGO-session-encrypted").unwrap(kind.decode("latin-1"), body)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "soap": soap_answer,
    "fragments": fragments,
    "clixml": clixml,
    "multipart": multipart,
}


# Words that random bytes do not find.
WORDS = [
    "s:Envelope",
    "s:Header",
    "s:Body",
    "s:Fault",
    "s:Reason",
    "s:Text",
    "s:Detail",
    "f:WSManFault",
    "a:RelatesTo",
    "rsp:Shell",
    "rsp:ShellId",
    "rsp:Name",
    "rsp:IdleTimeOut",
    "PT1.5S",
    "P1DT2H",
    'Code="5"',
    "<Obj RefId=",
    "</Obj>",
    "<MS>",
    "</MS>",
    "<Props>",
    "<LST>",
    "</LST>",
    "<DCT>",
    "<En>",
    "<Ref RefId=",
    "<TN>",
    "<TNRef",
    "<ToString>",
    "<Nil/>",
    "<I32",
    "<I64",
    "<D>",
    "<Db>",
    "<DT>",
    "<TS>",
    "<BA>",
    "<SBK>",
    "<PR>",
    "<C>",
    "<SS>",
    'N="Key"',
    "_x000A_",
    "_xD83D_",
    "boundary=",
    "Encrypted Boundary",
    "OriginalContent:",
    "Length=",
]


def seeds_of(target: str) -> Iterator[bytes]:
    """Yield inputs that make sense, to begin with."""
    call = types.SimpleNamespace(message_id="uuid:1")
    values = (
        "<S>text</S>", "<I32>1</I32>", "<Nil/>", "<BA>AAAA</BA>", "<D>1.50</D>", "<DT>2026-01-01T00:00:00Z</DT>",
        '<Obj RefId="0"><TN RefId="0"><T>System.Object[]</T></TN><LST><S>a</S><Ref RefId="0"/></LST></Obj>',
        '<Obj RefId="0"><DCT><En><S N="Key">k</S><S N="Value">v</S></En></DCT></Obj>',
        '<Obj RefId="0"><MS><S N="a">_x001B_</S><Obj N="b" RefId="1"><ToString>x</ToString></Obj></MS></Obj>',
        '<Obj RefId="0"><TN RefId="0"><T>System.Management.Automation.ErrorRecord</T></TN><MS>'
        '<Obj N="Exception" RefId="1"><Props><S N="Message">m</S></Props></Obj>'
        '<I32 N="ErrorCategory_Category">1</I32></MS></Obj>',
        '<Obj RefId="0"><MS><S N="Activity">a</S><I32 N="ActivityId">1</I32>'
        '<I32 N="PercentComplete">5</I32></MS></Obj>',
        '<Obj RefId="0"><MS><I64 N="ci">1</I64><Obj N="mi" RefId="1"><ToString>Write</ToString><I32>13</I32></Obj>'
        '<Obj N="mp" RefId="2"><LST><S>x</S></LST></Obj></MS></Obj>',
        answers.COMPLETED,
    )  # fmt: skip
    kinds = (answers.OUTPUT, answers.ERROR, answers.WARNING, answers.PROGRESS, answers.HOST_CALL, answers.STATE)
    if target == "soap":
        for body in (answers.page(answers.shell()), "<s:Fault><s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>"):
            yield answers.envelope(call, body)  # type: ignore[arg-type]
    elif target == "clixml":
        yield from (value.encode() for value in values)
    elif target == "fragments":
        for value in values:
            yield b"".join(whole_fragment(n, answers.message(kind, value)) for n, kind in enumerate(kinds, start=1))
        whole = answers.message(answers.OUTPUT, values[0])
        yield answers.fragment(1, whole[:9], end=False) + answers.fragment(1, whole[9:], number=1, start=False)
    else:
        yield (
            b'multipart/encrypted;protocol="x";boundary="Encrypted Boundary"\n--Encrypted Boundary\r\n'
            b"\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=4\r\n--Encrypted Boundary\r\n"
            b"\tContent-Type: application/octet-stream\r\n\x10\0\0\0" + b"s" * 16 + b"body--Encrypted Boundary--\r\n"
        )
