# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of differences: complete, and the same in docs/output.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.powershell.differences import DIFFERENCES, table
from tests.conformance.powershell.expectations import (
    DIFFERENT,
    EVERYWHERE,
    VIEWED,
    expected,
    expected_output,
    read_json,
)
from tests.conformance.powershell.samples import Sample
from tests.conformance.powershell.session import unlike

PAGE = Path(__file__).resolve().parents[3] / "docs" / "output.md"


def test_table_has_every_difference() -> None:
    rows = [kind for difference in DIFFERENCES for kind in difference.kinds]
    assert len(rows) == len(set(rows))
    assert set(rows) == {*DIFFERENT, *EVERYWHERE, *VIEWED}


def test_table_is_in_the_docs() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "json", "right"),
    [
        ("decimal", "100.0", 100),
        ("decimal", "1.5", 1.5),
        ("decimal", "79.228162514264337593543950334", "79.228162514264337593543950334"),
        ("duration", '{"Ticks": 937840000005}', "P1DT2H3M4.0000005S"),
        ("duration", '{"Ticks": -10000}', "-PT0.001S"),
        ("duration", '{"Ticks": 0}', "PT0S"),
        ("floating point", '"NaN"', "NaN"),
        ("floating point", "-0.0", -0.0),
        ("version", '{"Major": 1, "Minor": 2, "Build": -1, "Revision": -1}', "1.2"),
        ("bytes", "[1, 2, 255]", "AQL/"),
        ("text", '"a\\ud83db"', "a_xD83D_b"),
        ("text", '"a\\u0000b"', "a_x0000_b"),
    ],
)
def test_expectation(kind: str, json: str, right: object) -> None:
    assert unlike(right, expected(Sample(kind, ""), read_json(json))) is None


def test_expectation_of_json_with_another_shape() -> None:
    sample = Sample("PSCustomObject", "", parts=(Sample("integer", ""),), names=("a",))
    with pytest.raises(ValueError, match="JSON has"):
        expected_output(sample, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("right", "came", "where"),
    [
        (1, 1, None),
        (1, True, ""),
        (1, 1.0, ""),
        (0.0, -0.0, ""),
        ([1, {"a": "b"}], [1, {"a": "c"}], "[1].a"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
        ([1], [1, 2], ""),
        (None, {}, ""),
    ],
)
def test_unlike_is_strict(right: object, came: object, where: str | None) -> None:
    assert unlike(right, came) == where
