# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each verb decides about a session, and what a refusal means to it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code, Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ErrorRecord, WSManFault
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import SessionOption
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.base import Verb, Verdict
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.connect import Connect
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.disconnect import Disconnect
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.plan import Action, Step, plan
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.remove import Remove
from tests.unit.builders import SHELL_ID, context, endpoint, session

ID = SHELL_ID.lower()
# No memory, shutting down, the process of the session is dead, the quota of operations, an answer of no known type.
ABOUT_THE_SERVER = (14, 995, 1115, 1726, 0x800706BE, 0x80338000, 0x803380F7, 0x803381A6)


def verb_of(kind: type[Verb], **options: Any) -> Verb:
    return kind(Request.from_options({"computer_name": ["srv01"], "name": ["*"], **options}, kind.cmdlet), context())


def fault(code: int | None, subcode: str | None = None) -> WSManFault:
    return WSManFault(code, "refused", subcode=subcode)


def error_id(record: ErrorRecord | PSSession | None) -> str:
    assert isinstance(record, ErrorRecord)
    return record.fully_qualified_error_id.split(",")[0]


@pytest.mark.parametrize(
    ("free", "ours", "longest", "seconds", "action"),
    [
        (True, False, 3600.0, None, Action.NOTHING),
        (True, True, 3600.0, None, Action.NOTHING),
        (True, False, 3600.0, 3601, Action.NOTHING),
        (False, True, 3600.0, None, Action.DISCONNECT_IF_OURS),
        (False, False, 3600.0, None, Action.DISCONNECT_IF_OURS),
        (False, True, 3600.0, 60, Action.DISCONNECT_IF_OURS),
        (False, True, 3600.0, 3600, Action.DISCONNECT_IF_OURS),
        (False, True, 3600.0, 3601, Action.REFUSE),
        (False, True, None, 2147483, Action.DISCONNECT_IF_OURS),
        (False, True, 2147483.647, 2147483, Action.DISCONNECT_IF_OURS),
        (False, True, 2147483.647, None, Action.DISCONNECT_IF_OURS),
    ],
)
def test_disconnect_decides(free: bool, ours: bool, longest: float | None, seconds: int | None, action: Action) -> None:
    verb = verb_of(Disconnect, idle_timeout=seconds)
    step = verb.decide(session(free=free, max_idle_timeout=longest), ours)
    assert (step.action, step.ours) == (action, ours)
    assert step.changes is (action is Action.DISCONNECT_IF_OURS)
    if action is Action.REFUSE:
        assert error_id(step.error) == "CannotDisconnectSessionWithInvalidIdleTimeout"
        assert step.error is not None
        assert (step.error.target, step.error.category) == (ID, "InvalidArgument")
    else:
        assert step.error is None


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_remove_decides(free: bool, ours: bool, force: bool) -> None:
    step = verb_of(Remove, force=force).decide(session(free=free), ours)
    assert (step.action, step.ours, step.changes, step.error) == (Action.REMOVE, ours, True, None)


@pytest.mark.parametrize(
    ("kind", "expected"), [(Disconnect, "PSSessionDisconnectFailed"), (Remove, "RemoveSessionCannotConnectToServer")]
)
def test_selected_twice_is_an_error_of_the_verb(kind: type[Verb], expected: str) -> None:
    verb = verb_of(kind)
    _first, again = plan(verb, [session(free=False)] * 2, {session().key: "me"}, "me", verb.request)
    assert (again.action, error_id(again.error)) == (Action.REFUSE, expected)
    assert again.error is not None
    assert again.error.target is None


def test_left_already_may_be_selected_twice() -> None:
    verb = verb_of(Disconnect)
    steps = plan(verb, [session()] * 2, {}, "me", verb.request)
    assert [step.action for step in steps] == [Action.NOTHING, Action.NOTHING]


def test_the_idle_timeout_on_the_session_afterwards() -> None:
    held = session(free=False, idle_timeout=7200.0, buffer_mode="Block")
    step = Step(held, Action.DISCONNECT)
    now = verb_of(Disconnect).expected(step)
    assert (now.state.value, now.availability.value, now.shell.idle_timeout) == ("Disconnected", "None", 7200.0)
    now = verb_of(Disconnect, idle_timeout=90, output_buffering_mode="drop").expected(step)
    assert (now.shell.idle_timeout, now.shell.buffer_mode) == (90.0, "Drop")
    assert now.disconnected_on is not None
    assert now.expires_on is not None
    assert (now.expires_on - now.disconnected_on).total_seconds() == 90


def test_the_expiry_of_a_session_without_an_idle_timeout_is_unknown() -> None:
    now = verb_of(Disconnect).expected(Step(session(free=False), Action.DISCONNECT))
    assert now.disconnected_on is not None
    assert now.expires_on is None


@pytest.mark.parametrize("mode", [None, "none"])
def test_without_a_buffering_mode_the_session_keeps_its_own(mode: str | None) -> None:
    held = session(free=False, buffer_mode="Drop")
    now = verb_of(Disconnect, output_buffering_mode=mode).expected(Step(held, Action.DISCONNECT))
    assert now.shell.buffer_mode == "Drop"


@pytest.mark.parametrize(
    ("code", "subcode", "verdict"),
    [
        (Code.CLIENT_SESSION_ID_MISMATCH, None, Verdict.IN_USE),
        (Code.CONNECTED_TO_DIFFERENT_CLIENT, None, Verdict.IN_USE),
        (None, "InternalError", Verdict.IN_USE),
        (None, "TimedOut", Verdict.FAILED),
        *((code, "InternalError", Verdict.FAILED) for code in ABOUT_THE_SERVER),
        (Code.ACCESS_DENIED, "AccessDenied", Verdict.FAILED),
    ],
)
def test_what_a_refused_disconnect_means(code: int | None, subcode: str | None, verdict: Verdict) -> None:
    """The subcode InternalError means another client only where there is no code that says something else."""
    step = Step(session(free=False), Action.DISCONNECT)
    assert verb_of(Disconnect).judge(step, fault(code, subcode)) is verdict
    assert verb_of(Connect).judge(Step(session(free=False), Action.CONFIRM), fault(code, subcode)) is verdict


@pytest.mark.parametrize("code", [Code.ALREADY_DISCONNECTED, Code.SHELL_DISCONNECTED])
def test_disconnected_already_needs_another_look(code: Code) -> None:
    step = Step(session(free=False), Action.DISCONNECT)
    assert verb_of(Disconnect).judge(step, fault(code, "InternalError")) is Verdict.CHANGED


@pytest.mark.parametrize(
    ("free", "force", "code", "subcode", "verdict"),
    [
        (True, False, Code.UNEXPECTED_SELECTORS, "InvalidSelectors", Verdict.CHANGED),
        (False, True, Code.UNEXPECTED_SELECTORS, "InvalidSelectors", Verdict.CHANGED),
        (True, False, Code.CONNECTED_TO_DIFFERENT_CLIENT, None, Verdict.IN_USE),
        (False, False, Code.CONNECTED_TO_DIFFERENT_CLIENT, None, Verdict.IN_USE),
        (False, False, Code.CLIENT_SESSION_ID_MISMATCH, None, Verdict.IN_USE),
        (False, False, None, "InternalError", Verdict.IN_USE),
        (True, False, None, "InternalError", Verdict.FAILED),
        *((False, False, code, "InternalError", Verdict.FAILED) for code in ABOUT_THE_SERVER),
        (False, True, Code.CONNECTED_TO_DIFFERENT_CLIENT, None, Verdict.FAILED),
        (True, False, Code.ACCESS_DENIED, "AccessDenied", Verdict.FAILED),
    ],
)
def test_what_a_refused_removal_means(
    free: bool, force: bool, code: int | None, subcode: str | None, verdict: Verdict
) -> None:
    step = Step(session(free=free), Action.REMOVE)
    assert verb_of(Remove, force=force).judge(step, fault(code, subcode)) is verdict


def test_what_vanished_is_removed_and_cannot_be_left() -> None:
    gone = verb_of(Remove).vanished(session())
    assert isinstance(gone, PSSession)
    assert gone.state.value == "Closed"
    assert error_id(verb_of(Disconnect).vanished(session())) == "PSSessionDisconnectFailed"


@pytest.mark.parametrize(
    ("kind", "operation", "target"),
    [(Disconnect, "Disconnect", '"ITTask"'), (Remove, "Remove", '"srv01" (ITTask)')],
)
def test_the_what_if_line_is_the_cmdlets_and_names_the_session(kind: type[Verb], operation: str, target: str) -> None:
    line = verb_of(kind).what_if(session(name="ITTask"))
    assert line == f'What if: Performing the operation "{operation}" on target {target}.'


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Disconnect, "CannotDisconnectSessionWhenNotOpened"), (Remove, "RemoveSessionCannotConnectToServer")],
)
def test_in_use(kind: type[Verb], expected: str) -> None:
    record = verb_of(kind).in_use(session(free=False), found_in_list=True)
    assert error_id(record) == expected
    assert isinstance(record, ErrorRecord)
    assert (record.target, record.about.computer_name, record.reason) == (ID, "srv01", Reason.BUSY)


@pytest.mark.parametrize(
    ("action", "mode"), [(Action.CONNECT, "Drop"), (Action.RECONNECT, "Drop"), (Action.CONFIRM, "Block")], ids=str
)
def test_the_buffering_mode_of_a_connected_session(action: Action, mode: str) -> None:
    """It is the one that the connect set; a session that was open already keeps its own."""
    at = endpoint(option=SessionOption(output_buffering_mode="Drop"))
    step = Step(session(at, free=action is not Action.CONFIRM, buffer_mode="Block"), action)
    assert verb_of(Connect).expected(step).shell.buffer_mode == mode
