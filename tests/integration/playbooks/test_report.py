# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of what tasks found and did, written by a playbook."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest

from tests.simulator import Injection, SimulatedFleet

from .controller import PASSWORD, Controller

PLAY = """
- hosts: windows
  gather_facts: false
  tasks:
    - name: Connect
      psremoting.fleet.connect_pssession:
        name: ITTask
        on_error: report
      register: reconnected
    - name: Mine
      ansible.builtin.set_fact:
        mine: "{{ reconnected | psremoting.fleet.of_host(inventory_hostname) }}"
    - name: Report
      psremoting.fleet.pssession_report:
        results: "{{ ansible_play_hosts_all | map('extract', hostvars, 'mine') }}"
        dest: reports/night.html
      run_once: true
"""
REPORT = """
- name: Report
  psremoting.fleet.pssession_report:
    results: []
    dest: report.html
"""


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_play_for_each_host_ends_with_one_report(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv02"].session("ITTask").connect_elsewhere()
    fleet["srv03"].inject(Injection("Enumerate", times=None, action="status", status=503, body="overloaded"))
    folder = controller.folder / "reports"

    looked = controller.run(PLAY, "--check")
    assert looked.exit_code == 0, looked.output
    checked = looked["Report"]
    assert checked["changed"] is True
    assert not folder.exists()

    run = controller.run(PLAY)
    assert run.exit_code == 0, run.output
    written = run["Report"]
    assert written["changed"] is True
    assert written["counts"] == {"hosts": 3, "sessions": 1, "changed": 1, "errors": 2}
    assert {word: count for word, count in written["outcomes"].items() if count} == {
        "unreachable": 1,
        "busy": 1,
        "changed": 1,
    }
    assert written["paths"] == {kind: str(folder / f"night.{kind}") for kind in ("html", "json", "csv")}
    assert entries(folder) == ["night.csv", "night.html", "night.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    made = json.loads((folder / "night.json").read_text(encoding="utf-8"))
    assert {row["host"]: row["outcome"] for row in made["hosts"]} == {
        "srv01": "changed",
        "srv02": "busy",
        "srv03": "unreachable",
    }
    with (folder / "night.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["record"], row["host"], row["reason"]) for row in rows] == [
        ("session", "srv01", ""),
        ("error", "srv02", "busy"),
        ("error", "srv03", "unreachable"),
    ]
    page = (folder / "night.html").read_text(encoding="utf-8")
    assert "busy_timeout" in page
    assert PASSWORD not in page

    again = controller.run(PLAY)["Report"]  # connected now, and no longer changed
    assert again["changed"] is True
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    once_more = controller.run(PLAY)["Report"]
    assert once_more["changed"] is False
    assert {path: path.stat().st_ino for path in folder.iterdir()} == before


def test_any_task_may_be_reported_on_localhost(controller: Controller) -> None:
    run = controller.run(
        """
        - name: Find
          psremoting.fleet.pssession_info: {computer_name: "{{ groups['windows'] }}"}
          register: found
        - name: Connect
          psremoting.fleet.connect_pssession: {computer_name: "{{ item }}", name: ITTask}
          loop: [srv01, srv02]
          register: connected
        - name: Skip
          psremoting.fleet.connect_pssession: {computer_name: srv03}
          when: false
          register: skipped
        - name: Report
          psremoting.fleet.pssession_report:
            results: ["{{ found }}", "{{ connected }}", "{{ skipped }}"]
            dest: "{{ playbook_dir }}/csv.only/report"
            formats: [csv]
            mode: "0644"
        - name: Same for others
          psremoting.fleet.pssession_report:
            results: ["{{ found }}", "{{ connected }}", "{{ skipped }}"]
            dest: csv.only/report.html
            formats: [csv]
            mode: 0640
        """,
        hosts="localhost",
    )
    assert run.exit_code == 0, run.output
    assert run["Report"]["counts"] == {"hosts": 3, "sessions": 5, "changed": 2, "errors": 0}
    assert run["Report"]["paths"] == {"csv": str(controller.folder / "csv.only" / "report.csv")}
    assert run["Same for others"]["changed"] is True  # for the mode
    assert stat.S_IMODE((controller.folder / "csv.only" / "report.csv").stat().st_mode) == 0o640
    assert entries(controller.folder / "csv.only") == ["report.csv"]


def test_for_a_host_behind_a_bastion_it_is_written_on_the_controller_too(controller: Controller) -> None:
    nobody_answers = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    controller.inventory["all"]["hosts"] = {"bastion": nobody_answers}
    run = controller.run(REPORT, hosts="bastion")
    assert run.exit_code == 0, run.output
    assert "report.html" in entries(controller.folder)


def test_what_commands_print_is_in_no_file_and_not_shown(controller: Controller) -> None:
    printed = {"computer_name": "srv01", "name": "Work", "state": "Completed", "output": ["secret-output"]}
    controller.inventory["all"]["vars"] = {"ran": {"sessions": [], "results": [printed], "errors": []}}
    run = controller.run(REPORT.replace("[]", '["{{ ran }}"]'), "-vvv", hosts="localhost")
    assert run.exit_code == 0, run.output
    assert "secret-output" not in run.output
    for name in ("report.html", "report.json", "report.csv"):
        text = (controller.folder / name).read_text(encoding="utf-8")
        assert "Completed" in text
        assert "secret-output" not in text


def test_output_is_in_the_page_where_it_is_asked_for(controller: Controller) -> None:
    printed = {"computer_name": "srv01", "name": "Work", "state": "Completed", "output": ["secret-output"]}
    controller.inventory["all"]["vars"] = {"ran": {"sessions": [], "results": [printed], "errors": []}}
    task = REPORT.replace("[]", '["{{ ran }}"]') + "    output_lines: 10\n"
    run = controller.run(task, "-vvv", hosts="localhost")
    assert run.exit_code == 0, run.output
    assert "secret-output" not in run.output
    has_output = {
        kind: "secret-output" in (controller.folder / f"report.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "json", "csv")
    }
    assert has_output == {"html": True, "json": False, "csv": False}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("output_lines: 1001", "output_lines: 1001 is not between 0 and 1,000"),
        ("output_lines: -1", "output_lines: -1 is not between 0 and 1,000"),
        ("results: [{changed: true}]", "results[0] has no sessions"),
        ("dest: .", "is a folder"),
        ("dest: reports/", "is a folder"),
        ("dest: /proc/nowhere/report.html", "dest: /proc/nowhere"),
        ("formats: []", "formats is empty"),
        ("formats: [pdf]", "formats"),
        ("mode: 640", 'mode: 640 is not a permission in octal digits; write it in quotes, as in "0640"'),
        ("mode: u=rw", "mode: u=rw is not a permission"),
        ("results: text", "results"),
    ],
)
def test_wrong_options_are_refused_by_name(controller: Controller, options: str, message: str) -> None:
    name = options.split(":", 1)[0]
    kept = [line for line in REPORT.splitlines() if not line.strip().startswith(f"{name}:")]
    run = controller.run("\n".join([*kept, f"    {options}"]), hosts="localhost")
    assert run.exit_code == 2
    assert message in run["Report"].message
    assert not (controller.folder / "report.html").exists()
