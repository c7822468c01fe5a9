# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that cannot be opened are tried again: how often, after which waits, and inside which time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint, Logon
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential, HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.connection import (
    Connection,
    Unconnected,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import Controller, error_ids
from tests.simulator import SimulatedFleet

pytestmark = pytest.mark.timing


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses to which a connection was tried; each is refused."""
    tried: list[Any] = []

    def dial(_connection: Connection, *address: Any) -> None:
        tried.append(address)
        raise Unconnected("refused") from ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(Connection, "_dial", dial)
    return tried


@pytest.mark.parametrize(
    ("option", "inventory", "tries"),
    [(None, None, 1), (3, None, 4), (None, 2, 3), (0, 2, 1), (1, 2, 2)],
)
def test_the_session_option_comes_before_the_inventory(
    fleet: SimulatedFleet,
    controller: Controller,
    attempts: list[Any],
    option: int | None,
    inventory: int | None,
    tries: int,
) -> None:
    controller.inventory["srv01"] = {"reconnection_retries": inventory, "reconnection_backoff": 0.0}
    result = controller.get("srv01", session_option={"max_connection_retry_count": option})
    assert error_ids(result) == ["CannotConnect,RemotePSSessionQueryFailed"]
    assert len(attempts) == tries


def test_no_try_is_made_after_open_timeout(fleet: SimulatedFleet, controller: Controller, attempts: list[Any]) -> None:
    """The first repetition comes at once, and the wait before the next would take longer than there is time."""
    controller.inventory["srv01"] = {"reconnection_backoff": 1000.0}
    result = controller.get("srv01", session_option={"max_connection_retry_count": 5, "open_timeout": 60})
    assert "no connection" in result["msg"]
    assert len(attempts) == 2


def test_each_wait_is_twice_as_long_up_to_a_limit(monkeypatch: pytest.MonkeyPatch, attempts: list[Any]) -> None:
    endpoint = Endpoint(
        "srv01",
        "http://srv01:5985/wsman",
        logon=Logon("basic", Credential("user", "x"), message_encryption="never"),
        settings=HostSettings(reconnection_retries=8),
    )
    transport = HttpConversation(endpoint)
    transport.time_limit = 86400.0
    waits: list[float] = []
    ended = SimpleNamespace(wait=waits.append, is_set=lambda: False)
    monkeypatch.setattr(transport, "_closed", ended)
    with pytest.raises(TransportError, match="no connection to http://srv01:5985"):
        transport.send(b"<x/>")
    assert waits == [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0]
    assert len(attempts) == 9
