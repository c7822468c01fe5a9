# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a task as its user sees it."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import error_record
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import Report
from tests.unit.builders import session

SECOND_ID = "2A2B3C4D-0000-0000-0000-123456789ABC"


def test_plain_data() -> None:
    missing = error_record("PSSessionNameMatchFail", "none", target="x")
    changed, unchanged = session(), session(shell_id=SECOND_ID)
    report = Report(
        "Name",
        sessions=[changed, unchanged],
        errors=[missing],
        missing=[missing],
        what_if=[(changed.key, "line")],
        changed_sessions={changed.key},
    )
    assert report.as_dict() == {
        "changed": True,
        "parameter_set": "Name",
        "sessions": [
            {**changed.as_dict(), "changed": True, "what_if": "line"},
            {**unchanged.as_dict(), "changed": False, "what_if": None},
        ],
        "errors": [missing.as_dict()],
        "missing": ["x"],
        "what_if": ["line"],
    }


def test_the_diff_shows_what_changed_and_what_did_not() -> None:
    free, busy = session(), session(free=False, shell_id=SECOND_ID, name=None)
    diff = Report("Name", before=[free, busy], after=[free.opened()]).diff()
    unchanged = f"{SECOND_ID.lower()} on srv01: Disconnected, Busy\n"
    assert isinstance(diff, dict)
    assert diff["before"] == f"job1 on srv01: Disconnected, None\n{unchanged}"
    assert diff["after"] == f"job1 on srv01: Opened, Available\n{unchanged}"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "error 0 (look)"),
        (2, "2 errors, 1 session went well.\nfailed:\n    error 0\n    error 1\n    look"),
    ],
)
def test_the_failure_tells_each_hint_once(count: int, text: str) -> None:
    errors = [error_record("PSSessionConnectFailed", f"error {number}", hint="look") for number in range(count)]
    assert Report("Name", sessions=[session()], errors=errors).failure() == text


def test_nothing_is_said_of_sessions_where_none_went_well() -> None:
    errors = [error_record("PSSessionConnectFailed", f"error {number}") for number in range(2)]
    assert Report("Name", errors=errors).failure().startswith("2 errors.\nfailed:\n")
