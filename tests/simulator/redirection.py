# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending clients elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

_STATUSES = (301, 302, 307, 308)


@dataclass
class Redirection:
    """Answers that name another address.

    Attributes:
        to_url: the address.
        status: 301, 302, 307 or 308.
        times: how many answers are left; ``None`` for no end.
        after: how many requests are answered as usual before.
    """

    to_url: str
    status: int = 302
    times: int | None = None
    after: int = 0

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError(f"{self.status} does not redirect")

    def waits(self) -> bool:
        """Count one request that is answered as usual; whether it is."""
        self.after -= 1
        return self.after >= 0

    def use(self) -> bool:
        """Count one answer; whether there was one left."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0
