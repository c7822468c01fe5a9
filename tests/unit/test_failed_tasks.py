# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible adds to the message of a failed task."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.psremoting.fleet.plugins.plugin_utils._excerpt import without_traceback


class Refused(AnsibleActionFail):
    """As ansible-core before 2.19 makes it where no exception is under way."""

    result: Any = None

    def __init__(self) -> None:
        super().__init__("async is not possible")
        self.result = {"failed": True, "exception": "NoneType: None\n"}


def test_a_refusal_has_no_traceback() -> None:
    """That core would print "The error was: NoneType: None" above the message."""
    with pytest.raises(AnsibleActionFail, match="not possible") as refused, without_traceback():
        raise Refused
    assert refused.value.result == {"failed": True}
