# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands as plain data: what a task result shows of them."""

from __future__ import annotations

import json

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import (
    CommandResult,
    Output,
    PipelineState,
    Script,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import error_record
from tests.unit.builders import endpoint, session

ERROR = error_record("X", "broken", cmdlet=cmdlets.RECEIVE)
COMMAND_ID = "7d9ee1c2-0000-0000-0000-000000000001"
STREAMS = {
    *("output", "error", "warning", "verbose", "debug", "information", "progress", "failure"),
    *("host_out", "host_err", "output_dropped", "beginning_received"),
}


def test_the_shape_of_a_result() -> None:
    output = Output(PipelineState.COMPLETED, output=[1, {"a": None}], warning=["careful"])
    at = endpoint(inventory_hostname="web01")
    shown = CommandResult(session(at, name="job"), COMMAND_ID, output).as_dict()
    assert shown.keys() == STREAMS | {
        "computer_name",
        "name",
        "instance_id",
        "inventory_hostname",
        "command_id",
        "state",
        "rc",
        "reconnections",
        "reboot_required",
        "changed",
        "failed",
        "result",
        "diff",
        "skip_reason",
    }
    assert (shown["computer_name"], shown["inventory_hostname"], shown["name"]) == ("srv01", "web01", "job")
    assert (shown["command_id"], shown["state"]) == (COMMAND_ID, "Completed")
    assert (shown["output"], shown["warning"], shown["error"], shown["failure"]) == (
        [1, {"a": None}],
        ["careful"],
        [],
        None,
    )
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (CommandResult(session(), COMMAND_ID, Output(PipelineState.COMPLETED)), True),
        (CommandResult(session(), COMMAND_ID, Output(PipelineState.COMPLETED), is_news=False), True),
        (CommandResult(session(), COMMAND_ID, Output(PipelineState.COMPLETED, output_dropped=False)), True),
        (CommandResult(session(), COMMAND_ID, Output(PipelineState.COMPLETED, output_dropped=True)), False),
        (CommandResult(session(), COMMAND_ID, Output(PipelineState.COMPLETED), ERROR), False),
        (CommandResult(session(), None, Output(PipelineState.COMPLETED)), False),
        *(
            (CommandResult(session(), COMMAND_ID, Output(state)), False)
            for state in PipelineState
            if state is not PipelineState.COMPLETED
        ),
    ],
)
def test_a_result_is_complete_with_the_whole_output_of_a_command_that_completed(
    result: CommandResult, expected: bool
) -> None:
    assert result.is_complete is expected


def test_a_session_without_a_command_has_no_state() -> None:
    shown = CommandResult(session(), None, Output()).as_dict()
    assert (shown["command_id"], shown["state"], shown["output"]) == (None, None, [])


@pytest.mark.parametrize("state", PipelineState)
def test_finished_is_everything_but_running(state: PipelineState) -> None:
    assert Output(state).is_finished is (state.value != "Running")


def test_outputs_share_nothing() -> None:
    Output().output.append(1)
    assert Output().output == []


def test_secrets_are_in_no_repr() -> None:
    script = Script("x", parameters={"User": "me"}, sensitive_parameters={"Password": "hunter2"})
    assert "me" in repr(script)
    assert "hunter2" not in repr(script)
