# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest authentication."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.request import parse_http_list, parse_keqv_list

from .base import REFUSED, Attempt, Authenticator, Outcome

_REALM = "WSMAN"
_HASHES = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


class Digest(Authenticator):
    """RFC 7616 with qop=auth, and the algorithms of the switch ``digest_algorithms``.

    A nonce may be used until ``expire_nonces`` is called, with a request counter that grows.
    """

    scheme = "Digest"

    def __init__(self) -> None:
        #: Nonce -> the highest counter seen with it.
        self._nonces: dict[str, int] = {}

    def expire_nonces(self) -> None:
        """Refuse all nonces given out so far, as stale."""
        self._nonces.clear()

    def challenges(self, attempt: Attempt) -> list[str]:
        """One for each algorithm, best first, all with the same nonce."""
        return self._challenges(attempt, stale=False)

    def _challenges(self, attempt: Attempt, stale: bool) -> list[str]:
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = 0
        common = f'realm="{_REALM}", qop="auth", nonce="{nonce}", opaque="{nonce[:8]}", charset=UTF-8'
        suffix = ", stale=true" if stale else ""
        return [f"Digest {common}, algorithm={name}{suffix}" for name in attempt.computer.digest_algorithms]

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Compute what a client with the right password would have sent."""
        try:
            sent = parse_keqv_list(parse_http_list(attempt.token))
            name, nonce, counter = sent["username"], sent["nonce"], int(sent["nc"], 16)
            cnonce, response = sent["cnonce"], sent["response"]
        except (ValueError, LookupError):
            return REFUSED
        algorithm = sent.get("algorithm", "MD5")
        allowed = {item.lower() for item in attempt.computer.digest_algorithms}
        if sent.get("qop") != "auth" or algorithm.lower() not in allowed or sent.get("uri") != attempt.target:
            return REFUSED
        user = attempt.computer.find_user(name)
        if user is None:
            return Outcome(None, failed=name)
        base, session = algorithm.lower().removesuffix("-sess"), algorithm.lower().endswith("-sess")

        def digest(text: str) -> str:
            return _HASHES[base](text.encode()).hexdigest()

        secret = digest(f"{name}:{sent.get('realm', '')}:{user.password}")
        if session:
            secret = digest(f"{secret}:{nonce}:{cnonce}")
        what = digest(f"{attempt.method}:{sent['uri']}")
        expected = digest(f"{secret}:{nonce}:{sent['nc']}:{cnonce}:auth:{what}")
        if not hmac.compare_digest(expected, response.lower()):
            return Outcome(None, failed=name)
        if self._nonces.get(nonce, counter) >= counter:
            # The password is right, so the client is told that a new nonce is all it needs.
            challenge = self._challenges(attempt, stale=True)[0]
            return Outcome(None, headers={"WWW-Authenticate": challenge})
        self._nonces[nonce] = counter
        return Outcome(user, "digest")
