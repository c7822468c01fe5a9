# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Negotiate (SPNEGO with Kerberos or NTLM, or bare NTLM) and Kerberos."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from .base import REFUSED, Attempt, Authenticator, Outcome
from .encryption import KERBEROS, SPNEGO, MessageSealer
from .ntlm import ACCOUNTS, NtlmClaim, binding_hash

if TYPE_CHECKING:
    from spnego import ContextProxy

#: GSS_C_CHANNEL_BOUND_FLAG of MIT Kerberos: the client has sent the bindings that the acceptor expects.
_CHANNEL_BOUND = 2048


#: How a token that cannot be accepted shows. The libraries do not check everything that a client may send, and a
#: Kerberos error for which there is a token makes pyspnego trip over an attribute.
REFUSALS = (SpnegoError, PermissionError, AttributeError, LookupError, TypeError, ValueError, struct.error)


class NoAcceptor(Exception):
    """There is nothing to accept a token with, such as no keytab."""


@dataclass
class Acceptor:
    """The server's end of one exchange of tokens.

    Attributes:
        claim: what the client said about itself, if it uses NTLM.
        channel_bound: whether the bindings were right; ``None`` without TLS, or if it was not checked.
    """

    attempt: Attempt
    protocol: str
    claim: NtlmClaim | None = None
    channel_bound: bool | None = None
    context: ContextProxy = field(init=False)

    def __post_init__(self) -> None:
        try:
            with ACCOUNTS.of(self.attempt.computer):
                self.context = spnego.server(protocol=self.protocol)
        except (ImportError, SpnegoError) as error:
            raise NoAcceptor(str(error)) from error

    def step(self, attempt: Attempt, token: bytes) -> bytes | None:
        """Take a token, return the answer.

        Raises:
            PermissionError: refused because of the channel binding; other refusals are in ``REFUSALS``.
        """
        mode = attempt.computer.channel_binding
        bindings = None
        if attempt.tls is not None:
            bindings = GssChannelBindings(application_data=attempt.tls.end_point)
        self.claim = NtlmClaim.find(token)
        if self.claim is not None and bindings is not None:
            # NTLM says openly what it was bound to. The acceptor itself would let zeros pass.
            sent = self.claim.channel_binding
            self.channel_bound = sent == binding_hash(bindings)
            if not self.channel_bound and (mode == "strict" or (mode == "relaxed" and sent is not None)):
                raise PermissionError("channel binding")
        compare = bindings if mode != "none" and self.claim is None else None
        with ACCOUNTS.of(attempt.computer):
            answer = self.context.step(token, channel_bindings=compare)
        if self.context.complete and compare is not None and self.context.negotiated_protocol == "kerberos":
            self.channel_bound = bool(_gss_flags(self.context) & _CHANNEL_BOUND)
            if mode == "strict" and not self.channel_bound:
                raise PermissionError("channel binding")
        return answer

    @property
    def login(self) -> str:
        """Who the client is or claims to be, as far as that is known by now."""
        if self.claim is not None:
            return self.claim.login
        return (self.context.client_principal or "") if self.context.complete else ""


def _gss_flags(context: Any) -> int:
    """The flags of the GSSAPI context inside; the wrappers around it do not know the one for channel bindings."""
    while not hasattr(context, "actual_flags"):
        context = context._context
    return int(context.actual_flags)


class Negotiate(Authenticator):
    """Tokens of SPNEGO, and of NTLM without SPNEGO, which servers accept under this name too."""

    scheme = "Negotiate"
    encrypts = True
    #: Protocol of encrypted messages.
    encryption = SPNEGO

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Take the next token of the connection's exchange."""
        try:
            token = base64.b64decode(attempt.token, validate=True)
        except binascii.Error:
            return REFUSED
        exchanges = attempt.connection.handshakes
        acceptor = exchanges.pop(self.scheme, None)
        try:
            if acceptor is None:
                attempt.connection.forget()
                acceptor = Acceptor(attempt, self._protocol(token))
            answer = acceptor.step(attempt, token)
        except NoAcceptor:
            return REFUSED
        except REFUSALS:
            return Outcome(None, failed=acceptor.login if acceptor else "")
        headers = {"WWW-Authenticate": f"{self.scheme} {base64.b64encode(answer).decode()}"} if answer else {}
        context = acceptor.context
        if not context.complete:
            exchanges[self.scheme] = acceptor
            return Outcome(None, headers=headers)
        user = attempt.computer.find_user(context.client_principal or "")
        if user is None:
            return Outcome(None, failed=acceptor.login)
        return Outcome(
            user,
            context.negotiated_protocol,
            headers,
            sealer=MessageSealer(context, self.encryption),
            lasting=True,
            channel_bound=acceptor.channel_bound,
        )

    def _protocol(self, token: bytes) -> str:
        return "ntlm" if token.startswith(b"NTLMSSP\x00") else "negotiate"


class Kerberos(Negotiate):
    """Bare Kerberos tokens, with a protocol of encrypted messages of their own."""

    scheme = "Kerberos"
    encryption = KERBEROS

    def _protocol(self, token: bytes) -> str:
        del token
        return "kerberos"
