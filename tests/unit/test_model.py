# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions as plain data."""

from __future__ import annotations

import dataclasses
import datetime
import json

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    Availability,
    ListedCommand,
    State,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from tests.unit.builders import POWERSHELL, SHELL_ID, endpoint, session

KEYS = [
    "id",
    "name",
    "transport",
    "computer_name",
    "computer_type",
    "state",
    "configuration_name",
    "availability",
    "instance_id",
    "disconnected_on",
    "expires_on",
    "idle_timeout",
    "max_idle_timeout",
    "output_buffering_mode",
    "owner",
    "client_ip",
    "application_name",
    "port",
    "use_ssl",
    "connection_uri",
    "inventory_hostname",
    "authentication_used",
    "tls",
    "task_options",
]


def test_a_session_dict_has_the_documented_keys_and_values() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=datetime.timezone.utc)
    full = dataclasses.replace(
        session(
            endpoint(uri="https://srv01:5986/wsman", inventory_hostname="win1"),
            idle_timeout=7200.0,
            max_idle_timeout=2147483.647,
            buffer_mode="Block",
            owner="SRV01\\user",
            client_ip="10.0.0.9",
        ),
        id=3,
        disconnected_on=moment,
        expires_on=moment,
    )
    assert full.as_dict() == {
        "id": 3,
        "name": "job1",
        "transport": "WSMan",
        "computer_name": "srv01",
        "computer_type": "RemoteMachine",
        "state": "Disconnected",
        "configuration_name": "Microsoft.PowerShell",
        "availability": "None",
        "instance_id": SHELL_ID.lower(),
        "disconnected_on": "2026-01-02T03:04:05Z",
        "expires_on": "2026-01-02T03:04:05Z",
        "idle_timeout": 7200,
        "max_idle_timeout": 2147483,
        "output_buffering_mode": "Block",
        "owner": "SRV01\\user",
        "client_ip": "10.0.0.9",
        "application_name": "wsman",
        "port": 5986,
        "use_ssl": True,
        "connection_uri": "https://srv01:5986/wsman",
        "inventory_hostname": "win1",
        "tls": "verified",
        "authentication_used": "",
        "task_options": {},
    }
    assert list(full.as_dict()) == KEYS


def test_it_is_json_without_the_password_and_valid_input_for_session() -> None:
    bare = session(name=None)
    text = json.dumps(bare.as_dict())
    assert "secret-pw" not in text + repr(bare)
    (reference,) = Request.from_options({"session": [json.loads(text)]}).query.sessions
    assert (reference.instance_id, reference.name) == (SHELL_ID.lower(), "")


def test_commands_and_private_data_appear_when_they_were_asked_for() -> None:
    asked = dataclasses.replace(
        session(), commands=(ListedCommand("c1", "line", "Running"),), application_private_data={"a": 1}
    )
    assert list(asked.as_dict()) == [*KEYS, "commands", "application_private_data"]
    assert asked.as_dict()["commands"] == [{"command_id": "c1", "command_line": "line", "state": "Running"}]


@pytest.mark.parametrize(
    ("resource_uri", "configuration_name"),
    [
        (POWERSHELL, "Microsoft.PowerShell"),
        ("HTTP://Schemas.Microsoft.com/PowerShell/JEA", "JEA"),
        ("http://example.com/own", "http://example.com/own"),
    ],
)
def test_configuration_name(resource_uri: str, configuration_name: str) -> None:
    assert session(resource_uri=resource_uri).configuration_name == configuration_name


@pytest.mark.parametrize(
    ("commands", "availability"),
    [
        (None, Availability.AVAILABLE),
        ((), Availability.AVAILABLE),
        ((ListedCommand("c", "", "Running"),), Availability.BUSY),
    ],
)
def test_an_opened_session_is_busy_while_it_has_a_command(
    commands: tuple[ListedCommand, ...] | None, availability: Availability
) -> None:
    moment = datetime.datetime.now(datetime.timezone.utc)
    found = dataclasses.replace(session(), commands=commands, disconnected_on=moment, expires_on=moment)
    opened = found.opened()
    assert (opened.state, opened.availability) == (State.OPENED, availability)
    assert (opened.disconnected_on, opened.expires_on) == (None, None)
