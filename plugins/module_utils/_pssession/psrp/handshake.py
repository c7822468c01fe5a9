"""Connecting to a session that exists: the two messages each way of a connect (MS-PSRP 3.1.4.10)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import typing as t
import uuid

from ..model.sessions import Shell
from ..wsman.client import PROTOCOL_VERSION, WSManClient
from ..wsman.soap import improper
from . import records
from .fragments import Defragmenter, whole_fragment
from .message import clixml_of, messages_in

try:
    from pypsrp.messages import (
        ConnectRunspacePool,
        Destination,
        Message,
        MessageType,
        SessionCapability,
    )
    from pypsrp.serializer import Serializer
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# PSRP's own numbers, not those of any PowerShell (MS-PSRP 2.2.2.1).
_PS_VERSION = "2.0"
_SERIALIZATION_VERSION = "1.1.0.1"


def connect(client: WSManClient, shell: Shell, buffering_mode: str | None, deadline: float) -> None:
    """Connect to a disconnected session as a new client.

    The session is open when the answer arrives (MS-PSRP 3.1.5.4.31). The server sends no new state message, and its
    private data comes on the output stream.

    Args:
        buffering_mode: ``Block``, ``Drop`` or None to leave it as it is.
        deadline: In seconds of the world's clock.

    Raises:
        TransportError: The server refused (WSManFault), could not be reached, or did not answer the handshake.
    """
    answer = client.connect(shell, _connect_xml(shell.shell_id), buffering_mode, deadline)
    defragmenter = Defragmenter(client.endpoint.option.maximum_received_object_size)
    answered = {kind for kind, _data in messages_in(defragmenter, [answer])}
    if MessageType.SESSION_CAPABILITY not in answered or MessageType.RUNSPACEPOOL_INIT_DATA not in answered:
        raise improper("the server's answer lacks data that PowerShell sends to each new client")


def receive_private_data(client: WSManClient, shell: Shell, deadline: float) -> dict[str, t.Any]:
    """Wait for the APPLICATION_PRIVATE_DATA that a server sends to a newly connected client (MS-PSRP 2.2.2.13).

    Messages that the previous client has seen may come first. Some servers also send a state message. Both are ignored.

    Raises:
        TransportError: It did not come before the deadline.
    """
    defragmenter = Defragmenter(client.endpoint.option.maximum_received_object_size)
    while True:
        for kind, data in messages_in(defragmenter, client.receive(shell, deadline)):
            if kind == MessageType.APPLICATION_PRIVATE_DATA:
                return _private_data(data)


def _connect_xml(shell_id: str) -> bytes:
    """Return the client's two messages, each in its own fragment, as servers require (MS-PSRP 3.2.5.3.14).

    The size of the pool is left out, because a client that only found the pool does not know it.
    """
    pool_id = uuid.UUID(shell_id).bytes_le
    return b"".join(
        whole_fragment(number, before + pool_id + after)
        for number, (before, after) in enumerate(_around_pool_id(), start=1)
    )


@functools.cache
def _around_pool_id() -> tuple[tuple[bytes, bytes], ...]:
    """Return the parts of the two messages before and after the pool's id. Only the id differs between sessions.

    The id is in the bytes 8 to 24 of a message (MS-PSRP 2.2.1).
    """
    serializer, nobody = Serializer(), str(uuid.UUID(int=0))
    messages = (SessionCapability(PROTOCOL_VERSION, _PS_VERSION, _SERIALIZATION_VERSION), ConnectRunspacePool())
    packed = [Message(Destination.SERVER, nobody, None, message, serializer).pack() for message in messages]
    return tuple((each[:8], each[24:]) for each in packed)


def _private_data(data: bytes) -> dict[str, t.Any]:
    try:
        value = records.to_plain(clixml_of(data))
    except ValueError as error:
        raise improper(f"the application private data cannot be read ({error})") from error
    found = value.get("ApplicationPrivateData") if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
