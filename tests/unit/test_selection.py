# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sessions are meant: by what the registry knows, by account, by age."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.finding.discovery import Discovery, as_session
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.finding.owners import Owners
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.finding.selection import (
    age,
    look_up,
    refuse_unseen,
    remaining,
    select_remembered,
    select_remote,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import SessionReference
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from tests.unit.builders import endpoint, session, shell

UTC = datetime.timezone.utc


def reference(number: int, name: str, **fields: Any) -> SessionReference:
    return SessionReference(str(uuid.UUID(int=number)), "srv01", name=name, id=number, **fields)


REMEMBERED = [reference(1, "ITTask"), reference(2, "ITBackup"), reference(3, "Patch"), reference(4, "ittask")]


class Known:
    """A registry with four sessions."""

    def numbered(self, number: int) -> list[SessionReference]:
        return [each for each in REMEMBERED if each.id == number]

    def of_instance(self, instance_id: str) -> list[SessionReference]:
        return [each for each in REMEMBERED if each.instance_id == instance_id]

    def owner_of(self, _endpoint: Endpoint) -> str | None:
        return None

    def named(self, pattern: WildcardPattern) -> list[SessionReference]:
        return [each for each in REMEMBERED if pattern.matches(each.name)]

    def ever_named(self, name: str) -> list[SessionReference]:
        return [each for each in REMEMBERED if each.name.lower() == name.lower()]


KNOWN = Known()


def looked_up(**options: Any) -> tuple[list[tuple[int | None, bool]], list[tuple[str, str | None]]]:
    """Id and exactness of what is meant; error id and target of what is not known."""
    found, unknown = look_up(Request.from_options(options), KNOWN)
    return (
        [(each.id, each.exact) for each in found],
        [(record.fully_qualified_error_id.split(",")[0], record.target) for record in unknown],
    )


@pytest.mark.parametrize(
    ("options", "found", "unknown"),
    [
        ({"name": ["Patch"]}, [(3, True)], []),
        ({"name": ["ITTASK"]}, [(1, True), (4, True)], []),
        ({"name": ["it*"]}, [(1, False), (2, False), (4, False)], []),
        ({"name": ["Patch", "P*"]}, [(3, True)], []),
        ({"name": ["P*", "Patch"]}, [(3, True)], []),
        ({"name": ["No", "Patch"]}, [(3, True)], [("RemoteRunspaceNotAvailableForSpecifiedName", "No")]),
        ({"name": ["No*"]}, [], [("RemoteRunspaceNotAvailableForSpecifiedName", "No*")]),
        ({"id": [2, 2, 1]}, [(2, True), (1, True)], []),
        ({"id": [99]}, [], [("RemoteRunspaceNotAvailableForSpecifiedSessionId", "99")]),
        ({"instance_id": [str(uuid.UUID(int=3)).upper()]}, [(3, True)], []),
        (
            {"instance_id": [str(uuid.UUID(int=9))]},
            [],
            [("RemoteRunspaceNotAvailableForSpecifiedRunspaceId", str(uuid.UUID(int=9)))],
        ),
    ],
    ids=str,
)
def test_look_up(options: dict[str, Any], found: list[tuple[int, bool]], unknown: list[tuple[str, str | None]]) -> None:
    assert looked_up(**options) == (found, unknown)


def test_sessions_that_were_given_are_meant_as_often_as_they_were_given() -> None:
    given = {"instance_id": str(uuid.UUID(int=7)), "computer_name": "srv07"}
    found, unknown = look_up(Request.from_options({"session": [given, given]}), KNOWN)
    assert ([each.computer_name for each in found], unknown) == (["srv07", "srv07"], [])


@pytest.mark.parametrize(
    ("owner", "patterns", "expected"),
    [
        ("SRV01\\operator", ["operator"], True),
        ("SRV01\\operator", ["OPERATOR"], True),
        ("SRV01\\operator", ["srv01\\Operator"], True),
        ("SRV01\\operator", ["other\\operator"], False),
        ("SRV01\\operator", ["*\\operator"], True),
        ("SRV01\\operator", ["oper*"], True),
        ("SRV01\\operator", ["rator"], False),
        ("SRV01\\operator", ["alice", "op*"], True),
        ("SRV01\\operator", ["SRV01"], False),
        ("operator@example.org", ["operator@*"], True),
        ("", ["operator"], False),
        (None, ["operator"], False),
    ],
)
def test_is_owned(owner: str | None, patterns: list[str], expected: bool) -> None:
    request = Request.from_options({"computer_name": ["srv01"], "owner": patterns})
    owners = Owners(request.query, Discovery({}, {}), KNOWN)
    assert owners.may_mean(session(owner=owner)) is expected


@pytest.mark.parametrize(
    ("free", "inactivity", "expected"), [(True, 90.0, 90.0), (True, None, 0), (False, 90.0, 0), (False, None, 0)]
)
def test_age_is_the_time_without_a_client(free: bool, inactivity: float | None, expected: float) -> None:
    assert age(session(free=free, shell_inactivity=inactivity)) == expected


@pytest.mark.parametrize(
    ("cmdlet", "expected"),
    [
        (cmdlets.CONNECT, "PSSessionConnectFailed"),
        (cmdlets.DISCONNECT, "CannotDisconnectSessionWhenNotOpened"),
        (cmdlets.REMOVE, None),
        (cmdlets.GET, None),
    ],
)
@pytest.mark.parametrize("state", ["Closed", "Broken"])
def test_a_session_that_ended(cmdlet: cmdlets.Cmdlet, expected: str | None, state: str) -> None:
    request = Request.from_options({"id": [1]}, cmdlet)
    record = refuse_unseen(reference(1, "job1", state=state), request)
    assert (record and record.fully_qualified_error_id.split(",")[0]) == expected
    assert refuse_unseen(reference(1, "job1"), request) is None


@pytest.mark.parametrize("cmdlet", [cmdlets.CONNECT, cmdlets.DISCONNECT])
def test_a_session_on_something_else(cmdlet: cmdlets.Cmdlet) -> None:
    request = Request.from_options({"id": [1]}, cmdlet)
    record = refuse_unseen(reference(1, "job1", computer_type="Container"), request)
    assert record is not None
    assert record.fully_qualified_error_id.startswith(f"Cannot{cmdlet.verb}VMContainerSession,")


SRV01, SRV02, SILENT = endpoint("srv01"), endpoint("srv02", inventory_hostname="host02"), endpoint("silent")
BOTH = Discovery(
    {
        SRV01: (session(SRV01, shell_id=str(uuid.UUID(int=1)), name="job1"),),
        SRV02: (session(SRV02, shell_id=str(uuid.UUID(int=2)), name="other"),),
    },
    {},
)


@pytest.mark.parametrize(
    ("options", "selected", "missing"),
    [
        ({"name": ["job1"]}, ["job1"], []),
        ({"name": ["no"]}, [], [(None, None, "no")]),
        ({"name": ["job1"], "require_each": True}, ["job1"], [("srv02", "host02", "job1")]),
        ({"name": ["*"], "require_each": True}, ["job1", "other"], []),
        ({"name": ["no"], "require_each": True}, [], [("srv01", None, "no"), ("srv02", "host02", "no")]),
        (
            {"instance_id": [str(uuid.UUID(int=2))], "require_each": True},
            ["other"],
            [("srv01", None, str(uuid.UUID(int=2)))],
        ),
    ],
    ids=str,
)
def test_names_are_looked_for_on_all_computers_together_or_on_each(
    options: dict[str, Any], selected: list[str], missing: list[tuple[str | None, str | None, str]]
) -> None:
    request = Request.from_options({"computer_name": ["srv01", "srv02", "silent"], **options})
    selection = select_remote([SRV01, SRV02, SILENT], request, BOTH, KNOWN)
    assert [each.name for each in selection.sessions] == selected
    assert [
        (each.about.computer_name, each.about.inventory_hostname, each.target) for each in selection.missing
    ] == missing
    assert {each.reason for each in selection.missing} <= {Reason.MISSING}


def test_a_name_that_only_other_accounts_have_is_missing() -> None:
    ours, theirs = session(SRV01, owner="LAB\\operator"), session(SRV02, owner="LAB\\alice")
    discovery = Discovery({SRV01: (ours,), SRV02: (theirs,)}, {})
    request = Request.from_options({"computer_name": ["srv01", "srv02"], "name": ["job1"], "owner": ["operator"]})
    together = select_remote([SRV01, SRV02], request, discovery, KNOWN)
    assert (together.sessions, together.missing) == ((ours,), ())
    by_itself = dataclasses.replace(request, query=dataclasses.replace(request.query, require_each=True))
    each = select_remote([SRV01, SRV02], by_itself, discovery, KNOWN)
    assert each.sessions == (ours,)
    assert [record.about.computer_name for record in each.missing] == ["srv02"]


def test_a_remembered_session_of_another_account_has_not_vanished() -> None:
    theirs = session(SRV01, owner="LAB\\alice")
    request = Request.from_options({"name": ["job1"], "owner": ["operator"]})
    known = SessionReference(theirs.instance_id, "srv01", name="job1")
    selection = select_remembered([(known, SRV01)], request, Discovery({SRV01: (theirs,)}, {}), KNOWN)
    assert (selection.sessions, selection.missing, selection.over) == ((), (), ())


@pytest.mark.parametrize("require_each", [False, True])
def test_nothing_is_missing_where_nobody_answered(require_each: bool) -> None:
    request = Request.from_options({"computer_name": ["silent"], "name": ["no"], "require_each": require_each})
    assert select_remote([SILENT], request, Discovery({}, {}), KNOWN).missing == ()


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"idle_timeout": 7200.0, "shell_inactivity": 62.0}, 7138.0),
        ({"idle_timeout": 60.0, "shell_inactivity": 62.0}, None),
        ({"idle_timeout": 7200.0, "shell_inactivity": 62.0, "state": "Connected"}, None),
        ({"idle_timeout": None, "shell_inactivity": 62.0}, None),
    ],
    ids=str,
)
def test_how_long_a_session_has_left(fields: dict[str, Any], seconds: float | None) -> None:
    assert remaining(as_session(shell(**fields), endpoint(), datetime.datetime.now(UTC))) == seconds


def listing(*names: str) -> Discovery:
    """What one computer lists: a session of each name."""
    sessions = (session(SRV01, shell_id=str(uuid.UUID(int=number)), name=name) for number, name in enumerate(names))
    return Discovery({SRV01: tuple(sessions)}, {})


class Nothing(Known):
    """A registry that knows no session."""

    def named(self, pattern: WildcardPattern) -> list[SessionReference]:
        return []


class Ended(Nothing):
    """A registry in which a session of the name has ended."""

    def named(self, pattern: WildcardPattern) -> list[SessionReference]:
        return [reference(9, pattern.pattern, is_over=True)]


@pytest.mark.parametrize(
    ("name", "listed", "known", "selected"),
    [
        ("Job [123]", ["Job 1", "job [123]"], Nothing(), ["job [123]"]),
        ("Job [123]", ["Job 1", "Job 4"], Nothing(), ["Job 1"]),
        ("Job [123]", ["Job 1"], Ended(), []),
        ("Job?", ["Job?", "Jobs"], Nothing(), ["Job?"]),
        ("Job*", ["Job*", "Jobs"], Nothing(), ["Job*"]),
        ("a`b", ["ab", "a`b"], Nothing(), ["a`b"]),
        ("Job `[123`]", ["Job 1", "Job [123]"], Nothing(), ["Job [123]"]),
        ("Job [12", ["Job [12", "Job 1"], Nothing(), ["Job [12"]),
        ("Job [12", ["Job 1"], Nothing(), []),
        ("*", ["*", "Jobs"], Nothing(), ["*", "Jobs"]),
        # Capitals as PowerShell has them, and no more.
        ("task", ["TASK", "ta\u017fk", "tas\u212a"], Nothing(), ["TASK"]),
        ("strasse", ["STRASSE", "stra\u00dfe", "STRA\u1e9eE"], Nothing(), ["STRASSE"]),
        ("i*", ["Item", "\u0130tem", "\u0131tem"], Nothing(), ["Item"]),
        ("[i-k]*", ["Item", "\u0130tem", "\u0131tem", "\u212aing"], Nothing(), ["Item"]),
        ("\u03c3*", ["\u03a3\u03af", "\u03c2\u03af"], Nothing(), ["\u03a3\u03af", "\u03c2\u03af"]),
        ("\u1f80", ["\u1f88", "\u1f08\u0399"], Nothing(), ["\u1f88"]),
        ("\u00e9", ["\u00c9", "e\u0301"], Nothing(), ["\u00c9"]),
    ],
)
def test_a_name_means_the_session_that_is_called_so_before_a_pattern(
    name: str, listed: list[str], known: Known, selected: list[str]
) -> None:
    request = Request.from_options({"computer_name": ["srv01"], "name": [name]})
    selection = select_remote([SRV01], request, listing(*listed), known)
    assert [each.name for each in selection.sessions] == selected


def test_a_name_is_literal_on_all_computers_if_it_is_on_one() -> None:
    one, other = session(SRV01, name="Job [1]"), session(SRV02, name="Job 1")
    request = Request.from_options({"computer_name": ["srv01", "srv02"], "name": ["Job [1]"], "require_each": True})
    selection = select_remote([SRV01, SRV02], request, Discovery({SRV01: (one,), SRV02: (other,)}, {}), Nothing())
    assert (selection.sessions, len(selection.missing)) == ((one,), 1)


def test_a_missing_name_with_brackets_is_told_how_to_write_it() -> None:
    request = Request.from_options({"computer_name": ["srv01"], "name": ["Job [1", "Job [1]"]})
    half, whole = select_remote([SRV01], request, listing("other"), Nothing()).missing
    assert "used as a literal name" in half.hint
    assert "Write the literal name as 'Job `[1`]'." in whole.hint


def test_a_missing_session_is_told_with_configurations() -> None:
    there = session(SRV01, name="job1", resource_uri="http://schemas.microsoft.com/powershell/ITHelpDesk.JEA")
    request = Request.from_options({"computer_name": ["srv01"], "name": ["job1"], "configuration_name": "Other"})
    (record,) = select_remote([SRV01], request, Discovery({SRV01: (there,)}, {}), KNOWN).missing
    assert "with the configuration Other was found on srv01" in record.message
    assert "with the configuration ITHelpDesk.JEA" in record.hint
