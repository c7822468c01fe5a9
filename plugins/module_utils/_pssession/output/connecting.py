"""Connects to sessions and commands anew, and keeps sessions connected while a task works with them."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.codes import Code
from ..model.errors import WSManFault
from ..model.sessions import PSSession
from ..wsman.client import WSManClient
from ..wsman.pool import ClientPool

Answer = t.TypeVar("Answer")


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


def connect_anew(pool: ClientPool, session: PSSession) -> None:
    """Disconnect from a session and take it up again; `disconnect_to_connect_anew` has the reason."""
    with pool.lend(session.endpoint) as client:
        try:
            client.disconnect(session.shell, None, None, client.new_deadline())
        except WSManFault as fault:
            if fault.code != Code.ALREADY_DISCONNECTED:  # by the server, from a client that was silent so long
                raise
        client.reconnect(session.shell, None, client.new_deadline())


def connect_command(pool: ClientPool, session: PSSession, command_id: str) -> None:
    """Become the client of a command in a session that is connected here."""
    with pool.lend(session.endpoint) as client:
        Awake(client, session)(lambda limit: client.connect_command(session.shell, command_id.upper(), limit))
