# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command of a session, as WinRM sees it: its ids, its state and its output."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from psrpcore.types import PSInvocationState, PSSecureString

from .psrp import Outgoing, OutputQueue

if TYPE_CHECKING:
    from .pool import RunspacePool
    from .wsman import Answer


def statements_of(metadata: Any) -> list[list[Any]]:
    """The statements of a CREATE_PIPELINE message, each a list of commands; the first one is in ``Cmds``, too.

    What a client puts around a script, to prepare for it and to clean up, runs in scopes of its own. A declared
    fleet carries out no PowerShell, so that is left out where something else runs in the session's own scope.
    """
    power_shell = metadata.PowerShell
    statements = [list(statement.Cmds) for statement in getattr(power_shell, "ExtraCmds", None) or ()]
    statements = statements or [list(power_shell.Cmds)]
    own = [[each for each in statement if not getattr(each, "UseLocalScope", None)] for statement in statements]
    return [statement for statement in own if statement] or statements


def script_text(metadata: Any) -> str:
    """The script of a CREATE_PIPELINE message (MS-PSRP 2.2.2.10) as one text.

    Commands of a pipeline are joined by ``|``, statements by ``;``, and arguments follow their command.
    """

    def argument(part: Any) -> str:
        words = [str(part.N) if str(part.N).startswith("-") else f"-{part.N}"] if part.N else []
        value = "System.Security.SecureString" if isinstance(part.V, PSSecureString) else part.V
        return " ".join(words + ([] if value is None else [str(value)]))

    def command(part: Any) -> str:
        return " ".join([str(part.Cmd), *(argument(item) for item in part.Args or ())])

    return "; ".join(" | ".join(command(part) for part in statement) for statement in statements_of(metadata))


class Pipeline(ABC):
    """A command: it runs, waits, ends, and keeps its output until a client has fetched it.

    What runs in it is a matter of the subclasses: a declared script, or a script of a real PowerShell.

    Attributes:
        command: the id on WSMan level.
        id: the id in PSRP messages, as the client wrote it; see ``RunspacePool.id``.
        command_line: what a listing shows as rsp:CommandLine (at most 256 characters, sent by native clients).
        text: of the script.
        collected: a client has received the last message; the command only waits for its Signal.
        unacknowledged: the last answer to a Receive, until the same client's next one proves it arrived.
        replay: what the next Receive answers instead of new data.
    """

    def __init__(self, pool: RunspacePool[Any], command: uuid.UUID, command_line: str = "") -> None:
        self.command = self.id = command
        self.command_line = command_line[:256]
        self.output = OutputQueue(pool.balance)
        self.state = PSInvocationState.NotStarted
        self.collected = False
        self.closed = False
        self.text = ""
        self.unacknowledged: Answer | None = None
        self.replay: Answer | None = None
        self.pool = pool

    @property
    def command_id(self) -> str:
        """The id on the wire, upper case."""
        return str(self.command).upper()

    @property
    def is_running(self) -> bool:
        """Whether the command has begun and not ended."""
        return self.state is PSInvocationState.Running

    def put(self, message: Outgoing) -> None:
        """Append a message to the output; under BufferMode Drop the oldest gives way."""
        pool = self.pool
        while pool.dropping() and self.output.size >= pool.capacity() and self.output.drop_oldest():
            pass
        self.output.put(message)

    @property
    def is_full(self) -> bool:
        """Whether the command has to wait until a client takes some of its output."""
        return self.output.size >= self.pool.capacity() and not self.pool.dropping()

    def close(self) -> None:
        """Forget the command: it ends without a message, and pending Receives wake up to find it closed."""
        self.closed = True
        self.end()
        self.output.clear()

    def repeat(self) -> None:
        """Give the next client what this one may not have got; what it did not even ask for again is still due."""
        self.replay = self.replay or self.unacknowledged
        self.unacknowledged = None

    @abstractmethod
    def stop(self) -> None:
        """End the script as Stopped (the signal ``powershell/signal/crtl_c``)."""

    @abstractmethod
    def end(self) -> None:
        """End the script without a message to the client."""

    @abstractmethod
    def end_input(self) -> None:
        """Close the input, because the client says so or because another one connected (MS-PSRP 3.1.4.10.3)."""
