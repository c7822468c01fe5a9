# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns against names, as about_Wildcards and PowerShell's WildcardPattern have it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern

# Everything that means something, and some letters that collide when it is got wrong.
ALPHABET = "aAbBcCzZ09-_[]*?`^!.\\ \n"
patterns = st.text(ALPHABET, max_size=8)
names = st.text(ALPHABET, max_size=8)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a*", ["a", "aardvark", "Apple", "a*"], ["", "banana"]),
        ("*a", ["a", "banana"], ["ab"]),
        ("a*b*c", ["abc", "a--b--c", "abbcc"], ["acb", "abcd"]),
        ("?n", ["an", "IN", "?n"], ["n", "ran"]),
        ("[a-l]ook", ["book", "Cook", "LOOK"], ["took", "ook", "bbook"]),
        ("[bc]ook", ["book", "cook"], ["hook", "bcook"]),
        ("12`*4", ["12*4"], ["1234", "12`*4"]),
        ("`[abc`]", ["[abc]", "[ABC]"], ["a"]),
        ("[`]]", ["]"], ["[", "`"]),
        ("[]a]", ["]", "a"], ["", "[]a]"]),
        ("[a-c-b]", ["b", "c", "-"], ["d"]),
        ("[a`-c]", ["a", "-", "c"], ["b"]),
        ("[-a]", ["-", "a"], ["b"]),
        ("[a-]", ["-", "a"], ["b"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[!a]", ["!", "a"], ["b"]),
        ("[[:alpha:]]", ["a]", ":]"], ["a", "x]"]),
        ("a.c", ["a.c"], ["abc"]),
        ("a+(b|c)$", ["A+(B|C)$"], ["ab"]),
        ("two``ticks", ["two`ticks"], ["two``ticks"]),
        ("end`", ["end`"], ["end"]),
        ("*", ["", "anything", "two\nlines"], []),
        ("", [""], ["a"]),
        ("]", ["]"], [""]),
        ("äÖ*", ["Äö", "ÄÖ-session"], ["ao"]),
    ],
)
def test_examples(pattern: str, matching: list[str], other: list[str]) -> None:
    wildcard = WildcardPattern(pattern)
    assert [name for name in matching if not wildcard.matches(name)] == []
    assert [name for name in other if wildcard.matches(name)] == []


@pytest.mark.parametrize("pattern", ["[", "a[", "[abc", "[]", "[z-a]", "[a`]", "x[`", "[a--]"])
def test_a_bad_set_is_refused_and_the_pattern_shown(pattern: str) -> None:
    with pytest.raises(ValueError, match="wildcard pattern") as refused:
        WildcardPattern(pattern)
    assert repr(pattern) in str(refused.value)


@pytest.mark.parametrize(("pattern", "has"), [("job", False), ("`*job", False), ("j?b", True), ("[j]ob", True)])
def test_it_tells_whether_wildcards_are_in_it(pattern: str, has: bool) -> None:
    assert WildcardPattern(pattern).has_wildcards is has


@given(patterns, names)
def test_it_agrees_with_a_matcher_that_tries_everything(pattern: str, name: str) -> None:
    try:
        expected = matches(tokens(pattern), name)
    except ValueError:
        with pytest.raises(ValueError, match="wildcard pattern"):
            WildcardPattern(pattern)
    else:
        assert WildcardPattern(pattern).matches(name) is expected


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_at_all_breaks_it(pattern: str, name: str) -> None:
    try:
        understood = isinstance(WildcardPattern(pattern).matches(name), bool)
    except ValueError:
        understood = "[" in pattern  # only a set can be wrong
    assert understood


@given(st.text(ALPHABET, min_size=1, max_size=10), names)
def test_an_escaped_literal_matches_itself_only(literal: str, other: str) -> None:
    wildcard = WildcardPattern("".join(f"`{character}" for character in literal))
    assert wildcard.matches(literal)
    assert wildcard.matches(literal.swapcase())
    assert wildcard.matches(other) is (other.lower() == literal.lower())
    assert not wildcard.has_wildcards


# A reference written for clarity: a token is "*", or the set of lower-case characters that one character may be.
Token = str | frozenset[str]


def folded(first: str, last: str) -> frozenset[str]:
    return frozenset(chr(number).lower() for number in range(ord(first), ord(last) + 1))


def tokens(pattern: str) -> list[Token]:
    found: list[Token] = []
    rest = list(pattern)
    while rest:
        character = rest.pop(0)
        if character == "`" and rest:
            found.append(folded(*(2 * [rest.pop(0)])))
        elif character == "*":
            found.append("*")
        elif character == "?":
            found.append(frozenset(name.lower() for name in ALPHABET))
        elif character == "[":
            found.append(character_set(rest))
        else:
            found.append(folded(character, character))
    return found


def character_set(rest: list[str]) -> frozenset[str]:
    """The set at the beginning of the rest of a pattern, which is taken away from there."""
    content: list[str] = []
    range_signs: set[int] = set()
    while rest and (rest[0] != "]" or not content):
        character = rest.pop(0)
        if character == "`" and rest:
            character = rest.pop(0)
        elif character == "-":
            range_signs.add(len(content))
        content.append(character)
    if not rest:
        raise ValueError("no end")
    rest.pop(0)
    members: frozenset[str] = frozenset()
    at = 0
    while at < len(content):
        is_range = at + 1 in range_signs and at + 2 < len(content)
        last = content[at + 2] if is_range else content[at]
        if content[at] > last:
            raise ValueError("reversed")
        members |= folded(content[at], last)
        at += 3 if is_range else 1
    return members


def matches(pattern: list[Token], name: str) -> bool:
    if not pattern:
        return not name
    head, tail = pattern[0], pattern[1:]
    if head == "*":
        return any(matches(tail, name[skipped:]) for skipped in range(len(name) + 1))
    return bool(name) and name[0].lower() in head and matches(tail, name[1:])


def test_a_long_name_is_not_tried_again_and_again() -> None:
    # With a dozen stars, trying all ways to share the name among them would not end.
    wildcard = WildcardPattern("a*" * 12 + "b")
    assert not wildcard.matches("a" * 100_000)
    assert wildcard.matches("a" * 100_000 + "b")


@given(st.lists(st.sampled_from(["*", "?", "a", "b"]), max_size=8).map("".join), st.text("ab", max_size=10))
def test_stars_match_as_an_expression_with_repetitions_does(pattern: str, name: str) -> None:
    expression = pattern.replace("*", ".*").replace("?", ".")
    assert WildcardPattern(pattern).matches(name) == (re.fullmatch(expression, name) is not None)
