"""Connects to sessions and commands anew, and keeps sessions connected while a task works with them."""

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
# Seconds for each request of an interrupted task: the user or the controller waits for its end.
_INTERRUPTED_SECONDS = 10.0


class Awake:
    """Does requests about a session that is connected here, each with a deadline of its own.

    The session may have had to wait for its turn so long that the server has taken it from its silent client. What a
    server refuses for that has not happened, so the session is taken up again, and then it is done.
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
    """Disconnect from a session that is ours, and connect to it as a new client does.

    A server repeats the answer that the former client did not get to one that connects, and perhaps to no other: a
    Reconnect may not be enough (see docs/protocol.md).

    Args:
        deadline: For both, in seconds of the world's clock.

    Raises:
        TransportError: It did not work.
    """
    try:
        client.disconnect(session.shell, None, None, deadline)
    except WSManFault as fault:
        if fault.code != Code.ALREADY_DISCONNECTED:  # by the server, from a client that was silent so long
            raise
    try:
        handshake.connect(client, session.shell, None, deadline)
    except WSManFault as fault:
        if fault.code != Code.CONNECT_REFUSED:
            raise
        # The server waits for a session key, and takes no new client until it has one (see docs/protocol.md).
        client.reconnect(session.shell, None, deadline)


def connect_command(client: WSManClient, session: PSSession, command_id: str) -> None:
    """Become the client of a command in a session that was connected to as by a new client.

    If the session had to wait for its turn so long that the server has disconnected it, it is connected to anew.

    Raises:
        TransportError: It did not work.
    """
    try:
        client.connect_command(session.shell, command_id.upper(), client.new_deadline())
    except WSManFault as fault:
        if fault.code != Code.SHELL_DISCONNECTED:
            raise
        handshake.connect(client, session.shell, None, client.new_deadline())
        client.connect_command(session.shell, command_id.upper(), client.new_deadline())


def hurried(session: PSSession) -> PSSession:
    """Return a session whose requests have the short time limits of an interrupted task."""
    option = dataclasses.replace(session.endpoint.option, open_timeout=_INTERRUPTED_SECONDS, cancel_timeout=None)
    return dataclasses.replace(session, endpoint=dataclasses.replace(session.endpoint, option=option))
