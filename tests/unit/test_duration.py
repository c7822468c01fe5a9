# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""xs:duration as servers write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.duration import (
    duration,
    parse_duration,
    seconds_text,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT7200.000S", 7200.0),
        ("PT2147483.647S", 2147483.647),
        ("P0DT0H1M2S", 62.0),
        ("P0DT2H0M0S", 7200.0),
        ("P1DT2H3M4.5S", 93784.5),
        ("P2D", 172800.0),
        ("PT0S", 0.0),
        ("PT90M", 5400.0),
        ("-PT1S", -1.0),
        (" PT20S\n", 20.0),
    ],
)
def test_readable(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "P",
        "PT",
        "P1DT",
        "7200",
        "PT7200",
        "P1Y",
        "P1M",
        "PT1S2M",
        "PT-1S",
        "PT1,5S",
        "PT.5S",
        "PT\u0663S",
        f"P{10**400}D",
    ],
)
def test_unreadable_is_unknown(text: str | None) -> None:
    assert parse_duration(text) is None


@given(
    days=st.integers(0, 10**5), hours=st.integers(0, 23), minutes=st.integers(0, 59), milliseconds=st.integers(0, 59999)
)
def test_both_forms_of_servers_are_read_back(days: int, hours: int, minutes: int, milliseconds: int) -> None:
    total = days * 86400 + hours * 3600 + minutes * 60 + milliseconds / 1000
    assert parse_duration(f"PT{total:.3f}S") == pytest.approx(total, abs=0.0005)
    assert parse_duration(f"P{days}DT{hours}H{minutes}M{milliseconds / 1000:.3f}S") == pytest.approx(total, abs=0.0005)


@given(st.text("PYMDTHS-+.0123456789 ", max_size=12))
def test_nothing_breaks_it(text: str) -> None:
    assert isinstance(parse_duration(text), (float, type(None)))


@pytest.mark.parametrize(
    ("seconds", "text"), [(180.0, "180"), (90.5, "90.5"), (1e6, "1000000"), (2147483647.0, "2147483647")]
)
def test_no_duration_has_an_exponent(seconds: float, text: str) -> None:
    assert (seconds_text(seconds), duration(seconds)) == (text, f"PT{text}S")
