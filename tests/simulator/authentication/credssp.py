# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CredSSP: TLS inside of HTTP headers, Negotiate inside of that, and then the password itself."""

from __future__ import annotations

import base64
import binascii
import functools
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import spnego
from spnego.exceptions import InvalidTokenError, SpnegoError
from spnego.tls import CredSSPTLSContext, default_tls_context, generate_tls_certificate

from .base import REFUSED, Attempt, Authenticator, Outcome
from .encryption import CREDSSP, MessageSealer
from .negotiate import REFUSALS, Acceptor, NoAcceptor


@functools.cache
def _tls_context() -> CredSSPTLSContext:
    """The certificate of its own that a server uses for CredSSP; clients do not verify it."""
    certificate, key, public_key = generate_tls_certificate()
    context = default_tls_context(usage="accept")
    with TemporaryDirectory() as directory:
        chain = Path(directory) / "chain.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(certificate + key)
        context.context.load_cert_chain(chain)
    context.public_key = public_key
    return context


class _InnerContext:
    """The exchange inside, which keeps what the one around it does not tell: who failed."""

    def __init__(self, attempt: Attempt) -> None:
        # Channel bindings are not used inside: the server's public key is proved instead.
        self.attempt = replace(attempt, tls=None)
        self.acceptor = Acceptor(self.attempt, "negotiate")
        self.login = ""
        self.failed = False

    def step(self, token: bytes) -> bytes | None:
        """Take a token."""
        try:
            return self.acceptor.step(self.attempt, token)
        except REFUSALS as error:
            self.failed = True
            raise error if isinstance(error, SpnegoError) else InvalidTokenError from error
        finally:
            if self.acceptor.claim is not None:
                self.login = self.acceptor.claim.login

    def __getattr__(self, name: str) -> Any:
        return getattr(self.acceptor.context, name)


class _Exchange:
    def __init__(self, attempt: Attempt) -> None:
        self.inner = _InnerContext(attempt)
        self.context = spnego.server(
            protocol="credssp", credssp_negotiate_context=self.inner, credssp_tls_context=_tls_context()
        )


class CredSSP(Authenticator):
    """Several rounds on one connection, ending with the client's password."""

    scheme = "CredSSP"
    encrypts = True

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Take the next token of the connection's exchange."""
        try:
            token = base64.b64decode(attempt.token, validate=True)
        except binascii.Error:
            return REFUSED
        exchanges = attempt.connection.handshakes
        exchange: _Exchange | None = exchanges.pop(self.scheme, None)
        try:
            if exchange is None:
                attempt.connection.forget()
                exchange = _Exchange(attempt)
            answer = exchange.context.step(token)
        except NoAcceptor:
            return REFUSED
        except REFUSALS:
            return Outcome(None, failed=exchange.inner.login if exchange else "")
        inner, context = exchange.inner, exchange.context
        if inner.failed:
            # The token would name the reason, if the client's version can read it: a wrong password gets no hint here.
            return Outcome(None, failed=inner.login)
        if not context.complete:
            exchanges[self.scheme] = exchange
            return Outcome(None, headers={"WWW-Authenticate": f"CredSSP {base64.b64encode(answer or b'').decode()}"})
        user = attempt.computer.find_user(context.client_principal or "")
        delegated = context.get_extra_info("client_credential")
        if user is None or getattr(delegated, "password", None) != user.password:
            return Outcome(None, failed=context.client_principal or "")
        return Outcome(user, "credssp", sealer=MessageSealer(context, CREDSSP), lasting=True)
