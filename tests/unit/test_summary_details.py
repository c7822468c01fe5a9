# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines about sessions at the end of a playbook: few, however many hosts there are."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._summary_details import (
    MOST_LINES,
    MOST_ROWS,
    details,
    missing_everywhere,
)

NOW = datetime.datetime(2026, 11, 25, 8, 0, tzinfo=datetime.timezone.utc)


def session(host: str, name: str = "Nightly", **fields: Any) -> dict[str, Any]:
    usual = {"state": "Disconnected", "availability": "None", "expires_on": "2026-11-25T10:00:00Z"}
    return {"name": name, "computer_name": host, "inventory_hostname": host, **usual, **fields}


def hosts(count: int, **fields: Any) -> list[dict[str, Any]]:
    names = [f"server{number:03}" for number in range(1, count + 1)]
    return [
        {"host": name, "sessions": [session(name)], "lines": [], "what_if": [], **fields, "outcome": "ok"}
        for name in names
    ]


def noticing(kind: str, value: Any, count: int = 1) -> list[dict[str, Any]]:
    return hosts(count, lines=[{"kind": kind, "host": "", "value": value}])


@pytest.mark.parametrize("count", [1, MOST_ROWS])
def test_a_few_sessions_have_a_table(count: int) -> None:
    lines = details(hosts(count), NOW, with_sessions=True)
    assert len(lines) == 2 + count
    assert lines[0].split()[:3] == ["Name", "ComputerName", "State"]
    assert lines[2].split()[:3] == ["Nightly", "server001", "Disconnected"]
    assert "2 h" in lines[2]


def test_many_sessions_share_a_line_where_they_are_alike() -> None:
    told = hosts(500)
    told[7]["sessions"] = [session("server008", "Other", state="Opened", availability="Busy", expires_on=None)]
    assert details(told, NOW, with_sessions=True) == [
        "499 sessions Nightly (Disconnected; the first expires at 2026-11-25T10:00:00Z): server001, server002, "
        "server003, server004, server005, server006, server007, server009, server010, server011 and 489 more",
        "1 session Other (Opened, Busy): server008",
    ]


def test_many_groups_are_cut() -> None:
    told = hosts(40)
    for host in told:
        host["sessions"][0]["name"] = f"Of {host['host']}"
    lines = details(told, NOW, with_sessions=True)
    assert len(lines) < MOST_LINES
    assert lines[-1] == "... and 35 more groups of sessions"


def test_without_sessions_a_list_says_so() -> None:
    assert details(hosts(1, sessions=[]), NOW, with_sessions=True) == ["There are no sessions."]
    assert details(hosts(1), NOW) == []


def test_a_host_that_failed_has_not_told_that_it_has_no_sessions() -> None:
    failed = hosts(2, sessions=[], failed=True)
    assert details(failed, NOW, with_sessions=True) == ["No host has reported its sessions."]
    failed[0]["failed"] = False
    assert details(failed, NOW, with_sessions=True) == ["There are no sessions on the 1 host that answered."]


def test_groups_of_sessions_say_what_is_in_them() -> None:
    told = hosts(40)
    for each in told[:2]:
        each["sessions"][0].update(availability="Busy", expires_on=None)
    for each in told[2:]:
        each["sessions"][0]["commands"] = [{"state": "Running"}]
    first, second = details(told, NOW, with_sessions=True)
    assert first.startswith(
        "38 sessions Nightly (Disconnected, command: Running or not received; the first expires at "
    )
    assert second == "2 sessions Nightly (Disconnected, another client is connected): server001, server002"


def test_sessions_that_were_removed_are_told_as_that() -> None:
    closed = [session(f"server{number}", "Old", state="Closed", expires_on=None) for number in range(33)]
    told = hosts(1, lines=[{"kind": "left_behind", "host": "", "value": each} for each in closed])
    (line,) = details(told, NOW)
    assert line.startswith("removed 33 sessions Old: server0, server1")


@pytest.mark.parametrize("kind", ["looked_for", "pattern"])
def test_what_a_job_has_looked_for_is_said_once(kind: str) -> None:
    text = "sessions of LAB\\operator named 'Job [123]' without a client for 1 h and without a command"
    assert details(noticing(kind, text, 3), NOW) == [f"{text} (server001, server002, server003)"]


def test_what_was_left_behind_has_a_table() -> None:
    lines = details(noticing("left_behind", session("server001", "Old")), NOW)
    assert lines[2].split()[:2] == ["Old", "server001"]


def test_check_mode_shows_what_it_foresees() -> None:
    assert details(hosts(2, what_if=["What if: it"]), NOW) == ["What if: it (server001, server002)"]
    told = hosts(3)
    for host in told:
        host["what_if"] = [f'What if: on target "{host["host"]}".']
    assert details(told, NOW) == ['What if: on target "server001"; likewise on server002, server003']


def test_many_texts_are_cut() -> None:
    told = hosts(40)
    for number, host in enumerate(told):
        host["what_if"] = [f"What if: {number}"]
    lines = details(told, NOW)
    assert len(lines) < MOST_LINES
    assert lines[-1] == "... and 35 more lines of check mode"


def test_what_expires_soon_is_told_with_its_host() -> None:
    (line,) = details(noticing("expiring", "Nightly expires at 10:00"), NOW)
    assert line == "Nightly expires at 10:00 (server001)"
    (line,) = details(noticing("expiring", "Nightly expires at 10:00", 2), NOW)
    assert line == "Nightly expires at 10:00 (server001, server002)"


def test_names_without_a_session_are_told_with_their_hosts() -> None:
    told = noticing("missing", {"names": ["Patch"], "journal": "journals/"}, 3)
    assert details(told, NOW) == ["no session Patch (server001, server002, server003)"]
    assert missing_everywhere(told) == {"names": ["Patch"], "journal": "journals/"}
    told[1]["lines"] = []
    assert details(told, NOW) == ["no session Patch (server001, server003)"]
    assert missing_everywhere(told) is None
    assert missing_everywhere([told[0], {"host": "linux", "skipped": True}]) is not None
    assert missing_everywhere([]) is None


def test_sessions_that_were_extended_are_counted_with_the_time_that_holds_now() -> None:
    (line,) = details(noticing("extended", {"session": "Old", "expires_on": "10:00"}), NOW)
    assert line == "extended 1 session; now until 10:00"
    told = noticing("extended", {"session": "Old", "expires_on": "10:00"}, 34)
    told[3]["lines"] = [{"kind": "extended", "host": "", "value": {"session": "Old", "expires_on": "11:00"}}]
    assert details(told, NOW) == ["extended 34 sessions; now until 10:00 or later"]


@pytest.mark.parametrize("kind", ["buffering", "looked_for", "nothing"])
def test_the_same_text_for_many_hosts_is_one_line(kind: str) -> None:
    (line,) = details(noticing(kind, "nothing of operator is left behind", 40), NOW)
    assert line.startswith("nothing of operator is left behind (server001, server002")
    assert line.endswith("server010 and 30 more)")


def test_accounts_of_computers_are_alike_if_their_names_are() -> None:
    told = hosts(3)
    for host, account in zip(told, ("SERVER001\\op", "SERVER002\\op", "LAB\\op"), strict=True):
        host["lines"] = [{"kind": "nothing", "host": "", "value": f"no session of {account}"}]
    assert details(told, NOW) == [
        "no session of SERVER001\\op; likewise on server002",
        "no session of LAB\\op (server003)",
    ]
    assert details(told[:1], NOW) == ["no session of SERVER001\\op (server001)"]


def test_shorter_idle_timeouts_are_grouped_by_what_servers_grant() -> None:
    told = noticing("granted", {"session": "N", "idle_timeout": 3600, "asked": 86400, "expires_on": "09:00"}, 3)
    told[2]["lines"] = [
        {"kind": "granted", "host": "", "value": {"session": "N", "idle_timeout": 7200, "asked": 86400}}
    ]
    assert details(told, NOW) == [
        "Without a client, servers keep the new sessions for less than the 86400 seconds of pssession_idle_timeout: "
        "1 host until an unknown time: server003; 2 hosts until 09:00: server001, server002"
    ]


def test_a_host_that_was_left_out_says_nothing() -> None:
    assert details([{"host": "linux01", "skipped": True, "msg": "ssh"}], NOW) == []
