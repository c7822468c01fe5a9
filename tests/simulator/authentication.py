# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: HTTP authentication, one class per scheme, with state that belongs to a TCP connection."""

from __future__ import annotations

import abc
import base64
import binascii
import weakref
from asyncio import BaseTransport
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .shell import User


class Sealer(abc.ABC):
    """Message encryption of an authenticated connection (multipart/encrypted bodies)."""

    @abc.abstractmethod
    def unseal(self, content_type: str, body: bytes) -> bytes:
        """The plain body of a request.

        Raises:
            ValueError: it cannot be decrypted, which a server answers with a bare HTTP 400.
        """

    @abc.abstractmethod
    def seal(self, body: bytes) -> tuple[str, bytes]:
        """Content type and encrypted body of an answer."""


@dataclass
class Connection:
    """What a server knows about one TCP connection.

    Attributes:
        number: for the request log.
        user: who authenticated it, for schemes that authenticate connections rather than requests.
        sealer: message encryption, once a scheme has established it.
        handshakes: state of schemes that need several rounds, by scheme.
    """

    number: int
    user: User | None = None
    sealer: Sealer | None = None
    handshakes: dict[str, Any] = field(default_factory=dict)


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
        scheme: first word of the Authorization header, lower case.
        token: the rest of it.
        users: the accounts of the computer.
        secure: the request came over TLS.
    """

    scheme: str
    token: str
    users: tuple[User, ...]
    secure: bool
    connection: Connection

    @classmethod
    def read(cls, headers: Mapping[str, str], users: tuple[User, ...], secure: bool, connection: Connection) -> Attempt:
        """Read the Authorization header; without one the scheme is empty."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return cls(scheme.lower(), token.strip(), users, secure, connection)


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt.

    Attributes:
        user: who it is; ``None`` asks for another round (401).
        headers: headers of the answer, such as a token for the client.
    """

    user: User | None
    headers: Mapping[str, str] = field(default_factory=dict)


REFUSED = Outcome(None)


class Authenticator(abc.ABC):
    """One HTTP authentication scheme."""

    #: The word in WWW-Authenticate and Authorization.
    scheme: str
    #: Whether the scheme can encrypt messages; others are refused over plain HTTP unless that is allowed.
    encrypts: bool = False

    @property
    def challenge(self) -> str:
        """Value of the WWW-Authenticate header that offers this scheme."""
        return self.scheme

    @abc.abstractmethod
    def authenticate(self, attempt: Attempt) -> Outcome:
        """Judge one attempt of this scheme."""


class Basic(Authenticator):
    """RFC 7617. Clients differ in the character set of non-ASCII passwords: UTF-8 and Latin-1 are both accepted."""

    scheme = "Basic"

    @property
    def challenge(self) -> str:
        """With the realm WinRM names."""
        return 'Basic realm="WSMAN"'

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Compare name and password with the accounts."""
        try:
            octets = base64.b64decode(attempt.token, validate=True)
        except binascii.Error:
            return REFUSED
        for encoding in ("utf-8", "latin-1"):
            try:
                login, _, password = octets.decode(encoding).partition(":")
            except UnicodeDecodeError:
                continue
            for user in attempt.users:
                if user.is_called(login) and user.password == password:
                    return Outcome(user)
        return REFUSED


class Gate:
    """All schemes a fleet offers, in order of preference."""

    def __init__(self, authenticators: tuple[Authenticator, ...] = (Basic(),)) -> None:
        self._authenticators = authenticators

    def _offered(self, secure: bool, allow_unencrypted: bool) -> list[Authenticator]:
        return [item for item in self._authenticators if secure or item.encrypts or allow_unencrypted]

    def challenges(self, secure: bool, allow_unencrypted: bool) -> list[str]:
        """Values of the WWW-Authenticate headers of a 401."""
        return [item.challenge for item in self._offered(secure, allow_unencrypted)]

    def authenticate(self, attempt: Attempt, allow_unencrypted: bool) -> Outcome:
        """Let the scheme of the attempt judge it; a connection authenticated before needs no header."""
        if not attempt.scheme:
            return Outcome(attempt.connection.user)
        for item in self._offered(attempt.secure, allow_unencrypted):
            if item.scheme.lower() == attempt.scheme:
                return item.authenticate(attempt)
        return REFUSED
