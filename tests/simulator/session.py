# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handle tests hold of one shell."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from .computer import SimulatedComputer

T = TypeVar("T")


@dataclass(frozen=True)
class SimulatedCommand:
    """A command of a session at the moment it was asked for.

    Attributes:
        command_id: upper-case GUID.
        script: text of the script.
        state: name of the pipeline's state, ``Running``, ``Completed``, ``Failed`` or ``Stopped``.
        collected: a client has received all its output.
        waiting: octets of output that no client has fetched.
    """

    command_id: str
    script: str
    state: str
    collected: bool
    waiting: int


class SimulatedSession:
    """A shell as it is now: every property looks, after the clock's rules were applied. From any thread."""

    def __init__(self, computer: SimulatedComputer, shell: Shell) -> None:
        self._computer = computer
        self._shell = shell

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SimulatedSession) and self._shell is other._shell

    def __hash__(self) -> int:
        return hash(self._shell.id)

    def __repr__(self) -> str:
        return f"<SimulatedSession {self.name or self.shell_id} {self.state}>"

    def _look(self, function: Callable[[Shell], T]) -> T:
        def look() -> T:
            self._computer.live_shells()
            return function(self._shell)

        return self._computer.loop_thread.call(look)

    @property
    def shell_id(self) -> str:
        """Upper-case GUID."""
        return self._shell.id

    @property
    def name(self) -> str | None:
        """The session's name."""
        return self._shell.name

    @property
    def owner(self) -> str:
        """Name of the account that created it."""
        return self._shell.owner.name

    @property
    def resource_uri(self) -> str:
        """The configuration's URI."""
        return self._shell.resource_uri

    @property
    def state(self) -> str:
        """``Connected``, ``Disconnected`` or, once it is gone, ``Closed``."""
        return self._look(lambda shell: shell.state)

    @property
    def owner_client(self) -> str | None:
        """wsmv:SessionId of the client that is or was last connected: upper-case GUID without ``uuid:``."""
        return self._look(lambda shell: shell.client)

    @property
    def idle_timeout(self) -> float:
        """Seconds."""
        return self._look(lambda shell: shell.idle_timeout)

    @property
    def buffer_mode(self) -> str:
        """``Block`` or ``Drop``."""
        return self._look(lambda shell: shell.buffer_mode)

    @property
    def inactivity(self) -> float:
        """Seconds since the client's last activity."""
        return self._look(lambda shell: shell.inactivity(self._computer.clock.now()))

    @property
    def variables(self) -> dict[str, Any]:
        """A copy of the session variables."""
        return self._look(lambda shell: dict(shell.pool.variables) if shell.pool else {})

    @property
    def waits_for_key(self) -> bool:
        """Whether a script has something secret to say and the server waits for the client's public key."""
        return self._look(lambda shell: shell.pool is not None and shell.pool.key_requested_at is not None)

    @property
    def process_id(self) -> int:
        """Of the process that the session runs in, as listings show it; a made-up one without a real PowerShell."""

        def find(shell: Shell) -> int:
            return (shell.pool.process_id if shell.pool else None) or shell.process_id

        return self._look(find)

    @property
    def commands(self) -> list[SimulatedCommand]:
        """The session's commands, oldest first."""

        def list_commands(shell: Shell) -> list[SimulatedCommand]:
            pipelines = shell.pool.pipelines.values() if shell.pool else ()
            of_cmd = [
                SimulatedCommand(
                    *(str(command.id).upper(), command.text, command.state, command.collected),
                    waiting=sum(len(octets) for _stream, octets in command.output),
                )
                for command in shell.commands.values()
            ]
            return of_cmd + [
                SimulatedCommand(
                    *(pipeline.command_id, pipeline.text, pipeline.state.name, pipeline.collected),
                    waiting=pipeline.output.size,
                )
                for pipeline in pipelines
            ]

        return self._look(list_commands)

    def close(self) -> None:
        """Remove the shell, as if it had crashed."""
        self._computer.loop_thread.call(lambda: self._computer.remove_shell(self._shell))

    def connect_elsewhere(self) -> None:
        """Let another client take the shell and keep it."""

        def take(shell: Shell) -> None:
            shell.connect(str(uuid.uuid4()).upper(), self._computer.clock.now())
            shell.held = True

        self._look(take)

    def stop_commands(self) -> None:
        """Stop the commands, as a program on the computer may do."""

        def stop(shell: Shell) -> None:
            for pipeline in shell.pool.pipelines.values() if shell.pool else ():
                pipeline.stop()

        self._look(stop)

    def forget_commands(self) -> None:
        """Have no commands any more, as if a client had received them to their end."""

        def forget(shell: Shell) -> None:
            pipelines = shell.pool.pipelines if shell.pool else {}
            for pipeline in list(pipelines.values()):
                pipeline.close()
            pipelines.clear()

        self._look(forget)

    def disconnect(self) -> None:
        """Disconnect the client that is connected."""

        def drop(shell: Shell) -> None:
            if shell.state == "Connected":
                shell.disconnect()
                shell.touch(self._computer.clock.now())

        self._look(drop)
