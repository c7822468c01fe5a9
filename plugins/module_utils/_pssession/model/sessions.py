"""Shells and PowerShell sessions, as frozen data."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime
import enum
import typing as t
from dataclasses import dataclass, field

from .endpoints import Endpoint, key_of_uri
from .errors import Subject
from .text import shown_in, shown_in_line

# A shell belongs to PowerShell exactly if its resource URI starts with this (MS-PSRP 3.1.5.3.1).
POWERSHELL_RESOURCE_PREFIX = "http://schemas.microsoft.com/powershell/"

DEFAULT_RESOURCE_URI = POWERSHELL_RESOURCE_PREFIX + "Microsoft.PowerShell"

# Times in results, in UTC.
_TIME = "%Y-%m-%dT%H:%M:%SZ"

# The identity of a session; see `PSSession.key`.
SessionKey: t.TypeAlias = "tuple[str, str]"


class State(str, enum.Enum):
    """State of a session as PowerShell's RunspaceState names it, from this client's point of view."""

    OPENED = "Opened"
    DISCONNECTED = "Disconnected"
    BROKEN = "Broken"
    CLOSED = "Closed"


class Availability(str, enum.Enum):
    """PowerShell's RunspaceAvailability. With `State.DISCONNECTED`, BUSY means that another client is connected."""

    NONE = "None"
    AVAILABLE = "Available"
    BUSY = "Busy"


@dataclass(frozen=True)
class ListedCommand:
    """A pipeline that exists on the server (MS-WSMV 2.2.4.6, enumerated)."""

    command_id: str
    command_line: str
    state: str

    def as_dict(self) -> dict[str, str]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Shell:
    """An rsp:Shell element of a listing, with converted but not interpreted values (MS-WSMV 2.2.4.37).

    Attributes:
        shell_id: As the server wrote it (real servers use upper case).
        name: None when the shell has no name.
        state: ``Connected`` or ``Disconnected``: whether *any* client is connected.
        idle_timeout, max_idle_timeout, shell_inactivity: Seconds, or None when absent or unreadable.
    """

    shell_id: str
    resource_uri: str
    state: str
    name: str | None = None
    owner: str | None = None
    client_ip: str | None = None
    idle_timeout: float | None = None
    max_idle_timeout: float | None = None
    shell_inactivity: float | None = None
    buffer_mode: str | None = None
    locale: str | None = None
    data_locale: str | None = None

    @property
    def is_powershell(self) -> bool:
        return is_powershell(self.resource_uri)


@dataclass(frozen=True)
class Foreseen:
    """Predicted state of a session that an earlier task of a run in check mode would have changed.

    Attributes:
        is_new: Whether the task would have opened the session. Then no server has it.
        commands: The predicted commands, or None for the commands that the server lists.
    """

    is_new: bool
    commands: tuple[ListedCommand, ...] | None


@dataclass(frozen=True)
class PSSession:
    """A PowerShell session as this client sees it: a shell with its endpoint and its state for this client.

    The attributes and properties are those of the cmdlets' PSSession object.

    Attributes:
        id: Number in the controller's registry, or None when the session is not registered.
        disconnected_on, expires_on: Aware UTC times, or None (see `discovery.lifetime`).
        commands: None when they were not listed.
        application_private_data: Properties that the server sent about itself after connecting, if requested.
        connected_at: When the server last showed that this client is connected, in seconds since the epoch.
        foreseen: The prediction, if an earlier task of a run in check mode would have changed the session. Then Busy
            means this client.
    """

    endpoint: Endpoint
    shell: Shell
    state: State
    availability: Availability
    id: int | None = None
    disconnected_on: datetime.datetime | None = None
    expires_on: datetime.datetime | None = None
    commands: tuple[ListedCommand, ...] | None = None
    application_private_data: t.Mapping[str, t.Any] | None = None
    connected_at: float | None = None
    foreseen: Foreseen | None = None

    @property
    def instance_id(self) -> str:
        """The runspace pool's GUID in lower case; it is the shell id on the wire (MS-PSRP 3.1.5.3.1)."""
        return self.shell.shell_id.lower()

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the session: address and instance id, because two servers may use the same instance id."""
        return self.endpoint.key, self.instance_id

    @property
    def name(self) -> str:
        """The name of the session, or an empty text."""
        return self.shell.name or ""

    @property
    def subject(self) -> Subject:
        """Return the subject of errors about this session."""
        return dataclasses.replace(self.endpoint.subject, session_name=self.name, instance_id=self.instance_id)

    @property
    def configuration_name(self) -> str:
        """See `configuration_name`."""
        return configuration_name(self.shell.resource_uri)

    @property
    def place(self) -> str:
        """The session's name, or else its instance id, and its computer, for messages."""
        return f"{shown_in_line(self.name) or self.instance_id} on {self.endpoint.computer_name}"

    @property
    def exists(self) -> bool:
        """Return whether a server listed the session. A session that is not open yet has no state there."""
        return bool(self.shell.state)

    def opened(self) -> PSSession:
        """Return the session as it is once this client is connected to it (both times are then meaningless)."""
        return dataclasses.replace(
            self,
            state=State.OPENED,
            availability=Availability.BUSY if self.commands else Availability.AVAILABLE,
            disconnected_on=None,
            expires_on=None,
        )

    def as_dict(self) -> dict[str, t.Any]:
        """Return the session as plain data: valid input for the ``session`` option of any module."""
        result: dict[str, t.Any] = {
            "id": self.id,
            "name": self.name,
            "transport": "WSMan",
            "computer_name": self.endpoint.computer_name,
            "computer_type": "RemoteMachine",
            "state": self.state.value,
            "configuration_name": self.configuration_name,
            "availability": self.availability.value,
            "instance_id": self.instance_id,
            "disconnected_on": _iso_8601(self.disconnected_on),
            "expires_on": _iso_8601(self.expires_on),
            "idle_timeout": _whole(self.shell.idle_timeout),
            "max_idle_timeout": _whole(self.shell.max_idle_timeout),
            "output_buffering_mode": self.shell.buffer_mode,
            "owner": self.shell.owner,
            "client_ip": self.shell.client_ip,
            "application_name": self.endpoint.application_name,
            "port": self.endpoint.port,
            "use_ssl": self.endpoint.use_ssl,
            "connection_uri": self.endpoint.uri,
            "inventory_hostname": self.endpoint.inventory_hostname,
            "authentication_used": self.endpoint.logon.used,
            "tls": self.endpoint.tls_check,
            "task_options": dict(self.endpoint.task_options),
        }
        if self.commands is not None:
            result["commands"] = [command.as_dict() for command in self.commands]
        if self.application_private_data is not None:
            result["application_private_data"] = dict(self.application_private_data)
        return t.cast("dict[str, t.Any]", shown_in(result))


def is_powershell(resource_uri: str) -> bool:
    """Return whether a resource URI is one of PowerShell."""
    return resource_uri.lower().startswith(POWERSHELL_RESOURCE_PREFIX)


def configuration_name(resource_uri: str) -> str:
    """Return the configuration's short name, or a URI of another kind unchanged (PSSession.ConfigurationName)."""
    return resource_uri[len(POWERSHELL_RESOURCE_PREFIX) :] if is_powershell(resource_uri) else resource_uri


def _whole(seconds: float | None) -> int | None:
    # Rounded down, so that a result never has more than the server allows.
    return None if seconds is None else int(seconds)


def _iso_8601(moment: datetime.datetime | None) -> str | None:
    return moment.strftime(_TIME) if moment else None


def seconds_of(time: str) -> float:
    """Return a time of a session, which is text, in seconds since 1970.

    Raises:
        ValueError: It is not such a time.
    """
    moment = datetime.datetime.strptime(time, _TIME).replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp()


@dataclass(frozen=True)
class SessionReference:
    """A reference to a session: an entry of the registry, or a session dict given to a task.

    It has the address and the identity of the session. The server decides whether the session exists.

    Attributes:
        state, computer_type: Remembered values. A session of another type, or one that ended, is refused without a
        request.
        client_id: The client of this registry that connected last, or None.
        connected_at: When that client was last seen connected, in seconds since the epoch; None if it disconnected.
        expires: The latest time at which the server removes the session if no client connects, in seconds since the
            epoch.
        is_over: Whether the session is known to have ended.
        was_removed: Whether this controller has removed it.
        own_host: As in `Endpoint`. Only the registry has it.
        task_options: As in `Endpoint`.
        is_registered: Whether the registry of this controller has the session at this address.
        exact: Whether the user named exactly this session. A session that a wildcard matched may be gone without an
            error.
    """

    instance_id: str
    computer_name: str
    connection_uri: str | None = None
    inventory_hostname: str | None = None
    name: str = ""
    id: int | None = None
    state: str = State.DISCONNECTED.value
    computer_type: str = "RemoteMachine"
    client_id: str | None = None
    connected_at: float | None = None
    expires: float | None = None
    is_over: bool = False
    was_removed: bool = False
    own_host: str | None = None
    task_options: t.Mapping[str, t.Any] = field(default_factory=dict, compare=False)
    is_registered: bool = False
    exact: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """As `PSSession.key`."""
        return self.uri_key, self.instance_id

    @property
    def uri_key(self) -> str:
        """The key of its endpoint, as `Endpoint.key`; empty if the address is not known."""
        return key_of_uri(self.connection_uri or "")

    def is_same(self, registered: SessionReference) -> bool:
        """Return whether the registry's entry is about this session, which was given to a task."""
        host = (self.inventory_hostname or "").lower()
        return registered.uri_key == self.uri_key or (registered.own_host is not None and registered.own_host == host)

    def is_at(self, endpoint: Endpoint) -> bool:
        """Return whether an endpoint is that of the session: the same address, or an address of the same host."""
        return self.uri_key == endpoint.key or (self.own_host is not None and self.own_host == endpoint.own_host)

    @property
    def subject(self) -> Subject:
        """Return the subject of errors about this session."""
        return Subject(self.computer_name, self.inventory_hostname, self.name, self.instance_id)
