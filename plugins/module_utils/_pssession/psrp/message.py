"""PSRP messages from a server: the header and the text of each (MS-PSRP 2.2.1)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
import typing as t

from ..wsman.soap import improper
from .fragments import Defragmenter

# Destination, type, pool and pipeline come before the data of a message. Only the type is used.
_HEADER = struct.Struct("<4xI32x")
_BOM = b"\xef\xbb\xbf"


def unpack(message: bytes) -> tuple[int, bytes]:
    """Return the type of a message, and its data.

    Raises:
        ValueError: It is shorter than its header.
    """
    if len(message) < _HEADER.size:
        raise ValueError("a PSRP message is shorter than its header")
    return _HEADER.unpack_from(message)[0], message[_HEADER.size :]


def clixml_of(data: bytes) -> str:
    """Return the CLIXML in the data of a message.

    Raises:
        ValueError: It is not UTF-8.
    """
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise ValueError("the data of a PSRP message is not UTF-8") from error


def messages_in(defragmenter: Defragmenter, streams: t.Iterable[bytes]) -> t.Iterator[tuple[int, bytes]]:
    """Yield type and data of the messages that end in data of a shell's stream.

    Raises:
        TransportError: It cannot be read.
    """
    try:
        for stream in streams:
            for message in defragmenter.feed(stream):
                yield unpack(message)
    except ValueError as error:
        raise improper(f"the answer has PSRP data that cannot be read ({error})") from error
