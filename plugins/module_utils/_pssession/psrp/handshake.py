"""Connecting to a session that exists: the two messages each way of a connect (MS-PSRP 3.1.4.10)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
import uuid

from ..model.errors import TransportError
from ..model.sessions import Shell
from ..wsman.client import PROTOCOL_VERSION, WSManClient
from ..wsman.soap import improper
from .fragments import Defragmenter, whole_fragment

try:
    from pypsrp.messages import (
        ApplicationPrivateData,
        ConnectRunspacePool,
        Destination,
        Message,
        MessageType,
        SessionCapability,
    )
    from pypsrp.serializer import Serializer
except ImportError:  # reported by the client, which is needed first
    pass

# PSRP's own numbers, not those of any PowerShell (MS-PSRP 2.2.2.1).
_PS_VERSION = "2.0"
_SERIALIZATION_VERSION = "1.1.0.1"


def connect(client: WSManClient, shell: Shell, buffering_mode: str | None, deadline: float) -> None:
    """Connect to a disconnected session as a new client.

    The session is open as soon as the answer is there (MS-PSRP 3.1.5.4.31): a server sends no new state message, and
    its private data comes on the output stream, where whoever wants output will find it.

    Args:
        buffering_mode: ``Block``, ``Drop`` or None to leave it as it is.
        deadline: In seconds of the world's clock.

    Raises:
        TransportError: The server refused (WSManFault), could not be reached, or did not answer the handshake.
    """
    answer = client.connect(shell, _connect_xml(shell.shell_id), buffering_mode, deadline)
    defragmenter = Defragmenter(client.endpoint.option.maximum_received_object_size)
    answered = {message.message_type for message in _messages(defragmenter, answer)}
    if MessageType.SESSION_CAPABILITY not in answered or MessageType.RUNSPACEPOOL_INIT_DATA not in answered:
        raise improper("the answer to Connect lacks the server's session capability or runspace pool data")


def receive_private_data(client: WSManClient, shell: Shell, deadline: float) -> dict[str, t.Any]:
    """Wait for the APPLICATION_PRIVATE_DATA that a server sends to a newly connected client (MS-PSRP 2.2.2.13).

    Messages the previous client had already seen may come first, and some servers send a state message, too: both
    mean nothing here.

    Raises:
        TransportError: It did not come before the deadline.
    """
    defragmenter = Defragmenter(client.endpoint.option.maximum_received_object_size)
    while True:
        for stream in client.receive(shell, deadline):
            for message in _messages(defragmenter, stream):
                if message.message_type == MessageType.APPLICATION_PRIVATE_DATA:
                    data = t.cast(ApplicationPrivateData, message.data).data
                    return {str(key): _plain(value) for key, value in (data or {}).items()}


def _connect_xml(shell_id: str) -> bytes:
    """Return the client's two messages, each in a fragment of its own as servers demand (MS-PSRP 3.2.5.3.14).

    The size of the pool is not known to a client that only found it, so it is left out.
    """
    serializer = Serializer()
    messages = (SessionCapability(PROTOCOL_VERSION, _PS_VERSION, _SERIALIZATION_VERSION), ConnectRunspacePool())
    pool_id = str(uuid.UUID(shell_id))
    return b"".join(
        whole_fragment(number, Message(Destination.SERVER, pool_id, None, message, serializer).pack())
        for number, message in enumerate(messages, start=1)
    )


def _messages(defragmenter: Defragmenter, data: bytes) -> t.Iterator[Message]:
    """Yield the PSRP messages that end in the given data."""
    serializer = Serializer()
    try:
        for message in defragmenter.feed(data):
            yield Message.unpack(message, serializer)
    except TransportError:
        raise
    except Exception as error:  # whatever a serializer makes of data that a server should never have sent
        raise improper(f"the answer has PSRP data that cannot be read ({type(error).__name__}: {error})") from error


def _plain(value: t.Any) -> t.Any:
    """Return deserialized CLIXML as data that JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
