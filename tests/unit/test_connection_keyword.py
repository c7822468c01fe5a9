# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection of a task for other hosts than its own, which ansible-core 2.21 replaces by that of its own host."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._inventory import _connection_keyword


@pytest.mark.parametrize(
    ("written", "of_block", "expected"),
    [(None, "ssh", "ssh"), ("winrm", "ssh", "winrm"), ("{{ how }}", "ssh", "psrp"), (None, "{{ how }}", "psrp")],
)
def test_it_is_what_the_keywords_say(written: str | None, of_block: str, expected: str) -> None:
    data = {} if written is None else {"connection": written}
    task = SimpleNamespace(_ds=data, _parent=SimpleNamespace(connection=of_block), connection="psrp")
    assert _connection_keyword(task) == expected
