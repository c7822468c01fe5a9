# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server gets of a script, its arguments, parameters and input, read by another implementation."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

import pypsrp.messages
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

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError, WSManFault
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import ListedCommand, Shell
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import opening, starting
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from tests.simulator.psrp import Defragmenter, Message
from tests.unit.builders import shell, world

COMMAND_ID = "7d9ee1c2-0000-0000-0000-000000000001"
PAYLOAD_BYTES = 16384  # CREATE_PIPELINE of a short script goes in one request
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
        self.payload_bytes = PAYLOAD_BYTES
        self.world = world()
        self.packets: list[bytes] = []

    @property
    def shell(self) -> Shell:
        return shell(str(self.pool.runspace_pool_id).upper())

    def start_command(self, _shell: Any, command_id: str, line: str, data: bytes, _deadline: float) -> None:
        self.command_lines.append(line)
        self.send(_shell, command_id, data, _deadline)

    def send(self, _shell: Any, command_id: str, data: bytes, _deadline: float) -> None:
        assert command_id == COMMAND_ID.upper()
        self.packets.append(data)
        self.pool.receive_data(PSRPPayload(data, StreamType.default, UUID(command_id)))

    def events(self) -> Iterator[Any]:
        while (event := self.pool.next_event()) is not None:
            yield event


def started(script: Script) -> Server:
    server = Server()
    starting.start(cast(WSManClient, server), server.shell, COMMAND_ID, script, lambda request: request(1.0))
    return server


def got(script: Script) -> tuple[Any, list[Any], Server]:
    """Start a script; returns its own command, the further events, and the server."""
    server = started(script)
    created, *further = server.events()
    assert isinstance(created, CreatePipelineEvent)
    (command,) = (each for each in created.pipeline.commands if each.use_local_scope is False)
    return command, further, server


def test_a_script_without_anything() -> None:
    command, further, server = got(Script("Get-Date\n# é"))
    assert (command.command_text, command.is_script, command.parameters) == ("Get-Date\n# é", True, [])
    assert command.use_local_scope is False
    assert (further, server.command_lines) == ([], ["Get-Date\n# é"])


def test_arguments_come_before_parameters_and_keep_their_order() -> None:
    script = Script("x", arguments=("first", 2), parameters={"Name": UNICODE, "Count": 3})
    command, _further, _server = got(script)
    assert command.parameters == [(None, "first"), (None, 2), ("Name", UNICODE), ("Count", 3)]


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
    assert command.parameters == [("Value", expected)]


def test_null_is_the_value_of_a_plain_name_and_of_none() -> None:
    """PowerShell's own client sends the same."""
    command, _further, _server = got(Script("x", arguments=(None,), parameters={"v": None}))
    assert command.parameters == [(None, None), ("v", None)]


def test_input_is_one_object_each_and_has_an_end() -> None:
    _command, further, _server = got(Script("x", input=("a", 1, {"k": [1]})))
    *objects, end = further
    assert [type(event) for event in objects] == [PipelineInputEvent] * 3
    assert [event.data for event in objects] == ["a", 1, {"k": [1]}]
    assert isinstance(end, EndOfPipelineInputEvent)


def test_null_in_the_input_is_a_message_without_data() -> None:
    server = started(Script("x", input=(None, 1, None)))
    sent = [(message.type.name, message.data) for message in messages_of(server.packets[1:])]
    assert sent == [
        ("PipelineInput", b""),
        ("PipelineInput", b"<I32>1</I32>"),
        ("PipelineInput", b""),
        ("EndOfPipelineInput", b""),
    ]


def test_no_input_has_no_end() -> None:
    _command, further, _server = got(Script("x", input=()))
    assert [type(event) for event in further] == [EndOfPipelineInputEvent]


def messages_of(packets: list[bytes]) -> list[Message]:
    defragmenter = Defragmenter()
    return [message for packet in packets for message in defragmenter.feed(packet)]


def test_what_is_large_goes_in_pieces_that_fit_the_envelope() -> None:
    script = Script("# " + "€" * 60_000, parameters={"Text": "y" * 100_000}, input=("z" * 100_000,))
    command, further, server = got(script)
    assert (command.command_text, command.parameters) == (script.text, [("Text", "y" * 100_000)])
    assert further[0].data == "z" * 100_000
    assert max(map(len, server.packets)) == PAYLOAD_BYTES
    assert server.command_lines == [script.text[:256]]


def test_the_pipeline_comes_alone_and_input_in_full_packets() -> None:
    """PowerShell hangs where input comes together with CREATE_PIPELINE."""
    server = started(Script("# " + "x" * 2 * PAYLOAD_BYTES, input=tuple(range(4000))))
    whole = Defragmenter()
    types = [{message.type.name for message in whole.feed(packet)} for packet in server.packets]
    assert types[:3] == [set(), set(), {"CreatePipeline"}]
    assert types[3:-1] == [{"PipelineInput"}] * (len(types) - 4)
    assert types[-1] == {"PipelineInput", "EndOfPipelineInput"}
    # A message with a number is 21 + 40 + 14 to 16 bytes.
    assert {len(packet) for packet in server.packets[3:-1]} <= set(range(PAYLOAD_BYTES - 76, PAYLOAD_BYTES + 1))
    assert [int(message.data[5:-6]) for message in messages_of(server.packets)[1:-1]] == list(range(4000))


class Unreliable(Server):
    """A server to which one request fails.

    Attributes:
        fails_at: Which one; the Command is 0.
        arrives: Whether it arrives, and only its answer does not.
    """

    def __init__(self, fails_at: int, *, arrives: bool) -> None:
        super().__init__()
        self.fails_at = fails_at
        self.arrives = arrives

    def send(self, _shell: Any, command_id: str, data: bytes, _deadline: float) -> None:
        fails = len(self.packets) == self.fails_at
        if self.arrives or not fails:
            super().send(_shell, command_id, data, _deadline)
        if fails:
            raise TransportError(None, "broken", delivered=self.arrives)


def failure(script: Script, fails_at: int, *, arrives: bool) -> tuple[TransportError, int]:
    """Start a script on a server of which one request fails; returns the error and the objects that arrived."""
    server = Unreliable(fails_at, arrives=arrives)
    with pytest.raises(TransportError) as raised:
        starting.start(cast(WSManClient, server), server.shell, COMMAND_ID, script, lambda request: request(1.0))
    return raised.value, sum(isinstance(event, PipelineInputEvent) for event in server.events())


def test_the_error_tells_how_much_of_the_input_was_delivered() -> None:
    script = Script("x", input=tuple("y" * 5000 for _number in range(10)))  # three of them fill a packet
    for fails_at, before in ((1, 0), (2, 3), (3, 6), (4, 9)):
        refused, arrived = failure(script, fails_at, arrives=False)
        assert isinstance(refused, starting.IncompleteStart)
        assert (
            refused.delivery.has_script,
            refused.delivery.at_least,
            refused.delivery.at_most,
            refused.delivery.total,
        ) == (True, before, before, 10)
        assert arrived == before
        unknown, arrived = failure(script, fails_at, arrives=True)
        assert isinstance(unknown, starting.IncompleteStart)
        assert (unknown.delivery.at_least, unknown.delivery.at_most, unknown.delivery.total) == (
            before,
            min(before + 3, 10),
            10,
        )
        assert arrived == unknown.delivery.at_most


def test_the_error_tells_whether_the_script_was_delivered() -> None:
    script = Script("# " + "x" * 2 * PAYLOAD_BYTES, input=(1,))  # three packets
    assert not isinstance(failure(script, 0, arrives=False)[0], starting.IncompleteStart)
    found = [
        (error.delivery.has_script, error.delivery.at_most)
        for fails_at in (1, 2)
        for arrives in (False, True)
        if isinstance(error := failure(script, fails_at, arrives=arrives)[0], starting.IncompleteStart)
    ]
    assert found == [(False, 0), (False, 0), (False, 0), (None, 0)]


class Forgetful(Server):
    """A server of which the answers to the first requests for the command get lost.

    Attributes:
        tries: For each request for the command: whether it takes effect.
        arrives_late: Whether the first request takes effect when the second one comes.
        unlisted: How many requests for the list of commands fail.
        listing_fault: What the server answers to further ones, or None for the list.
    """

    def __init__(
        self,
        *tries: bool,
        arrives_late: bool = False,
        unlisted: int = 0,
        listing_fault: WSManFault | None = None,
    ) -> None:
        super().__init__()
        self.arrives_late = arrives_late
        self.tries = list(tries)
        self.unlisted = unlisted
        self.listing_fault = listing_fault
        self.late: bytes | None = None
        self.slept: list[float] = []
        self.world = world(sleep=self.slept.append)

    def start_command(self, _shell: Any, command_id: str, line: str, data: bytes, _deadline: float) -> None:
        if self.late is not None:
            super().start_command(_shell, command_id, line, self.late, _deadline)
        if self.arrives_late:
            self.late = data
        if self.command_lines:
            raise WSManFault(0x803381D7, "it exists")
        if not self.tries:
            super().start_command(_shell, command_id, line, data, _deadline)
            return
        if self.tries.pop(0):
            super().start_command(_shell, command_id, line, data, _deadline)
        raise TransportError(None, "broken")

    def enumerate_commands(self, _shell: Any, _deadline: float) -> tuple[ListedCommand, ...]:
        if self.unlisted:
            self.unlisted -= 1
            raise TransportError(None, "still broken")
        if self.listing_fault is not None:
            raise self.listing_fault
        return tuple(ListedCommand(COMMAND_ID, line, "Running") for line in self.command_lines)


def start_on(server: Server, script: Script) -> None:
    starting.start(cast(WSManClient, server), server.shell, COMMAND_ID, script, lambda request: request(1.0))


@pytest.mark.parametrize(
    "server", [Forgetful(True), Forgetful(False), Forgetful(False, True), Forgetful(False, unlisted=3)]
)
def test_a_lost_answer_to_the_start_is_looked_up(server: Forgetful) -> None:
    start_on(server, Script("# " + "x" * 2 * PAYLOAD_BYTES))
    assert len(server.command_lines) == 1
    assert [message.type.name for message in messages_of(server.packets)] == ["CreatePipeline"]


def test_a_start_that_arrives_late_is_not_repeated() -> None:
    """The list does not have it yet; the server then refuses the second, since they have the same id."""
    server = Forgetful(False, arrives_late=True)
    start_on(server, Script("x"))
    assert len(server.packets) == 1


@pytest.mark.parametrize(
    "server",
    [
        Forgetful(True, unlisted=4),
        Forgetful(False, False),
        Forgetful(True, listing_fault=WSManFault(5, "you may not")),
    ],
)
def test_a_start_that_cannot_be_seen_is_unknown(server: Forgetful) -> None:
    with pytest.raises(starting.IncompleteStart) as raised:
        start_on(server, Script("x"))
    assert (raised.value.delivery.has_script, raised.value.delivered) == (None, True)
    assert server.tries == []
    assert sum(server.slept) < 10


def test_input_is_not_in_memory_as_a_whole() -> None:
    """Each object is made into a message when its packet is due."""
    read: list[int] = []

    class Objects(tuple[int, ...]):
        def __iter__(self) -> Iterator[int]:
            for number in super().__iter__():
                read.append(number)
                yield number

    server = Server()
    most: list[int] = []
    server.send = lambda *given: most.append(len(read))  # type: ignore[method-assign]
    starting.start(
        cast(WSManClient, server), server.shell, COMMAND_ID, Script("x", input=Objects(range(4000))), lambda do: do(1.0)
    )
    assert most[1] < 240
    assert (len(most), len(read)) == (20, 4000)


def test_application_arguments_have_the_same_types() -> None:
    creation_xml = opening._creation_xml(shell(), {"n": 2**40, "d": 0.1, "list": TaggedList(["x"])})
    pool = ServerRunspacePool()
    pool.receive_data(PSRPPayload(creation_xml, StreamType.default, None))
    _capability, opened = pool.next_event(), pool.next_event()
    assert cast(Any, opened).application_arguments == {"n": 2**40, "d": 0.1, "list": ["x"]}


def test_what_a_script_finds_about_its_run_may_have_the_types_of_ansible() -> None:
    server = started(Script("x", verbosity=TaggedInteger(3), creates=Tagged("a"), parameters={"Name": Tagged("b")}))
    (created,) = server.events()
    begin, script, _end = created.pipeline.commands
    assert [value for _name, value in begin.parameters][3:] == [False, 3]
    _command_id, text, named, positional, creates, *_others = [value for _name, value in script.parameters]
    assert (text, named, positional, creates) == ("x", {"Name": "b"}, [], "a")


SCRIPTS = [
    Script(text="Get-Date"),
    Script(text="Get-Date", parameters={"Since": 1}, creates="C:\\done"),
    Script(text="Get-Service", is_command=True),
    Script(text="Get-Date", is_alone=True),
    # Ids of the first and of a later start are part of what the user gives.
    Script(text=f"# {UUID(int=1)} {UUID(int=3)}", arguments=(f"mark {UUID(int=12)}",)),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_pipeline_of_one_script_is_right_for_each_session(script: Script) -> None:
    """All that a start has of its own are ids, so a few are serialised and the others follow."""
    for number in range(1, 6):
        pool, command, mark = (UUID(int=start + number) for start in (0, 1, 10))
        made = [
            starting._Messages(shell(str(pool).upper()), str(command)).create_pipeline(each, str(mark))
            for each in (script, dataclasses.replace(script))
        ]
        assert made[0] == made[1]


def test_a_script_for_many_sessions_is_serialised_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    pack, packed = pypsrp.messages.Message.pack, []

    def note(message: Any) -> bytes:
        packed.append(message)
        return pack(message)

    monkeypatch.setattr(pypsrp.messages.Message, "pack", note)
    script = Script(text="Get-Date")
    for number in range(20):
        messages = starting._Messages(shell(str(UUID(int=100 + number))), str(UUID(int=200 + number)))
        messages.create_pipeline(script, str(UUID(int=300 + number)))
    assert len(packed) == 2
