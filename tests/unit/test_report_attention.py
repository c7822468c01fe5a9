# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that need attention, as the page of a report groups them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import COMPLETED_WITH_ERRORS, REASONS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import files
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.attention import (
    Attention,
    attention_of,
    limit_of,
    to_run_again,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.charts import command_bars
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import Report, report_of
from tests.unit.report_results import MADE_AT, command, error, fleet, result, session

HINT = "Check whether WinRM listens."


def report(*results: Any) -> Report:
    return report_of(results, "A title")


def groups(*results: Any) -> list[Attention]:
    return attention_of(report(*results))


def unreachable(host: str, **fields: Any) -> dict[str, Any]:
    return error(host, "unreachable", message=f"{host}: no connection to http://{host}:5985", hint=HINT, **fields)


def test_errors_are_grouped_by_reason_and_hint_the_worst_first() -> None:
    busy = [error("srv03", "busy", hint="Wait."), error("srv04", "busy", hint="Ask."), error("srv05", "busy")]
    found = groups(result(errors=[*busy, unreachable("srv10"), unreachable("srv9")]))
    assert [(each.outcome, each.hosts, each.hint) for each in found] == [
        ("unreachable", ["srv9", "srv10"], HINT),
        ("busy", ["srv03"], "Wait."),
        ("busy", ["srv04"], "Ask."),
        ("busy", ["srv05"], ""),
    ]


def test_messages_that_differ_only_in_the_host_are_told_once() -> None:
    refused = [error("srv03", "unreachable", message="srv03: connection refused", hint=HINT)]
    (group,) = groups(result(errors=[unreachable("srv01"), unreachable("srv02"), *refused]))
    assert [(each.text, each.is_example) for each in group.messages] == [
        ("srv01: no connection to http://srv01:5985", True),
        ("srv03: connection refused", False),
    ]
    many = [error("srv01", message=f"error {letter}") for letter in "abcdefgh"]
    (group,) = groups(result(errors=many))
    assert (len(group.messages), group.others) == (5, 3)


def test_hosts_whose_script_completed_with_errors_are_the_last_group() -> None:
    wrote = session("srv01")
    found = groups(
        result(sessions=[wrote], results=[command(wrote, error=[{}])], errors=[error("srv02", "missing")]),
    )
    assert [(each.outcome, each.hosts) for each in found] == [
        ("missing", ["srv02"]),
        (COMPLETED_WITH_ERRORS, ["srv01"]),
    ]


def test_an_error_about_several_computers_names_each_of_them() -> None:
    several = [{"computer_name": host, "inventory_hostname": host} for host in ("srv01", "srv02")]
    made = report(result(sessions=[session("srv03")], errors=[error(None, "access_denied", computers=several)]))
    assert {row["host"]: row["outcome"] for row in made.hosts} == {
        "srv01": "access_denied",
        "srv02": "access_denied",
        "srv03": "ok",
    }
    (group,) = attention_of(made)
    assert group.hosts == ["srv01", "srv02"]


def test_an_error_about_no_host_has_a_group_without_names() -> None:
    (group,) = groups(result(errors=[error(None, message="wrong option")], failed=True))
    assert (group.hosts, [each.text for each in group.messages]) == ([], ["wrong option"])


def test_an_error_that_is_no_failure_needs_no_attention() -> None:
    """As the role has it for a busy session that a later run of harvest takes: the terminal counts it so, too."""
    busy = {"host": "srv02", "outcome": "busy", **result(errors=[error("srv02", "busy")])}
    failed = {"host": "srv01", "outcome": "unreachable", **result(errors=[unreachable("srv01")], failed=True)}
    made = report(busy, failed)
    assert [each.hosts for each in attention_of(made)] == [["srv01"]]
    assert [each.hosts for each in to_run_again(made)] == [["srv01"]]
    assert '<a href="#attention">1</a>' in files.content(made, "html", MADE_AT).decode()


def test_commands_that_exited_with_a_code_have_a_bar_of_their_own() -> None:
    sessions = [session("srv01"), session("srv02")]
    made = report(result(sessions=sessions, results=[command(sessions[0], rc=3), command(sessions[1], rc=0)]))
    assert sorted(each.label for each in command_bars(made)) == ["Completed", "Completed, exit code 3"]


def test_a_page_of_hosts_that_did_not_answer_does_not_say_that_they_have_no_sessions() -> None:
    silent = files.content(report(result(errors=[unreachable("srv01")])), "html", MADE_AT).decode()
    assert "No host has reported its sessions." in silent
    assert "There are no sessions." not in silent
    assert "There are no sessions." in files.content(report(), "html", MADE_AT).decode()


def test_nothing_needs_attention_where_all_went_well() -> None:
    assert groups(result(sessions=[session("srv01"), session("srv02", changed=True)])) == []


def test_hosts_whose_script_completed_are_not_run_again_unless_the_reader_says_so() -> None:
    found = to_run_again(report(fleet(20)))
    assert [each.outcome for each in found] == [*REASONS, COMPLETED_WITH_ERRORS]
    assert [each.outcome for each in found if not each.is_chosen] == [COMPLETED_WITH_ERRORS]
    assert found[0].hosts == ["srv0000", "srv0010"]


@pytest.mark.parametrize(
    ("hosts", "option"),
    [([], ""), (["srv01", "srv02"], "--limit srv01,srv02"), (["a; rm x", "b"], "--limit 'a; rm x,b'")],
)
def test_the_option_is_quoted_for_a_shell(hosts: list[str], option: str) -> None:
    assert limit_of(hosts) == option


def test_the_page_tells_each_hint_once_and_links_to_it() -> None:
    errors = [unreachable(f"srv{number:02}") for number in range(40)]
    made = files.content(report(result(errors=errors)), "html", MADE_AT).decode()
    assert made.count(HINT) == 1
    assert '<a href="#attention">40</a>' in made
    assert made.index('id="attention"') < made.index('id="sessions"') < made.index('id="errors"')
    well = files.content(report(result(sessions=[session("srv01")])), "html", MADE_AT).decode()
    assert 'href="#attention"' not in well
    assert "No host needs attention." in well


def test_a_page_of_each_outcome_has_a_group_for_each_that_is_not_well() -> None:
    found = [each.outcome for each in groups(fleet(20))]
    assert found == [outcome for outcome, count in report(fleet(20)).outcomes.items() if count][:-2]
