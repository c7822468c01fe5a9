# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One decision for each selected session (ConnectPSSessionCommand.ConnectSessions)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ErrorRecord
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.connect import Connect
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.plan import Action, plan
from tests.unit.builders import SHELL_ID, context, endpoint, session

ME, OTHER = "me", "other"
REQUEST = Request.from_options({"computer_name": ["srv01"]})
CONNECT = Connect(REQUEST, context())
ID = SHELL_ID.lower()
SECOND_ID = "2A2B3C4D-0000-0000-0000-123456789ABC"


@pytest.mark.parametrize(
    ("free", "owner", "action", "changes"),
    [
        (True, None, Action.CONNECT, True),
        (True, OTHER, Action.CONNECT, True),
        (True, ME, Action.RECONNECT, True),
        (False, ME, Action.CONFIRM, False),
        (False, OTHER, Action.CONFIRM, False),
        (False, None, Action.CONFIRM, False),
    ],
)
def test_each_state_and_owner(free: bool, owner: str | None, action: Action, changes: bool) -> None:
    (step,) = plan(CONNECT, [session(free=free)], {session().key: owner}, ME, REQUEST)
    assert (step.action, step.changes, step.error) == (action, changes, None)
    assert step.ours is (owner == ME)


def test_a_free_session_selected_twice_is_refused_the_second_time() -> None:
    first, other, again = plan(CONNECT, [session(), session(shell_id=SECOND_ID), session()], {}, ME, REQUEST)
    assert (first.action, other.action, again.action) == (Action.CONNECT, Action.CONNECT, Action.REFUSE)
    assert again.error is not None
    assert again.error.fully_qualified_error_id.startswith("PSSessionConnectFailed,")
    assert (again.error.target, again.changes) == (None, False)


def test_a_connected_session_selected_twice_is_asked_for_twice() -> None:
    steps = plan(CONNECT, [session(free=False), session(free=False)], {session().key: ME}, ME, REQUEST)
    assert [step.action for step in steps] == [Action.CONFIRM, Action.CONFIRM]


def test_one_id_at_two_addresses_may_be_one_session() -> None:
    first = session(endpoint("srv01"))
    steps = plan(CONNECT, [first, session(endpoint("10.0.0.1"))], {}, ME, REQUEST)
    assert [(step.action, step.twin) for step in steps] == [(Action.CONNECT, None), (Action.CONNECT, first)]


@pytest.mark.parametrize("fields", [{"name": "other"}, {"owner": "LAB\\alice"}, {"free": False}], ids=str)
def test_one_id_at_two_addresses_is_two_sessions_where_they_differ(fields: dict[str, Any]) -> None:
    steps = plan(CONNECT, [session(endpoint("srv01")), session(endpoint("10.0.0.1"), **fields)], {}, ME, REQUEST)
    assert [step.twin for step in steps] == [None, None]


def test_the_what_if_line_is_the_cmdlets() -> None:
    assert CONNECT.what_if(session(name="ITTask")) == 'What if: Performing the operation "Connect" on target "ITTask".'


@pytest.mark.parametrize(("found_in_list", "target"), [(True, ID), (False, None)])
def test_in_use_names_its_target_only_when_it_was_known_before(found_in_list: bool, target: str | None) -> None:
    record = CONNECT.in_use(session(free=False), found_in_list=found_in_list)
    assert isinstance(record, ErrorRecord)
    assert record.fully_qualified_error_id.split(",")[0] == "PSSessionConnectFailed"
    assert (record.target, record.about.computer_name, record.reason) == (target, "srv01", Reason.BUSY)
    assert "busy_timeout" in record.hint
