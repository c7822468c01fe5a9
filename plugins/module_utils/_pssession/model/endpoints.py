"""Endpoints: address, log-on, TLS and proxy of a computer, as frozen data."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import functools
import ipaddress
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import Subject
from .settings import DEFAULT_TIMEOUT, LONGEST_POLL, Credential, HostSettings, SessionOption


@dataclass(frozen=True)
class ClientCertificate:
    """A client certificate and its private key, in files.

    Attributes:
        certificate: PEM file of the certificate, or a PKCS#12 file that holds both.
        private_key: PEM file of the key, or None if it is in the same file.
        password: The password of the key or of the PKCS#12 file.
    """

    certificate: str
    private_key: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Logon:
    """Account and settings of a log-on.

    Attributes:
        scheme: Name of a scheme of `wsman.schemes`.
        credential: None for certificates, and for Kerberos with the tickets of the controller user.
        message_encryption: ``auto`` encrypts over HTTP, ``always`` also over HTTPS, and ``never`` sends clear text.
        used: Name of the scheme that is used in the end (`wsman.schemes.effective`).
        library: The library that logs on: ``psrp`` for pypsrp or ``winrm`` for pywinrm.
        is_asked_for: Whether the scheme is an option of the task, and not from the inventory.
        choices: The inventory's list from which the scheme was chosen, in its words and order. Empty without a list.
        passed_over: For each earlier scheme of the list, the reason why it is not possible. If none is possible, for
            all.
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
        """Return the account that logs on, for comparison. All tickets of the controller user count as one account."""
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
    """Checks of the server's certificate.

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
    """The proxy of a connection.

    Attributes:
        url: The proxy's address, without a user. None means the environment variables http_proxy, https_proxy and
            no_proxy.
        credential: The account for the proxy.
        bypass: Whether to use no proxy, whatever the environment has.
        source: The option or variable that has the address, for errors.
    """

    url: str | None = None
    credential: Credential | None = None
    bypass: bool = False
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class Endpoint:
    """One WinRM endpoint and its log-on. Equal endpoints share a conversation.

    Attributes:
        computer_name: The name that the user gave. Results and messages show it.
        uri: The address requests go to, such as ``http://srv01:5985/wsman``.
        inventory_hostname: The inventory host whose variables were used, or None.
        settings: The settings of the connection, those of the task's options included.
        maximum_redirection: Redirections to follow; 0 means none.
        own_host: The inventory host in lower case if its variables alone determine this address, or None.
        task_options: The task's options for the connection, without secrets, as plain data (`request.task_options`).
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

    @functools.cached_property
    def key(self) -> str:
        """The address in the form in which endpoints are compared."""
        return key_of_uri(self.uri)

    @property
    def use_ssl(self) -> bool:
        return self.uri.lower().startswith("https:")

    @property
    def subject(self) -> Subject:
        """Return the subject of errors about this computer."""
        return Subject(self.computer_name, self.inventory_hostname)

    @property
    def tls_check(self) -> str:
        """Return the kind of check of the server's certificate, as results name it.

        ``verified``, ``pinned`` if a certain certificate is required, ``unverified`` if a check is off, or ``none``
        without TLS.
        """
        if not self.use_ssl:
            return "none"
        if self.pinned is not None:
            return "pinned"
        checks = (self.tls.check_authority, self.tls.check_name, self.tls.check_revocation)
        return "verified" if all(checks) else "unverified"

    @property
    def is_verified(self) -> bool:
        """Return whether TLS proves the identity of the server."""
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
        """Return whether requests and answers are encrypted inside HTTP (MS-WSMV 2.2.9.1)."""
        if self.logon.message_encryption == "auto":
            return not self.use_ssl
        return self.logon.message_encryption == "always"

    def redirected_to(self, uri: str) -> Endpoint:
        """Return the endpoint to which a server has redirected. For the user it is the same computer.

        The registry remembers sessions there with this address.
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
        """Seconds after which a request without an answer fails.

        The server may use all of its operation timeout before it answers, so this must be longer (MS-WSMV 2.2.4.20).
        """
        return max(self.operation_timeout + 2, self.settings.read_timeout or 0)


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
