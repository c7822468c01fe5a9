# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a listed shell means: state, availability, and how long it will live (RunspaceConnectionInfo)."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.finding.discovery import as_session, lifetime
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import Availability, State
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.duration import parse_duration
from tests.unit.builders import endpoint, shell

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


def seconds(number: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=number)


def timed(idle: str | None, inactivity: str | None, **fields: Any) -> Any:
    return shell(idle_timeout=parse_duration(idle), shell_inactivity=parse_duration(inactivity), **fields)


def test_scenario_60_lifetime_of_a_disconnected_session() -> None:
    listed = as_session(timed("PT7200.000S", "P0DT0H1M2S"), endpoint(), NOW)
    assert listed.disconnected_on == NOW - seconds(62)
    assert listed.expires_on == NOW - seconds(62) + seconds(7200)


@pytest.mark.parametrize(
    ("idle", "inactivity", "state"),
    [
        ("PT7200.000S", "P0DT0H1M2S", "Connected"),
        ("PT60.000S", "P0DT0H1M2S", "Disconnected"),
        ("PT62.000S", "P0DT0H1M2S", "Disconnected"),
        (None, "P0DT0H1M2S", "Disconnected"),
        ("PT60.000S", None, "Disconnected"),
        ("sixty", "P0DT0H1M2S", "Disconnected"),
    ],
)
def test_scenario_60_lifetime_that_is_unknown(idle: str | None, inactivity: str | None, state: str) -> None:
    listed = as_session(timed(idle, inactivity, state=state), endpoint(), NOW)
    assert (listed.disconnected_on, listed.expires_on) == (None, None)


def test_whole_seconds_of_the_idle_timeout_count() -> None:
    assert lifetime(timed("PT2147483.647S", "PT0S"), NOW) == (NOW, NOW + seconds(2147483))


def test_an_expiry_beyond_the_calendar_is_unknown() -> None:
    assert lifetime(timed("P3000000D", "PT0S"), NOW) == (NOW, None)


def test_a_time_before_the_calendar_is_unknown() -> None:
    assert lifetime(timed("P3000000D", "P2000000D"), NOW) == (None, None)


@pytest.mark.parametrize(
    ("state", "availability"),
    [
        ("Disconnected", Availability.NONE),
        ("DISCONNECTED", Availability.NONE),
        ("Connected", Availability.BUSY),
        ("SomethingNew", Availability.BUSY),
        ("", Availability.BUSY),
    ],
)
def test_every_listed_session_is_disconnected_from_here(state: str, availability: Availability) -> None:
    listed = as_session(shell(state=state), endpoint(), NOW)
    assert (listed.state, listed.availability) == (State.DISCONNECTED, availability)
