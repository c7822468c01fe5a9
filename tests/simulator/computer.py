# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated computer: its shells, who may see them, and the handle tests hold."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from . import existing
from .clock import FleetClock
from .declaration import CmdShell, Computer, Session, read
from .faults import HOST_PROCESS_ENDED, OPERATION_ABORTED
from .injection import Injection
from .loop_thread import LoopThread
from .powershell_pool import PowerShellPool
from .powershell_process import find_powershell
from .powershells import PowerShells
from .records import Origin
from .redirection import Redirection
from .scripted_pool import ScriptedPool
from .scripts import ScriptLibrary
from .session import SimulatedSession
from .shell import Shell, User
from .switches import Switches
from .wsman import plain_uuid

HTTP_PORT, HTTPS_PORT = 5985, 5986


@dataclass(frozen=True)
class FleetParts:
    """What the computers of a fleet share.

    Attributes:
        scripts: that are declared.
        powershells: the PowerShell processes.
    """

    clock: FleetClock
    loop_thread: LoopThread
    scripts: ScriptLibrary
    powershells: PowerShells


class SimulatedComputer(Switches):
    """One computer of a fleet. Its public members may be used from any thread.

    Attributes:
        name: as in an inventory; its first label in upper case is the host name in owners and faults.
        address: loopback address it listens on.
        powershell: path of the ``pwsh`` that its sessions run in; ``None`` where scripts are declared.
        powershells: the processes of the fleet.
    """

    def __init__(self, declared: Computer, fleet: FleetParts) -> None:
        """Make a computer with its sessions.

        Args:
            declared: as ``Fleet.one_by_one`` returns it.

        Raises:
            ValueError: the declaration makes no sense.
        """
        super().__init__()
        self.name = declared.name
        self.address = declared.address or ""
        self.port = HTTP_PORT
        self.https_port = HTTPS_PORT
        self.users = [read(User, user) for user in declared.users or ()]
        self.scripts = fleet.scripts
        self.powershell = find_powershell_of(declared)
        self.powershells = fleet.powershells
        self.clock = fleet.clock
        self.loop_thread = fleet.loop_thread
        self.injections: list[Injection] = []
        self.redirection: Redirection | None = None
        #: Counts how often authentication was forgotten.
        self.generation = 0
        self.running_operations: Counter[str] = Counter()
        self._shells: dict[str, Shell] = {}
        self._process_ids = itertools.count(random.randrange(1000, 8000, 4), 4)
        if self.powershell is not None and fleet.scripts.is_declared:
            raise ValueError(f"{self.name}: scripts cannot be declared where a PowerShell runs what clients send")
        self.configure(declared.switches)
        if declared.authentication is not None:
            self.authentication = declared.authentication
        for session in declared.sessions:
            self.add_session(read(Session, session))
        for shell in declared.cmd_shells:
            cmd_shell = read(CmdShell, shell)
            self.add_cmd_shell(cmd_shell.owner, cmd_shell.shell_id)
        for injection in declared.injections:
            # Each counts for itself; the declaration may be that of many computers.
            self.inject(replace(read(Injection, injection)))

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
        """The account called ``login``; of two with the same name, the one whose domain was written."""
        called = [user for user in self.users if user.is_called(login)]
        domain = login.rpartition("\\")[0].lower()
        if domain:
            wanted = "." if domain == self.host_name.lower() else domain
            called.sort(key=lambda user: (user.domain or ".").lower() != wanted)
        return next(iter(called), None)

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
        self, declared: Session | Mapping[str, Any] | str | None = None, /, **fields: Any
    ) -> SimulatedSession:
        """Add a session as if a client had created it earlier.

        Args:
            declared: a ``Session``, or a mapping or name that declares one.
            fields: of ``Session``, beside a name or instead of ``declared``.

        Raises:
            ValueError: no such account or state, the id is in use, or what is declared goes with declared scripts
                only, or with a PowerShell only.
        """
        if isinstance(declared, str):
            declared = {"name": declared}
        if fields or declared is None:
            if isinstance(declared, Session):
                raise ValueError("a Session has all its fields already")
            declared = {**(declared or {}), **fields}
        session = read(Session, declared)
        added = self.loop_thread.call(lambda: SimulatedSession(self, existing.add_session(self, session)))
        if self.loop_thread.is_elsewhere:
            self.loop_thread.run(self.start_existing())
        return added

    def add_cmd_shell(self, owner: str | None = None, shell_id: str | None = None) -> SimulatedSession:
        """Add a shell of the Windows command line."""
        declared = CmdShell(owner, shell_id)
        return self.loop_thread.call(lambda: SimulatedSession(self, existing.add_cmd_shell(self, declared)))

    async def start_existing(self) -> None:
        """Let the sessions open and the commands run that were planted before there was a loop to run them."""
        pools = [shell.pool for shell in self._shells.values() if shell.pool is not None]
        await asyncio.gather(*(pool.start_existing() for pool in pools))

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
                origin=Origin(f"{shell.owner_domain}\\{shell.owner.name}", self.host_name, shell.process_id),
                capacity=lambda: self.buffer_size,
                dropping=lambda: shell.dropping,
                asking=lambda: self.asks_for_key,
            )
        shell.pool = pool
        return pool


def find_powershell_of(declared: Computer) -> str | None:
    """Path of the PowerShell of a computer; ``None`` where scripts are declared.

    Raises:
        ValueError: there is no such program.
    """
    if declared.powershell is None or declared.powershell is False:
        return None
    path = find_powershell() if declared.powershell is True else shutil.which(str(declared.powershell))
    if path is None:
        where = "here" if declared.powershell is True else declared.powershell
        raise ValueError(f"{declared.name}: there is no PowerShell {where}")
    return path
