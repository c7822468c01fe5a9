# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module as pytest-ansible runs it: a task on localhost, started from the test's own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FLEET = {
    "powershell": False,
    "users": [{"name": "operator", "password": "not-a-secret"}],
    "computers": [{"name": "server01", "sessions": [{"name": "ITTask"}, {"name": "Backup"}]}],
}

# pytest-ansible says of its own fixtures that they will go; and it sets Ansible up anew for each task.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Host management is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:AnsibleCollectionFinder has already been configured:UserWarning"),
]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A fleet in a process of its own, since Ansible forks this one: forking and threads do not go together."""
    declared, ready = tmp_path / "fleet.yml", tmp_path / "ready.json"
    declared.write_text(yaml.safe_dump(FLEET), encoding="utf-8")
    command = [sys.executable, "-m", "tests.simulator", str(declared), "--ready-file", str(ready), "--duration", "600"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            while not ready.exists():
                assert process.poll() is None, "the simulated fleet did not start"
                time.sleep(0.05)
            yield json.loads(ready.read_text(encoding="utf-8"))
        finally:
            process.terminate()


def connects_seen_by(fleet: dict[str, Any]) -> int:
    with urllib.request.urlopen(f"{fleet['control_url']}/requests?operation=Connect", timeout=300) as answer:
        return len(json.load(answer)["requests"])


def test_a_session_is_connected_once(fleet: dict[str, Any], localhost: Any, tmp_path: Path) -> None:
    (server,) = fleet["computers"]
    connect = getattr(localhost, "psremoting.fleet.connect_pssession")
    arguments = {
        "connection_uri": f"http://{server['address']}:{server['port']}/wsman",
        "name": "it*",
        "authentication": "basic",
        "credential": {"username": "operator", "password": "not-a-secret"},
        "session_option": {"no_encryption": True},
        "state_file": str(tmp_path / "registry.sqlite"),
    }
    for changed in (True, False):
        result = connect(**arguments)["localhost"]
        assert not result.get("failed"), result
        assert result["changed"] is changed
        assert [(session["name"], session["state"]) for session in result["sessions"]] == [("ITTask", "Opened")]
    assert connects_seen_by(fleet) == 1
