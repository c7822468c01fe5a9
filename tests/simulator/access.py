# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication and decryption of requests, before any operation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from multidict import CIMultiDict

from .authentication import Attempt, Authenticators, Outcome
from .exchange import Exchange
from .shell import User

_CHARSET = re.compile(r"charset=\"?([\w-]+)", re.IGNORECASE)


class Refused(Exception):
    """The request is answered without an operation.

    Attributes:
        status: of HTTP.
        headers: of the answer.
        operation: for the request log.
    """

    def __init__(self, status: int, operation: str, headers: CIMultiDict[str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.operation = operation
        self.headers: CIMultiDict[str] = headers if headers is not None else CIMultiDict()


@dataclass(frozen=True)
class Admitted:
    """A request of a known account.

    Attributes:
        headers: for the answer.
        text: XML, or what else was sent; empty if the request only authenticates.
    """

    user: User
    headers: CIMultiDict[str]
    text: str | bytes


class Access:
    """Decides which requests reach the operations."""

    def __init__(self, authenticators: Authenticators) -> None:
        self._authenticators = authenticators

    def admit(self, exchange: Exchange) -> Admitted:
        """Authenticate and decrypt a request, and log how it was authenticated.

        Raises:
            Refused: that is not possible.
        """
        computer, connection, entry = exchange.computer, exchange.connection, exchange.entry
        body, content_type = exchange.body, exchange.content_type
        if connection.generation != computer.generation:
            connection.forget()
            connection.generation = computer.generation
        entry.encrypted = bool(body) and content_type.lower().startswith("multipart/")
        attempt = Attempt.read(exchange.http, computer, exchange.tls, connection)
        if entry.encrypted and not attempt.scheme and connection.sealer is None:
            # Encrypted with keys this server does not have (any more).
            raise Refused(400, "Unknown")
        outcome = self._authenticators.authenticate(attempt)
        if outcome.user is None:
            raise Refused(401, "Unauthenticated", self._challenge(attempt, outcome))
        entry.user, entry.scheme, entry.channel_bound = outcome.user.name, outcome.scheme, outcome.channel_bound
        headers = CIMultiDict(outcome.headers)
        if not body:
            return Admitted(outcome.user, headers, b"")
        if not entry.encrypted and self._authenticators.must_encrypt(attempt, outcome):
            connection.forget()
            raise Refused(401, "Unencrypted", self._challenge(attempt, Outcome(None)))
        try:
            if entry.encrypted:
                if outcome.sealer is None:
                    raise ValueError("an encrypted body without keys")
                content_type, body = outcome.sealer.unseal(content_type, body)
            text = text_of(content_type, body)
        except ValueError:
            raise Refused(400, "Unknown") from None
        entry.body = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return Admitted(outcome.user, headers, text)

    def _challenge(self, attempt: Attempt, outcome: Outcome) -> CIMultiDict[str]:
        """The next token of an exchange that goes on, or else all schemes."""
        headers = CIMultiDict(outcome.headers)
        if not headers:
            for challenge in self._authenticators.challenges(attempt):
                headers.add("WWW-Authenticate", challenge)
        return headers


def text_of(content_type: str, body: bytes) -> str | bytes:
    """UTF-16 is decoded by its charset; UTF-8 the parser reads itself."""
    found = _CHARSET.search(content_type)
    if found is not None and found[1].lower().startswith("utf-16"):
        return body.decode("utf-16")
    return body
