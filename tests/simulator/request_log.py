# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients asked, and what they got."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class LoggedRequest:
    """One HTTP request.

    Attributes:
        computer: name of the simulated computer.
        operation: ``Connect``, ``Enumerate``, ..., ``Unknown``; ``Unauthenticated`` for a round that got a 401,
            ``Handshake`` for an empty body that only authenticates.
        resource_uri: tells an Enumerate of shells from one of commands.
        fault_code: the WSManFault Code of the answer, unsigned.
        body: the request's XML, decrypted.
        headers: HTTP headers; of Authorization only the scheme.
        started: seconds of a monotonic clock, real time; ``ended`` likewise, ``None`` while it runs.
        connection: number of the TCP connection, unique within the fleet.
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

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


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
