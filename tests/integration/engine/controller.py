# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller that runs the verbs against the simulated fleet as a wrapper would: options in, result out."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.simulator import LoggedRequest, SimulatedFleet, User
from tests.waiting import POLL_SECONDS

# Beyond Latin-1, so that every place that encodes it has to get it right.
PASSWORD = "Kennwörter-über-πάντα-9"
ADMIN = User("admin", PASSWORD, administrator=True)
ALICE = User("alice", "alice-secret")
BOB = User("bob", "bob-secret")

Result = dict[str, Any]
IN_USE, MISMATCH, UNKNOWN_SHELL, CONNECT_FAILED = 0x803381CD, 0x803381C6, 0x8033805B, 0x80540FA3


class Controller:
    """One controller user: a registry of its own, and an inventory that knows the whole fleet.

    Attributes:
        user: whose name and password the inventory has.
        inventory: further variables by computer, which win over what it knows anyway.
        surroundings: of every run; see `context.Context`.
        options: that every task gives, unless it gives others of these names.
    """

    def __init__(self, fleet: SimulatedFleet, state_file: Path, user: User = ADMIN) -> None:
        self._fleet = fleet
        self.state_file = state_file
        self.user = user
        self.inventory: dict[str, dict[str, Any]] = {}
        self.surroundings: dict[str, Any] = {}
        self.options: dict[str, Any] = {}

    def settings_of(self, computer_name: str, _inventory_hostname: str | None) -> Mapping[str, Any]:
        """What an inventory would know of a computer of the fleet."""
        for computer in self._fleet:
            if computer_name.lower() in (computer.name, computer.address):
                return {
                    "address": computer.address,
                    "authentication": "basic",
                    "username": self.user.name,
                    "password": self.user.password,
                    "message_encryption": "never",
                    **self.inventory.get(computer.name, {}),
                }
        return {}

    def _host_settings(self, *asked: Any) -> HostSettings | None:
        known = self.settings_of(*asked)
        return HostSettings.from_options(known) if known else None

    def connect(self, *computers: str, check_mode: bool = False, diff_mode: bool = False, **options: Any) -> Result:
        """Run Connect-PSSession on computers of the fleet, or with none by the options alone."""
        return self.run(_plugins.CONNECT, *computers, check_mode=check_mode, diff_mode=diff_mode, **options)

    def get(self, *computers: str, **options: Any) -> Result:
        """Run Get-PSSession likewise, as the lookup does."""
        return self.run(_plugins.LOOKUP, *computers, **options)

    def info(self, *computers: str, **options: Any) -> Result:
        """Run Get-PSSession likewise, as the module does."""
        return self.run(_plugins.INFO, *computers, **options)

    def disconnect(self, *computers: str, **options: Any) -> Result:
        """Run Disconnect-PSSession likewise."""
        return self.run(_plugins.DISCONNECT, *computers, **options)

    def remove(self, *computers: str, **options: Any) -> Result:
        """Run Remove-PSSession likewise; without options that narrow it down it means all sessions of the computers."""
        if computers and not options.keys() & set(_plugins.REMOVE.cmdlet.narrowing):
            options["name"] = ["*"]
        return self.run(_plugins.REMOVE, *computers, **options)

    def run(
        self,
        plugin: _plugins.Plugin,
        *computers: str,
        check_mode: bool = False,
        diff_mode: bool = False,
        **options: Any,
    ) -> Result:
        """Run any module or the lookup; options that are not given have the defaults of its module."""
        named = {"computer_name": list(computers)} if computers else {}
        defaults = {name: spec["default"] for name, spec in plugin.spec.items() if "default" in spec}
        return plugin(
            {**defaults, "state_file": str(self.state_file), **named, **self.options, **options},
            diff_mode=diff_mode,
            check_mode=check_mode,
            settings_of=self._host_settings,
            **self.surroundings,
        )


class FakeTime:
    """Time in which waiting is instantaneous, for the engine and the fleet alike."""

    def __init__(self, fleet: SimulatedFleet) -> None:
        self._fleet = fleet
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self._fleet.clock.advance(seconds)


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    """Call a function again and again in another thread while a block runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            look()

    with ThreadPoolExecutor(1) as executor:
        watching = executor.submit(watch)
        try:
            yield
        finally:
            over.set()
        watching.result()


@contextmanager
def time_passing(fleet: SimulatedFleet, seconds: float) -> Iterator[None]:
    """Let so much of the fleet's time pass whenever a Receive for a command waits, once for each Receive.

    Commands that sleep and operation timeouts thus take no time of the test, and which comes first does not depend on
    the machine.
    """
    seen: list[LoggedRequest] = []

    def look() -> None:
        for request in waiting_receives(fleet):
            if not any(request is each for each in seen):
                seen.append(request)
                fleet.clock.advance(seconds)

    with looking(look):
        yield


def names(result: Result) -> list[str]:
    """The names of the sessions of a result, sorted: those of parallel work come in any order."""
    return sorted(session["name"] for session in result["sessions"])


def only(result: Result) -> Result:
    """The entry of the only command of a result."""
    (found,) = result["results"]
    entry: Result = found
    return entry


def error_ids(result: Result) -> list[str]:
    """The error ids of a result without the cmdlet's class, sorted."""
    return sorted(error["fully_qualified_error_id"].rpartition(",")[0] for error in result["errors"])


def operations(fleet: SimulatedFleet, computer: str | None = None) -> list[str]:
    """What was asked of the fleet so far, in order."""
    return [request.operation for request in fleet.requests_of(computer)]


def end_time_after(controller: Controller, fleet: SimulatedFleet, operation: str) -> None:
    """Have every time limit of the engine's requests be over as soon as the fleet was asked for an operation."""

    def monotonic() -> float:
        return time.monotonic() + (1e6 if fleet.requests_of(operation=operation) else 0)

    controller.surroundings["world"] = World(HttpConversation, monotonic=monotonic)


def waiting_receives(fleet: SimulatedFleet) -> list[LoggedRequest]:
    """The requests for output of commands that have no answer yet, since the commands give nothing."""
    receives = fleet.requests_of(operation="Receive")
    return [request for request in receives if request.ended is None and request.command_id is not None]


def wait_of(request: LoggedRequest) -> str:
    """How long the server may wait for output."""
    return re.findall(r"OperationTimeout[^>]*>([^<]*)<", request.body)[0]


def most_at_once(requests: Iterable[LoggedRequest]) -> int:
    """How many of the requests were under way together."""
    # An end at the moment of a start is no overlap: False sorts before True.
    moments = sorted(
        moment
        for request in requests
        if request.ended is not None
        for moment in ((request.started, True), (request.ended, False))
    )
    most = now = 0
    for _moment, begins in moments:
        now += 1 if begins else -1
        most = max(most, now)
    return most
