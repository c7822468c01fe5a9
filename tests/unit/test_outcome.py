# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results taken apart by host, and how each host fared."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import (
    OUTCOMES,
    REASONS,
    of_host,
    outcome_of,
    parts_of,
    unrolled,
)


def entry(host: str | None = "a", computer: str = "a.lab", **fields: Any) -> dict[str, Any]:
    return {"inventory_hostname": host, "computer_name": computer, "message": "an error", **fields}


@pytest.mark.parametrize(
    ("reasons", "changed", "outcome"),
    [
        ([], False, "ok"),
        ([], True, "changed"),
        (["missing"], True, "missing"),
        (["missing", "busy"], False, "busy"),
        (["command_failed", "failed", "expired"], False, "failed"),
        (["access_denied", "unreachable"], False, "unreachable"),
        ([None], False, "failed"),
    ],
)
def test_the_worst_reason_is_the_outcome(reasons: list[str | None], changed: bool, outcome: str) -> None:
    assert outcome_of([entry(reason=reason) for reason in reasons], changed) == outcome
    assert outcome in OUTCOMES


@pytest.mark.parametrize(
    ("state", "reason", "outcome"),
    [
        ("Completed", None, "completed_with_errors"),
        ("Running", None, "changed"),  # it may have more to say
        ("Completed", "missing", "missing"),
    ],
)
def test_a_script_that_completed_and_wrote_errors(state: str, reason: str | None, outcome: str) -> None:
    result = {
        "sessions": [entry(changed=True)],
        "results": [entry(state=state, error=[{"message": "disk full"}]), entry("b", state="Completed", error=[])],
        "errors": [entry(reason=reason)] if reason else [],
    }
    a = of_host(result, "a")
    assert (a["outcome"], a["failed"]) == (outcome, reason is not None)
    assert of_host(result, "b")["outcome"] == "ok"
    assert outcome in OUTCOMES


def test_each_host_gets_its_own_part() -> None:
    result = {
        "changed": True,
        "failed": True,
        "msg": "an error",
        "sessions": [
            entry("a", name="1", changed=True, what_if="one"),
            entry("b", name="0", changed=False, what_if=None),
            entry("b", name="2", changed=False, what_if="two"),
            entry("a", name="3", changed=False, what_if="three"),
        ],
        "what_if": ["one", "two", "three"],
        "errors": [entry("b", reason="missing", target="x"), entry("c", reason="unreachable")],
        "results": [entry("b", state="Completed")],
    }
    a, b, c, other = (of_host(result, host) for host in ("A", "b", "c", "d"))
    assert a == {
        "host": "A",
        "outcome": "changed",
        "changed": True,
        "failed": False,
        "msg": "",
        "sessions": [result["sessions"][0], result["sessions"][3]],  # type: ignore[index]
        "results": [],
        "errors": [],
        "missing": [],
        "what_if": ["one", "three"],
    }
    assert (b["outcome"], b["changed"], b["missing"], b["what_if"]) == ("missing", False, ["x"], ["two"])
    assert b["results"] == result["results"]
    assert (c["outcome"], c["sessions"], other["outcome"]) == ("unreachable", [], "ok")


def test_a_computer_that_is_in_no_inventory_goes_by_its_name() -> None:
    result = {"sessions": [entry(None, "srv01.lab", changed=True)], "errors": []}
    assert of_host(result, "SRV01.lab")["outcome"] == "changed"
    assert of_host(result, "srv02.lab")["outcome"] == "ok"


def test_an_error_about_no_computer_is_about_all() -> None:
    result = {"failed": True, "errors": [entry(None, "", message="wrong option", reason="failed")]}
    assert [of_host(result, host)["outcome"] for host in "ab"] == ["failed", "failed"]


def test_a_failure_from_outside_the_engine_is_an_error_too() -> None:
    part = of_host({"failed": True, "msg": "no such module"}, "a")
    assert (part["outcome"], part["errors"]) == ("failed", [{"message": "no such module", "reason": "failed"}])


def test_a_session_is_as_the_last_task_saw_it_and_changed_if_any_task_changed_it() -> None:
    def seen(state: str, changed: bool, number: str = "1", line: str = "connect") -> dict[str, Any]:
        return entry(instance_id=number, state=state, changed=changed, what_if=line)

    connected = {"sessions": [seen("Opened", True), seen("Opened", False, "2")], "what_if": ["connect", "connect"]}
    skipped = {"changed": False, "skipped": True}
    busy = entry(reason="busy", hint="wait")
    removed = {"sessions": [seen("Closed", False, line="remove")], "errors": [busy], "what_if": ["remove"]}
    part = of_host([connected, skipped, removed], "a")
    assert [(each["state"], each["changed"]) for each in part["sessions"]] == [("Closed", True), ("Opened", False)]
    assert (part["outcome"], part["msg"]) == ("busy", "an error (wait)")
    assert part["what_if"] == ["connect", "connect", "remove"]


def test_a_script_that_says_so_has_changed_nothing() -> None:
    """What was done to its session for that does not count: opened by one task, received and removed by another."""
    started = {"sessions": [entry(instance_id="s", changed=True)], "results": [entry(instance_id="s", state="Running")]}
    for said, outcome in ((False, "ok"), (True, "changed")):
        ended = entry(instance_id="s", state="Completed", changed=said)
        collected = {"sessions": [entry(instance_id="s", changed=True)], "results": [ended]}
        assert of_host([started, collected], "a")["outcome"] == outcome
    assert of_host(started, "a")["outcome"] == "changed"


@pytest.mark.parametrize(("fail_on", "failed"), [(REASONS, True), (["busy", "missing"], True), (["busy"], False)])
def test_what_counts_as_failure_can_be_chosen(fail_on: list[str], failed: bool) -> None:
    result = {"errors": [entry(reason="missing", target="x")], "failed": True}
    part = of_host(result, "a", fail_on)
    assert (part["failed"], part["outcome"], part["msg"]) == (failed, "missing", "an error")


def test_a_host_is_told_the_same_by_its_part_and_by_the_whole() -> None:
    results: list[dict[str, Any]] = [
        {
            "sessions": [
                entry("a", name="1", changed=True, what_if="one"),
                entry("B", name="2", what_if="two"),
                entry("x", name="3"),
            ],
            "what_if": ["one", "two"],
            "errors": [entry("b", reason="missing", target="x"), {"message": "a bad option", "reason": "failed"}],
            "results": [entry("b", state="Completed"), entry(None, "A", state="Failed")],
        },
        {"failed": True, "msg": "it failed"},
        {"skipped": True},
    ]
    hosts = ["a", "b", "C"]
    for result in results:
        parts = parts_of(result, hosts)
        for host in hosts:
            assert of_host(parts[host], host) == of_host(result, host)


def test_the_rounds_of_a_loop_are_results() -> None:
    rounds = [
        {"sessions": [{"inventory_hostname": "a", "instance_id": "1", "changed": True}], "results": [], "errors": []},
        {"sessions": [], "results": [{"computer_name": "a", "output": ["done"]}], "errors": []},
        {"skipped": True},
        {"failed": True, "msg": "the option is wrong"},
    ]
    told = of_host(list(unrolled([{"results": rounds, "changed": True}, {"skipped": True}])), "a")
    assert [session["instance_id"] for session in told["sessions"]] == ["1"]
    assert [each["output"] for each in told["results"]] == [["done"]]
    assert told["msg"] == "the option is wrong"
