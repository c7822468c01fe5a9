# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shell as WinRM sees it: who owns it, who is connected, and what time does to it."""

from __future__ import annotations

import codecs
import contextlib
import enum
import math
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from . import faults
from .cmd_command import CmdCommand
from .pool import RunspacePool
from .psrp import OutputQueue
from .wsman import CMD_RESOURCE, Answer, element, format_age, format_timeout

State = Literal["Connected", "Disconnected", "Closed"]
BUFFER_MODES = ("Block", "Drop")
#: Shortest idle timeout a shell may have, in seconds (MS-WSMV 3.1.4.5.2; PowerShell's minimum).
MIN_IDLE_TIMEOUT = 60.0
#: Longest one, in seconds: 2147483647 ms.
MAX_IDLE_TIMEOUT = 2147483.647


@dataclass(frozen=True)
class User:
    """An account of the fleet.

    Attributes:
        name: the bare account name.
        administrator: sees and may remove everybody's shells.
        domain: shown in front of the name; ``None`` is the computer itself.
        principal_name: another name to log on with, such as ``jobs.night@lab.test`` for ``LAB\\svc-jobs``.
    """

    name: str
    password: str = field(repr=False)
    administrator: bool = False
    domain: str | None = None
    principal_name: str | None = None

    def is_called(self, login: str) -> bool:
        """Whether ``login`` (``name``, ``DOMAIN\\name`` or ``name@domain``) means this account, ignoring case."""
        if self.principal_name is not None and login.lower() == self.principal_name.lower():
            return True
        bare = login.rpartition("\\")[2].partition("@")[0]
        return bare.lower() == self.name.lower()


class Standing(enum.Enum):
    """What a request's client session is to a shell."""

    HOLDER = "the shell is connected to this client"
    OTHER_CLIENT = "the shell is connected to another client"
    LAST_HOLDER = "the shell is disconnected, and this client was the last"
    NEWCOMER = "the shell is disconnected, and another client was the last"


_HELD = {
    Standing.HOLDER: None,
    Standing.OTHER_CLIENT: faults.CLIENT_SESSION_MISMATCH,
    Standing.LAST_HOLDER: faults.SHELL_DISCONNECTED,
    Standing.NEWCOMER: faults.SHELL_DISCONNECTED,
}
_ALWAYS: dict[Standing, int | None] = dict.fromkeys(Standing)
#: Operation x standing -> the fault that refuses it, ``None`` where it is carried out (MS-WSMV 3.1.4.13 to 3.1.4.17,
#: 2.2.4.7, 2.2.4.33; recorded: a Reconnect by the holder is accepted and changes nothing).
RULES: dict[str, dict[Standing, int | None]] = {
    "Get": _ALWAYS,
    "Delete": _ALWAYS,
    "Disconnect": {
        Standing.HOLDER: None,
        Standing.OTHER_CLIENT: faults.CLIENT_SESSION_MISMATCH,
        Standing.LAST_HOLDER: faults.ALREADY_DISCONNECTED,
        Standing.NEWCOMER: faults.ALREADY_DISCONNECTED,
    },
    "Reconnect": {
        Standing.HOLDER: None,
        Standing.OTHER_CLIENT: faults.CONNECTED_TO_DIFFERENT_CLIENT,
        Standing.LAST_HOLDER: None,
        Standing.NEWCOMER: faults.CLIENT_SESSION_MISMATCH,
    },
    "Connect": {
        Standing.HOLDER: faults.CONNECTED_TO_DIFFERENT_CLIENT,
        Standing.OTHER_CLIENT: faults.CONNECTED_TO_DIFFERENT_CLIENT,
        Standing.LAST_HOLDER: None,
        Standing.NEWCOMER: None,
    },
    # A Connect that names a command presupposes that its shell is connected.
    "Connect command": _HELD,
    "Command": _HELD,
    "Receive": _HELD,
    "Send": _HELD,
    "Signal": _HELD,
}


@dataclass
class Shell:
    """One shell. Times are seconds of the fleet's clock, durations seconds.

    Attributes:
        id: upper-case GUID.
        owner: the account that created it; only that account connects to it.
        owner_domain: what is shown in front of the owner's name.
        client: wsmv:SessionId of the client that is or was last connected.
        last_activity: when the client last did something with the shell.
        held: a client that is not part of the test keeps it connected.
        pending: Receives that wait right now; they count as activity.
        unacknowledged: the last answer to a shell Receive, until the same client's next request proves it arrived.
        replay: what the next Receive answers instead of new data.
        encoding: of the code page that the client of a cmd shell asked for.
        variables: of the scripts in a cmd shell; those of a PowerShell are in its pool.
        commands: of a cmd shell; those of a PowerShell are in its pool.
        closing_fault: what Receives get that wait when the shell is closed.
        epoch: goes up with each Disconnect and ends the Receives begun before.
    """

    id: str
    resource_uri: str
    owner: User
    owner_domain: str
    client: str | None
    created: float
    last_activity: float
    name: str | None = None
    pool: RunspacePool[Any] | None = None
    state: State = "Connected"
    idle_timeout: float = 7200.0
    max_idle_timeout: float = MAX_IDLE_TIMEOUT
    buffer_mode: str = "Block"
    locale: str = "en-US"
    data_locale: str = "en-US"
    profile_loaded: bool = True
    client_ip: str = "127.0.0.1"
    process_id: int = 2792
    encoding: str = "cp437"
    variables: dict[str, Any] = field(default_factory=dict)
    commands: dict[uuid.UUID, CmdCommand] = field(default_factory=dict)
    held: bool = False
    pending: int = 0
    closing_fault: int = faults.OPERATION_ABORTED
    epoch: int = 0
    unacknowledged: Answer | None = None
    replay: Answer | None = None

    @property
    def uuid(self) -> uuid.UUID:
        """The id, which is also the runspace pool's."""
        return uuid.UUID(self.id)

    @property
    def supports_disconnect(self) -> bool:
        """Only PowerShell shells do."""
        return self.pool is not None

    @property
    def runs_commands(self) -> bool:
        """Whether a pipeline is running."""
        return self.pool is not None and any(pipeline.is_running for pipeline in self.pool.pipelines.values())

    @property
    def dropping(self) -> bool:
        """Whether output may be thrown away now: while connected, a full buffer always blocks."""
        return self.buffer_mode == "Drop" and self.state != "Connected"

    def inactivity(self, now: float) -> float:
        """Seconds since the client last did something; a waiting Receive is activity."""
        return 0.0 if self.pending or (self.held and self.state == "Connected") else now - self.last_activity

    def standing(self, client: str | None) -> Standing:
        """What ``client`` (a wsmv:SessionId of the owner's account) is to this shell."""
        same = client == self.client
        if self.state == "Connected":
            return Standing.HOLDER if same else Standing.OTHER_CLIENT
        return Standing.LAST_HOLDER if same else Standing.NEWCOMER

    # What happens to it

    def settle(self, now: float, silence_timeout: float, reaping_interval: float) -> None:
        """Let time take its effect.

        A client silent for ``silence_timeout`` loses the shell to the state Disconnected (recorded:
        test_psrp_is_alive_state_disconnected). A disconnected shell whose inactivity exceeds its idle timeout is
        closed, but only at the next tick of a coarse timer: that recording still lists it two seconds late. So is one
        whose client does not give the key that it was asked for.
        """
        inactivity = self.inactivity(now)
        if self.state == "Connected" and self.supports_disconnect and inactivity >= silence_timeout:
            self.disconnect()
        reaped_after = (math.floor(self.idle_timeout / reaping_interval) + 1) * reaping_interval
        if (self.state == "Disconnected" or not self.supports_disconnect) and inactivity >= reaped_after:
            self.close()
        if self.pool is not None and self.pool.has_given_up(now):
            self.close()

    def set_code_page(self, number: str | None) -> None:
        """Take the code page of WINRS_CODEPAGE, if it is known here."""
        name = "utf-8" if number == "65001" else f"cp{number}"
        with contextlib.suppress(LookupError):
            self.encoding = self.encoding if number is None else codecs.lookup(name).name

    def touch(self, now: float) -> None:
        """Note activity of the client."""
        self.last_activity = now

    def connect(self, client: str | None, now: float) -> None:
        """Give the shell to ``client``."""
        self.state, self.client = "Connected", client
        self.touch(now)

    def disconnect(self) -> None:
        """Take the shell from its client; pending Receives end."""
        self.state = "Disconnected"
        self.held = False
        self.epoch += 1
        self._wake()

    def close(self, fault_code: int = faults.OPERATION_ABORTED) -> None:
        """End the shell with everything in it; pending Receives end with ``fault_code``."""
        self.state, self.closing_fault = "Closed", fault_code
        if self.pool is not None:
            self.pool.close()
        for command in self.commands.values():
            command.close()

    def _wake(self) -> None:
        for queue in self._queues():
            queue.changed.notify()

    def _queues(self) -> list[OutputQueue]:
        if self.pool is None:
            return []
        return [self.pool.output, *(pipeline.output for pipeline in self.pool.pipelines.values())]


def describe(shell: Shell, now: float, listing: bool, with_id: bool = True) -> str:
    """rsp:Shell in the order of MS-WSMV 2.2.4.37, with the elements of the recordings.

    Args:
        now: seconds of the fleet's clock.
        listing: for Get and Enumerate, which add MemoryUsed and ChildProcesses (recorded: test_psrp_is_alive_*).
        with_id: leave ShellId in; only a misbehaving server would not.
    """
    power_shell = shell.pool is not None
    process_id = (shell.pool.process_id if shell.pool is not None else None) or shell.process_id
    values: list[tuple[str, str | None]] = [
        ("ShellId", shell.id if with_id else None),
        ("Name", shell.name),
        ("ResourceUri", shell.resource_uri),
        ("Owner", f"{shell.owner_domain}\\{shell.owner.name}"),
        ("ClientIP", shell.client_ip),
        ("ProcessId", str(process_id) if power_shell else None),
        ("IdleTimeOut", format_timeout(shell.idle_timeout)),
        ("InputStreams", "stdin pr" if power_shell else "stdin"),
        ("OutputStreams", "stdout" if power_shell else "stdout stderr"),
    ]
    if power_shell:
        values += [
            ("MaxIdleTimeOut", format_timeout(shell.max_idle_timeout)),
            ("Locale", shell.locale),
            ("DataLocale", shell.data_locale),
            ("CompressionMode", "NoCompression"),
            ("ProfileLoaded", "Yes" if shell.profile_loaded else "No"),
            ("Encoding", "UTF8"),
            ("BufferMode", shell.buffer_mode),
            ("State", shell.state),
        ]
    values += [
        ("ShellRunTime", format_age(now - shell.created)),
        ("ShellInactivity", format_age(shell.inactivity(now))),
    ]
    if listing and power_shell:
        values += [("MemoryUsed", "58MB"), ("ChildProcesses", "0")]
    return element("rsp:Shell", *(element(f"rsp:{name}", text=value) for name, value in values if value is not None))


def is_cmd(resource_uri: str) -> bool:
    """Whether the resource is the plain Windows command shell."""
    return resource_uri.lower() == CMD_RESOURCE.lower()
