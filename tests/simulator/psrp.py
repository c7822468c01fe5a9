# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outer layers of PSRP: messages, fragments, and the queue of messages to a client."""

from __future__ import annotations

import struct
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from psrpcore.types import PSRPMessageType

from .clock import Wakeup

_FRAGMENT = struct.Struct(">QQBI")
_START, _END = 1, 2
_TO_CLIENT, _TO_SERVER = 1, 2
_BOM = b"\xef\xbb\xbf"
#: Most octets of a message in one fragment, however large the envelope (the server's default fragment size).
MAX_FRAGMENT = 32768
#: Octets of an envelope that are not stream data: header, elements, and a CommandState that may end it.
ENVELOPE_OVERHEAD = 2500
#: Octets around one rsp:Stream, attributes included.
STREAM_OVERHEAD = 130


class ProtocolViolation(ValueError):
    """The octets are no PSRP fragments or no PSRP message."""


@dataclass(frozen=True)
class Fragment:
    """A piece of a message (MS-PSRP 2.2.4)."""

    object_id: int
    fragment_id: int
    start: bool
    end: bool
    data: bytes

    def pack(self) -> bytes:
        """The fragment with its header, as it travels."""
        flags = self.start * _START | self.end * _END
        return _FRAGMENT.pack(self.object_id, self.fragment_id, flags, len(self.data)) + self.data


def fragments_of(octets: bytes) -> Iterator[Fragment]:
    """The fragments that ``octets`` consists of.

    Raises:
        ProtocolViolation: the octets end within a fragment.
    """
    position = 0
    while position < len(octets):
        if len(octets) - position < _FRAGMENT.size:
            raise ProtocolViolation("the data ends within a fragment header")
        object_id, fragment_id, flags, length = _FRAGMENT.unpack_from(octets, position)
        position += _FRAGMENT.size
        if length > len(octets) - position:
            raise ProtocolViolation("the data ends within a fragment")
        yield Fragment(object_id, fragment_id, bool(flags & _START), bool(flags & _END), octets[position:][:length])
        position += length


@dataclass(frozen=True)
class Message:
    """A PSRP message (MS-PSRP 2.2.1); ``pipeline_id`` is ``None`` for messages of the pool.

    Attributes:
        raw: a message that was read, octet by octet as it came.
    """

    type: PSRPMessageType
    pool_id: uuid.UUID
    pipeline_id: uuid.UUID | None
    data: bytes
    raw: bytes = field(default=b"", repr=False, compare=False)

    def pack(self) -> bytes:
        """The message as a server sends it: the CLIXML begins with a byte order mark (all recordings)."""
        return self._header(_TO_CLIENT) + _BOM + self.data

    def pack_for_server(self) -> bytes:
        """The message as a client sends it."""
        return self._header(_TO_SERVER) + self.data

    def _header(self, destination: int) -> bytes:
        pipeline = (self.pipeline_id or uuid.UUID(int=0)).bytes_le
        return struct.pack("<II", destination, self.type) + self.pool_id.bytes_le + pipeline

    @classmethod
    def unpack(cls, octets: bytes) -> Message:
        """Read a message.

        Raises:
            ProtocolViolation: it is too short or of an unknown type.
        """
        if len(octets) < 40:
            raise ProtocolViolation("the message is shorter than its header")
        _destination, number = struct.unpack_from("<II", octets)
        try:
            kind = PSRPMessageType(number)
        except ValueError as error:
            raise ProtocolViolation(f"unknown message type {number:#x}") from error
        pool_id, pipeline_id = (uuid.UUID(bytes_le=octets[at : at + 16]) for at in (8, 24))
        return cls(kind, pool_id, pipeline_id if pipeline_id.int else None, octets[40:].removeprefix(_BOM), octets)


@dataclass
class Defragmenter:
    """Puts fragments together; objects may come in pieces over several requests."""

    _pieces: dict[int, list[bytes]] = field(default_factory=dict)

    def feed(self, octets: bytes) -> list[Message]:
        """The messages that are complete with ``octets``.

        Raises:
            ProtocolViolation: a fragment without its predecessors, or a malformed one.
        """
        complete = []
        for fragment in fragments_of(octets):
            if fragment.start:
                self._pieces[fragment.object_id] = []
            pieces = self._pieces.get(fragment.object_id)
            if pieces is None or len(pieces) != fragment.fragment_id:
                raise ProtocolViolation(f"fragment {fragment.fragment_id} of object {fragment.object_id} is misplaced")
            pieces.append(fragment.data)
            if fragment.end:
                complete.append(Message.unpack(b"".join(self._pieces.pop(fragment.object_id))))
        return complete


@dataclass
class Outgoing:
    """A message on its way out. It is cut into fragments only when it is known how much space an answer has.

    Attributes:
        alone: send it in an answer of its own; servers do so with RUNSPACEPOOL_STATE (all recordings).
        final: the last message of its pipeline.
        fragment_id: the next fragment's number; above zero the client has the beginning already.
    """

    object_id: int
    data: bytes | memoryview
    alone: bool = False
    final: bool = False
    fragment_id: int = 0

    def __post_init__(self) -> None:
        """Cut without copying the rest each time: a message may have many megabytes."""
        self.data = memoryview(self.data)

    def cut(self, size: int) -> Fragment:
        """Take the next fragment of at most ``size`` octets of data off the message."""
        piece, self.data = self.data[:size], self.data[size:]
        fragment = Fragment(self.object_id, self.fragment_id, self.fragment_id == 0, not self.data, bytes(piece))
        self.fragment_id += 1
        return fragment


class OutputQueue:
    """The messages of the pool or of one pipeline that no client has fetched yet.

    Attributes:
        changed: tells who waits, and ``on_change``, that something was put in or taken out.
        size: octets of message data that wait.
    """

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self.changed = Wakeup(on_change)
        self.size = 0
        self._messages: deque[Outgoing] = deque()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Outgoing) -> None:
        """Append a message and wake a pending Receive."""
        self._messages.append(message)
        self.size += len(message.data)
        self.changed.notify()

    def put_first(self, message: Outgoing) -> None:
        """Put a message before all others."""
        self._messages.appendleft(message)
        self.size += len(message.data)
        self.changed.notify()

    def drop_oldest(self) -> bool:
        """Discard the oldest message no part of which was sent; ``False`` when there is none (BufferMode Drop)."""
        for message in self._messages:
            if message.fragment_id == 0 and not message.final:
                self._messages.remove(message)
                self.size -= len(message.data)
                return True
        return False

    def clear(self) -> None:
        """Discard everything."""
        self._messages.clear()
        self.size = 0
        self.changed.notify()

    def take(self, envelope_size: int) -> tuple[list[bytes], bool]:
        """Fragments for one answer, in order, as many as fit; and whether the last message was among them.

        Args:
            envelope_size: octets the whole answer may have; base64 makes 4 of 3.
        """
        space = envelope_size - ENVELOPE_OVERHEAD
        taken: list[bytes] = []
        final = False
        while self._messages:
            message = self._messages[0]
            if message.alone and taken:
                break
            fits = (space - STREAM_OVERHEAD) // 4 * 3 - _FRAGMENT.size
            # Rather end the answer than begin a message with a sliver of it.
            if taken and fits < min(len(message.data), 1024):
                break
            fragment = message.cut(max(1, min(fits, MAX_FRAGMENT)))
            self.size -= len(fragment.data)
            taken.append(fragment.pack())
            space -= STREAM_OVERHEAD + (len(taken[-1]) + 2) // 3 * 4
            if fragment.end:
                self._messages.popleft()
                final = final or message.final
                if message.alone:
                    break
        if taken:
            self.changed.notify()
        return taken, final
