# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Basic authentication."""

from __future__ import annotations

import base64
import binascii

from .base import REFUSED, Attempt, Authenticator, Outcome


class Basic(Authenticator):
    """RFC 7617. Clients differ in the character set of non-ASCII passwords: UTF-8 and Latin-1 are both accepted."""

    scheme = "Basic"

    def challenges(self, attempt: Attempt) -> list[str]:
        """With the realm WinRM names."""
        del attempt
        return ['Basic realm="WSMAN"']

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Compare name and password with the accounts."""
        try:
            octets = base64.b64decode(attempt.token, validate=True)
        except binascii.Error:
            return REFUSED
        login = ""
        for encoding in ("utf-8", "latin-1"):
            try:
                login, _colon, password = octets.decode(encoding).partition(":")
            except UnicodeDecodeError:
                continue
            user = attempt.computer.find_user(login)
            if user is not None and user.password == password:
                return Outcome(user, "basic")
        return Outcome(None, failed=login)
