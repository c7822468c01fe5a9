"""PSRP fragments: splits messages for the wire and joins them again (MS-PSRP 2.2.4)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
import typing as t

from ..model.errors import LimitExceeded

_HEADER = struct.Struct(">QQBI")
FRAGMENT_HEADER_BYTES = _HEADER.size
_START, _END = 1, 2
# Bytes of a fragment that fit into an envelope of any server, in Base64 and with the elements around them.
MAX_FRAGMENT_BYTES = 32 * 1024
# The size of one object that PowerShell's clients accept (MaximumReceivedObjectSize).
MAX_MESSAGE_BYTES = 200 * 1024 * 1024


def whole_fragment(object_id: int, message: bytes) -> bytes:
    """Return a message as one fragment that both starts and ends it."""
    return _HEADER.pack(object_id, 0, _START | _END, len(message)) + message


def fragments_of(object_id: int, message: bytes, max_bytes: int) -> t.Iterator[bytes]:
    """Yield a message as fragments with a maximum number of bytes of data."""
    pieces = range(0, max(len(message), 1), max_bytes)
    for number, start in enumerate(pieces):
        blob = message[start : start + max_bytes]
        flags = (_START if number == 0 else 0) | (_END if number == len(pieces) - 1 else 0)
        yield _HEADER.pack(object_id, number, flags, len(blob)) + blob


class Defragmenter:
    """Joins the messages of one stream.

    A client may connect in the middle of a conversation. The first fragments may be the end of a message whose
    beginning the previous client received. They are dropped until a message starts.

    Args:
        max_size: The maximum number of bytes of a message. None means no limit.
        skips_repeats: Whether to drop fragments that are not newer than those seen. A server sends the last answer to a
          lost client again to the next client. Within one command ids only grow.
        may_miss: Whether to skip messages with missing parts, because the server drops output. Otherwise they are an
          error.
        damages: Gets a line of text for each error in the data. Then the next message that starts is yielded. None
          means that errors are raised.

    Attributes:
        first_id: Number of the first message, or None. Servers count the messages of a session from 1 (see A19 in
            docs/protocol.md).
        missing: The number of missing numbers between the messages.
        is_torn: Whether parts of a message were missing.
        begins_torn: Whether the first fragment is from the middle of a message. None before the first fragment.
    """

    def __init__(
        self,
        max_size: int | None = MAX_MESSAGE_BYTES,
        *,
        skips_repeats: bool = False,
        may_miss: bool = False,
        damages: list[str] | None = None,
    ) -> None:
        self.first_id: int | None = None
        self.missing = 0
        self.is_torn = False
        self.begins_torn: bool | None = None
        self._may_miss = may_miss
        self._damages = damages
        self._max_size = max_size
        self._skips_repeats = skips_repeats
        self._object_id: int | None = None
        self._next_fragment = 0
        self._parts: list[bytes] = []
        self._last = (-1, -1)
        self._size = 0

    def feed(self, data: bytes) -> t.Iterator[bytes]:
        """Yield the messages that end in the given fragments (any number of whole ones).

        Raises:
            ValueError: The data is not a row of whole fragments, or a fragment in the middle of a message is missing.
            LimitExceeded: A message is too large.
        """
        position = 0
        while position < len(data):
            if len(data) - position < _HEADER.size:
                self._note_damage("a PSRP fragment is cut off in its header")
                return
            object_id, fragment_id, flags, length = _HEADER.unpack_from(data, position)
            position += _HEADER.size
            blob = data[position : position + length]
            if len(blob) < length:
                self._note_damage("a PSRP fragment is cut off in its data")
                return
            position += length
            number = (object_id, fragment_id)
            if self._skips_repeats and number <= self._last:
                continue
            if self.first_id is None:
                self.first_id = object_id
                self.begins_torn = not flags & _START
            elif object_id > self._last[0] + 1:
                self.missing += object_id - self._last[0] - 1
            self._last = number
            message = self._take(object_id, fragment_id, flags, blob)
            if message is not None:
                yield message

    def _take(self, object_id: int, fragment_id: int, flags: int, blob: bytes) -> bytes | None:
        if flags & _START:
            self.is_torn = self.is_torn or self._object_id is not None
            if flags & _END and fragment_id == 0 and (self._max_size is None or len(blob) <= self._max_size):
                self._object_id = None
                return blob  # small messages are whole fragments, and there may be millions
            self._object_id, self._next_fragment, self._parts, self._size = object_id, 0, [], 0
        if self._object_id is None:
            return None
        if object_id != self._object_id or fragment_id != self._next_fragment:
            expected = f"{self._object_id}.{self._next_fragment}"
            self._object_id = None
            self.is_torn = True
            if self._may_miss:
                return None
            self._note_damage(f"PSRP fragment {object_id}.{fragment_id} came where {expected} was due")
            return None
        if not blob:
            self._object_id = None
            self.is_torn = True
            self._note_damage(f"PSRP fragment {object_id}.{fragment_id} is empty")
            return None
        self._next_fragment += 1
        self._parts.append(blob)
        self._size += len(blob)
        if self._max_size is not None and self._size > self._max_size:
            self._object_id, self._parts = None, []
            raise LimitExceeded(
                "ReceivedObjectSizeExceededMaximumClient",
                f"the server sent an object of {self._size} bytes or more, and "
                f"session_option.maximum_received_object_size is {self._max_size}",
            )
        if not flags & _END:
            return None
        self._object_id = None
        return b"".join(self._parts)

    def _note_damage(self, text: str) -> None:
        if self._damages is None:
            raise ValueError(text)
        self._object_id = None
        self._damages.append(text)
