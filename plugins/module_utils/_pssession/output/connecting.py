"""Connects to sessions and commands again, and keeps sessions connected while a task works with them."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.codes import Code
from ..model.errors import WSManFault
from ..model.sessions import PSSession
from ..psrp import handshake
from ..wsman.client import WSManClient

Answer = t.TypeVar("Answer")
# Seconds for each request of an interrupted task, because the user or the controller waits for its end.
_INTERRUPTED_SECONDS = 10.0


class Awake:
    """Sends requests about a connected session, each with its own deadline.

    The session may have waited so long for its turn that the server disconnected this silent client. A request that the
    server refuses for this reason had no effect, so the client reconnects and sends it again.
    """

    def __init__(self, client: WSManClient, session: PSSession) -> None:
        self._client = client
        self._session = session

    def __call__(self, request: t.Callable[[float], Answer], /) -> Answer:
        try:
            return request(self._client.new_deadline())
        except WSManFault as fault:
            if fault.code != Code.SHELL_DISCONNECTED:
                raise
            self._client.reconnect(self._session.shell, None, self._client.new_deadline())
            return request(self._client.new_deadline())


def connect_anew(client: WSManClient, session: PSSession, deadline: float) -> None:
    """Disconnect from a session of this client, and connect to it as a new client.

    A server sends an answer that the former client did not get again to a client that connects. After a Reconnect it
    may not do so (see docs/protocol.md).

    Args:
        deadline: For both, in seconds of the world's clock.

    Raises:
        TransportError: The attempt failed.
    """
    try:
        client.disconnect(session.shell, None, None, deadline)
    except WSManFault as fault:
        if fault.code != Code.ALREADY_DISCONNECTED:  # the server disconnected the silent client
            raise
    try:
        handshake.connect(client, session.shell, None, deadline)
    except WSManFault as fault:
        if fault.code != Code.CONNECT_REFUSED:
            raise
        # The server waits for a session key, and accepts no new client until it has one (see docs/protocol.md).
        client.reconnect(session.shell, None, deadline)


def connect_command(client: WSManClient, session: PSSession, command_id: str) -> None:
    """Become the client of a command in a session to which this client connected as a new client.

    If the session waited so long for its turn that the server disconnected this client, the client connects again.

    Raises:
        TransportError: The attempt failed.
    """
    try:
        client.connect_command(session.shell, command_id.upper(), client.new_deadline())
    except WSManFault as fault:
        if fault.code != Code.SHELL_DISCONNECTED:
            raise
        handshake.connect(client, session.shell, None, client.new_deadline())
        client.connect_command(session.shell, command_id.upper(), client.new_deadline())


def hurried(session: PSSession) -> PSSession:
    """Return a session with the short time limits of an interrupted task."""
    option = dataclasses.replace(session.endpoint.option, open_timeout=_INTERRUPTED_SECONDS, cancel_timeout=None)
    return dataclasses.replace(session, endpoint=dataclasses.replace(session.endpoint, option=option))
