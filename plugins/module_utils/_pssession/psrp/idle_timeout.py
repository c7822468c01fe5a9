"""Shorter idle timeouts to try after a server refused one as too long."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

# The usual maxima in seconds: WinRM's MaxIdleTimeoutms as installed, and twelve hours.
_USUAL = frozenset({43200.0, 7200.0})
# Seconds. For a shorter time, the server's default is better.
_LEAST = 900.0
# A whole number, perhaps with signs between thousands.
_NUMBER = re.compile(r"\d+(?:[.,'\u2019\u00a0\u2009\u202f ]\d{3})*(?!\d)")


def shorter(asked: float, text: str) -> list[float]:
    """Return idle timeouts in seconds to try, the longest first.

    The text of the refusal may have the limit in it, in any language and in seconds or milliseconds.

    Args:
        asked: The refused idle timeout in seconds.
    """
    numbers = [int(re.sub(r"\D", "", match[0])) for match in _NUMBER.finditer(text)]
    candidates = {*_USUAL, *(float(each) for each in numbers), *(each / 1000 for each in numbers)}
    return sorted((each for each in candidates if _LEAST <= each < asked), reverse=True)
