# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decisions of jobs, each as a table."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.accounts import OWN
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Order
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.cleanup import is_left_behind
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.extend import idle_timeout_for
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.reconnect import (
    running,
    uncollected,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.work import (
    GONE,
    INCOMPLETE,
    OTHER_WORK,
    RUNNING,
    SEVERAL,
    STOPPED,
    UNKNOWN,
    Act,
    Case,
    decide,
)

# State of the work, and what to do next: an act, or the reason to refuse.
WORK: list[tuple[dict[str, Any], Any]] = [
    # The result is there.
    ({"has_result": True}, Act.REMOVE),
    ({"has_result": True, "may_have_session": False}, Act.FINISH),
    ({"has_result": True, "was_started": True, "starts_anew": True}, Act.REMOVE),
    # The end was received.
    ({"sessions": 1, "has_command": True, "received": "Completed"}, Act.KEEP),
    ({"sessions": 1, "has_command": True, "received": "Failed"}, Act.KEEP),
    ({"sessions": 1, "received": "Completed", "starts_anew": True}, Act.KEEP),
    ({"sessions": 1, "has_command": True, "received": "Running"}, RUNNING),
    ({"sessions": 1, "has_command": True, "received": ""}, UNKNOWN),
    ({"sessions": 1, "has_command": True, "received": "", "starts_anew": True}, UNKNOWN),
    # A command that was stopped is not done.
    ({"sessions": 1, "has_command": True, "received": "Stopped"}, STOPPED),
    ({"sessions": 1, "has_command": True, "received": "Stopped", "starts_anew": True}, STOPPED),
    ({"sessions": 1, "received": "Stopped"}, STOPPED),
    ({"sessions": 1, "received": "Stopped", "starts_anew": True}, Act.CLEAR),
    # Another client has the beginning of its output.
    ({"sessions": 1, "has_command": True, "received": "Completed", "lacks_beginning": True}, INCOMPLETE),
    ({"sessions": 1, "received": "Failed", "lacks_beginning": True}, INCOMPLETE),
    ({"sessions": 1, "received": "Completed", "lacks_beginning": True, "starts_anew": True}, Act.CLEAR),
    (
        {"sessions": 1, "has_command": True, "received": "Completed", "lacks_beginning": True, "starts_anew": True},
        INCOMPLETE,
    ),
    # Nothing was listed.
    ({}, Act.LOOK),
    ({"was_started": True}, Act.LOOK),
    ({"check_mode": True}, Act.LOOK),
    # There is no session.
    ({"sessions": 0}, Act.START),
    ({"sessions": 0, "check_mode": True}, Act.START),
    ({"sessions": 0, "was_started": True}, GONE),
    ({"sessions": 0, "was_started": True, "check_mode": True}, GONE),
    ({"sessions": 0, "was_started": True, "starts_anew": True}, Act.START),
    ({"sessions": 0, "is_asked_to_start": True}, UNKNOWN),
    ({"sessions": 0, "is_asked_to_start": True, "check_mode": True}, Act.FINISH),
    # There is one with a command.
    ({"sessions": 1, "has_command": True}, Act.RECEIVE),
    ({"sessions": 1, "has_command": True, "is_asked_to_start": True}, Act.RECEIVE),
    ({"sessions": 1, "has_command": True, "starts_anew": True}, Act.RECEIVE),
    ({"sessions": 1, "has_command": True, "check_mode": True}, Act.RECEIVE),
    ({"sessions": 1, "has_command": True, "received": "", "check_mode": True}, Act.FINISH),
    # Its command is not in the journal.
    ({"sessions": 1, "has_command": True, "is_known": False}, OTHER_WORK),
    ({"sessions": 1, "has_command": True, "is_known": False, "check_mode": True}, OTHER_WORK),
    ({"sessions": 1, "has_command": True, "is_known": False, "starts_anew": True}, OTHER_WORK),
    ({"sessions": 1, "has_command": True, "is_known": False, "is_asked_to_start": True}, OTHER_WORK),
    ({"sessions": 1, "has_command": True, "is_known": False, "adopts": True}, Act.RECEIVE),
    # There is one without a command.
    ({"sessions": 1}, Act.LOOK_BACK),
    ({"sessions": 1, "was_started": True, "starts_anew": True}, Act.LOOK_BACK),
    ({"sessions": 1, "received": ""}, Act.START),
    ({"sessions": 1, "received": "", "was_started": True}, Act.START),
    ({"sessions": 1, "received": "", "starts_anew": True}, Act.CLEAR),
    ({"sessions": 1, "received": "", "is_asked_to_start": True}, UNKNOWN),
    ({"sessions": 1, "check_mode": True}, Act.START),
    ({"sessions": 1, "check_mode": True, "is_asked_to_start": True}, Act.FINISH),
    # There are several.
    ({"sessions": 2}, SEVERAL),
    ({"sessions": 2, "has_command": True, "starts_anew": True}, SEVERAL),
]


@pytest.mark.parametrize(("known", "expected"), WORK)
def test_what_to_do_next(known: dict[str, Any], expected: Any) -> None:
    act, refusal = decide(Case(**known))
    assert (refusal or act) == expected
    assert (refusal is not None) == (act is Act.REFUSE)


def test_nothing_is_started_where_anything_speaks_against_it() -> None:
    values: dict[str, tuple[Any, ...]] = {
        "has_result": (False, True),
        "may_have_session": (False, True),
        "sessions": (None, 0, 1, 2),
        "has_command": (False, True),
        "is_known": (False, True),
        "adopts": (False, True),
        "was_started": (False, True),
        "is_asked_to_start": (False, True),
        "received": (None, "", "Running", "Completed", "Failed", "Stopped"),
        "starts_anew": (False, True),
        "check_mode": (False, True),
    }
    for combination in itertools.product(*values.values()):
        case = Case(**dict(zip(values, combination, strict=True)))
        if (case.sessions or not case.has_command) and decide(case)[0] is Act.START:
            assert not case.has_result
            assert not case.has_command
            assert not case.is_asked_to_start
            assert case.sessions == 1 or not case.was_started or case.starts_anew
            assert not case.received


def test_whose_sessions_are_meant() -> None:
    assert Order("ab", {}).owners == Order("ab", {"owner": []}).owners == [OWN]
    assert Order("ab", {"owner": ["x"]}).owners == ["x"]


@pytest.mark.parametrize(
    ("session", "with_commands", "expected"),
    [
        ({"commands": []}, False, True),
        ({"commands": [{"state": "Done"}]}, False, False),
        ({"commands": None}, False, False),
        ({}, False, False),  # its commands are not known
        ({}, True, True),
        ({"commands": [{}]}, True, True),
    ],
)
def test_what_is_left_behind(session: dict[str, Any], with_commands: bool, expected: bool) -> None:
    assert is_left_behind(session, with_commands) is expected


@pytest.mark.parametrize(
    ("present", "allowed", "expected"),
    [
        (7200, None, 86400),
        (7200, 43200, 43200),
        (100000, None, 100000),
        (100000, 200000, 100000),
        (None, None, 86400),
        (7200, 0, 86400),
    ],
)
def test_the_idle_timeout_to_give(present: int | None, allowed: int | None, expected: int) -> None:
    assert idle_timeout_for({"idle_timeout": present, "max_idle_timeout": allowed}, 86400) == expected


def entry(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"instance_id": f"s{number}", "name": "Nightly", "inventory_hostname": "a", "computer_name": "a", **fields}


def test_each_session_has_a_result_or_an_error() -> None:
    part = {"sessions": [entry(1), entry(2), entry(3)], "results": [entry(1, state="Running")], "errors": [entry(2)]}
    assert uncollected(part) == [entry(3)]


def test_a_command_whose_computer_did_not_answer_is_not_said_to_run() -> None:
    part = {
        "results": [entry(number, state="Running") for number in range(1, 5)] + [entry(5, state="Completed")],
        "errors": [entry(2, reason="unreachable"), entry(3, reason="expired"), entry(4, reason="failed")],
    }
    assert [each["instance_id"] for each in running(part)] == ["s1", "s4"]
