# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fuzz one target for a number of seconds: python -m tests.fuzz soap 900 FOLDER.

What makes it fail is in the folder, as crash-*, oom-* or timeout-*, and becomes a case of tests/hostile.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ansible_collections.psremoting.fleet", "tests.fuzz.targets"]):
    from tests.fuzz import targets

# Of one input: seconds, bytes, and MiB of the process.
LONGEST, MAX_BYTES, MAX_MIB = 20, 65536, 1024


def main() -> None:
    """Fuzz until time is over or an input makes the target fail."""
    target, seconds, place = sys.argv[1:]
    found = Path(place) / target
    (found / "inputs").mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds_of(target)):
        (found / "inputs" / f"seed-{number}").write_bytes(seed)
    words = found / "words"
    quoted = (word.replace('"', '\\"') for word in targets.WORDS)
    words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")
    limits = [
        f"-dict={words}",
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST}",
        f"-max_len={MAX_BYTES}",
        f"-rss_limit_mb={MAX_MIB}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *limits, str(found / "inputs")], targets.TARGETS[target])
    atheris.Fuzz()


main()
