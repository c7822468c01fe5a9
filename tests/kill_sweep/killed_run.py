# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of ansible-playbook that is killed while it waits for the answer to one of its requests."""

from __future__ import annotations

from typing import Literal

from tests.integration.playbooks.controller import Controller
from tests.processes import kill
from tests.simulator import Injection, SimulatedFleet
from tests.simulator.request_log import LoggedRequest
from tests.waiting import until


def requests_until_killed(
    fleet: SimulatedFleet,
    controller: Controller,
    playbook: str,
    request: tuple[str, int],
    *,
    is_carried_out: bool,
    is_whole: bool,
) -> list[LoggedRequest] | None:
    """Run a playbook until it waits for an answer, kill it, and return its requests; None if it ended before.

    Args:
        request: The operation, or ``*`` for any, and which of these requests it is, from 0.
        is_carried_out: The server carries the request out, and its answer never comes.
        is_whole: ansible-playbook is killed with its workers, or alone.
    """
    operation, number = request
    action: Literal["withhold", "hang"] = "withhold" if is_carried_out else "hang"
    stop = Injection(operation, action=action, after=number)
    fleet["srv01"].inject(stop)
    process = controller.started(playbook)
    until(lambda: stop.waiting or process.poll() is not None, f"{operation} {number}")
    requests = list(fleet.requests)
    if process.poll() is not None:
        process.communicate()
        stop.times = 0
        return None
    kill(process, is_whole=is_whole)
    until(lambda: not stop.waiting, "the end of its connection")
    return requests


def end_sessions(fleet: SimulatedFleet) -> None:
    """End the sessions of the case before, and wait for the end of their processes."""
    for session in fleet["srv01"].sessions:
        session.close()
    until(lambda: fleet.powershell_processes == 0, "the end of the processes before")
