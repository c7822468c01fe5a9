# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts wait for, how they end, and what they need from the pipeline that runs them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from psrpcore.types import ErrorRecord, PSRPMessageType

from .records import Origin


@dataclass(frozen=True)
class Sleep:
    """Wait ``seconds`` of the fleet's clock."""

    seconds: float


@dataclass(frozen=True)
class BufferSpace:
    """Wait until the output buffer takes more (BufferMode Block)."""


@dataclass(frozen=True)
class HostAnswer:
    """Wait for the client's answer to host call ``call_id``: its return value, or the client's error."""

    call_id: int


@dataclass(frozen=True)
class NextInput:
    """Wait for an input object; the result is a list of one, or an empty one at the end of the input."""


@dataclass(frozen=True)
class SessionKey:
    """Wait until there is a session key to encrypt SecureStrings with."""


Wait = Sleep | BufferSpace | HostAnswer | NextInput | SessionKey
Execution = Generator[Wait, Any, None]


class ScriptFailure(Exception):
    """The script ended its pipeline as Failed."""

    def __init__(self, record: ErrorRecord) -> None:
        super().__init__(str(record))
        self.record = record


class ScriptExit(Exception):
    """The script called ``exit``, which ends its pipeline as Completed."""


class ScriptError(ValueError):
    """A declaration that makes no sense; raised when scripts are loaded, not when they run."""


class ScriptContext(Protocol):
    """What a script needs from its pipeline."""

    @property
    def variables(self) -> dict[str, Any]:
        """The session's variables."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The named parameters that the script was given."""

    @property
    def origin(self) -> Origin:
        """``HOST\\user``, computer name and process id, as information records show them."""

    @property
    def has_ui(self) -> bool | None:
        """Whether the client's host has a user interface; None when no client has said."""

    def emit(self, kind: PSRPMessageType, value: Any) -> None:
        """Put a message into the pipeline's output; a value is given as CLIXML or as an object."""

    def call_host(self, method: str, parameters: Sequence[Any]) -> int:
        """Send a host call that wants an answer and return its id."""

    def tell_host(self, method: str, parameters: Sequence[Any]) -> None:
        """Send a host call that wants no answer."""
