# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work for thousands of hosts grows with their number, not with its square: lists of all are not read for each."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.finding.here import tell_other_names
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.task import Task
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import JOBS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Call, Order, drive
from tests.unit.builders import endpoint, session

HOSTS = [f"srv{number:03}" for number in range(300)]
# The passes over a list for all hosts; how many there are does not matter, only that they do not follow the hosts.
MOST_PASSES = 10


class Passes(list[Any]):
    """A list that counts how often it is gone through."""

    def __init__(self, entries: Any) -> None:
        super().__init__(entries)
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return super().__iter__()


@pytest.mark.parametrize(
    ("job", "options"),
    [
        ("extend", {"idle_timeout": 3600, "report_only": True}),
        ("cleanup", {"name": ["*"]}),
        ("resume", {"name": ["Nightly"], "script": "work"}),
        ("list", {}),
    ],
)
def test_a_job_reads_what_was_found_a_few_times(job: str, options: dict[str, Any]) -> None:
    entries: dict[str, dict[str, Any]] = {
        "accounts": {"account": "ACME\\admin"},
        "sessions": {"name": "Nightly", "instance_id": "ID", "commands": [], "state": "Disconnected"},
        "errors": {"message": "unreachable", "reason": "unreachable"},
    }
    found = {
        key: Passes({"inventory_hostname": host, "computer_name": host, **entry} for host in HOSTS)
        for key, entry in entries.items()
    }

    def perform(call: Call) -> dict[str, Any]:
        assert call.module == "pssession_info" or call.only_foresee
        return dict(found)

    drive(JOBS[job](Order(HOSTS, options, check_mode=True)), perform)
    assert {key: each.passes for key, each in found.items() if each.passes > MOST_PASSES} == {}
    assert found["sessions"].passes > 0


def test_sessions_are_compared_by_their_keys() -> None:
    sessions = Passes(
        session(endpoint(host, inventory_hostname=host, own_host=host), shell_id=f"ID-{host}") for host in HOSTS
    )
    memory, context = SimpleNamespace(of_instance=lambda _id: []), SimpleNamespace(emit=pytest.fail)
    tell_other_names(cast(Task, SimpleNamespace(memory=memory, context=context)), sessions)
    assert 0 < sessions.passes <= MOST_PASSES
