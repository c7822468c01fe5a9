# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all schemes share: connections, attempts, outcomes."""

from __future__ import annotations

import abc
import weakref
from asyncio import BaseTransport
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..shell import User
from ..tls import TlsFacts

if TYPE_CHECKING:
    from ..computer import SimulatedComputer


class Sealer(abc.ABC):
    """Message encryption of an authenticated connection (multipart/encrypted bodies)."""

    @abc.abstractmethod
    def unseal(self, content_type: str, body: bytes) -> tuple[str, bytes]:
        """Original content type and plain body of a request.

        Raises:
            ValueError: it cannot be decrypted, which a server answers with a bare HTTP 400.
        """

    @abc.abstractmethod
    def seal(self, content_type: str, body: bytes) -> tuple[str, bytes]:
        """Content type and body of an encrypted answer."""


@dataclass
class Connection:
    """What a server knows about one TCP connection.

    Attributes:
        number: for the request log.
        user: who authenticated it, for schemes that authenticate connections rather than requests.
        scheme: with which of them.
        sealer: message encryption, once a scheme has established it.
        channel_bound: see ``LoggedRequest``.
        handshakes: state of schemes that need several rounds, by scheme.
        generation: of the computer's memory that this one belongs to; see ``forget_authentication``.
        running: requests being answered.
        served: requests answered so far.
    """

    number: int
    user: User | None = None
    scheme: str | None = None
    sealer: Sealer | None = None
    channel_bound: bool | None = None
    handshakes: dict[str, Any] = field(default_factory=dict)
    generation: int = 0
    running: int = 0
    served: int = 0

    def establish(self, outcome: Outcome) -> None:
        """Keep who authenticated it, for the requests that follow."""
        self.user, self.scheme, self.sealer = outcome.user, outcome.scheme, outcome.sealer
        self.channel_bound = outcome.channel_bound
        self.handshakes.clear()

    def forget(self) -> None:
        """Be as before anybody authenticated."""
        self.user = self.scheme = self.sealer = self.channel_bound = None
        self.handshakes.clear()


class Connections:
    """The open connections of a fleet; a connection's state goes when its transport goes."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[BaseTransport, Connection] = weakref.WeakKeyDictionary()
        self._count = 0

    def of(self, transport: BaseTransport) -> Connection:
        """The state of a transport's connection."""
        if transport not in self._known:
            self._count += 1
            self._known[transport] = Connection(self._count)
        return self._known[transport]


@dataclass(frozen=True)
class Attempt:
    """A request's attempt to authenticate.

    Attributes:
        scheme: first word of the Authorization header, lower case; empty without the header.
        token: the rest of it.
        method: of the HTTP request.
        target: its path and query.
        computer: that is asked; its users are the accounts.
        tls: what is known of the TLS connection; ``None`` over plain HTTP.
    """

    scheme: str
    token: str
    method: str
    target: str
    computer: SimulatedComputer
    tls: TlsFacts | None
    connection: Connection

    @classmethod
    def read(
        cls, request: web.BaseRequest, computer: SimulatedComputer, tls: TlsFacts | None, connection: Connection
    ) -> Attempt:
        """Read the Authorization header."""
        scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
        target = request.raw_path
        return cls(scheme.lower(), token.strip(), request.method, target, computer, tls, connection)


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt.

    Attributes:
        user: who it is; ``None`` asks for another round (401).
        scheme: of the request log: ``basic``, ``digest``, ``ntlm``, ``kerberos``, ``credssp``, ``certificate``.
        headers: headers of the answer, such as a token for the client.
        failed: whose credentials were refused (empty if unknown); ``None`` if nothing was refused.
        sealer: message encryption, for schemes that authenticate the connection.
        lasting: the scheme authenticates the connection: requests that follow need no header.
        channel_bound: see ``LoggedRequest``.
    """

    user: User | None
    scheme: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None
    sealer: Sealer | None = None
    lasting: bool = False
    channel_bound: bool | None = None


REFUSED = Outcome(None)


class Authenticator(abc.ABC):
    """One HTTP authentication scheme."""

    #: The word in WWW-Authenticate and Authorization.
    scheme: str
    #: Whether the scheme can encrypt messages; others are refused over plain HTTP unless that is allowed.
    encrypts: bool = False
    #: Whether it exists over TLS only.
    needs_tls: bool = False

    def challenges(self, attempt: Attempt) -> list[str]:
        """Values of the WWW-Authenticate headers that offer this scheme."""
        del attempt
        return [self.scheme]

    @abc.abstractmethod
    def authenticate(self, attempt: Attempt) -> Outcome:
        """Judge one attempt of this scheme."""
