# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a playbook, for one host and for many."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import codes
from ansible_collections.psremoting.fleet.plugins.plugin_utils._playbook_words import in_variables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary import NAMED, Kind, Summary

FIREWALL = "Check that WinRM listens on this port."
TAKEN = "Set pssession_busy_timeout to wait for it."


def host(name: str, outcome: str = "ok", *, hint: str = "", **fields: Any) -> dict[str, Any]:
    """The result of one host; with an outcome that is an error it has a record and failed."""
    is_error = outcome not in ("ok", "changed")
    errors = [{"reason": outcome, "message": "It failed.", "hint": hint}] if is_error else []
    return {"host": name, "outcome": outcome, "failed": is_error, "errors": errors, "results": [], **fields}


def named(count: int, outcome: str, first: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [host(f"server{number:02}", outcome, **fields) for number in range(first, first + count)]


def texts(*hosts: dict[str, Any], has_file: bool = False) -> list[str]:
    return [line.text for line in Summary.of(hosts).lines(has_file=has_file)]


@pytest.mark.parametrize(
    ("outcome", "text", "kind"),
    [
        ("ok", "1 ok", Kind.GOOD),
        ("changed", "1 changed", Kind.CHANGED),
        ("unreachable", "1 needs attention: unreachable server01", Kind.ATTENTION),
        ("access_denied", "1 needs attention: access denied server01", Kind.ATTENTION),
    ],
)
def test_one_host(outcome: str, text: str, kind: Kind) -> None:
    assert Summary.of(named(1, outcome)).lines(has_file=False)[-1] == (text, kind)


def test_hosts_whose_scripts_wrote_warnings_are_counted() -> None:
    warned = named(40, "changed", results=[{"warning": ["Drive D: is nearly full"]}])
    assert texts(*warned, host("server41", results=[{"warning": []}])) == ["40 changed, 1 ok, 40 with warnings"]


def test_forty_hosts_with_nine_failures_of_five_kinds() -> None:
    missing = {"reason": "missing", "target": "Nightly", "message": "There is no session Nightly."}
    hosts = [
        *named(25, "changed"),
        *named(6, "ok", 26),
        *named(3, "unreachable", 32, hint=FIREWALL),
        *named(2, "busy", 35, hint=TAKEN),
        host("server37", "command_failed", results=[{"rc": 3}]),
        host(
            "server38",
            "missing",
            errors=[missing],
        ),
        *named(2, "access_denied", 39, hint="Check the password."),
    ]
    assert texts(*hosts) == [
        "unreachable: server32, server33, server34: It failed.",
        f"    {FIREWALL}",
        "access denied: server39, server40: It failed.",
        "    Check the password.",
        "command failed: server37: It failed.",
        "busy: server35, server36: It failed.",
        f"    {TAKEN}",
        "missing: server38: There is no session Nightly.",
        "25 changed, 6 ok, 9 need attention: unreachable server32, server33, server34; access denied server39, "
        "server40; command failed server37 (exit code 3); busy server35, server36 (each: another client); "
        "missing server38 (Nightly)",
    ]


def test_long_lists_are_shortened_where_a_file_has_the_names() -> None:
    hosts = named(500, "unreachable", 100, hint=FIREWALL)
    hosts.append(host("web", "ok"))
    short = texts(*hosts, has_file=True)[-1]
    whole = texts(*hosts)[-1]
    assert short == (
        "1 ok, 500 need attention: unreachable "
        + ", ".join(f"server{number}" for number in range(100, 100 + NAMED))
        + " and 490 more"
    )
    assert whole.count("server") == 500


def test_a_list_is_not_shortened_to_leave_out_a_single_name() -> None:
    assert "more" not in texts(*named(NAMED + 1, "busy"), has_file=True)[-1]
    assert "and 2 more" in texts(*named(NAMED + 2, "busy"), has_file=True)[-1]


def test_each_hint_is_for_its_own_hosts() -> None:
    hosts = [
        *named(2, "failed", hint="One."),
        host("server09", "failed", hint="Two."),
        host("server10", "failed", errors=[{"reason": "failed", "message": "It has no hint."}]),
    ]
    assert texts(*hosts)[:-1] == [
        "failed: server01, server02: It failed.",
        "    One.",
        "failed: server09: It failed.",
        "    Two.",
        "failed: server10: It has no hint.",
    ]


def test_what_stopped_every_host_comes_once_and_last() -> None:
    errors = [{"reason": "failed", "message": "pssession_nmae is unknown. Nothing was sent."}]
    lines = texts(*named(40, "failed", errors=errors))
    assert len(lines) == 2
    assert lines[0].endswith("server10 and 30 more")
    assert lines[-1] == "on all 40 hosts: pssession_nmae is unknown. Nothing was sent."


def test_an_error_of_each_computer_is_no_reason_that_stopped_all() -> None:
    hosts = named(2, "failed")
    for each in hosts:
        each["errors"][0]["computer_name"] = each["host"]
    assert texts(*hosts)[:-1] == ["failed: server01, server02: It failed."]


def test_commands_that_still_run_are_a_group_of_their_own() -> None:
    running = [{"reason": "failed", "category": "OperationTimeout", "message": "It still runs."}]
    hosts = [*named(35, "failed", errors=running), host("server40", "failed", hint="Take another name.")]
    lines = texts(*hosts, has_file=True)
    assert lines[:2] == ["failed: server40: It failed.", "    Take another name."]
    assert lines[2:] == [
        "35 still run (run this again to wait): server01, server02, server03, server04, server05, server06, server07, "
        "server08, server09, server10 and 25 more; 1 needs attention: failed server40"
    ]
    assert texts(*named(1, "failed", errors=running)) == ["1 still runs (run this again to wait): server01"]
    assert len(Summary.of(hosts).failed) == 36, "they are in the file for --limit"


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("Set busy_timeout to wait.", "Set pssession_busy_timeout to wait."),
        ("Set session_option.idle_timeout.", "Set session_option.idle_timeout."),
        (
            "Raise session_option.operation_timeout (for opening, connecting and listing also open_timeout).",
            "Raise ansible_psrp_operation_timeout or ansible_winrm_operation_timeout_sec.",
        ),
        ("Set pssession_way.", "Set pssession_way."),
        ("Set start_anew (pssession_start_anew in the playbook).", "Set pssession_start_anew."),
        ("Set adopt (pssession_adopt in the playbook).", "Set pssession_adopt."),
        ("If it may be, set on_missing: skip.", "If it may be, leave missing out of pssession_fail_on."),
        ("set owner to LAB\\op (pssession_owner in the playbooks).", "set pssession_owner to LAB\\op."),
        ("pssession_info lists what exists.", "The playbook list lists what exists."),
        ("Remove some (remove_pssession).", "Remove some (playbook cleanup)."),
        ("Check any proxy (session_option.proxy).", "Check any proxy (ansible_psrp_proxy or ansible_winrm_proxy)."),
        ("Check the name and the timeout.", "Check the name and the timeout."),
    ],
)
def test_hints_name_the_variables_of_playbooks(hint: str, shown: str) -> None:
    assert in_variables(hint) == shown


def test_notes_that_differ_are_with_their_hosts() -> None:
    hosts = [host(f"server0{rc}", "command_failed", results=[{"rc": rc}]) for rc in (1, 2)]
    assert texts(*hosts)[-1] == "2 need attention: command failed server01 (exit code 1), server02 (exit code 2)"
    hosts[0]["results"] = [{"rc": None}]
    assert texts(*hosts)[-1].endswith("command failed server01 (ended with an error), server02 (exit code 2)")
    hosts[0]["results"] = [{"rc": 2}]
    assert texts(*hosts)[-1].endswith("command failed server01, server02 (each: exit code 2)")


def test_no_hint_for_playbooks_names_an_option_of_modules() -> None:
    for hint in codes.HINTS.values():
        assert not re.search(r"session_option|remove_pssession|pssession_info|skip_ca_check", in_variables(hint)), hint


def test_an_error_that_is_no_failure_needs_no_attention() -> None:
    hosts = [host("server01"), host("server02", "busy", failed=False, hint=TAKEN)]
    assert texts(*hosts) == ["1 ok, 1 busy (server02)"]
    assert Summary.of(hosts).failed == frozenset()


def test_a_script_that_completed_with_errors_needs_attention() -> None:
    hosts = [host("server01", "completed_with_errors", failed=False, errors=[])]
    assert texts(*hosts) == ["1 needs attention: completed with errors server01"]


def test_sessions_that_still_run_are_counted() -> None:
    assert texts(host("server01", pending=2), host("server02", pending=1)) == ["2 ok, 3 sessions still run"]
    assert texts(host("server01", pending=1)) == ["1 ok, 1 session still runs"]
    held = host("server02", "busy", failed=False, pending=1)
    assert texts(host("server01"), held) == ["1 ok, 1 busy (server02)"], "one that is busy is told of as that"
    assert Summary.of([held]).pending == 1
    assert Summary.of([host("server01", pending=2), host("server02", pending=1)]).pending == 3


def test_a_host_whose_work_still_runs_is_counted_once() -> None:
    running = [{"reason": "failed", "category": "OperationTimeout", "message": "It still runs."}]
    hosts = [host(f"server0{number}", "failed", errors=running, pending=1) for number in (1, 2)]
    assert texts(*hosts) == ["2 still run (run this again to wait): server01, server02"]
    assert Summary.of(hosts).pending == 2


def test_hosts_that_were_left_out_have_one_line() -> None:
    left = [{"host": f"linux{number:02}", "skipped": True, "msg": "the connection is ssh"} for number in range(30)]
    lines = texts(host("server01"), *left)
    assert lines == [
        "30 hosts left out: "
        + ", ".join(f"linux{number:02}" for number in range(NAMED))
        + " and 20 more: the connection is ssh",
        "1 ok",
    ]


def test_a_play_without_any_host_says_why() -> None:
    left = [{"host": name, "skipped": True, "msg": f"the connection is {name}"} for name in ("ssh", "psrb")]
    summary = Summary.of(left)
    assert summary.is_empty
    assert summary.why_nothing_was_done() == (
        "Nothing was done: every host was left out. ssh: the connection is ssh; psrb: the connection is psrb."
    )
    assert "has no hosts" in Summary.of([]).why_nothing_was_done()


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("so that it can go on; receive_pssession receives the rest.", "; the playbook collect receives the rest."),
        ("The session is kept; remove_pssession removes it.", "; the playbook cleanup removes it."),
    ],
)
def test_what_a_module_advises_is_a_playbook(told: str, shown: str) -> None:
    assert in_variables(told).endswith(shown)
    assert in_variables(in_variables(told)) == in_variables(told)


def test_outcomes_come_worst_first() -> None:
    hosts = [host("a", "ok"), host("b", "busy"), host("c", "changed"), host("d", "unreachable"), host("e", "busy")]
    assert list(Summary.of(hosts).by_outcome.items()) == [
        ("unreachable", ["d"]),
        ("busy", ["b", "e"]),
        ("changed", ["c"]),
        ("ok", ["a"]),
    ]
