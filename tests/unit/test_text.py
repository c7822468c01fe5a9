# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text from outside does nothing in a terminal or a template."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import error_record
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import (
    shown,
    shown_in,
    shown_in_line,
)


@given(st.text(st.characters()) | st.text("{%#}[x \n\x1b"))
def test_no_control_and_no_template_is_left(text: str) -> None:
    after = shown(text)
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in after)
    assert not any(mark in after for mark in ("{{", "{%", "{#"))


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="{")))
def test_other_text_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nightly\n\x1b[2Kok: [dc01]", "Nightly_x000A__x001B_[2Kok: [dc01]"),
        ("a\u202eb", "a_x202E_b"),
        ("{{ lookup('pipe', 'id') }}", "_x007B_{ lookup('pipe', 'id') }}"),
        ("{{{%", "_x007B__x007B__x007B_%"),
        ("half \ud83d", "half _xD83D_"),
    ],
)
def test_what_becomes_of_it(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_all_texts_of_data() -> None:
    assert shown_in({"a\n": ["b\n", 1, None, {"c": "d\n"}]}) == {"a_x000A_": ["b_x000A_", 1, None, {"c": "d_x000A_"}]}


def test_messages_are_one_line_of_bounded_length() -> None:
    assert shown_in_line("one\n  two\r\n") == "one two"
    assert len(shown_in_line("x" * 100_000)) == 2003
    message = error_record("Id", "denied\nok: [dc01] {{ x }}", target="a\nb").as_dict()
    assert message["message"] == "denied ok: [dc01] _x007B_{ x }}"
    assert message["target"] == "a_x000A_b"
