# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task for the hosts of a play, then each host with what is its own."""

from __future__ import annotations

from tests.simulator import SimulatedFleet

from .controller import Controller

PLAY = """
- name: Connect
  psremoting.fleet.connect_pssession:
    computer_name: "{{ ansible_play_hosts }}"
    name: IT*
    require_each: true
    on_error: report
  register: fleet
  run_once: true

- name: Mine
  ansible.builtin.debug:
    msg: "{{ fleet | psremoting.fleet.of_host(inventory_hostname) }}"
"""


def test_each_host_finds_its_part_of_the_result(controller: Controller, fleet: SimulatedFleet) -> None:
    for session in list(fleet["srv02"].sessions):
        session.close()
    fleet["srv03"].session("ITTask").connect_elsewhere()
    checked = controller.run(PLAY, "--check").of("Mine")
    assert len(checked["srv01"]["msg"]["what_if"]) == 2
    assert {host: part["msg"]["outcome"] for host, part in checked.items()} == {
        "srv01": "changed",
        "srv02": "missing",
        "srv03": "busy",
    }

    parts = {host: part["msg"] for host, part in controller.run(PLAY).of("Mine").items()}
    assert {host: part["outcome"] for host, part in parts.items()} == {
        "srv01": "changed",
        "srv02": "missing",
        "srv03": "busy",
    }
    assert {session["name"] for session in parts["srv01"]["sessions"]} == {"ITTask", "ITBackup"}  # as they got there
    assert parts["srv02"]["missing"] == ["IT*"]
    assert [error["session_name"] for error in parts["srv03"]["errors"]] == ["ITTask"]

    again = controller.run(PLAY).of("Mine")["srv01"]["msg"]
    assert (again["outcome"], again["changed"]) == ("ok", False)
