# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twice as much data is twice as much work: calls are counted, so that no machine is too slow."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import records
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import elements, soap
from tests.hostile import answers
from tests.hostile.server import Call

Work = Callable[[], object]


def calls_of(work: Work) -> int:
    """Return how many functions are called, those in C included."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def output(clixml: str) -> Work:
    return lambda: records.output_object(clixml)


def listed(count: int) -> Work:
    call = Call.__new__(Call)
    call.message_id = "uuid:1"
    body = answers.envelope(call, answers.page("".join(answers.shell(number) for number in range(count))))
    return lambda: [elements.shell_of(each) for each in soap.parse(soap.decode(body)).iter(soap.qname("rsp:Shell"))]


def stream(blobs: list[bytes]) -> Work:
    def read() -> None:
        of_command = CommandStream()
        for blob in blobs:
            list(of_command.feed(blob))

    return read


# What is read, for a number of pieces.
WORK: dict[str, Callable[[int], Work]] = {
    "a list of sessions": listed,
    "a fault with many messages": lambda n: (
        lambda: soap._text_of(soap.parse(f"<s:Envelope xmlns:s='{soap.NAMESPACES['s']}'>{'<a>x</a>' * n}</s:Envelope>"))
    ),
    "items": lambda n: output(f"<Obj><LST>{'<S>x</S>' * n}</LST></Obj>"),
    "properties": lambda n: output("<Obj><MS>" + "".join(f'<S N="p{k}">x</S>' for k in range(n)) + "</MS></Obj>"),
    "equal keys": lambda n: output("<Obj><DCT>" + "<En><S N='Key'>k</S><S N='Value'>v</S></En>" * n + "</DCT></Obj>"),
    "type names of one object": lambda n: output("<Obj><TN>" + "<T>System._x0041_</T>" * n + "</TN><MS/></Obj>"),
    "objects with the same type names": lambda n: output(
        '<Obj><TN RefId="0">'
        + "<T>A</T>" * 20
        + "</TN><LST>"
        + '<Obj><TNRef RefId="0"/><MS/></Obj>' * n
        + "</LST></Obj>"
    ),
    "references to an object": lambda n: output(
        '<Obj><LST><Obj RefId="1"><MS><S N="a">x</S></MS></Obj>' + '<Ref RefId="1"/>' * n + "</LST></Obj>"
    ),
    "references to a list": lambda n: output(
        '<Obj><LST><Obj RefId="1"><LST>' + "<S>x</S>" * n + "</LST></Obj>" + '<Ref RefId="1"/>' * n + "</LST></Obj>"
    ),
    "small messages": lambda n: stream(
        [answers.fragment(k, answers.message(answers.OUTPUT, "<S>x</S>")) for k in range(n)]
    ),
    "fragments of a message": lambda n: stream(
        [answers.fragment(1, b"x" * 40, number=k, start=k == 0, end=False) for k in range(n)]
    ),
    "a name against many stars": lambda n: lambda: WildcardPattern("a*" * 12 + "b").matches("a" * n),
}


@pytest.mark.parametrize("name", WORK)
def test_work_grows_with_the_data(name: str) -> None:
    once, twice = (calls_of(WORK[name](count)) for count in (2000, 4000))
    print(f"{name}: {once} and {twice} calls")
    assert twice < 2.5 * once + 1000
