# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated computer: its shells, who may see them, and the handle tests hold."""

from __future__ import annotations

import base64
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from psrpcore.types import PSInvocationState

from .clock import FleetClock
from .injection import Injection
from .loop_thread import LoopThread
from .pipeline import Pipeline
from .pool import RunspacePool
from .redirection import Redirection
from .scripts import ScriptLibrary
from .session import SimulatedSession
from .shell import Shell, User
from .switches import Switches
from .wsman import CMD_RESOURCE, POWERSHELL_PREFIX, Answer, element, plain_uuid

HTTP_PORT, HTTPS_PORT = 5985, 5986


class SimulatedComputer(Switches):
    """One computer of a fleet. Its public members may be used from any thread.

    Attributes:
        name: as in an inventory; its first label in upper case is the host name in owners and faults.
        address: loopback address it listens on.
    """

    def __init__(
        self,
        name: str,
        address: str,
        users: Iterable[User],
        scripts: ScriptLibrary,
        clock: FleetClock,
        loop_thread: LoopThread,
        switches: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.address = address
        self.port = HTTP_PORT
        self.https_port = HTTPS_PORT
        self.users = list(users)
        self.scripts = scripts
        self.clock = clock
        self.loop_thread = loop_thread
        self.injections: list[Injection] = []
        self.redirection: Redirection | None = None
        #: Counts how often authentication was forgotten.
        self.generation = 0
        self.running_operations: Counter[str] = Counter()
        self._shells: dict[str, Shell] = {}
        self._process_ids = itertools.count(random.randrange(1000, 8000, 4), 4)
        self.configure(switches or {})

    def __repr__(self) -> str:
        return f"<SimulatedComputer {self.name} {self.address}>"

    @property
    def uri(self) -> str:
        """Where it answers HTTP."""
        return f"http://{self.address}:{self.port}/{self.application_name}"

    @property
    def https_uri(self) -> str:
        """Where it answers HTTPS."""
        return f"https://{self.address}:{self.https_port}/{self.application_name}"

    @property
    def host_name(self) -> str:
        """NetBIOS-like name: first label, upper case, at most 15 characters."""
        return self.name.partition(".")[0].upper()[:15]

    def configure(self, switches: Mapping[str, Any]) -> None:
        """Set switches by name.

        Raises:
            ValueError: no such switch.
        """
        known = {item.name for item in fields(Switches)}
        if unknown := set(switches) - known:
            raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
        for name, value in switches.items():
            setattr(self, name, value)

    def inject(self, injection: Injection) -> None:
        """Misbehave; earlier injections go first."""
        self.loop_thread.call(lambda: self.injections.append(injection))

    def redirect(self, to_url: str | None, status: int = 302, times: int | None = None, after: int = 0) -> None:
        """Answer every POST with another address; ``times`` of them only, or until called with ``None``.

        Args:
            after: so many are answered as usual before.
        """
        redirection = None if to_url is None else Redirection(to_url, status, times, after)
        self.loop_thread.call(lambda: setattr(self, "redirection", redirection))

    def next_redirection(self) -> Redirection | None:
        """Where the next POST is sent (in the loop's thread only)."""
        if self.redirection is not None and self.redirection.waits():
            return None
        if self.redirection is not None and not self.redirection.use():
            self.redirection = None
        return self.redirection

    def forget_authentication(self) -> None:
        """Forget who authenticated which connection: the next encrypted request gets a bare HTTP 400."""
        self.loop_thread.call(lambda: setattr(self, "generation", self.generation + 1))

    def find_user(self, login: str) -> User | None:
        """The account called ``login``."""
        return next((user for user in self.users if user.is_called(login)), None)

    # Sessions, for tests

    @property
    def sessions(self) -> list[SimulatedSession]:
        """The shells that exist now, cmd shells included, oldest first."""
        return self.loop_thread.call(lambda: [SimulatedSession(self, shell) for shell in self.live_shells()])

    def session(self, name_or_id: str) -> SimulatedSession:
        """The shell with this id, or else this name.

        Raises:
            KeyError: there is none.
        """
        sessions = self.sessions
        found = [session for session in sessions if session.shell_id == plain_uuid(name_or_id)]
        found += [session for session in sessions if session.name == name_or_id]
        if found:
            return found[0]
        raise KeyError(name_or_id)

    def add_session(
        self,
        name: str | None = None,
        owner: str | None = None,
        state: str = "Disconnected",
        configuration: str = "Microsoft.PowerShell",
        shell_id: str | None = None,
        idle_timeout: float = 7200.0,
        max_idle_timeout: float = 2147483.647,
        inactivity: float = 0.0,
        buffer_mode: str = "Block",
        client_session_id: str | None = None,
        min_runspaces: int = 1,
        max_runspaces: int = 1,
        application_private_data: Mapping[str, Any] | None = None,
        commands: Iterable[Mapping[str, Any]] = (),
        variables: Mapping[str, Any] | None = None,
        age: float | None = None,
        held: bool = False,
        locale: str = "en-US",
        client_ip: str = "127.0.0.1",
    ) -> SimulatedSession:
        """Plant a session as if a client had created it earlier.

        Args:
            name: ``None`` for a nameless shell.
            owner: account name; the first user by default.
            state: ``Disconnected`` or ``Connected`` (by ``client_session_id``, or a client nobody knows).
            configuration: short name or full resource URI.
            inactivity: seconds the client has been silent already.
            commands: ``{"script": name or text, "state": "running" or "finished", "command_id": GUID}`` each. A
                running one begins now (on the fleet's clock); a finished one has all its output waiting.
            variables: session variables.
            age: seconds since the shell was created, at least ``inactivity``.
            held: the connected client never falls silent.

        Raises:
            ValueError: no such account or state, or the id is in use.
        """
        if state not in ("Connected", "Disconnected"):
            raise ValueError(f"a session cannot be planted as {state!r}")
        account = self._account(owner)
        uri = configuration if "://" in configuration else POWERSHELL_PREFIX + configuration

        def plant() -> SimulatedSession:
            now = self.clock.now()
            shell = self.new_shell(shell_id, uri, account, client_session_id or str(uuid.uuid4()))
            shell.name, shell.idle_timeout, shell.max_idle_timeout = name, idle_timeout, max_idle_timeout
            shell.buffer_mode, shell.held, shell.client_ip = buffer_mode, held, client_ip
            shell.locale = shell.data_locale = locale
            shell.created = now - max(age or 0.0, inactivity)
            shell.last_activity = now - inactivity
            shell.state = "Connected" if state == "Connected" else "Disconnected"
            pool = self.new_pool(shell)
            pool.min_runspaces, pool.max_runspaces = min_runspaces, max_runspaces
            pool.variables.update(variables or {})
            if application_private_data is not None:
                pool.private_data = application_private_data
            shell.unacknowledged = receive_answer([pool.plant()])
            for command in commands:
                self._plant_command(pool, command)
            return SimulatedSession(self, shell)

        return self.loop_thread.call(plant)

    def add_cmd_shell(self, owner: str | None = None, shell_id: str | None = None) -> SimulatedSession:
        """Plant a shell of the Windows command line."""
        account = self._account(owner)
        return self.loop_thread.call(
            lambda: SimulatedSession(self, self.new_shell(shell_id, CMD_RESOURCE, account, str(uuid.uuid4())))
        )

    def _account(self, name: str | None) -> User:
        account = self.users[0] if name is None and self.users else self.find_user(name or "")
        if account is None:
            raise ValueError(f"{self.name} has no user {name!r}")
        return account

    def _plant_command(self, pool: RunspacePool, command: Mapping[str, Any]) -> None:
        identity = uuid.UUID(str(command["command_id"])) if "command_id" in command else uuid.uuid4()
        pipeline = Pipeline(pool, identity, command_line=str(command.get("command_line", "")))
        pipeline.text = str(command["script"])
        pipeline.end_input()
        pool.pipelines[identity] = pipeline
        script = self.scripts.named(pipeline.text)
        state = command.get("state", "running")
        if state == "finished":
            pipeline.run_to_end(script)
        elif state != "running":
            raise ValueError(f"a command cannot be planted as {state!r}")
        elif self.loop_thread.running:
            pipeline.start(script, self.loop_thread.loop)
        else:
            pipeline.planted = script

    def start_planted_commands(self) -> None:
        """Let the commands run that were planted before there was a loop to run them."""
        for shell in self._shells.values():
            for pipeline in shell.pool.pipelines.values() if shell.pool else ():
                if pipeline.planted is not None and pipeline.state is PSInvocationState.NotStarted:
                    pipeline.start(pipeline.planted, self.loop_thread.loop)

    # Shells, for the operations (in the loop's thread only)

    def live_shells(self) -> list[Shell]:
        """All shells after time has taken its effect."""
        now = self.clock.now()
        for shell in self._shells.values():
            if self.running_command_is_activity and shell.state == "Connected" and shell.runs_commands:
                shell.touch(now)
            shell.settle(now, self.silence_timeout, self.reaping_interval)
        self._shells = {shell_id: shell for shell_id, shell in self._shells.items() if shell.state != "Closed"}
        return list(self._shells.values())

    def visible_shells(self, user: User) -> list[Shell]:
        """The shells ``user`` may see: administrators all, others their own (MS-WSMV 3.1.4.8)."""
        return [shell for shell in self.live_shells() if user.administrator or shell.owner == user]

    def find_shell(self, shell_id: str | None) -> Shell | None:
        """A live shell by its upper-case id."""
        return next((shell for shell in self.live_shells() if shell.id == shell_id), None)

    def remove_shell(self, shell: Shell) -> None:
        """Close a shell."""
        shell.close()
        self._shells.pop(shell.id, None)

    def new_shell(self, shell_id: str | None, resource_uri: str, owner: User, client: str | None) -> Shell:
        """Register a shell that was created just now, without anything in it.

        Raises:
            ValueError: the id is no GUID or in use.
        """
        identity = str(uuid.UUID(shell_id)).upper() if shell_id else str(uuid.uuid4()).upper()
        if identity in self._shells:
            raise ValueError(f"a shell {identity} exists")
        now = self.clock.now()
        shell = Shell(
            id=identity,
            resource_uri=resource_uri,
            owner=owner,
            owner_domain=owner.domain or self.host_name,
            client=plain_uuid(client),
            created=now,
            last_activity=now,
            process_id=next(self._process_ids),
        )
        self._shells[identity] = shell
        return shell

    def new_pool(self, shell: Shell) -> RunspacePool:
        """Start a PowerShell in the shell."""
        shell.pool = RunspacePool(
            id=shell.uuid,
            clock=self.clock,
            scripts=self.scripts,
            origin=(f"{shell.owner_domain}\\{shell.owner.name}", self.host_name, shell.process_id),
            capacity=lambda: self.buffer_size,
            dropping=lambda: shell.dropping,
            asking=lambda: self.asks_for_key,
        )
        return shell.pool


def receive_answer(fragments: Iterable[bytes], command_id: str | None = None, done: bool = False) -> Answer:
    """rsp:ReceiveResponse with one rsp:Stream per fragment (recorded: test_psrp_stream_output_invocation).

    Args:
        command_id: the command whose output it is; ``None`` for the shell's.
        done: the command has ended and this was the rest of its output.
    """
    content = [
        element("rsp:Stream", text=base64.b64encode(octets).decode(), Name="stdout", CommandId=command_id)
        for octets in fragments
    ]
    if done:
        content.append(
            element(
                "rsp:CommandState",
                element("rsp:ExitCode", text="0"),
                CommandId=command_id,
                State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done",
            )
        )
    action = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/ReceiveResponse"
    return Answer(action, element("rsp:ReceiveResponse", *content))
