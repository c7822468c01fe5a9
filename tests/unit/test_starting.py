# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server gets of a script, its arguments, parameters and input, read by another implementation."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

import pytest
from psrpcore import (
    ClientRunspacePool,
    CreatePipelineEvent,
    EndOfPipelineInputEvent,
    PipelineInputEvent,
    PSRPPayload,
    ServerPipeline,
    ServerRunspacePool,
    StreamType,
)
from psrpcore.types import PSDecimal, PSDouble, PSInt, PSInt64, PSString

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.commands import Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import Shell
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import fragments, opening, starting
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from tests.unit.builders import shell

COMMAND_ID = "7d9ee1c2-0000-0000-0000-000000000001"
UNICODE = "Grüße 😀 \U0010fffd _x0041_ _X005F_ <&> \t tab \u2028 \ufeff"


class Tagged(str):
    """As Ansible has values with a note of where they come from."""


class TaggedInteger(int):
    pass


class TaggedList(list[Any]):
    pass


class TaggedDict(dict[str, Any]):
    pass


class Server:
    """A server of psrpcore's that is open, behind the operations of the client."""

    def __init__(self) -> None:
        client = ClientRunspacePool()
        client.open()
        self.pool = ServerRunspacePool()
        payload = client.data_to_send()
        assert payload is not None
        self.pool.receive_data(payload)
        while self.pool.next_event() is not None:
            pass
        ServerPipeline(self.pool, UUID(COMMAND_ID))
        self.command_lines: list[str] = []
        self.sizes: list[int] = []

    @property
    def shell(self) -> Shell:
        return shell(str(self.pool.runspace_pool_id).upper())

    def command(self, _shell: Any, command_id: str, line: str, data: bytes, _deadline: float) -> None:
        self.command_lines.append(line)
        self.send(_shell, command_id, data, _deadline)

    def send(self, _shell: Any, command_id: str, data: bytes, _deadline: float) -> None:
        assert command_id == COMMAND_ID.upper()
        self.sizes.append(len(data))
        self.pool.receive_data(PSRPPayload(data, StreamType.default, UUID(command_id)))

    def events(self) -> Iterator[Any]:
        while (event := self.pool.next_event()) is not None:
            yield event


def got(script: Script) -> tuple[Any, list[Any], Server]:
    """Start a script; returns its one command, the further events, and the server."""
    server = Server()
    starting.start(cast(WSManClient, server), server.shell, COMMAND_ID, script, 1.0)
    created, *further = server.events()
    assert isinstance(created, CreatePipelineEvent)
    (command,) = created.pipeline.commands
    return command, further, server


def test_a_script_without_anything() -> None:
    command, further, server = got(Script("Get-Date\n# é"))
    assert (command.command_text, command.is_script, command.parameters) == ("Get-Date\n# é", True, [])
    assert command.use_local_scope is False
    assert (further, server.command_lines) == ([], ["Get-Date\n# é"])


def test_arguments_come_before_parameters_and_keep_their_order() -> None:
    script = Script("x", arguments=("first", 2), parameters={"Name": UNICODE, "Count": 3})
    command, _further, _server = got(script)
    assert command.parameters == [(None, "first"), (None, 2), ("-Name", UNICODE), ("-Count", 3)]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("text", PSString, "text"),
        ("", PSString, ""),
        (UNICODE, PSString, UNICODE),
        ("\udcff _x \ufffe \t 😀", PSString, "\udcff _x \ufffe \t 😀"),
        (Tagged("text"), PSString, "text"),
        (0, PSInt, 0),
        (-(2**31), PSInt, -(2**31)),
        (2**31 - 1, PSInt, 2**31 - 1),
        (TaggedInteger(7), PSInt, 7),
        (2**31, PSInt64, 2**31),
        (-(2**63), PSInt64, -(2**63)),
        (2**63, PSDecimal, decimal.Decimal(2**63)),
        (2**96, PSString, str(2**96)),
        (0.1, PSDouble, 0.1),
        (1e300, PSDouble, 1e300),
        (True, bool, True),
        (None, type(None), None),
        (datetime.date(2026, 3, 1), PSString, "2026-03-01"),
        (datetime.datetime(2026, 3, 1, 12, 30), PSString, "2026-03-01T12:30:00"),
    ],
    ids=ascii,
)
def test_values_have_the_types_of_powershell(value: object, kind: type, expected: object) -> None:
    command, _further, _server = got(Script("x", arguments=(value,)))
    ((_name, received),) = command.parameters
    assert (type(received), received) == (kind, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], []),
        ([1, [2, "x"], None], [1, [2, "x"], None]),
        (TaggedList([TaggedInteger(1), Tagged("x")]), [1, "x"]),
        ({}, {}),
        (TaggedDict({"k": TaggedDict({"list": [1, 2**40]})}), {"k": {"list": [1, 2**40]}}),
        ({1: "number"}, {1: "number"}),
    ],
    ids=repr,
)
def test_lists_and_dicts(value: object, expected: object) -> None:
    command, _further, _server = got(Script("x", parameters={"Value": value}))
    assert command.parameters == [("-Value", expected)]


def test_input_is_one_object_each_and_has_an_end() -> None:
    _command, further, _server = got(Script("x", input=("a", 1, {"k": [1]}, None)))
    *objects, end = further
    assert [type(event) for event in objects] == [PipelineInputEvent] * 4
    assert [event.data for event in objects] == ["a", 1, {"k": [1]}, None]
    assert isinstance(end, EndOfPipelineInputEvent)


def test_no_input_has_no_end() -> None:
    _command, further, _server = got(Script("x", input=()))
    assert [type(event) for event in further] == [EndOfPipelineInputEvent]


def test_what_is_large_goes_in_pieces_that_fit_any_envelope() -> None:
    script = Script("# " + "€" * 60_000, parameters={"Text": "y" * 100_000}, input=("z" * 100_000,))
    command, further, server = got(script)
    assert (command.command_text, command.parameters) == (script.text, [("-Text", "y" * 100_000)])
    assert further[0].data == "z" * 100_000
    assert max(server.sizes) <= fragments.MAX_FRAGMENT_BYTES + 21
    assert server.command_lines == [script.text[:256]]


def test_application_arguments_have_the_same_types() -> None:
    new = opening.NewSession(shell(), application_arguments={"n": 2**40, "d": 0.1, "list": TaggedList(["x"])})
    pool = ServerRunspacePool()
    pool.receive_data(PSRPPayload(opening._creation_xml(new), StreamType.default, None))
    _capability, opened = pool.next_event(), pool.next_event()
    assert cast(Any, opened).application_arguments == {"n": 2**40, "d": 0.1, "list": ["x"]}
