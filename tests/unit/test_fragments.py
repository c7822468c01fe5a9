# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""PSRP fragments (MS-PSRP 2.2.4), cut up in every way."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import (
    Defragmenter,
    whole_fragment,
)

START, MIDDLE, END, WHOLE = 1, 0, 2, 3


def fragment(object_id: int, fragment_id: int, flags: int, blob: bytes) -> bytes:
    return struct.pack(">QQBI", object_id, fragment_id, flags, len(blob)) + blob


def cut(object_id: int, message: bytes, size: int) -> list[bytes]:
    blobs = [message[at : at + size] for at in range(0, len(message), size)] or [b""]
    last = len(blobs) - 1
    return [
        fragment(object_id, number, (START if number == 0 else 0) | (END if number == last else 0), blob)
        for number, blob in enumerate(blobs)
    ]


@given(
    messages=st.lists(st.binary(max_size=40), max_size=6),
    size=st.integers(1, 50),
    first_id=st.integers(0, 2**63),
    per_feed=st.integers(1, 5),
)
def test_messages_cut_anyhow_come_out_whole(messages: list[bytes], size: int, first_id: int, per_feed: int) -> None:
    fragments = [each for number, message in enumerate(messages) for each in cut(first_id + number, message, size)]
    defragmenter = Defragmenter()
    received = [
        message
        for at in range(0, len(fragments), per_feed)
        for message in defragmenter.feed(b"".join(fragments[at : at + per_feed]))
    ]
    assert received == messages


@given(st.binary(max_size=200))
def test_arbitrary_octets_raise_nothing_but_value_error(data: bytes) -> None:
    try:
        list(Defragmenter().feed(data))
    except ValueError:
        pass


@pytest.mark.parametrize("lost", [1, 2, 3], ids=lambda lost: f"first {lost} lost")
def test_the_tail_of_an_older_message_is_dropped(lost: int) -> None:
    data = b"".join(cut(7, b"old-old-", 2)[lost:] + cut(8, b"new", 2))
    assert list(Defragmenter().feed(data)) == [b"new"]


@pytest.mark.parametrize(
    "fragments",
    [
        [fragment(1, 0, START, b"a"), fragment(1, 2, END, b"c")],
        [fragment(1, 0, START, b"a"), fragment(2, 1, END, b"c")],
        [fragment(1, 0, START, b"a"), fragment(1, 0, END, b"a")],
        [fragment(1, 1, WHOLE, b"a")],
    ],
    ids=["fragment missing", "other message", "fragment twice", "start that is not the first"],
)
def test_a_gap_is_an_error_and_the_next_message_is_read(fragments: list[bytes]) -> None:
    defragmenter = Defragmenter()
    with pytest.raises(ValueError, match="was due"):
        list(defragmenter.feed(b"".join(fragments)))
    assert list(defragmenter.feed(whole_fragment(9, b"next"))) == [b"next"]


@pytest.mark.parametrize("missing", [1, 3, 5, 20])
def test_cut_off_data_is_an_error(missing: int) -> None:
    data = whole_fragment(1, b"four")
    with pytest.raises(ValueError, match="cut off"):
        list(Defragmenter().feed(data[:-missing]))


def test_a_whole_fragment_is_laid_out_as_specified() -> None:
    assert whole_fragment(0x0102, b"xyz") == bytes.fromhex("0000000000000102 0000000000000000 03 00000003") + b"xyz"


@pytest.mark.parametrize("pieces", [1, 3, 100])
def test_a_message_that_is_too_large_is_refused_and_the_next_one_taken(pieces: int) -> None:
    defragmenter = Defragmenter(max_size=100)
    assert [*defragmenter.feed(b"".join(cut(1, bytes(100), 100 // pieces)))] == [bytes(100)]
    with pytest.raises(TransportError, match="maximum_received_object_size is 100"):
        list(defragmenter.feed(b"".join(cut(2, bytes(101), 100 // pieces))))
    assert [*defragmenter.feed(whole_fragment(3, b"small"))] == [b"small"]


@pytest.mark.parametrize(
    ("fragments", "messages", "missing", "is_torn"),
    [
        ([*cut(5, b"abcd", 2), *cut(6, b"ef", 2)], [b"abcd", b"ef"], 0, False),
        ([*cut(5, b"ab", 2), *cut(9, b"ef", 2)], [b"ab", b"ef"], 3, False),
        ([*cut(5, b"abcd", 2)[:1], *cut(8, b"ef", 2)], [b"ef"], 2, True),
        ([*cut(5, b"ab", 2), *cut(8, b"cdef", 2)[1:], *cut(9, b"gh", 2)], [b"ab", b"gh"], 2, False),
        ([*cut(5, b"abcdef", 2)[:1], *cut(5, b"abcdef", 2)[2:], *cut(6, b"gh", 2)], [b"gh"], 0, True),
        ([*cut(5, b"abcdef", 2)[:1], *cut(8, b"cdef", 2)[1:], *cut(9, b"gh", 2)], [b"gh"], 2, True),
    ],
    ids=["whole", "whole messages", "an end", "a beginning", "a middle", "an end and a beginning"],
)
def test_what_a_server_dropped_is_noticed(
    fragments: list[bytes], messages: list[bytes], missing: int, is_torn: bool
) -> None:
    defragmenter = Defragmenter(skips_repeats=True, may_miss=True)
    received = [message for each in fragments for message in defragmenter.feed(each)]
    # What the last client had received comes once more.
    received += [message for each in fragments for message in defragmenter.feed(each)]
    assert (received, defragmenter.first_id) == (messages, 5)
    assert (defragmenter.missing, defragmenter.is_torn) == (missing, is_torn)
