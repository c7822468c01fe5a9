# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes passwords and names of users and computers out of recorded conversations.

A secret becomes letters x of the same number of bytes, so the lengths in the binary data stay right.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from .recorder import Exchange

# Elements whose content names a user, a computer or an address.
_NAMING = re.compile(r"(<(?:\w+:)?(?:Owner|ClientIP)(?: [^>]*)?>)([^<]*)(?=<)")
_MACHINE = re.compile(r'(\bMachine=")([^"]*)(?=")')
_HOST = re.compile(r"(<(?:\w+:)?To(?: [^>]*)?>https?://)([^:/<]*)")
_BASE64 = re.compile(r"(?<=>)[A-Za-z0-9+/]{20,}={0,2}(?=<)")
# A shorter name would be found in words.
_LEAST = 3


class Redaction:
    """Knows the secrets of one run.

    Args:
        secrets: Passwords, and names of users and computers; `DOMAIN\\user` and `user@domain` are two names.
        exchanges: Conversations, in which a server may tell further names.
    """

    def __init__(self, secrets: Iterable[str], exchanges: Iterable[Exchange]) -> None:
        found = set(secrets)
        for each in exchanges:
            found |= {match[2] for match in _HOST.finditer(each.request)}  # of an answer, it is a URI that all have
            found |= {match[2] for match in _NAMING.finditer(each.response)}
            found |= {match[2] for match in _MACHINE.finditer(each.response)}
        parts = {part for secret in found for part in re.split(r"[\\@]", secret) if len(part) >= _LEAST}
        longest_first = sorted(parts, key=len, reverse=True)
        encoded = [re.escape(part.encode("utf-8")) for part in longest_first]
        self._secret = re.compile(b"(?<![A-Za-z0-9])(?:" + b"|".join(encoded) + b")(?![A-Za-z0-9])", re.IGNORECASE)
        self._has_secrets = bool(encoded)

    def of_exchange(self, exchange: Exchange) -> Exchange:
        """Return an exchange without secrets."""
        return Exchange(self._of_envelope(exchange.request), self._of_envelope(exchange.response), exchange.status)

    def of_text(self, text: str) -> str:
        """Return a text without secrets."""
        return self._of_bytes(text.encode("utf-8")).decode("utf-8")

    def _of_envelope(self, envelope: str) -> str:
        return self.of_text(_BASE64.sub(self._of_base64, envelope))

    def _of_base64(self, found: re.Match[str]) -> str:
        try:
            data = base64.b64decode(found[0], validate=True)
        except binascii.Error:
            return found[0]
        return base64.b64encode(self._of_bytes(data)).decode("ascii")

    def _of_bytes(self, data: bytes) -> bytes:
        return self._secret.sub(lambda found: b"x" * len(found[0]), data) if self._has_secrets else data
