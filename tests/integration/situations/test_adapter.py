# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of renamed options does what it says, so that tables and recordings can stay as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.situations.adapter import Renamed, with_names, with_options
from tests.integration.situations.lab import expanded

RENAMED = {
    "missing": Renamed("on_missing", {"fail": "error", "ignore": "skip"}.__getitem__),
    "script_path": Renamed("path"),
    "disconnect_after": Renamed("when_done", {True: "disconnect", False: "keep"}.__getitem__),
    "session_option.idle_timeout": Renamed("session_option.idle_timeout", lambda milliseconds: milliseconds / 1000),
    "session_option.culture": Renamed("culture"),
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"name": ["job"], "missing": "fail"}, {"name": ["job"], "on_missing": "error"}),
        ({"script_path": "/a", "disconnect_after": True}, {"path": "/a", "when_done": "disconnect"}),
        (
            {"session_option": {"idle_timeout": 60000, "culture": "de-DE", "use_utf16": True}},
            {"session_option": {"idle_timeout": 60.0, "use_utf16": True}, "culture": "de-DE"},
        ),
        ({"parameters": {"missing": "fail"}}, {"parameters": {"missing": "fail"}}),
    ],
)
def test_options_under_their_present_names(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert with_options(old, RENAMED) == new


def test_without_renamed_options_nothing_changes() -> None:
    options = {"session_option": {"culture": "de-DE"}, "missing": "fail"}
    assert with_options(options, {}) == options


def test_results_under_their_recorded_names() -> None:
    result = {"sessions": [{"sent": 1}], "errors": ({"sent": None},), "other": "sent"}
    assert with_names(result, {"sent": "given"}) == {
        "sessions": [{"given": 1}],
        "errors": [{"given": None}],
        "other": "sent",
    }


def test_a_situation_for_each_combination() -> None:
    declared = {
        "situation": "${way}, ${code}",
        "for": {"way": {"by name": {"name": ["job"]}, "by id": {"id": [1]}}, "code": [5, 0x803381CD]},
        "injections": {"srv01": [{"fault_code": "${code}"}]},
        "connect_pssession": {"computer_name": ["${address srv01}"], "${way}": None},
    }
    situations = list(expanded(declared))
    assert [situation["situation"] for situation in situations] == [
        *("by name, 0x5", "by name, 0x803381cd"),
        *("by id, 0x5", "by id, 0x803381cd"),
    ]
    assert situations[3]["injections"] == {"srv01": [{"fault_code": 0x803381CD}]}
    assert situations[3]["connect_pssession"] == {"computer_name": ["${address srv01}"], "id": [1]}
