# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events of a job that waits for commands: they come while it waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.awx.jobs import Job
from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, inventory_of
from tests.simulator import SimulatedFleet, User
from tests.waiting import PATIENCE, until

SCRIPTS: dict[str, Any] = {
    "work": [
        {"output": "begun"},
        {"warning": "disk is nearly full"},
        {"progress": {"activity": "Rebuild indexes", "status": "Sales", "percent": 45}},
        {"sleep": 3600},
        {"output": "done"},
    ]
}
PLAY = """
- name: Test
  hosts: windows
  gather_facts: false
  tasks:
    - name: Work
      psremoting.fleet.invoke_command: {name: job, script: work}
"""


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    computers = [{"name": "srv01", "sessions": [{"name": "job"}]}]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


def test_lines_come_as_events_while_the_task_waits(fleet: SimulatedFleet, tmp_path: Path) -> None:
    job = Job(tmp_path / "job", inventory_of(fleet), {"play.yml": PLAY}, "play.yml")
    (tmp_path / "home").mkdir()

    def shown(event: str) -> list[str]:
        return [each["stdout"] for each in job.outcome().events if each["event"] == event]

    with job.started(tmp_path / "home") as process:
        try:
            until(lambda: len(shown("verbose")) >= 2 or process.poll() is not None, "the warning and the progress")
            assert process.poll() is None
            warning, progress = shown("verbose")
            assert "srv01 (job): WARNING: disk is nearly full" in warning
            assert progress.startswith("srv01 (job), ")
            assert progress.endswith("s: Rebuild indexes: Sales, 45 %, 1 object")
            assert shown("runner_on_ok") == []
            fleet.clock.advance(3600)
            process.wait(PATIENCE)
        finally:
            process.kill()
    outcome = job.outcome()
    assert outcome.code == 0, outcome.stdout
    assert outcome.results("Work")["srv01"]["results"][0]["output"] == ["begun", "done"]
    assert len(shown("verbose")) <= 5
