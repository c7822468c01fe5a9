"""The time format of WS-Management: xs:duration (XML Schema part 2, 3.2.6)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import re

_DURATION = re.compile(
    r"\s*(?P<sign>-)?P(?=[0-9T])"
    r"(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)S)?)?\s*",
    re.ASCII,
)
_SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def duration(seconds: float) -> str:
    """Return seconds as a duration, to the millisecond."""
    return f"PT{seconds_text(seconds)}S"


def seconds_text(seconds: float) -> str:
    """Return a number of seconds to the millisecond, never with an exponent."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def parse_duration(text: str | None) -> float | None:
    """Return a duration in seconds, or None if it is absent or cannot be read.

    Servers write ``PT7200.000S`` for time-outs and ``P0DT0H1M2S`` for times passed. Years and months have no fixed
    length, no server sends them, and they are not read.
    """
    match = _DURATION.fullmatch(text) if text else None
    if match is None:
        return None
    seconds = sum(float(match[name]) * factor for name, factor in _SECONDS.items() if match[name])
    if not math.isfinite(seconds):
        return None
    return -seconds if match["sign"] else seconds
