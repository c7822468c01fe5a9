# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliberate misbehaviour, for the tests of clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

Action = Literal[
    "reset",
    "delay",
    "status",
    "fault",
    "garbage",
    "truncate",
    "hang",
    "body",
    "wrong_relates_to",
    "close_without_answer",
    "withhold",
]


@dataclass
class Injection:
    """Misbehave at certain requests.

    Attributes:
        operation: the operation it is for; ``*`` for any.
        times: how many requests it hits; ``None`` for all.
        after: how many matching requests pass before.
        action: what happens:

            * ``reset``: the connection is reset, the request not carried out;
            * ``delay``: the request waits ``seconds`` and is then carried out;
            * ``status``: HTTP ``status`` with ``body`` and ``headers``, not carried out;
            * ``fault``: a SOAP fault with ``fault_code`` (0: without a code) and ``subcode``, not carried out;
            * ``garbage``: HTTP 200 with something that is no XML, not carried out;
            * ``body``: HTTP 200 with ``body`` as ``content_type``, not carried out;
            * ``hang``: no answer ever, not carried out;
            * ``truncate``: carried out, but the answer breaks off in the middle;
            * ``close_without_answer``: carried out, but the connection closes instead of an answer;
            * ``withhold``: carried out, but no answer ever;
            * ``wrong_relates_to``: carried out, but the answer relates to another message.
        seconds: wait so long before anything else, on the fleet's clock; with any action.
        shell_id: only requests about this shell.
        waiting: how many clients wait now because of ``delay``, ``seconds``, ``hang`` or ``withhold``: a test that
            looks at it decides by events, not by time, what happens next.
    """

    operation: str = "*"
    times: int | None = 1
    after: int = 0
    action: Action = "fault"
    seconds: float = 0.0
    status: int = 503
    body: str = ""
    content_type: str = "application/soap+xml;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    fault_code: int = 0x80338000
    subcode: str | None = None
    shell_id: str | None = None
    waiting: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise ValueError(f"{self.action!r} is not one of {', '.join(get_args(Action))}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count a request among the waiting ones."""
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def hits(self, operation: str, shell_id: str | None) -> bool:
        """Whether this request is meant; counts it."""
        if self.operation not in ("*", operation):
            return False
        if self.shell_id is not None and (shell_id or "").upper() != self.shell_id.upper():
            return False
        if self.times is not None and self.times <= 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True
