# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each situation of the tables has the outcome that is recorded: result, warnings and requests.

`make record-situations` records the outcomes anew. Read the difference before you commit it.
"""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.situations.lab import USERS, Lab, Situation, expanded
from tests.integration.situations.recordings import Recordings, dumped, loaded

HERE = Path(__file__).parent
TABLES = {
    path.stem: [one for declared in loaded(path) for one in expanded(declared)]
    for path in sorted((HERE / "tables").glob("*.yml"))
}
SITUATIONS = [
    pytest.param(table, situation, id=f"{table}: {situation['situation']}")
    for table, situations in TABLES.items()
    for situation in situations
]
RECORDING = bool(os.environ.get("PSSESSION_RECORD_SITUATIONS"))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    # In memory where that is possible: no situation is about what a disk does, and each writes and syncs files.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        Lab.running(loaded(HERE / "scripts.yml"), Path(folder) / "controller") as running,
    ):
        yield running


@pytest.fixture(scope="module")
def recordings() -> Iterator[Recordings]:
    """The recorded outcomes; written in the end where they are recorded anew."""
    recorded = Recordings(HERE / "recorded", {name: [each["situation"] for each in t] for name, t in TABLES.items()})
    yield recorded
    if RECORDING:
        recorded.write()


@pytest.mark.parametrize(("table", "situation"), SITUATIONS)
def test_outcome(lab: Lab, recordings: Recordings, table: str, situation: Situation) -> None:
    text = json.dumps(lab.observe(situation), ensure_ascii=False)
    assert not [user.name for user in USERS if user.password in text], "a password is in the result"
    outcomes = json.loads(text)  # as a file would give it back
    assert outcomes, "nothing is recorded of this situation"
    if RECORDING:
        recordings.record(table, situation["situation"], outcomes)
        return
    expected = recordings.of(table, situation["situation"])
    if outcomes != expected:
        difference = "".join(
            difflib.unified_diff(
                dumped(expected).splitlines(keepends=True),
                dumped(outcomes).splitlines(keepends=True),
                "recorded",
                "now",
                n=4,
            )
        )
        pytest.fail(
            f"{table}: {situation['situation']}: not as recorded.\n{difference}\n"
            "Where this is meant to be, record it anew with `make record-situations` and read the difference.",
            pytrace=False,
        )


@pytest.mark.skipif(RECORDING, reason="recording drops what is in no table")
def test_every_recorded_situation_is_in_a_table(recordings: Recordings) -> None:
    assert recordings.left_over() == []


@pytest.mark.parametrize("table", TABLES)
def test_each_situation_has_a_name_of_its_own(table: str) -> None:
    names: list[Any] = [situation["situation"] for situation in TABLES[table]]
    assert sorted(names) == sorted(set(names))
