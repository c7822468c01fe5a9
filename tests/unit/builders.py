# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Things of the engine for tests to look at, complete but for what the test is about."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint, Logon
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import (
    Availability,
    PSSession,
    Shell,
    State,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import (
    LogonObserver,
    Unobserved,
    World,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.context import Context

POWERSHELL = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
SHELL_ID = "1A2B3C4D-0000-0000-0000-123456789ABC"


def endpoint(computer_name: str = "srv01", **fields: Any) -> Endpoint:
    fields.setdefault("uri", f"http://{computer_name}:5985/wsman")
    return Endpoint(computer_name, **{"logon": logon(), **fields})


def logon(**fields: Any) -> Logon:
    return Logon(**{"credential": Credential("user", "secret-pw"), **fields})


def shell(shell_id: str = SHELL_ID, **fields: Any) -> Shell:
    return Shell(shell_id, **{"resource_uri": POWERSHELL, "state": "Disconnected", "name": "job1", **fields})


def session(at: Endpoint | None = None, *, free: bool = True, shell_id: str = SHELL_ID, **fields: Any) -> PSSession:
    """A session as discovery makes it; fields of the shell by their names."""
    availability = Availability.NONE if free else Availability.BUSY
    return PSSession(at or endpoint(), shell(shell_id, **fields), State.DISCONNECTED, availability)


def world(**fields: Any) -> World:
    """The real world but for its network, and the fields that are given."""
    return World(**{"conversation": NoNetwork, **fields})


def context(**fields: Any) -> Context:
    """A context without a registry, in a world without a network."""
    return Context(**{"registry": None, "world": world(), **fields})


class NoNetwork:
    """A conversation in which nothing can be sent."""

    def __init__(self, at: Endpoint) -> None:
        self.endpoint = at.uri
        self.time_limit = 0.0
        self.way = ""
        self.mechanism = ""
        self.observer: LogonObserver = Unobserved()

    def send(self, _message: bytes) -> str:
        raise AssertionError("a unit test sends nothing")

    def follow(self, _uri: str) -> None:
        raise AssertionError("a unit test sends nothing")

    def close(self) -> None:
        pass
