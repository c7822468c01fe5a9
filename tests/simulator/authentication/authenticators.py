# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All schemes of a fleet, and what happens to an account after wrong passwords."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..shell import User
from .base import REFUSED, Attempt, Authenticator, Outcome
from .basic import Basic
from .certificate import MUTUAL_SCHEME, Certificate
from .credssp import CredSSP
from .digest import Digest
from .negotiate import Kerberos, Negotiate


class Logons:
    """Failed logons of a fleet, whose accounts belong to one domain.

    Attributes:
        failed: account name, or the name as sent if there is no such account -> refused attempts.
    """

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()

    def note_failure(self, name: str) -> None:
        """Count a refused attempt."""
        self.failed[name] += 1
        self._in_a_row[name] += 1

    def note_success(self, user: User) -> None:
        """A right password ends a row of wrong ones."""
        self._in_a_row.pop(user.name, None)

    def is_locked(self, user: User, after: int | None) -> bool:
        """Whether an account is locked by so many wrong passwords in a row; nothing but ``unlock`` changes that."""
        return after is not None and self._in_a_row[user.name] >= after

    def unlock(self, name: str) -> None:
        """Let an account in again."""
        self._in_a_row.pop(name, None)


class Authenticators:
    """Lets the scheme of an attempt judge it, if the computer offers the scheme."""

    def __init__(self, mapped_certificates: Mapping[str, str] | None = None, logons: Logons | None = None) -> None:
        self.logons = logons or Logons()
        self.digest = Digest()
        self._authenticators: dict[str, Authenticator] = {
            "negotiate": Negotiate(),
            "kerberos": Kerberos(),
            "basic": Basic(),
            "digest": self.digest,
            "credssp": CredSSP(),
            "certificate": Certificate({} if mapped_certificates is None else mapped_certificates),
        }

    def _offered(self, attempt: Attempt) -> list[Authenticator]:
        """In the order in which the computer names them."""
        secure = attempt.tls is not None
        plain = attempt.computer.allow_unencrypted is not False
        named = [self._authenticators[name] for name in attempt.computer.authentication]
        return [item for item in named if secure or (not item.needs_tls and (item.encrypts or plain))]

    def challenges(self, attempt: Attempt) -> list[str]:
        """Values of the WWW-Authenticate headers of a 401."""
        return [challenge for item in self._offered(attempt) for challenge in item.challenges(attempt)]

    def must_encrypt(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Whether the caller must not send plain messages."""
        plain = attempt.tls is not None or bool(attempt.computer.allow_unencrypted)
        return not plain and outcome.sealer is not None

    def authenticate(self, attempt: Attempt) -> Outcome:
        """Judge an attempt; a connection authenticated before needs no header."""
        connection = attempt.connection
        if not attempt.scheme:
            return Outcome(
                connection.user,
                connection.scheme,
                sealer=connection.sealer,
                channel_bound=connection.channel_bound,
            )
        asked = (item for item in self._offered(attempt) if item.scheme.lower() == attempt.scheme)
        authenticator = next(asked, None)
        if authenticator is None or (attempt.scheme == MUTUAL_SCHEME and attempt.token):
            return REFUSED
        outcome = authenticator.authenticate(attempt)
        user = outcome.user
        # A ticket that the KDC gave out earlier goes on to work while the account is locked.
        if user is not None and outcome.scheme != "kerberos":
            if self.logons.is_locked(user, attempt.computer.lockout_after):
                outcome = Outcome(None, failed=user.name)
            else:
                self.logons.note_success(user)
        if outcome.failed is not None:
            known = attempt.computer.find_user(outcome.failed)
            self.logons.note_failure(known.name if known else outcome.failed)
            connection.forget()
        elif outcome.lasting:
            connection.establish(outcome)
        return outcome
