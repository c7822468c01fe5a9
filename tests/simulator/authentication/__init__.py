# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: HTTP authentication, one class per scheme, with state that belongs to a TCP connection."""

from __future__ import annotations

from .authenticators import Authenticators, Logons
from .base import REFUSED, Attempt, Authenticator, Connection, Connections, Outcome, Sealer
from .basic import Basic
from .certificate import MUTUAL_SCHEME, Certificate
from .credssp import CredSSP
from .digest import Digest
from .negotiate import Kerberos, Negotiate

__all__ = [
    "MUTUAL_SCHEME",
    "REFUSED",
    "Attempt",
    "Authenticator",
    "Authenticators",
    "Basic",
    "Certificate",
    "Connection",
    "Connections",
    "CredSSP",
    "Digest",
    "Kerberos",
    "Logons",
    "Negotiate",
    "Outcome",
    "Sealer",
]
