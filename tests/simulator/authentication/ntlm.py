# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NTLM on the server's side: the accounts where the acceptor looks for them, and what a client says about itself."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spnego._ntlm_raw.crypto import lmowfv1, ntowfv1
from spnego.channel_bindings import GssChannelBindings

if TYPE_CHECKING:
    from ..computer import SimulatedComputer
    from ..shell import User

#: Domain of the accounts, besides the computer itself and the account's own: NetBIOS and DNS name.
DOMAIN, DNS_DOMAIN = "LAB", "LAB.TEST"
_VARIABLE = "NTLM_USER_FILE"
_AUTHENTICATE = b"NTLMSSP\x00\x03\x00\x00\x00"
_UNICODE = 0x00000001
_AV_END, _AV_CHANNEL_BINDINGS = 0, 10


class NtlmAccounts:
    """The file of accounts that the acceptor reads.

    Its place is told by an environment variable, that is, to the whole process. So the variable names a file that
    exists only while an acceptor works: an NTLM client in the same process must not find credentials there.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path = Path(tempfile.gettempdir()) / f"simulated-fleet-{os.getpid()}-{os.urandom(8).hex()}.ntlm"

    @contextmanager
    def of(self, computer: SimulatedComputer) -> Iterator[None]:
        """Have the accounts of ``computer`` there."""
        with self._lock:
            before = os.environ.get(_VARIABLE)
            if before != str(self._path):
                os.environ[_VARIABLE] = str(self._path)
            try:
                self._path.touch(mode=0o600)
                self._path.write_text("".join(_lines(computer)), encoding="utf-8")
                yield
            finally:
                self._path.unlink(missing_ok=True)
                # Once set it stays: changing the environment all the time is unsafe beside other threads' getenv().
                if before not in (None, str(self._path)):
                    os.environ[_VARIABLE] = before


ACCOUNTS = NtlmAccounts()


def _lines(computer: SimulatedComputer) -> Iterator[str]:
    """Each account in all the forms in which clients name it; hashes, for a password may contain a colon."""
    for user in computer.users:
        lm_hash, nt_hash = lmowfv1(user.password).hex().upper(), ntowfv1(user.password).hex().upper()
        for login in _logins(user, computer):
            yield f"{login}:1000:{lm_hash}:{nt_hash}:[U]:LCT-00000000\n"


def _logins(user: User, computer: SimulatedComputer) -> Iterator[str]:
    yield user.name
    for domain in dict.fromkeys([".", DOMAIN, DNS_DOMAIN, computer.host_name, user.domain or DOMAIN]):
        yield f"{domain}\\{user.name}"
    for domain in dict.fromkeys([DNS_DOMAIN, DOMAIN, user.domain or DOMAIN]):
        yield f"{user.name}@{domain}"


@dataclass(frozen=True)
class NtlmClaim:
    """What an AUTHENTICATE message says (MS-NLMP 2.2.1.3).

    Attributes:
        login: name, with the domain in front if it has one.
        channel_binding: MD5 hash of the bindings; ``None`` if missing or all zeros, which means the same.
    """

    login: str
    channel_binding: bytes | None

    @classmethod
    def find(cls, token: bytes) -> NtlmClaim | None:
        """The claim in a token, be it wrapped by SPNEGO or not; ``None`` if it is another token."""
        start = token.find(_AUTHENTICATE)
        if start < 0:
            return None
        message = token[start:]

        def payload(field: int) -> bytes:
            length, _allocated, offset = struct.unpack_from("<HHI", message, field)
            return message[offset : offset + length]

        try:
            encoding = "utf-16-le" if struct.unpack_from("<I", message, 60)[0] & _UNICODE else "cp437"
            domain, name = payload(28).decode(encoding, "replace"), payload(36).decode(encoding, "replace")
            binding = _find_binding(payload(20)[44:])
        except struct.error:
            return None
        return cls(f"{domain}\\{name}" if domain else name, binding)


def _find_binding(pairs: bytes) -> bytes | None:
    """The channel binding in the AV pairs of an NTLMv2 response."""
    position = 0
    while position + 4 <= len(pairs):
        kind, length = struct.unpack_from("<HH", pairs, position)
        value = pairs[position + 4 : position + 4 + length]
        if kind == _AV_END:
            break
        if kind == _AV_CHANNEL_BINDINGS:
            return value if any(value) else None
        position += 4 + length
    return None


def binding_hash(bindings: GssChannelBindings) -> bytes:
    """The form in which NTLM transmits channel bindings."""
    return hashlib.md5(bindings.pack(), usedforsecurity=False).digest()
