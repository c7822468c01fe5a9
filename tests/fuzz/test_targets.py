# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of the fuzzer, with random input and without coverage: a fuzzer that is not installed rots."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import TARGETS, seeds_of


def changed(seed: bytes, chance: random.Random) -> bytes:
    """Change some bytes of an input, or cut it."""
    octets = bytearray(seed)
    for _change in range(chance.randint(0, 8)):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    return bytes(octets[: chance.randint(1, len(octets))] if chance.random() < 0.3 else octets)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target(target: str) -> None:
    chance = random.Random(target)
    for seed in seeds_of(target):
        TARGETS[target](seed)
        for _time in range(30):
            TARGETS[target](changed(seed, chance))
