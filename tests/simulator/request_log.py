# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients asked, and what they got."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class LoggedRequest:
    """One HTTP request.

    Attributes:
        computer: name of the simulated computer.
        operation: ``Connect``, ``Enumerate``, ..., ``Unknown``; ``Unauthenticated`` for a round that got a 401,
            ``Handshake`` for an empty body that only authenticates, ``Unencrypted`` for a plain body that is refused,
            ``Redirected`` for an answer with another address.
        resource_uri: tells an Enumerate of shells from one of commands.
        fault_code: the WSManFault Code of the answer, unsigned.
        body: the request's XML, decrypted.
        headers: HTTP headers; of Authorization only the scheme.
        started: seconds of a monotonic clock, real time; ``ended`` likewise, ``None`` while it runs.
        connection: number of the TCP connection, unique within the fleet.
        scheme: how the user was authenticated: ``basic``, ``digest``, ``ntlm``, ``kerberos``, ``credssp`` or
            ``certificate``; ``None`` without a user.
        encrypted: the body was, beyond TLS.
        secure: it came over TLS.
        channel_bound: authentication was bound to the server's certificate; ``None`` where the scheme cannot do that,
            without TLS, and for Kerberos while the switch ``channel_binding`` is ``none`` (the acceptor cannot tell).
        server_name: the client's SNI.
        raw: the request's body as sent, and ``raw_answer`` the answer's, with the switch ``keep_raw``.
    """

    computer: str
    operation: str
    started: float
    connection: int
    shell_id: str | None = None
    command_id: str | None = None
    resource_uri: str = ""
    user: str | None = None
    client_session_id: str | None = None
    status: int | None = None
    fault_code: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    ended: float | None = None
    scheme: str | None = None
    encrypted: bool = False
    secure: bool = False
    channel_bound: bool | None = None
    server_name: str | None = None
    raw: bytes | None = field(default=None, repr=False)
    raw_answer: bytes | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values; octets as Base64."""
        values = asdict(self)
        for name in ("raw", "raw_answer"):
            if values[name] is not None:
                values[name] = base64.b64encode(values[name]).decode()
        return values


class RequestLog:
    """All requests of a fleet, oldest first."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []

    def add(self, request: LoggedRequest) -> None:
        """Append a request that begins."""
        self._requests.append(request)

    def clear(self) -> None:
        """Forget everything so far."""
        self._requests.clear()

    def select(self, wanted: Callable[[LoggedRequest], bool] = lambda _request: True) -> list[LoggedRequest]:
        """The requests that ``wanted`` accepts."""
        return [request for request in self._requests if wanted(request)]


def visible_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers for the log: a password in Authorization must not get into a test's output."""
    return {
        name: value.split(" ", 1)[0] if name.lower() in ("authorization", "proxy-authorization") else value
        for name, value in headers.items()
    }
