# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which idle timeouts are tried after a server refused one."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.idle_timeout import shorter

DAY = 86400.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [43200, 7200]),
        ("The idle timeout is outside the allowed range.", [43200, 7200]),
        ("It must be between 60000 and 21600000 milliseconds.", [60000, 43200, 21600, 7200]),
        ("La valeur maximale est de 21\u202f600 secondes.", [43200, 21600, 7200]),
        ("Der H\u00f6chstwert ist 21.600.000 ms, angegeben war 86.400.000.", [43200, 21600, 7200]),
        ("\u6700\u5927\u5024\u306f 10800 \u3067\u3059", [43200, 10800, 7200]),
        ("At most 300 seconds.", [43200, 7200]),
    ],
)
def test_the_limit_is_found_in_any_language_or_guessed(text: str, expected: list[float]) -> None:
    assert shorter(DAY, text) == expected


def test_nothing_is_longer_than_what_was_refused() -> None:
    assert shorter(10000, "86400 43200 7200") == [7200]
    assert shorter(900, "86400") == []
