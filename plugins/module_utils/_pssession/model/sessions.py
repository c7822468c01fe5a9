"""Endpoints, shells and PowerShell sessions, as frozen data."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import enum
import ipaddress
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import Subject
from .settings import DEFAULT_TIMEOUT, LONGEST_POLL, Credential, HostSettings, SessionOption
from .text import shown_in, shown_in_line

# A shell belongs to PowerShell exactly if its resource URI starts with this (MS-PSRP 3.1.5.3.1).
POWERSHELL_RESOURCE_PREFIX = "http://schemas.microsoft.com/powershell/"

DEFAULT_RESOURCE_URI = POWERSHELL_RESOURCE_PREFIX + "Microsoft.PowerShell"


# What tells sessions apart, as `PSSession.key` has it.
SessionKey: t.TypeAlias = "tuple[str, str]"


class State(str, enum.Enum):
    """State of a session as PowerShell's RunspaceState names it, from this client's point of view."""

    OPENED = "Opened"
    DISCONNECTED = "Disconnected"
    BROKEN = "Broken"
    CLOSED = "Closed"


class Availability(str, enum.Enum):
    """PowerShell's RunspaceAvailability. With `State.DISCONNECTED`, BUSY means: connected to some other client."""

    NONE = "None"
    AVAILABLE = "Available"
    BUSY = "Busy"


@dataclass(frozen=True)
class ClientCertificate:
    """A client certificate and its private key, in files.

    Attributes:
        certificate: PEM file of the certificate, or a PKCS#12 file that holds both.
        private_key: PEM file of the key, or None when it is in the same file.
        password: What the key (or the PKCS#12 file) is encrypted with.
    """

    certificate: str
    private_key: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Logon:
    """How to log on.

    Attributes:
        scheme: Name of a scheme of `wsman.schemes`.
        credential: None for certificates, and for Kerberos with the tickets of the controller user.
        message_encryption: ``auto`` encrypts over HTTP, ``always`` over HTTPS, too, ``never`` sends in clear.
        used: Name of the scheme that it comes to (`wsman.schemes.effective`).
        library: ``psrp`` or ``winrm``: who logs on, pypsrp or pywinrm.
        is_asked_for: Whether the task itself names the scheme, and not the inventory.
        choices: The list of which it is one, in the inventory's words and order; empty if there is no list.
        passed_over: Why those before it are not possible, one text each; all of them if none is possible.
    """

    scheme: str = "negotiate"
    credential: Credential | None = None
    certificate: ClientCertificate | None = None
    message_encryption: str = "auto"
    library: str = "psrp"
    used: str = field(default="", compare=False)
    is_asked_for: bool = False
    choices: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """Who logs on, for comparing; all tickets of the controller user are taken for those of one account."""
        if self.credential is not None:
            return self.credential.username.lower()
        return self.certificate.certificate if self.certificate is not None else ""

    @property
    def username(self) -> str | None:
        return self.credential.username if self.credential else None

    @property
    def password(self) -> str | None:
        return self.credential.password if self.credential else None


@dataclass(frozen=True)
class Tls:
    """What is asked of the server's certificate.

    Attributes:
        check_authority: It must come from a trusted authority.
        check_name: It must name the host in the address.
        check_revocation: It must not be in a revocation list that is kept with the trusted authorities.
    """

    check_authority: bool = True
    check_name: bool = True
    check_revocation: bool = True


@dataclass(frozen=True)
class Proxy:
    """Which proxy is used.

    Attributes:
        url: Its address, without a user in it; None means what the environment says (http_proxy, https_proxy,
            no_proxy).
        credential: What to log on to it with.
        bypass: Use none, whatever the environment says.
        source: The option or variable that has the address, for errors.
    """

    url: str | None = None
    credential: Credential | None = None
    bypass: bool = False
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class Endpoint:
    """One WinRM endpoint and how to get in. Two equal endpoints are one conversation partner.

    Attributes:
        computer_name: The name the user gave; what results and messages show.
        uri: The address requests go to, such as ``http://srv01:5985/wsman``.
        inventory_hostname: The inventory host whose variables were used, or None.
        settings: The settings of the connection, those of the task's options included.
        maximum_redirection: Redirections to follow; 0 means none.
        own_host: The inventory host in lower case if its variables alone lead to this address, or None.
        task_options: What the task had set for the connection, without secrets, as plain data (`request.task_options`).
    """

    computer_name: str
    uri: str
    inventory_hostname: str | None = None
    settings: HostSettings = field(default=HostSettings())
    logon: Logon = Logon()
    tls: Tls = Tls()
    proxy: Proxy = Proxy()
    option: SessionOption = field(default=SessionOption())
    maximum_redirection: int = 0
    own_host: str | None = None
    task_options: t.Mapping[str, t.Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        """The address in the form in which endpoints are compared."""
        return key_of_uri(self.uri)

    @property
    def use_ssl(self) -> bool:
        return self.uri.lower().startswith("https:")

    @property
    def subject(self) -> Subject:
        """What an error about this computer is about."""
        return Subject(self.computer_name, self.inventory_hostname)

    @property
    def tls_check(self) -> str:
        """How the server's certificate is checked.

        ``verified``, ``pinned`` if it must be a certain one, ``unverified`` if a check is off, or ``none`` without TLS.
        """
        if not self.use_ssl:
            return "none"
        if self.pinned is not None:
            return "pinned"
        checks = (self.tls.check_authority, self.tls.check_name, self.tls.check_revocation)
        return "verified" if all(checks) else "unverified"

    @property
    def is_verified(self) -> bool:
        """Whether TLS makes sure that the server is the one that is meant."""
        return self.tls_check in ("verified", "pinned")

    @property
    def pinned(self) -> str | None:
        """The fingerprint of the only certificate that is accepted, or None for the checks of `tls`."""
        return self.settings.server_certificate_fingerprint

    @property
    def port(self) -> int:
        return urlsplit(self.uri).port or (443 if self.use_ssl else 80)

    @property
    def application_name(self) -> str:
        return urlsplit(self.uri).path.lstrip("/")

    @property
    def encrypts_messages(self) -> bool:
        """Whether requests and answers are encrypted inside HTTP (MS-WSMV 2.2.9.1)."""
        if self.logon.message_encryption == "auto":
            return not self.use_ssl
        return self.logon.message_encryption == "always"

    def redirected_to(self, uri: str) -> Endpoint:
        """Return the endpoint that a server has redirected to. It is the same computer for whoever named it.

        What remembers a session there remembers this address.
        """
        options = {**self.task_options, "connection_uri": uri}
        return dataclasses.replace(self, uri=uri, own_host=None, task_options=options)

    @property
    def operation_timeout(self) -> float:
        """Seconds that the server may take for one request (the OperationTimeout header)."""
        return self.settings.operation_timeout or DEFAULT_TIMEOUT

    @property
    def longest_poll(self) -> float:
        """Seconds that one Receive waits for output at most.

        Gateways and firewalls cut connections that are silent, mostly after 30 seconds or more. The default is that of
        the psrp connection plugin.
        """
        return self.settings.operation_timeout or LONGEST_POLL

    @property
    def answer_timeout(self) -> float:
        """Seconds after which a request without an answer is given up.

        The server may use all of its operation timeout before it answers, so this must be longer (MS-WSMV 2.2.4.20).
        """
        return max(self.operation_timeout + 2, self.settings.read_timeout or 0)


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
    """An rsp:Shell element of a listing, values converted, nothing interpreted (MS-WSMV 2.2.4.37).

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
class PSSession:
    """A PowerShell session as this client sees it: a shell, where it is, and what it means to us.

    The attributes and properties are those of the cmdlets' PSSession object.

    Attributes:
        id: Number in the controller's registry, or None when the session is not registered.
        disconnected_on, expires_on: Aware UTC times, or None (see `discovery.lifetime`).
        commands: None when they were not listed.
        application_private_data: What the server told about itself after connecting, when that was asked for.
        connected_at: When the server last showed that this client is connected, in seconds since the epoch.
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

    @property
    def instance_id(self) -> str:
        """The runspace pool's GUID in lower case; it is the shell id on the wire (MS-PSRP 3.1.5.3.1)."""
        return self.shell.shell_id.lower()

    @property
    def key(self) -> tuple[str, str]:
        """Tells sessions apart by address and instance id: two servers may use the same instance id."""
        return self.endpoint.key, self.instance_id

    @property
    def name(self) -> str:
        """The name given when the session was opened; empty when there was none."""
        return self.shell.name or ""

    @property
    def subject(self) -> Subject:
        """What an error about this session is about."""
        return dataclasses.replace(self.endpoint.subject, session_name=self.name, instance_id=self.instance_id)

    @property
    def configuration_name(self) -> str:
        """See `configuration_name`."""
        return configuration_name(self.shell.resource_uri)

    @property
    def place(self) -> str:
        """The session's name, or its instance id where it has none, and its computer, for messages."""
        return f"{shown_in_line(self.name) or self.instance_id} on {self.endpoint.computer_name}"

    @property
    def exists(self) -> bool:
        """Whether a server listed the session; one that is still to be opened has no state there."""
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
    """Tell whether a resource URI is one of PowerShell."""
    return resource_uri.lower().startswith(POWERSHELL_RESOURCE_PREFIX)


def configuration_name(resource_uri: str) -> str:
    """Return the configuration's short name; a URI of another kind stays whole (PSSession.ConfigurationName)."""
    return resource_uri[len(POWERSHELL_RESOURCE_PREFIX) :] if is_powershell(resource_uri) else resource_uri


def key_of_uri(uri: str) -> str:
    """Return an address in one spelling: scheme and host in lower case, no dot behind the host, IPv6 in its short form.

    The path stays as it is.
    """
    origin, slashes, rest = uri.partition("://")
    place, slash, path = rest.partition("/")
    if place.startswith("["):
        address, bracket, port = place[1:].partition("]")
        with contextlib.suppress(ValueError):
            address = str(ipaddress.IPv6Address(address))
        place = f"[{address}{bracket}{port}"
    else:
        host, colon, port = place.partition(":")
        place = f"{host.removesuffix('.')}{colon}{port}"
    return f"{origin.lower()}{slashes}{place.lower()}{slash}{path}"


def _whole(seconds: float | None) -> int | None:
    # Downwards, so that a result never names more than the server allows.
    return None if seconds is None else int(seconds)


def _iso_8601(moment: datetime.datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


@dataclass(frozen=True)
class SessionReference:
    """A reference to a session: an entry of the registry, or a session dict given to a task.

    It says where to look and what for; what is really there, the server says.

    Attributes:
        state, computer_type: As remembered. A session of another type, or one that ended, is refused unseen.
        client_id: The client that last connected through the registry, or None.
        connected_at: When that client was last seen connected, in seconds since the epoch; None if it disconnected.
        expires: When the server removes the session at the latest unless a client connects, in seconds since the epoch.
        is_over: Whether the session is known to have ended.
        was_removed: Whether this controller has removed it.
        own_host: As in `Endpoint`. Only the registry has it.
        task_options: As in `Endpoint`.
        is_registered: Whether the registry of this controller has the session at this address.
        exact: Whether the user meant this very session; a wildcard match may have vanished silently.
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
        """As `Endpoint.key`; empty where the address is not known."""
        return key_of_uri(self.connection_uri or "")

    def is_same(self, registered: SessionReference) -> bool:
        """Tell whether the registry's entry is about this session, which was given to a task."""
        host = (self.inventory_hostname or "").lower()
        return registered.uri_key == self.uri_key or (registered.own_host is not None and registered.own_host == host)

    def is_at(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint is the one of the session: the same address, or the address of the same host."""
        return self.uri_key == endpoint.key or (self.own_host is not None and self.own_host == endpoint.own_host)

    @property
    def subject(self) -> Subject:
        """What an error about this session is about."""
        return Subject(self.computer_name, self.inventory_hostname, self.name, self.instance_id)
