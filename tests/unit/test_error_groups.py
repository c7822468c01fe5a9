# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of a fleet, told by reason, with the hosts' names and each hint once."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.error_groups import grouped, in_line
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import message_of, of_host


def unreachable(number: int, why: str = "Connection refused") -> dict[str, Any]:
    host = f"web{number:03}"
    message = f"the sessions on {host} could not be listed: no connection to http://127.1.1.{number % 250}:5985: {why}"
    return {
        "inventory_hostname": host,
        "computer_name": f"{host}.lab",
        "reason": "unreachable",
        "message": message,
        "hint": "Check the firewall.",
    }


def test_hosts_with_the_same_problem_share_its_lines() -> None:
    busy = {**unreachable(1), "reason": "busy", "message": "session job on web001 is busy", "hint": ""}
    assert grouped([busy, unreachable(3), unreachable(2)]) == [
        "unreachable: web002, web003",
        f"    for example: {unreachable(2)['message']}",
        "    Check the firewall.",
        "busy: web001",
        "    session job on web001 is busy",
    ]


def test_different_problems_with_one_hint_are_told_each() -> None:
    assert grouped([unreachable(1), unreachable(2, "timed out"), unreachable(3)]) == [
        "unreachable: web001, web002, web003",
        f"    for example: {unreachable(1)['message']}",
        f"    {unreachable(2, 'timed out')['message']}",
        "    Check the firewall.",
    ]


def test_each_session_of_a_host_is_named() -> None:
    errors = [{**unreachable(1), "message": f"session {name} on web001 is busy", "session_name": name} for name in "ab"]
    assert grouped(errors)[1:3] == ["    session a on web001 is busy", "    session b on web001 is busy"]


def test_what_is_left_out_of_a_long_list_is_counted() -> None:
    first, *_rest = grouped([unreachable(number) for number in range(1, 501)])
    assert first.startswith("unreachable: web001, web002, ")
    assert first.endswith(", web012 and 488 more")
    *_others, last, _hint = grouped([unreachable(number, f"reason {'x' * number}") for number in range(1, 8)])
    assert last == "    2 other messages: see errors in the result"


def test_a_warning_has_all_errors_in_one_line() -> None:
    assert in_line([unreachable(1)]) == unreachable(1)["message"]
    assert in_line([unreachable(1), unreachable(2)]) == (
        f"2 errors. unreachable: web001, web002. for example: {unreachable(1)['message']}. Check the firewall."
    )


def test_one_record_for_several_computers_names_them_all() -> None:
    computers = [{"inventory_hostname": name, "computer_name": f"{name}.lab"} for name in ("b", "a")]
    record = {"reason": "access_denied", "message": "2 computers were not asked", "hint": "", "computers": computers}
    assert grouped([record]) == ["access_denied: a, b", "    2 computers were not asked"]


def test_an_error_about_no_computer_has_no_names() -> None:
    assert grouped([{"message": "port: 0 is not allowed", "reason": "failed"}]) == [
        "failed:",
        "    port: 0 is not allowed",
    ]


def test_hosts_of_a_job_that_failed_for_the_same_reason_are_named_together() -> None:
    failed = [of_host({"failed": True, "msg": "no such file"}, host) for host in ("a", "b")]
    assert message_of(failed, 3) == "2 of 3 hosts failed.\nfailed: a, b\n    no such file"
    assert message_of(failed[:1], 1) == "no such file"
