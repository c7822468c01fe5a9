# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated computer: its shells, who may see them, and the handle tests hold."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from .clock import FleetClock
from .faults import HOST_PROCESS_ENDED, OPERATION_ABORTED
from .injection import Injection
from .loop_thread import LoopThread
from .planted_client import PlantedClient
from .powershell_pool import PowerShellPool
from .powershells import PowerShells
from .redirection import Redirection
from .scripted_pool import ScriptedPool
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
        powershell: path of the ``pwsh`` that its sessions run in; ``None`` where scripts are declared.
        powershells: the processes of the fleet.
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
        powershell: str | None = None,
        powershells: PowerShells | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.address = address
        self.port = HTTP_PORT
        self.https_port = HTTPS_PORT
        self.users = list(users)
        self.scripts = scripts
        self.powershell = powershell
        self.powershells = powershells or PowerShells()
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
            commands: ``{"script": name or text, "state": "running" or "finished", "command_id": GUID}`` each, where
                the computer has a PowerShell ``script_text`` instead of ``script``. A running one begins now (on the
                fleet's clock), or when the fleet starts; a finished one has all its output waiting.
            variables: session variables.
            age: seconds since the shell was created, at least ``inactivity``.
            held: the connected client never falls silent.

        Raises:
            ValueError: no such account or state, the id is in use, or what is asked for goes with declared scripts
                only, or with a PowerShell only.
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
            try:
                pool = self.new_pool(shell)
                pool.min_runspaces, pool.max_runspaces = min_runspaces, max_runspaces
                if isinstance(pool, ScriptedPool):
                    pool.variables.update(variables or {})
                    if application_private_data is not None:
                        pool.private_data = application_private_data
                    shell.unacknowledged = receive_answer([pool.plant()])
                else:
                    pool.planted = PlantedClient(lambda last: setattr(shell, "unacknowledged", receive_answer([last])))
                if self.powershell is not None and (variables or application_private_data is not None):
                    raise ValueError(f"{self.name} has a PowerShell: it makes variables and private data by itself")
                for command in commands:
                    self._plant_command(pool, command)
            except (KeyError, ValueError):
                self.remove_shell(shell)
                raise
            return SimulatedSession(self, shell)

        session = self.loop_thread.call(plant)
        if self.loop_thread.is_elsewhere:
            self.loop_thread.run(self.start_planted())
        return session

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

    def _plant_command(self, pool: ScriptedPool | PowerShellPool, command: Mapping[str, Any]) -> None:
        identity = uuid.UUID(str(command["command_id"])) if "command_id" in command else uuid.uuid4()
        state = command.get("state", "running")
        if state not in ("running", "finished"):
            raise ValueError(f"a command cannot be planted as {state!r}")
        right, wrong = ("script", "script_text") if isinstance(pool, ScriptedPool) else ("script_text", "script")
        if wrong in command:
            content = "declared scripts" if wrong == "script_text" else "a PowerShell"
            raise ValueError(f"{self.name} has {content}: a command there is planted by {right}, not by {wrong}")
        pool.new_pipeline(identity, str(command.get("command_line", ""))).plant(
            str(command[right]), state == "finished"
        )

    async def start_planted(self) -> None:
        """Let the sessions open and the commands run that were planted before there was a loop to run them."""
        pools = [shell.pool for shell in self._shells.values() if shell.pool is not None]
        await asyncio.gather(*(pool.start_planted() for pool in pools))

    def end_powershells(self) -> None:
        """Remove the sessions that run in a PowerShell (in the loop's thread only)."""
        for shell in list(self._shells.values()):
            if isinstance(shell.pool, PowerShellPool):
                self.remove_shell(shell)

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

    def remove_shell(self, shell: Shell, fault_code: int = OPERATION_ABORTED) -> None:
        """Close a shell; Receives that wait get ``fault_code``."""
        shell.close(fault_code)
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

    def new_pool(self, shell: Shell) -> ScriptedPool | PowerShellPool:
        """Put a PowerShell into the shell: a real one, or one that knows declared scripts.

        Raises:
            ValueError: the fleet may have no more real ones.
        """
        pool: ScriptedPool | PowerShellPool
        if self.powershell is not None:
            self.powershells.reserve()
            pool = PowerShellPool(
                id=shell.uuid,
                path=self.powershell,
                powershells=self.powershells,
                clock=self.clock,
                look=self.live_shells,
                on_end=lambda: self.remove_shell(shell, HOST_PROCESS_ENDED),
                capacity=lambda: self.buffer_size,
                dropping=lambda: shell.dropping,
            )
        else:
            pool = ScriptedPool(
                id=shell.uuid,
                clock=self.clock,
                scripts=self.scripts,
                origin=(f"{shell.owner_domain}\\{shell.owner.name}", self.host_name, shell.process_id),
                capacity=lambda: self.buffer_size,
                dropping=lambda: shell.dropping,
                asking=lambda: self.asks_for_key,
            )
        shell.pool = pool
        return pool


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
