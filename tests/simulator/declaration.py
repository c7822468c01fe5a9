# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as data. Python code, YAML files and the control interface declare it in the same form.

Each class is a mapping of a file: its fields are the keys. Wherever a declaration is expected, a mapping will do, and a
name alone for a session or a computer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .injection import Injection
from .powershells import MAX_POWERSHELLS
from .shell import MAX_IDLE_TIMEOUT, User

T = TypeVar("T")
_STATES = ("Disconnected", "Connected")
_COMMAND_STATES = ("running", "finished")


def read(kind: type[T], value: object) -> T:
    """A declaration of ``kind``, from one, from a mapping or from a name.

    Raises:
        ValueError: a key is unknown or missing, or a value makes no sense.
    """
    if isinstance(value, kind):
        return value
    names = [item.name for item in fields(kind) if item.init]  # type: ignore[arg-type]
    if isinstance(value, str) and names[0] == "name":
        value = {"name": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"a mapping with {', '.join(names)} is expected, not {value!r}")
    if unknown := {str(key) for key in value} - set(names):
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    needed = [item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in needed if name not in value]:
        raise ValueError(f"{', '.join(missing)} is missing")
    return kind(**value)


def _list_of(kind: type[object], default: Any = ()) -> Any:
    """A field with declarations of ``kind``."""
    # The check wants it in the class; this makes fields for classes, as attrs' functions do.
    return field(default=default, metadata={"kind": kind})  # pylint: disable=invalid-field-call


class _Declaration:
    """Reads the declarations that a declaration contains."""

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            kind, values = item.metadata.get("kind"), getattr(self, item.name)
            if kind is None or values is None:
                continue
            if isinstance(values, (str, Mapping)):
                raise ValueError(f"{item.name} is a list, not {values!r}")
            found = []
            for number, value in enumerate(values):
                try:
                    found.append(read(kind, value))
                except ValueError as error:
                    name = value.get("name") if isinstance(value, Mapping) else None
                    raise ValueError(f"{item.name}[{number}]{f' ({name})' if name else ''}: {error}") from error
            setattr(self, item.name, found)


@dataclass
class Command:
    """A command that a client has started in a session before the test begins.

    Attributes:
        script: name or text of a declared script.
        script_text: the script, where the computer has a PowerShell.
        state: ``running``: it begins when the fleet starts, or now; ``finished``: all its output is waiting.
        command_id: GUID; a random one by default.
        command_line: as in listings.
    """

    script: str | None = None
    script_text: str | None = None
    state: str = "running"
    command_id: str | None = None
    command_line: str = ""

    def __post_init__(self) -> None:
        if self.state not in _COMMAND_STATES:
            raise ValueError(f"the state of a command is {' or '.join(_COMMAND_STATES)}, not {self.state!r}")
        if (self.script is None) == (self.script_text is None):
            raise ValueError("a command has either script or script_text")


@dataclass
class Session(_Declaration):
    """A session that a client has created before the test begins. Durations are seconds.

    Attributes:
        name: ``None`` for a session without a name.
        owner: account; the computer's first user by default.
        state: ``Disconnected`` or ``Connected``.
        configuration: short name or full resource URI.
        shell_id: GUID; a random one by default.
        idle_timeout: until a disconnected session is removed.
        inactivity: the client has been silent for so long.
        age: since the session was created, at least ``inactivity``.
        buffer_mode: ``Block`` or ``Drop``.
        client_session_id: wsmv:SessionId of the client that is or was connected; a random one by default.
        held: the connected client keeps the session connected, silent or not.
        min_runspaces: limit of the runspace pool; ``max_runspaces`` likewise.
        commands: see ``Command``.
        variables: of the session; with declared scripts only.
        application_private_data: of the runspace pool; with declared scripts only.
        locale: language of the session.
        client_ip: address of the client in listings.
    """

    name: str | None = None
    owner: str | None = None
    state: str = "Disconnected"
    configuration: str = "Microsoft.PowerShell"
    shell_id: str | None = None
    idle_timeout: float = 7200.0
    max_idle_timeout: float = MAX_IDLE_TIMEOUT
    inactivity: float = 0.0
    age: float = 0.0
    buffer_mode: str = "Block"
    client_session_id: str | None = None
    held: bool = False
    min_runspaces: int = 1
    max_runspaces: int = 1
    commands: Sequence[Command | Mapping[str, Any]] = _list_of(Command)
    variables: Mapping[str, Any] = field(default_factory=dict)
    application_private_data: Mapping[str, Any] | None = None
    locale: str = "en-US"
    client_ip: str = "127.0.0.1"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state not in _STATES:
            raise ValueError(f"the state of a session is {' or '.join(_STATES)}, not {self.state!r}")


@dataclass
class CmdShell:
    """A shell of the Windows command line.

    Attributes:
        owner: account; the computer's first user by default.
        shell_id: GUID; a random one by default.
    """

    owner: str | None = None
    shell_id: str | None = None


@dataclass
class Computer(_Declaration):
    """A computer, or ``count`` computers alike.

    Attributes:
        name: with ``count`` a pattern such as ``srv{:03}``.
        count: how many; ``first`` is the number of the first one.
        address: loopback address; one of the fleet's block by default.
        users: accounts; those of the fleet by default.
        authentication: schemes, best first; those of the fleet by default.
        switches: see ``Switches``; they win over those of the fleet.
        powershell: path of ``pwsh``; ``True`` for the one found here, ``False`` for none; that of the fleet by default.
        sessions: see ``Session``.
        cmd_shells: see ``CmdShell``.
        injections: see ``Injection``.
    """

    name: str
    count: int | None = None
    first: int = 1
    address: str | None = None
    users: Sequence[User | Mapping[str, Any]] | None = _list_of(User, None)
    authentication: str | Sequence[str] | None = None
    switches: Mapping[str, Any] = field(default_factory=dict)
    powershell: str | bool | None = None
    sessions: Sequence[Session | Mapping[str, Any] | str] = _list_of(Session)
    cmd_shells: Sequence[CmdShell | Mapping[str, Any]] = _list_of(CmdShell)
    injections: Sequence[Injection | Mapping[str, Any]] = _list_of(Injection)

    def one_by_one(self) -> Iterator[Computer]:
        """The computers that this declares, without ``count``."""
        if self.count is None:
            yield dataclasses.replace(self, name=str(self.name))
            return
        for number in range(int(self.first), int(self.first) + int(self.count)):
            yield dataclasses.replace(self, name=str(self.name).format(number), count=None)


@dataclass
class Fleet(_Declaration):
    """A whole fleet.

    Attributes:
        computers: see ``Computer``.
        users: accounts on every computer.
        scripts: what scripts do; see ``ScriptLibrary.load``.
        switches: of all computers; see ``Switches``.
        authentication: schemes that the computers offer, best first; Basic by default.
        powershell: path of the ``pwsh`` that sessions run in; ``True`` for the one found here.
        max_powershells: sessions of the fleet that may have a PowerShell at the same time.
        address_block: such as ``127.77.3.0``; a random one by default.
        keepalive_timeout: seconds until an idle TCP connection is closed.
    """

    computers: Sequence[Computer | Mapping[str, Any] | str] = _list_of(Computer, MISSING)
    users: Sequence[User | Mapping[str, Any]] = _list_of(User)
    scripts: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)
    authentication: str | Sequence[str] | None = None
    powershell: str | bool | None = None
    max_powershells: int = MAX_POWERSHELLS
    address_block: str | None = None
    keepalive_timeout: float = 120.0

    @classmethod
    def of_file(cls, path: str | Path) -> Fleet:
        """The fleet that a YAML file declares.

        Raises:
            OSError: the file cannot be read.
            ValueError: the declaration makes no sense.
            yaml.YAMLError: it is not YAML.
        """
        return read(cls, yaml.safe_load(Path(path).read_text(encoding="utf-8")))

    def one_by_one(self) -> Iterator[Computer]:
        """Each computer, with what it has from the fleet.

        Raises:
            ValueError: two computers have the same name.
        """
        names = set()
        for computer in (one for declared in self.computers for one in read(Computer, declared).one_by_one()):
            if computer.name in names:
                raise ValueError(f"there are two computers {computer.name!r}")
            names.add(computer.name)
            yield dataclasses.replace(
                computer,
                users=self.users if computer.users is None else computer.users,
                authentication=computer.authentication or self.authentication,
                switches={**self.switches, **computer.switches},
                powershell=self.powershell if computer.powershell is None else computer.powershell,
            )
