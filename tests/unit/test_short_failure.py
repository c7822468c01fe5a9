# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the result of a failed host has, so that a line of it is short and nothing is missed."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import lines_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import ERROR_FIELDS, Host
from ansible_collections.psremoting.fleet.plugins.plugin_utils._short_failure import short_failure

RECORD = {
    "category_info": {"category": "OperationStopped", "reason": "RuntimeException"},
    "exception": {"message": "No space", "type": "System.Exception", "inner_exception": None},
    "output": "No space\nAt line:9 char:17",
    "script_stack_trace": "at <ScriptBlock>, <No file>: line 9",
    "target_object": None,
}
ERROR = {**dict.fromkeys(ERROR_FIELDS), "reason": "command_failed", "message": "it failed", "computer_name": "web01"}
SESSION = {
    "name": "Nightly",
    "instance_id": "1a2b",
    "state": "Disconnected",
    "changed": True,
    "connection_uri": "http://web01:5985/wsman",
    "tls": "none",
    "expires_on": None,
}
RESULT = {
    "instance_id": "1a2b",
    "command_id": "3c4d",
    "name": "Nightly",
    "state": "Failed",
    "rc": 0,
    "changed": False,
    "output": ["begun"],
    "error": [{**RECORD, "exception": {"message": "A file is in use"}}, "text"],
    "warning": ["hot"],
    "verbose": [],
    "failure": RECORD,
    "progress": {"activity": "Patch", "percent_complete": 50},
    "host_out": "",
}


def whole() -> dict[str, Any]:
    return {
        "host": "web01",
        "failed": True,
        "msg": "it failed",
        "sessions": [SESSION],
        "results": [RESULT],
        "errors": [ERROR],
        "stdout": "begun",
        "stdout_lines": ["begun"],
    }


def test_what_says_nothing_is_left_out() -> None:
    short = short_failure(whole())
    assert short["errors"] == [{"reason": "command_failed", "message": "it failed", "computer_name": "web01"}]
    assert short["sessions"] == [{"name": "Nightly", "instance_id": "1a2b", "state": "Disconnected", "changed": True}]
    (given,) = short["results"]
    assert "progress" not in given
    assert (given["rc"], given["changed"]) == (0, False)
    assert given["failure"] == {
        "script_stack_trace": RECORD["script_stack_trace"],
        "exception": {"message": "No space"},
    }
    assert "stdout_lines" not in short
    assert len(json.dumps(short)) < 0.6 * len(json.dumps(whole()))


def test_report_and_output_are_those_of_the_whole_result() -> None:
    short = short_failure(whole())
    assert lines_of(short["results"][0]) == lines_of(RESULT)
    hosts = []
    for result in (whole(), short):
        hosts.append(Host("web01"))
        hosts[-1].add(result)
    assert hosts[0].sessions == hosts[1].sessions
    assert (hosts[0].errors, hosts[0].as_row()) == (hosts[1].errors, hosts[1].as_row())


def test_a_record_without_a_message_stays() -> None:
    records = [{"output": "only this"}, {"exception": None, "output": "x"}, {"exception": {"message": ""}}]
    short = short_failure({**whole(), "results": [{**RESULT, "error": records, "failure": "text"}]})
    assert short["results"][0]["error"] == records
    assert short["results"][0]["failure"] == "text"


def test_a_host_that_failed_before_anything_was_sent() -> None:
    empty = {"host": "web01", "failed": True, "msg": "no", "sessions": [], "results": [], "errors": []}
    assert short_failure(empty) == empty
