# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two messages of a connecting client (MS-PSRP 3.1.5.3.14), read back byte by byte, and what it accepts."""

from __future__ import annotations

import struct
import uuid
from typing import Any, cast

import pytest
from psrpcore import PSRPPayload, ServerRunspacePool, StreamType

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import handshake
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from tests.unit.builders import SHELL_ID, shell

SESSION_CAPABILITY, CONNECT_RUNSPACEPOOL = 0x00010002, 0x00010008
INIT_DATA, STATE, PRIVATE_DATA = 0x0002100B, 0x00021005, 0x00021009
CAPABILITY_XML = (
    '<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
    '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>'
)
LIMITS_XML = '<Obj RefId="0"><MS><I32 N="MinRunspaces">5</I32><I32 N="MaxRunspaces">1</I32></MS></Obj>'
STATE_XML = '<Obj RefId="0"><MS><I32 N="RunspaceState">2</I32></MS></Obj>'
PRIVATE_XML = (
    '<Obj RefId="0"><MS><Obj N="ApplicationPrivateData" RefId="1">'
    '<TN RefId="0"><T>System.Collections.Hashtable</T></TN><DCT>'
    '<En><S N="Key">PSVersion</S><Version N="Value">5.1.1</Version></En>'
    '<En><S N="Key">Flags</S><Obj N="Value" RefId="2"><TN RefId="1"><T>System.Object[]</T></TN>'
    "<LST><I32>1</I32><B>true</B><Nil/></LST></Obj></En></DCT></Obj></MS></Obj>"
)


def message(kind: int, clixml: str) -> bytes:
    head = struct.pack("<II", 1, kind) + uuid.UUID(SHELL_ID).bytes_le + bytes(16)
    return head + b"\xef\xbb\xbf" + clixml.encode()


def fragment(object_id: int, data: bytes, number: int = 0, flags: int = 3) -> bytes:
    return struct.pack(">QQBI", object_id, number, flags, len(data)) + data


class Server:
    """Stands in for the client of one computer: answers Connect and Receive with the data given."""

    def __init__(self, answer: bytes = b"", *streams: list[bytes]) -> None:
        self.sent = b""
        self.endpoint = Endpoint("srv01", "http://srv01:5985/wsman")
        self._answer = answer
        self._streams = list(streams)

    def connect(self, _shell: Any, connect_xml: bytes, _mode: str | None, _deadline: float) -> bytes:
        self.sent = connect_xml
        return self._answer

    def receive(self, _shell: Any, _deadline: float) -> list[bytes]:
        if not self._streams:
            raise TransportError(None, "the deadline is over")
        return self._streams.pop(0)


def connect(server: Server) -> None:
    handshake.connect(cast(WSManClient, server), shell(), None, 0.0)


def private_data(server: Server) -> dict[str, Any]:
    return handshake.receive_private_data(cast(WSManClient, server), shell(), 0.0)


ANSWER = fragment(4, message(SESSION_CAPABILITY, CAPABILITY_XML)) + fragment(5, message(INIT_DATA, LIMITS_XML))


def test_two_whole_fragments_capability_then_connect() -> None:
    server = Server(ANSWER)
    connect(server)
    rest, read = server.sent, []
    while rest:
        object_id, fragment_id, flags, length = struct.unpack_from(">QQBI", rest)
        body, rest = rest[21 : 21 + length], rest[21 + length :]
        destination, kind = struct.unpack_from("<II", body)
        assert (fragment_id, flags, destination) == (0, 3, 2)
        assert body[8:24] == uuid.UUID(SHELL_ID).bytes_le
        assert body[24:40] == bytes(16)
        read.append((object_id, kind, body[40:].decode()))
    (first_id, first_kind, capability), (second_id, second_kind, connect_pool) = read
    assert (first_id, first_kind) == (1, SESSION_CAPABILITY)
    assert (second_id, second_kind) == (2, CONNECT_RUNSPACEPOOL)
    for element in (
        '<Version N="protocolversion">2.3</Version>',
        '<Version N="PSVersion">2.0</Version>',
        '<Version N="SerializationVersion">1.1.0.1</Version>',
    ):
        assert element in capability
    assert connect_pool in ("<S />", "<S/>")


def test_another_implementation_understands_it() -> None:
    server = Server(ANSWER)
    connect(server)
    pool = ServerRunspacePool()
    pool.receive_data(PSRPPayload(server.sent, StreamType.default, None))
    events = [pool.next_event() for _each in range(2)]
    assert [type(event).__name__ for event in events] == ["SessionCapabilityEvent", "ConnectRunspacePoolEvent"]
    assert pool.next_event() is None


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        fragment(8, message(INIT_DATA, LIMITS_XML)) + fragment(9, message(SESSION_CAPABILITY, CAPABILITY_XML)),
        fragment(1, b"an old tail", number=3, flags=2) + ANSWER,
        ANSWER + fragment(6, message(STATE, STATE_XML)),
    ],
    ids=["as recorded", "other order", "tail of an old message", "a state besides"],
)
def test_answers_that_are_accepted(answer: bytes) -> None:
    connect(Server(answer))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        fragment(4, message(SESSION_CAPABILITY, CAPABILITY_XML)),
        fragment(4, message(INIT_DATA, LIMITS_XML)),
        ANSWER[:-5],
        b"no fragment at all, only text",
        fragment(4, b"short"),
        fragment(4, message(SESSION_CAPABILITY, "<Obj")),
        fragment(4, message(0x7FFFFFFF, "<S/>")),
    ],
    ids=["nothing", "no limits", "no capability", "cut off", "text", "too short", "bad XML", "unknown message"],
)
def test_answers_that_are_not(answer: bytes) -> None:
    with pytest.raises(TransportError) as failed:
        connect(Server(answer))
    assert failed.value.code == 1722


@pytest.mark.parametrize(
    "streams",
    [
        [[fragment(7, message(PRIVATE_DATA, PRIVATE_XML))]],
        [[fragment(3, message(STATE, STATE_XML))], [fragment(7, message(PRIVATE_DATA, PRIVATE_XML))]],
        [[], [], [fragment(7, message(PRIVATE_DATA, PRIVATE_XML))]],
        [[fragment(2, b"tail", number=1, flags=2), fragment(7, message(PRIVATE_DATA, PRIVATE_XML))]],
        [
            [fragment(7, message(PRIVATE_DATA, PRIVATE_XML)[:50], flags=1)],
            [fragment(7, message(PRIVATE_DATA, PRIVATE_XML)[50:], number=1, flags=2)],
        ],
    ],
    ids=["alone", "after a replay", "after timeouts", "after a tail", "in two fragments"],
)
def test_private_data_comes_in_every_way(streams: list[list[bytes]]) -> None:
    assert private_data(Server(b"", *streams)) == {"PSVersion": "5.1.1", "Flags": [1, True, None]}


def test_private_data_that_never_comes_ends_with_the_deadline() -> None:
    with pytest.raises(TransportError, match="deadline"):
        private_data(Server(b"", [fragment(3, message(STATE, STATE_XML))], []))
