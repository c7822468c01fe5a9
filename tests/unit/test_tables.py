# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables and lists of sessions."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.psremoting.fleet.plugins.filter.format_list import format_list as list_filter
from ansible_collections.psremoting.fleet.plugins.filter.format_table import format_table as table_filter
from ansible_collections.psremoting.fleet.plugins.plugin_utils._tables import (
    format_list,
    format_table,
)

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.timezone.utc)
SESSION = {
    "id": 3,
    "name": "ITTask",
    "transport": "WSMan",
    "computer_name": "srv01",
    "computer_type": "RemoteMachine",
    "state": "Disconnected",
    "configuration_name": "Microsoft.PowerShell",
    "availability": "None",
    "owner": "LAB\\operator",
    "disconnected_on": "2026-11-24T11:59:15Z",
    "expires_on": "2026-11-24T13:59:15Z",
    "commands": [
        {"command_line": "\n  Rebuild-Index -Database Sales\n  Exit-It", "command_id": "1", "state": "Running"}
    ],
}


def test_the_default_table_is_that_of_powershell() -> None:
    headings, rules, row = ((line[:61], line[61:]) for line in format_table([SESSION]))
    assert headings[0] == " Id Name            Transport ComputerName    ComputerType   "
    assert headings[1] == " State         ConfigurationName      Availability"
    assert rules[0] == " -- ----            --------- ------------    ------------   "
    assert rules[1] == " -----         -----------------      ------------"
    assert row[0] == "  3 ITTask          WSMan     srv01           RemoteMachine  "
    assert row[1] == " Disconnected  Microsoft.PowerShell           None"


def test_columns_are_chosen_by_name() -> None:
    free = {**SESSION, "name": "Idle", "commands": [], "disconnected_on": None, "expires_on": None, "owner": None}
    assert format_table([SESSION, free], ["ComputerName", "Command", "age", "expires_in", "Owner"], NOW) == [
        r"ComputerName    Command                           Age  ExpiresIn Owner",
        r"------------    -------                           ---  --------- -----",
        r"srv01           Rebuild-Index -Database Sales... 45 s 1 h 59 min LAB\operator",
        "srv01",
    ]


def test_a_command_line_is_cut() -> None:
    long = {**SESSION, "commands": [{"command_line": "x" * 61}, {"command_line": "y" * 60}]}
    assert format_table([long], ["Command"])[2] == f"{'x' * 60}...; {'y' * 60}"
    without_text = {**SESSION, "commands": [{"command_line": "", "state": "Running"}]}
    assert format_table([without_text], ["Name", "Command"])[2] == "ITTask"


def test_states_of_commands_are_apart_from_their_texts() -> None:
    """A listing says Running, too, where a command has ended and its output was not received."""
    listed = {
        **SESSION,
        "commands": [{"command_line": "# Weekly_x000A_Get-Date_x000A_Get-Job", "state": "Running"}, {"state": "Done"}],
    }
    assert format_table([listed], ["Command"])[2] == "Get-Date..."
    assert format_table([listed], ["CommandState"])[2] == "Running or not received; Done"
    assert format_table([{**SESSION, "commands": None}], ["Name", "CommandState"])[2] == "ITTask"


def test_a_result_shows_its_progress_and_exit_code() -> None:
    record = {"activity": "Rebuild indexes", "status": "Sales", "percent_complete": 45}
    result = {"computer_name": "srv01", "name": "ITTask", "state": "Running", "progress": record, "rc": 3}
    assert format_table([result], ["Name", "State", "Progress", "ExitCode"])[2].split(maxsplit=2) == [
        "ITTask",
        "Running",
        "Rebuild indexes: Sales, 45 %        3",
    ]


def test_a_list_has_each_property_in_a_line() -> None:
    assert format_list([SESSION, SESSION], ["Name", "ConfigurationName", "ClientIp"]) == [
        "Name              : ITTask",
        "ConfigurationName : Microsoft.PowerShell",
        "ClientIp          :",
        "",
        "Name              : ITTask",
        "ConfigurationName : Microsoft.PowerShell",
        "ClientIp          :",
    ]
    assert len(format_list([SESSION])) > len(SESSION)
    assert format_list([]) == []


def test_what_has_expired_expires_now() -> None:
    assert format_table([{**SESSION, "expires_on": "2026-11-24T11:00:00Z"}], ["ExpiresIn"], NOW)[2] == "      0 s"


@pytest.mark.parametrize("function", [table_filter, list_filter])
@pytest.mark.parametrize(
    ("sessions", "columns", "why"),
    [
        ({"sessions": []}, ["Name"], "needs a list of sessions"),
        (["srv01"], ["Name"], "'srv01' is not a session"),
        ([SESSION], ["Nme"], "there is no column Nme; the columns are Id, Name, "),
    ],
)
def test_what_cannot_be_shown_is_refused(function: Any, sessions: Any, columns: Any, why: str) -> None:
    with pytest.raises(AnsibleFilterError, match=why):
        function(sessions, columns)


def test_columns_may_be_text_with_commas() -> None:
    assert table_filter([SESSION], "Name, State").splitlines()[0].split() == ["Name", "State"]
    assert list_filter([SESSION], "Name") == "Name : ITTask"
