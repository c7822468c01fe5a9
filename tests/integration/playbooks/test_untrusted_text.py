# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of a server goes through everything that a playbook does with results, and no template in it is evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of

PLAY = """
- hosts: windows
  gather_facts: false
  tasks:
    - name: Found
      psremoting.fleet.pssession_info:
      register: found
    - name: Received
      psremoting.fleet.receive_pssession:
        name: '*'
      register: received
    - name: Shown
      ansible.builtin.debug:
        msg: "{{ found.sessions | map(attribute='name') }} {{ received.results[0].output }}"
    - name: Facts
      ansible.builtin.set_fact:
        names: "{{ found.sessions | map(attribute='name') }}"
        output: "{{ received.results[0].output }}"
    - name: Used
      ansible.builtin.debug:
        msg: "{{ names | join }} {{ output | join }} {{ hostvars[inventory_hostname].names }}"
      loop: "{{ names + output }}"
    - name: Table
      ansible.builtin.debug:
        msg: "{{ found.sessions | psremoting.fleet.format_table }}"
    - name: Looked up
      ansible.builtin.debug:
        msg: "{{ query('psremoting.fleet.pssession') }}"
    - name: Statistics
      ansible.builtin.set_stats:
        data:
          names: "{{ names }}"
    - name: Report
      psremoting.fleet.pssession_report:
        results: ["{{ found }}"]
        dest: "{{ folder }}/report.json"
    - name: Report read back
      ansible.builtin.debug:
        msg: "{{ written.sessions | map(attribute='name') }}"
      vars:
        written: "{{ lookup('ansible.builtin.file', folder ~ '/report.json') | from_json }}"
    - name: Artifact
      ansible.builtin.copy:
        content: "{{ {'names': names, 'errors': found.errors} | to_json }}"
        dest: "{{ folder }}/artifact.json"
      delegate_to: localhost
      vars: {ansible_connection: local}
    - name: Variables of a file
      ansible.builtin.include_vars: "{{ folder }}/artifact.json"
    - name: Variables used
      ansible.builtin.debug:
        msg: "{{ names }} {{ names | join }}"
"""
LATER = """
- hosts: windows
  gather_facts: false
  tasks:
    - name: Artifact of a job before
      ansible.builtin.debug:
        msg: "{{ names }} {{ names | join }}"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> object:
    template = f"{{{{ lookup('pipe', 'touch {tmp_path}/PROOF') }}}}"
    computers = [{"name": "srv01", "sessions": [{"name": template, "commands": [{"script": "says"}]}]}]
    scripts = {"says": [{"output": template}, {"warning": template}, {"error": template}]}
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], scripts, switches=PATIENT) as started:
        yield started


def test_no_template_of_a_server_is_evaluated(controller: Controller, fleet: SimulatedFleet, tmp_path: Path) -> None:
    controller.inventory = inventory_of(fleet)
    run = controller.run(PLAY, "-e", f"folder={tmp_path}", "-vvv")
    assert run.exit_code == 0, run.output
    later = controller.run(LATER, "-e", f"@{tmp_path}/artifact.json")
    assert later.exit_code == 0, later.output
    assert "lookup('pipe'" in run["Shown"].message
    assert "lookup('pipe'" in later["Artifact of a job before"].message
    assert not (tmp_path / "PROOF").exists()
