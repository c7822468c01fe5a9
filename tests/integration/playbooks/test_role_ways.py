# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role: whatever happens to a host, both ways tell it the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import SimulatedFleet, User
from tests.waiting import PATIENCE, meanwhile

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of

WAYS = ("per_host", "fleet")
SCRIPTS: dict[str, Any] = {
    "work": [{"output": "one"}, {"output": {"Updates": 12}}, {"warning": "mind the gap"}],
    "broken": [{"output": "begun"}, {"throw": {"message": "the disk is full", "error_id": "DiskFull"}}],
}
WORK = {"name": "Nightly", "commands": [{"script": "work", "state": "finished"}]}
COMPUTERS: list[dict[str, Any]] = [
    {"name": "found", "sessions": [WORK, {"name": "Other"}]},
    {"name": "missing", "sessions": [{"name": "Other"}]},
    {"name": "freed", "sessions": [{**WORK, "state": "Connected", "held": True}]},
    {"name": "busy", "sessions": [{**WORK, "state": "Connected", "held": True}]},
    {"name": "expired", "sessions": [{**WORK, "state": "Connected", "held": True}]},
    {"name": "unreachable", "sessions": [WORK]},
    {"name": "denied", "sessions": [WORK]},
    {"name": "broken", "sessions": [{"name": "Nightly", "commands": [{"script": "broken", "state": "finished"}]}]},
]
# Of the sessions that another client holds, two are let go or closed, however long that takes, and one stays in use.
BUSY_TIMEOUTS = {"found,missing,freed,expired,broken": PATIENCE, "busy,unreachable,denied": 1}
PLAY = """
- hosts: HOSTS
  gather_facts: false
  tasks:
    - block:
        - name: Work
          ansible.builtin.import_role:
            name: psremoting.fleet.pssession
            tasks_from: ENTRY_POINT
            rolespec_validate: false
          vars:
            pssession_name: [Nightly]
            pssession_busy_timeout: BUSY_TIMEOUT
            pssession_journal: JOURNAL
            pssession_way: WAY
      rescue:
        - name: Rescue
          ansible.builtin.debug:
            msg: "{{ ansible_failed_result.msg }}"
    - name: Result
      ansible.builtin.debug:
        msg: "{{ pssession_result }}"
"""
# What differs from run to run: GUIDs, times, addresses, the registry's numbers.
VOLATILE = re.compile(
    r'[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|127\.\d+\.\d+\.\d+|"id": \d+'
)


def run(folder: Path, way: str, collect: bool, *arguments: str) -> Run:
    """Run the plays against a fleet of its own; one session loses its silent client, and another session ends."""
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as fleet:
        controller = Controller(folder / way, inventory_of(fleet))
        hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
        hosts["unreachable"]["ansible_port"] = 1
        hosts["denied"]["ansible_password"] = "wrong"
        play = "".join(
            PLAY.replace("HOSTS", hosts)
            .replace("BUSY_TIMEOUT", f"{seconds:.0f}")
            .replace("WAY", way)
            .replace("JOURNAL", str(controller.folder / "journal"))
            .replace("ENTRY_POINT", "collect" if collect else "main")
            for hosts, seconds in BUSY_TIMEOUTS.items()
        )
        if "--limit" in arguments:
            return controller.run(play, *arguments)
        with (
            meanwhile(lambda: fleet.requests_of("freed", "Reconnect"), fleet["freed"].sessions[0].disconnect),
            meanwhile(lambda: fleet.requests_of("expired", "Reconnect"), fleet["expired"].sessions[0].close),
        ):
            return controller.run(play, *arguments)


def run_both_ways(folder: Path, collect: bool, *arguments: str) -> Iterator[Run]:
    """Run the plays both ways, side by side: some of the time they wait for sessions in use."""
    with ThreadPoolExecutor(len(WAYS)) as executor:
        return executor.map(lambda way: run(folder, way, collect, *arguments), WAYS)


def told(ended: Run) -> dict[str, Any]:
    """What each host was told, without what differs from run to run."""
    results = {host: result["msg"] for host, result in sorted(ended.of("Result").items())}
    for result in results.values():
        result["results"].sort(key=str)
        result.pop("warnings", None)  # one process for all hosts warns once, with the result of one of them
    text = VOLATILE.sub(lambda found: '"id": 0' if '"' in found[0] else "x", json.dumps(results))
    plain: dict[str, Any] = json.loads(text)
    return plain


def recap(ended: Run) -> dict[str, tuple[int, int]]:
    """Changed and rescued of each host, from the last lines of the output."""
    lines = re.findall(r"^(\w+)\s+: .*changed=(\d+).*rescued=(\d+)", ended.stdout, re.MULTILINE)
    return {host: (int(changed), int(rescued)) for host, changed, rescued in lines}


@pytest.mark.parametrize("collect", [False, True])
def test_both_ways_tell_each_host_the_same(tmp_path: Path, collect: bool) -> None:
    per_host, fleet = run_both_ways(tmp_path, collect)
    assert per_host.exit_code == fleet.exit_code == 0, per_host.output + fleet.output
    results, at_once = told(per_host), told(fleet)
    for host, result in results.items():
        for key, value in result.items():
            assert (host, key, value) == (host, key, at_once[host][key])
    assert results == at_once
    assert recap(per_host) == recap(fleet)
    assert {host: result["outcome"] for host, result in results.items()} == {
        "found": "changed",
        "freed": "changed",
        "missing": "missing",
        "busy": "busy",
        "expired": "expired",
        "unreachable": "unreachable",
        "denied": "access_denied",
        "broken": "command_failed" if collect else "changed",
    }
    fine = {"found", "freed"} | (set() if collect else {"broken"})
    assert {host for host, result in results.items() if not result["failed"]} == fine
    assert {host for host, result in results.items() if result["changed"]} == fine | {"broken"}
    assert recap(fleet) == {host: (int(host in fine), int(host not in fine)) for host in results}

    # Each message says what happened, where, and what to do; it is what the failed task says.
    for ended in (per_host, fleet):
        rescued = {host: result.message for host, result in ended.of("Rescue").items()}
        assert rescued == {host: ended.on("Result", host)["msg"]["msg"] for host in set(results) - fine}
        assert all(host in message for host, message in rescued.items())
        assert "another client" in rescued["busy"]
        assert "Check the user name and the password" in results["denied"]["errors"][0]["hint"]
        assert "Check the user name" not in rescued["denied"]  # Ansible prints it, and all of the result
    if collect:
        (got,) = results["found"]["results"]
        assert (got["output"], got["warning"]) == (["one", {"Updates": 12}], ["mind the gap"])
        (got,) = results["broken"]["results"]
        assert (got["output"], got["state"]) == (["begun"], "Failed")
        assert "the disk is full" in results["broken"]["msg"]


def test_check_mode_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    per_host, fleet = run_both_ways(tmp_path, False, "--check", "--limit", "found,missing,unreachable")
    results = told(per_host)
    assert results == told(fleet)
    assert recap(per_host) == recap(fleet) == {"found": (1, 0), "missing": (0, 1), "unreachable": (0, 1)}
    assert results["found"]["what_if"] == ['What if: Performing the operation "Connect" on target "Nightly".']
    assert [session["state"] for session in results["found"]["sessions"]] == ["Disconnected"]
