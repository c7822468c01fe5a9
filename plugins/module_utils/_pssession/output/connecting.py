"""Connects to sessions and commands anew, and keeps sessions connected while a task works with them."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t

from ..model.codes import Code
from ..model.errors import WSManFault
from ..model.sessions import PSSession
from ..wsman.client import LEAST_WAIT, WSManClient
from ..wsman.pool import ClientPool

# Seconds that the answer to a Receive may take beyond the time that the server waits for output: to connect, to log on
# and to transfer it.
RECEIVE_MARGIN = 30.0

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
            return request(deadline_of(self._session))
        except WSManFault as fault:
            if fault.code != Code.SHELL_DISCONNECTED:
                raise
            self._client.reconnect(self._session.shell, None, deadline_of(self._session))
            return request(deadline_of(self._session))


def connect_anew(pool: ClientPool, session: PSSession) -> None:
    """Disconnect from a session and take it up again; `disconnect_to_connect_anew` has the reason."""
    with pool.lend(session.endpoint) as client:
        try:
            client.disconnect(session.shell, None, None, deadline_of(session))
        except WSManFault as fault:
            if fault.code != Code.ALREADY_DISCONNECTED:  # by the server, from a client that was silent so long
                raise
        client.reconnect(session.shell, None, deadline_of(session))


def connect_command(pool: ClientPool, session: PSSession, command_id: str) -> None:
    """Become the client of a command in a session that is connected here."""
    with pool.lend(session.endpoint) as client:
        Awake(client, session)(lambda limit: client.connect_command(session.shell, command_id.upper(), limit))


def deadline_of(session: PSSession) -> float:
    """Return by when a request that begins now has to be done, in seconds of `time.monotonic`."""
    return time.monotonic() + session.endpoint.option.open_timeout


def receive_deadline_of(session: PSSession, wait: float | None) -> float:
    """Return by when a Receive that begins now has to be done, in seconds of `time.monotonic`.

    A server may hold it for the whole operation timeout while the command is silent (MS-WSMV 3.1.4.14), however short
    the open timeout is.

    Args:
        wait: Seconds that the server is asked to wait for output; None means the operation timeout.
    """
    longest = session.endpoint.settings.operation_timeout
    held = longest if wait is None else min(max(wait, LEAST_WAIT), longest)
    return time.monotonic() + held + RECEIVE_MARGIN
