# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a result keeps of a command's events is bounded for each stream."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    OutputReceived,
    RecordReceived,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.gathering import Gatherer


@pytest.mark.parametrize(("limit", "kept", "left_out"), [(None, 5, 0), (5, 5, 0), (2, 2, 6), (0, 0, 10)])
def test_records_of_each_stream_are_kept_up_to_the_limit(limit: int | None, kept: int, left_out: int) -> None:
    gatherer = Gatherer(limit)
    for number in range(5):
        gatherer.add(RecordReceived("warning", f"w{number}"))
        gatherer.add(RecordReceived("error", {"output": f"e{number}"}))
        gatherer.add(OutputReceived(number))
    output = gatherer.finish()
    assert output.warning == [f"w{number}" for number in range(kept)]
    assert len(output.error) == kept
    assert output.records_not_kept == left_out
