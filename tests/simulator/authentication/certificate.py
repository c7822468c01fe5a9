# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client certificates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from .base import REFUSED, Attempt, Authenticator, Outcome

MUTUAL_SCHEME = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"


class Certificate(Authenticator):
    """A TLS client certificate that is mapped to an account, and a header that asks to use it.

    A server does not announce it: a client that has a certificate just tries.
    """

    scheme = MUTUAL_SCHEME
    needs_tls = True

    def __init__(self, mapped: Mapping[str, str]) -> None:
        """Map SHA-1 thumbprints (upper case) to account names."""
        self._mapped = mapped

    def challenges(self, attempt: Attempt) -> list[str]:
        """None."""
        del attempt
        return []

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Look up the certificate of the connection; TLS has proved already who holds its key."""
        certificate = attempt.tls.client_certificate if attempt.tls else None
        if certificate is None:
            return REFUSED
        # The thumbprint by which Windows names certificates, not a matter of security.
        thumbprint = hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()
        user = attempt.computer.find_user(self._mapped.get(thumbprint, ""))
        return Outcome(None, failed="") if user is None else Outcome(user, "certificate")
