# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report says, made of results of tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import OUTCOMES, of_host
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import charts
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import (
    ERROR_FIELDS,
    SESSION_FIELDS,
    Report,
    report_of,
)
from tests.unit.report_results import MADE_AT, command, error, fleet, result, session


def report(*results: Any) -> Report:
    return report_of(results, "A title")


def outcomes(of: Report) -> dict[str, str]:
    return {row["host"]: row["outcome"] for row in of.hosts}


def test_rows_have_all_fields_and_no_other() -> None:
    made = report(fleet(9))
    assert {tuple(row) for row in made.sessions} == {SESSION_FIELDS}
    assert {tuple(row) for row in made.errors} == {ERROR_FIELDS}


def test_everything_is_counted() -> None:
    made = report(fleet(20))
    assert made.counts == {"hosts": 20, "sessions": 20, "changed": 2, "errors": 14}
    assert made.outcomes == dict.fromkeys(OUTCOMES, 2)
    assert list(made.outcomes) == list(OUTCOMES)


def test_a_fleet_wide_result_and_its_parts_are_the_same_report() -> None:
    whole = fleet(18)
    parts = [of_host(whole, f"srv{number:04}") for number in range(18)]
    assert report(*parts) == report(whole) == report(*reversed(parts))


def test_the_results_of_a_loop_count_one_by_one_and_skipped_tasks_not_at_all() -> None:
    single = [result(sessions=[session("a")]), result(errors=[error("b", "busy")], failed=True)]
    looped = {"changed": False, "results": [*single, {"skipped": True, "changed": False}]}
    assert report(looped, {"skipped": True}) == report(*single)
    assert outcomes(report(looped)) == {"a": "ok", "b": "busy"}


def test_a_host_in_several_results_is_one_host() -> None:
    found = session("srv01")
    connected = session("SRV01", "Nightly", instance_id=found["instance_id"], state="Opened", changed=True)
    removed = {**found, "state": "Closed"}
    made = report(*(result(sessions=[each]) for each in (found, connected, removed)))
    (row,) = made.sessions
    assert (row["state"], row["changed"]) == ("Closed", True)
    assert outcomes(made) == {"srv01": "changed"}


def test_an_error_that_several_results_tell_is_one_error() -> None:
    busy = error("a", "busy")
    assert report(result(errors=[busy]), result(errors=[busy, error("a", "missing")])).counts["errors"] == 2


def test_an_error_about_no_host_is_about_all_that_the_result_tells_of() -> None:
    wrong = error(None, message="wrong option")
    told = result(sessions=[session("a")], errors=[error("b", "busy"), wrong], failed=True)
    assert outcomes(report(told)) == {"a": "failed", "b": "failed"}
    alone = report(result(errors=[wrong], failed=True))
    assert [(row["host"], row["message"]) for row in alone.errors] == [(None, "wrong option")]
    assert alone.hosts == []


def test_a_host_without_sessions_is_told_when_its_entry_is_of_a_host() -> None:
    assert outcomes(report(of_host(result(), "quiet"))) == {"quiet": "ok"}
    assert outcomes(report(result())) == {}


def test_what_failed_without_a_record_is_an_error_too() -> None:
    by_role = {**of_host(result(), "a"), "failed": True, "msg": "the role gave up"}
    elsewhere = {"failed": True, "msg": "no such module", "changed": False}
    made = report(by_role, elsewhere)
    assert [(row["host"], row["reason"], row["message"]) for row in made.errors] == [
        ("a", "failed", "the role gave up"),
        (None, "failed", "no such module"),
    ]
    assert outcomes(made) == {"a": "failed"}


def test_commands_are_known_by_state_and_count_and_their_output_not_at_all() -> None:
    done, running, gone = session("a"), session("b", commands=[{"state": "Running"}]), session("c", "Gone")
    gave = [command(done, warning=["w"], rc=3), command(gone, state="Failed", error=[{}])]
    made = report(result(sessions=[done, running], results=gave))
    told = {row["name"]: (row["state"], row["command_state"], row["output_count"]) for row in made.sessions}
    assert [row["command_state"] for row in made.sessions] == ["Completed", "Running", "Failed"]
    assert [row["rc"] for row in made.sessions] == [3, None, None]
    assert told["Gone"] == (None, "Failed", 2)
    assert "secret-output" not in json.dumps(made.as_dict())


def test_hosts_and_names_stand_in_their_natural_order() -> None:
    made = report(result(sessions=[session(host, name) for host in ("srv10", "Srv9") for name in ("b", "A10", "a9")]))
    assert [row["host"] for row in made.hosts] == ["Srv9", "srv10"]
    assert [row["name"] for row in made.sessions] == ["a9", "A10", "b"] * 2


@pytest.mark.parametrize(
    ("results", "place"),
    [
        (["text"], r"results\[0\] is not the result of a task, but str"),
        ([result(), {"changed": True, "stdout": "x"}], r"results\[1\] has no sessions"),
        ([{"results": [{"changed": True}]}], r"results\[0\]\.results\[0\] has no sessions"),
    ],
)
def test_what_is_no_result_is_refused_by_its_place(results: list[Any], place: str) -> None:
    with pytest.raises(ValueError, match=place):
        report(*results)


def test_the_next_expiry_comes_first_and_connected_sessions_have_none() -> None:
    times = {"later": "2026-11-26T09:01:00Z", "soon": "2026-11-25T08:00:30Z", "over": "2026-11-25T07:59:59Z"}
    sessions = [session("a", name, expires_on=at) for name, at in times.items()]
    found = charts.expiries_of(report(result(sessions=[*sessions, session("a", "open", expires_on=None)])), MADE_AT)
    assert [(each.row["name"], each.left, each.urgency) for each in found] == [
        ("over", "over", "soon"),
        ("soon", "in less than a minute", "soon"),
        ("later", "in 1 d 1 h", "later"),
    ]


@pytest.mark.parametrize(
    ("seconds", "left"),
    [(60, "in 1 min"), (3599, "in 59 min"), (3600, "in 1 h"), (7320, "in 2 h 2 min"), (86400, "in 1 d")],
)
def test_the_time_left_in_words(seconds: float, left: str) -> None:
    assert charts.Expiry({}, seconds).left == left


def test_sessions_that_expire_in_the_same_minute_are_one_group() -> None:
    at = {"a1": "2026-11-25T09:00:59Z", "a2": "2026-11-25T09:00:00Z", "b1": "2026-11-25T09:01:00Z"}
    sessions = [session(host, host[0], expires_on=time) for host, time in at.items()]
    sessions.append(session("a2", "other", expires_on=at["a2"]))
    groups = charts.grouped(charts.expiries_of(report(result(sessions=sessions)), MADE_AT))
    assert [(group.first.left, len(group.expiries), group.on_hosts) for group in groups] == [
        ("in 1 h", 3, {"a": ["a2", "a1"], "other": ["a2"]}),
        ("in 1 h 1 min", 1, {"b": ["b1"]}),
    ]


def test_bars_share_their_chart_and_expiries_lie_on_their_axis() -> None:
    made = report(fleet(18))
    assert sum(each.length for each in charts.outcome_bars(made)) == pytest.approx(100)
    assert [(each.label, each.count) for each in charts.state_bars(made)] == [("Disconnected", 12), ("Opened", 6)]
    assert [each.length for each in charts.state_bars(made)] == pytest.approx([100 * 12 / 18, 100 * 6 / 18])
    expiries = charts.expiries_of(made, MADE_AT)
    (tallest,) = charts.expiry_bars(expiries)
    before, after = (dict(charts.ticks(expiries))[label] for label in ("30 min", "8 h"))
    assert before < tallest.start < after
    assert tallest.count == len(expiries) == 12


def test_a_report_of_nothing_is_one_too() -> None:
    made = report()
    assert made.counts == dict.fromkeys(("hosts", "sessions", "changed", "errors"), 0)
    assert set(made.outcomes.values()) == {0}
    assert charts.expiry_bars([]) == charts.state_bars(made) == []
